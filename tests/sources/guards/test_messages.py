"""Arrow IPC that lies or is cut: each claim is refused with its message before Arrow believes it, in little memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from labelfree.errors import LabelfreeError, SourceError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from program import Program
from readers import joined

pytestmark = pytest.mark.once

N, D = 40, 8
X = np.random.default_rng(3).normal(size=(N, D))
TABLE = pa.table({"id": [f"r{i}" for i in range(N)], "emb": pa.array(X.tolist(), pa.list_(pa.float64(), D))})
_BLOCK = struct.Struct("<qi4xq")


def written(path: Path, *, stream: bool = False, packing: str | None = None) -> bytes:
    """The table as an IPC file or stream in two batches."""
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(compression=packing)
    with pa.OSFile(str(path), "wb") as sink, opened(sink, TABLE.schema, options=options) as writer:
        writer.write_table(TABLE, N // 2)
    return path.read_bytes()


def put(content: bytes, at: int, form: str, value: int) -> bytes:
    """The bytes with a number in place of those there."""
    size = struct.calcsize(form)
    return content[:at] + struct.pack(form, value) + content[at + size :]


def packed_size(content: bytes) -> int:
    """Where the largest packed buffer says what it unpacks to: the numbers of a batch."""
    return content.index(struct.pack("<q", 8 * D * N // 2))


CLAIMS: dict[str, tuple[str | None, Callable[[bytes], bytes], str]] = {
    "a packed buffer of a terabyte": ("zstd", lambda c: put(c, packed_size(c), "<q", 1 << 40), "1,099,511,627,776 by"),
    "LZ4 beyond itself": ("lz4", lambda c: put(c, packed_size(c), "<q", 1 << 33), "claims to unpack to 8,589,934,592"),
    "less than nothing": ("zstd", lambda c: put(c, packed_size(c), "<q", -7), "claims to unpack to -7"),
    "half": (None, lambda c: c[: len(c) // 2], "it begins as a file of Arrow and does not end as one"),
    "all but its mark": (None, lambda c: c[:-1], "does not end as one"),
    "a footer beyond it": (None, lambda c: put(c, len(c) - 10, "<i", 1 << 30), "does not end as one"),
    "a footer of nothing": (None, lambda c: put(c, len(c) - 10, "<i", 4), "its footer cannot be read|cannot be read"),
    "no Arrow at all": (None, lambda c: b"\x93NUMPY" + c[6:], "cannot be read|does not fit|are left|end mark"),
    "feather of version 1": (None, lambda c: b"FEA1" + c[4:], "found feather of version 1; write it again"),
    "nothing": (None, lambda c: b"", "expected Arrow IPC, found an empty file"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLAIMS)
def test_what_a_file_claims_is_held_against_its_bytes(case: str, tmp_path: Path) -> None:
    packing, change, said = CLAIMS[case]
    path = tmp_path / "a.arrow"
    path.write_bytes(change(written(path, packing=packing)))
    with pytest.raises(SourceError, match=said):
        joined(open_source(path))


@pytest.mark.parametrize("field", ["offset", "header", "body"])
@pytest.mark.parametrize("value", [-1, 0, 7, 1 << 30])
def test_blocks_of_a_footer_must_be_batches(field: str, value: int, tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    content = written(path)
    reader = pa.ipc.open_file(path)
    assert reader.num_record_batches == 2
    begin = len(content) - 10 - struct.unpack_from("<i", content, len(content) - 10)[0]
    found = [
        at
        for at in range(begin, len(content) - 10 - _BLOCK.size)
        if (block := _BLOCK.unpack_from(content, at))[0] > 8
        and 8 < block[1] < begin
        and block[0] + block[1] + block[2] <= begin
        and content[block[0] : block[0] + 4] == b"\xff" * 4
    ]
    at, form = {"offset": (0, "<q"), "header": (8, "<i"), "body": (16, "<q")}[field]
    path.write_bytes(put(content, found[0] + at, form, value))
    with pytest.raises(SourceError, match="expected a complete Arrow IPC file or stream"):
        joined(open_source(path))


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 100, 3000])
def test_a_stream_that_ends_early_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    path.write_bytes(written(path, stream=True)[:-cut])
    with pytest.raises(SourceError, match=r"end mark is missing|are left|cannot be read"):
        joined(open_source(path))


def test_every_byte_of_the_headers_may_be_another(tmp_path: Path) -> None:
    """Whatever a byte says, the rows are read or refused; nothing else ends this process."""
    path = tmp_path / "a.arrow"
    for stream, packing in ((True, "lz4"), (False, None)):
        content = written(path, stream=stream, packing=packing)
        for at in [*range(0, 1200, 7), *range(len(content) - 600, len(content), 5)]:
            path.write_bytes(put(content, at, "<B", content[at] ^ 255))
            try:
                joined(open_source(path))
            except LabelfreeError:
                continue
            except AssertionError:  # rows that are counted otherwise than they were written
                continue


def test_zeros_that_unpack_to_gigabytes_are_refused(tmp_path: Path) -> None:
    rows = 300_000
    numbers = pa.array(np.zeros(rows * 128, np.float64))
    table = pa.table({"emb": pa.FixedSizeListArray.from_arrays(numbers, 128), "id": pa.array(range(rows))})
    feather.write_feather(table, tmp_path / "a.arrow", compression="zstd", chunksize=rows)
    assert (tmp_path / "a.arrow").stat().st_size < 3e6
    with pytest.raises(
        SourceError, match=r"307,200,000 bytes of memory at once, packed more than 16:1 .* smaller batches"
    ):
        open_source(tmp_path / "a.arrow")
    feather.write_feather(table, tmp_path / "b.arrow", compression="zstd", chunksize=10_000)
    assert sum(len(block.rows) for block in open_source(tmp_path / "b.arrow").read(4096)) == rows


def test_columns_that_are_not_read_are_not_unpacked(tmp_path: Path) -> None:
    """A text that would unpack to more than may be taken is left as it is."""
    text = ["x" * 1_000_000] * 400
    table = pa.table({"text": text, "emb": pa.array(np.eye(400).tolist(), pa.list_(pa.float64())), "n": range(400)})
    feather.write_feather(table, tmp_path / "a.arrow", compression="zstd", chunksize=400)
    assert joined(open_source(tmp_path / "a.arrow"), 100).rows.shape == (400, 400)
    with pytest.raises(SourceError, match="packed more than 16:1"):
        open_source(tmp_path / "a.arrow", Columns(group="text"))


def test_memory_is_kept_to(labelfree: Program, tmp_path: Path) -> None:
    rows: Any = np.random.default_rng(0).random((400_000, 64))
    table = pa.table({"emb": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 64)})
    feather.write_feather(table, tmp_path / "a.arrow", compression="lz4", chunksize=len(rows))
    with pytest.raises(
        SourceError, match=r"takes [\d,]+ bytes to unpack, and reading may take 200,000,000; raise memory"
    ):
        open_source(tmp_path / "a.arrow", Columns(memory=200_000_000))
    done = labelfree("rank", "a.arrow", "--memory", "500MB")
    assert done.returncode == 2, done.stdout
    assert "--memory" in done.stderr
