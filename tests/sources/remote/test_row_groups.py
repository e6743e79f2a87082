"""A first estimate of a store reads the bytes of the row groups that it chose, and little else."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pyarrow as pa
import pytest

import labelfree
from labelfree.errors import UsageError
from object_stub import Objects, stub_of_s3
from remote_data import npy, parquet, table

GROUPS, SIZE, D = 12, 5000, 64
ROWS = np.random.default_rng(0).normal(size=(GROUPS * SIZE, D)).astype(np.float32)
GROUP_BYTES = SIZE * D * 4
NUMBERS = count()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    with stub_of_s3(monkeypatch) as held:
        yield held


def arrow(stream: bool) -> bytes:
    held, rows = io.BytesIO(), table(ROWS)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(held, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=SIZE)
    return held.getvalue()


def lists() -> bytes:
    """Rows as lists, whose width no schema tells: it is read from a row group that was chosen."""
    import pyarrow.parquet as pq

    held, rows = io.BytesIO(), table(ROWS)
    rows = rows.set_column(1, "embedding", rows["embedding"].combine_chunks().cast(pa.list_(pa.float32())))
    pq.write_table(rows, held, row_group_size=SIZE, compression="none", use_dictionary=False)
    return held.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "a.parquet": lambda: parquet(ROWS, row_group_size=SIZE, compression="none", use_dictionary=False),
    "lists.parquet": lists, "a.arrow": lambda: arrow(False), "a.npy": lambda: npy(ROWS),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_only_the_chosen_row_groups_are_read(stub: Objects, name: str) -> None:
    place = f"first-{next(NUMBERS)}/{name}"
    content = FILES[name]()
    stub.files[place] = content
    found = labelfree.rank(f"s3://bucket/{place}", rows=2 * SIZE, only="rankme")
    part = found.input.part
    assert part is not None
    read = {at for one in stub.sent[place] for at in one}
    groups = part.rows * D * 4 + part.rows * 8 * (name != "a.npy")
    assert (
        groups * 0.9 < len(read) < 1.35 * groups + 200_000
    )  # ends of pieces, headers of pages and batches, the footer
    assert len(read) < 0.4 * len(content)
    whole = labelfree.rank(ROWS if name == "a.npy" else table(ROWS), rows=2 * SIZE, only="rankme")
    assert whole.input.part is not None
    if name == "a.npy":  # ranges of the same size, so that the same rows are chosen
        assert float(found["rankme"]) == float(whole["rankme"])


def test_local_and_remote_read_the_same_rows(stub: Objects, tmp_path: object) -> None:
    number = next(NUMBERS)
    for i in range(3):
        content = parquet(ROWS[i * 20_000 : (i + 1) * 20_000], i * 20_000, row_group_size=1000)
        stub.files[f"same-{number}/{i}.parquet"] = content
        with open(f"{tmp_path}/{i}.parquet", "wb") as file:
            file.write(content)
    here = labelfree.rank(f"{tmp_path}/*.parquet", rows="20%")
    there = labelfree.rank(f"s3://bucket/same-{number}/*.parquet", rows="20%")
    assert here.metrics == there.metrics
    assert here.input.part == there.input.part
    assert here.input.rows_hash == there.input.rows_hash


def test_a_stream_in_a_store_is_read_from_its_start(stub: Objects) -> None:
    place = f"first-{next(NUMBERS)}/stream.arrow"
    stub.files[place] = arrow(True)
    with pytest.raises(UsageError, match="rows: expected files that hold row groups, found one that is read from its"):
        labelfree.rank(f"s3://bucket/{place}", rows=SIZE)
