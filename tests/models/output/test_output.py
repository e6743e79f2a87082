"""The file of embeddings: there whole or not at all, and the same bytes however often its making was interrupted."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import labelfree
from labelfree.documents.files import locked
from labelfree.errors import LabelfreeError, OutputError, RowsError, SourceError, UsageError
from labelfree.models.items.batches import Batch
from labelfree.models.output import file as output
from labelfree.models.output.file import EmbeddingFile
from labelfree.models.output.row_groups import groups

FACTS: dict[str, Any] = {"model": {"fingerprint": "abc", "layer": "encoder"}, "pool": "mean"}
ROWS = 30_500
DEEP = pa.struct([("a", pa.list_(pa.int8()))])


def embedded(index: NDArray[np.int64], d: int = 4) -> NDArray[np.float32]:
    """What the model of these tests says of the rows at these positions."""
    return np.cos(np.outer(index + 1, np.arange(1, d + 1))).astype(np.float32)


def batches(rows: int = ROWS, size: int = 700, start: int = 0, bad: int = 13) -> Iterator[Batch]:
    """Batches of `size` rows of the data; those that `bad` divides are bad, but for row 0."""
    while start < rows:
        stop = min(start + size, rows)
        index = np.array([i for i in range(start, stop) if i % bad or not i], np.int64)
        kept = {
            "kind": pa.array([f"k{i % 5}" for i in index]).dictionary_encode(),
            "deep": pa.array([{"a": [int(i % 100)]} if i % 2 else None for i in index], DEEP),
        }
        yield Batch([], pa.array([f"id {i}" for i in index]), kept, start, stop, index)
        start = stop


def write(file: EmbeddingFile, until: int = ROWS, rows: int = ROWS, logits: bool = True) -> None:
    """Write the batches from where the file stands to row `until` of the data."""
    for batch in batches(rows, start=file.done):
        if batch.start < until:
            scores = embedded(batch.index, 3) if logits else None
            file.write(embedded(batch.index), scores, batch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that was written at once."""
    path = tmp_path_factory.mktemp("whole") / "whole.parquet"
    with EmbeddingFile(path, facts=FACTS) as file:
        write(file)
        file.finish()
    return path


def left(path: Path) -> list[str]:
    """What lies in the directory of a file beside it."""
    return sorted(entry.name for entry in path.parent.iterdir() if entry != path)


def test_what_is_written(whole: Path) -> None:
    metadata, table = pq.read_metadata(whole), pq.read_table(whole)
    index = np.array([i for i in range(ROWS) if i % 13 or not i])
    assert [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)] == [25_000, len(index) - 25_000]
    assert table.column_names == ["id", "kind", "deep", "embedding", "logits"]
    assert table.schema.field("embedding").type == pa.list_(pa.field("element", pa.float32()), 4)
    assert table.schema.field("logits").type == pa.list_(pa.field("element", pa.float32()), 3)
    assert table.schema.field("kind").type == pa.dictionary(pa.int32(), pa.string())
    assert json.loads(table.schema.metadata[b"labelfree"]) == FACTS
    assert table.column("id").to_pylist() == [f"id {i}" for i in index]
    assert table.column("kind").to_pylist() == [f"k{i % 5}" for i in index]
    assert table.column("deep").to_pylist() == [{"a": [i % 100]} if i % 2 else None for i in index]
    np.testing.assert_array_equal(np.stack(table.column("embedding").to_numpy()), embedded(index))
    np.testing.assert_array_equal(np.stack(table.column("logits").to_numpy()), embedded(index, 3))
    assert left(whole) == []
    assert whole.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("stops", [[0], [1], [700], [5000, 5001, 29_999], [25_200, ROWS]])
def test_the_bytes_are_the_same_however_often_it_was_interrupted(stops: list[int], whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for stop in stops:
        with EmbeddingFile(path, facts=FACTS, resume=True) as file:
            write(file, until=stop)
        assert not path.exists()
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done == (0 if stops[-1] == 0 else min(-(-stops[-1] // 700) * 700, ROWS))
        write(file)
        file.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert left(path) == []


@given(cuts=st.lists(st.integers(0, 3300), max_size=20), rows=st.sampled_from([1000, 2000, 5000]))
def test_groups_are_the_same_however_the_rows_are_cut(cuts: list[int], rows: int) -> None:
    words = [f"w{i * i % 17}" for i in range(3300)]
    table = pa.table({"n": np.arange(3300), "w": pa.array(words)})
    schema = pa.schema([("n", pa.int64()), ("w", pa.dictionary(pa.int8(), pa.string()))])
    edges = [0, *sorted(cuts), 3300]
    pieces = [table.slice(a, b - a).cast(schema).to_batches() for a, b in pairwise(edges)]
    found = list(groups((batch for piece in pieces for batch in piece), schema, rows))
    assert [len(group) for group in found] == [min(rows, 3300 - i) for i in range(0, 3300, rows)]
    whole = pa.concat_tables(found)
    assert whole.column("n").to_pylist() == list(range(3300))
    assert whole.column("w").to_pylist() == words
    for group in found:
        assert {len(chunk) for chunk in group.column("n").chunks[:-1]} <= {1000}
        first = list(dict.fromkeys(group.column("w").to_pylist()))
        assert group.column("w").combine_chunks().dictionary.to_pylist() == first


def test_ordered_categories_keep_their_order(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    levels = pa.array(["low", "middle", "high"])
    with EmbeddingFile(tmp_path / "a.parquet", facts=FACTS) as file:
        for start, codes in ((0, [2, 1]), (2, [1, 0])):
            column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), levels, ordered=True)
            index = np.arange(start, start + 2)
            file.write(embedded(index), None, Batch([], None, {"level": column}, start, start + 2, index))
        file.finish()
    column = pq.read_table(tmp_path / "a.parquet").column("level").combine_chunks()
    assert column.type == kind
    assert (column.to_pylist(), column.dictionary.to_pylist()) == (
        ["high", "middle", "middle", "low"],
        levels.to_pylist(),
    )


# --- killed ------------------------------------------------------------------------------------------------------

SLOWLY = """
import sys, time
sys.path.insert(0, sys.argv[1])
from labelfree.models import output
from test_output import *
output._FLUSH_SECONDS = 0.0
if sys.argv[3] == "join":
    def slow(*arguments, groups=output.groups):
        for table in groups(*arguments):
            print("joining", flush=True)
            yield table
            time.sleep(0.5)
    output.groups = slow
with EmbeddingFile(sys.argv[2], facts=FACTS) as file:
    for batch in batches(start=file.done):
        print(batch.start, flush=True)
        file.write(embedded(batch.index), embedded(batch.index, 3), batch)
    file.finish()
"""


@pytest.mark.parametrize("when", ["write", "join"])
def test_a_killed_run_is_resumed_without_repeating_a_row(when: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"the one before")
    command = [sys.executable, "-c", SLOWLY, str(Path(__file__).parent), str(path), when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun: list[str] = []
        while not begun or begun[-1] != ("joining" if when == "join" else "14000"):
            begun.append(process.stdout.readline().strip())
            assert begun[-1], "the run has ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        begun += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"the one before"
    embedded_before = [int(start) for start in begun if start != "joining"]
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done in (embedded_before[-1], min(embedded_before[-1] + 700, ROWS))
        assert file.rows == sum(1 for i in range(file.done) if i % 13 or not i)
        write(file)
        file.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert left(path) == []


CLEARING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_output import *

unlink, left = Path.unlink, [int(sys.argv[3])]
def killed(self, **asked):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    unlink(self, **asked)

with EmbeddingFile(sys.argv[2], facts=FACTS, resume=True) as file:
    write(file)
    Path.unlink = killed
    file.finish()
"""


@pytest.mark.parametrize("removed", [0, 1, 2, 3])
def test_a_run_that_is_killed_while_it_clears_up_is_done(removed: int, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for stop in (7000, 14_000):
        with EmbeddingFile(path, facts=FACTS, resume=True) as file:
            write(file, until=stop)
    command = [sys.executable, "-c", CLEARING, str(Path(__file__).parent), str(path), str(removed)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == whole.read_bytes()
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done == ROWS
        file.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert left(path) == []


# --- with others -------------------------------------------------------------------------------------------------


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with EmbeddingFile(tmp_path / "a.parquet", facts=FACTS) as first:
        for resume in (False, True):
            with pytest.raises(OutputError, match="another process is at work on it; let it finish, or name another"):
                EmbeddingFile(tmp_path / "a.parquet", facts=FACTS, resume=resume)
        with EmbeddingFile(tmp_path / "b.parquet", facts=FACTS):
            pass
        write(first, until=1)
        first.finish()
    assert left(tmp_path / "a.parquet") == []


def test_who_waits_for_a_lock_that_is_removed_gets_the_next_one(tmp_path: Path) -> None:
    """Else two would hold it: one the file that is gone, and the next comer a new one."""
    lock, entered, leave = tmp_path / "lock", threading.Event(), threading.Event()

    def wait() -> None:
        with locked(tmp_path / "a", lock=lock):
            entered.set()
            leave.wait(10)

    with locked(tmp_path / "a", lock=lock):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not entered.wait(0.2)
        lock.unlink()
    assert entered.wait(10)
    with pytest.raises(OutputError, match="another process"), locked(tmp_path / "a", wait=False, lock=lock):
        pass
    leave.set()
    thread.join()


def test_two_runs_after_each_other_in_one_process(tmp_path: Path) -> None:
    for until in (1, 3000):
        with EmbeddingFile(tmp_path / "a.parquet", facts=FACTS) as file:
            write(file, until=until)
            file.finish()
    assert pq.read_metadata(tmp_path / "a.parquet").num_rows == sum(1 for i in range(3500) if i % 13 or not i)


def test_a_run_that_does_not_resume_begins_anew_and_says_what_it_threw_away(tmp_path: Path) -> None:
    with EmbeddingFile(tmp_path / "a.parquet", facts=FACTS) as file:
        write(file, until=1400)
        assert file.abandon() == 1400
    with EmbeddingFile(tmp_path / "a.parquet", facts={"other": 1}) as file:
        assert (file.done, file.discarded, file.rows) == (0, 1400, 0)
        write(file, until=1)
        file.finish()
    assert json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"labelfree"]) == {"other": 1}


def test_a_finished_file_is_done_at_once(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(whole.read_bytes())
    before = path.stat()
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert (file.complete, file.done) == (True, ROWS)
        file.finish()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert left(path) == []


OTHERS: list[tuple[dict[str, Any], str, str]] = [
    ({**FACTS, "pool": "cls"}, "float32", "(pool: 'mean' then, 'cls' now)"),
    (
        {**FACTS, "model": {"fingerprint": "x", "layer": "encoder"}},
        "float32",
        "(model.fingerprint: 'abc' then, 'x' now)",
    ),
    ({"model": FACTS["model"]}, "float32", "(pool: 'mean' then, None now)"),
    (FACTS, "float16", "(dtype: 'float32' then, 'float16' now)"),
]


@pytest.mark.parametrize(("facts", "dtype", "said"), OTHERS, ids=[case[2] for case in OTHERS])
def test_rows_of_other_facts_are_never_continued(
    facts: dict[str, Any], dtype: Any, said: str, whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    with EmbeddingFile(path, facts=FACTS) as file:
        write(file, until=1)
    with pytest.raises(UsageError) as error:
        EmbeddingFile(path, dtype=dtype, facts=facts, resume=True)
    assert "the interrupted run was made in another way" in str(error.value)
    assert said in str(error.value)
    done = tmp_path / "b.parquet"
    done.write_bytes(whole.read_bytes())
    with pytest.raises(UsageError) as error:
        EmbeddingFile(done, dtype=dtype, facts=facts, resume=True)
    assert f"the file was made in another way, so its rows cannot be continued {said}" in str(error.value)
    assert EmbeddingFile(path, facts=FACTS, resume=True).abandon() == 700


def test_a_file_of_others_is_not_resumed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"embedding": [[1.0]]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="expected embeddings that labelfree has written, to resume"):
        EmbeddingFile(tmp_path / "a.parquet", facts=FACTS, resume=True)


def test_parts_that_were_tampered_with_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_FLUSH_BYTES", 0)
    path = tmp_path / "a.parquet"

    def interrupted() -> list[Path]:
        with EmbeddingFile(path, facts=FACTS) as file:
            for batch in batches(2100):
                file.write(embedded(batch.index), None, batch)
        return sorted((tmp_path / ".a.parquet.partial").glob("*.arrow"))

    parts = interrupted()
    assert len(parts) == 3
    parts[1].unlink()
    with pytest.raises(SourceError, match="rows 700 to 1399 are missing before it; begin anew without resume"):
        EmbeddingFile(path, facts=FACTS, resume=True)
    interrupted()[2].write_bytes(b"damaged")
    with pytest.raises(SourceError, match=r"1400-.*arrow: cannot be read .*begin anew without resume"):
        EmbeddingFile(path, facts=FACTS, resume=True)
    (tmp_path / ".a.parquet.partial" / "facts.json").write_text("{")
    with pytest.raises(SourceError, match=r"facts.json: cannot be read"):
        EmbeddingFile(path, facts=FACTS, resume=True)
    with EmbeddingFile(path, facts=FACTS) as file:
        assert file.discarded == 2100
    assert left(path) == []


# --- what cannot be written --------------------------------------------------------------------------------------


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full: no file can grow beyond it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_costs_no_row_that_was_flushed(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    monkeypatch.setattr(output, "_FLUSH_BYTES", 100_000)
    with EmbeddingFile(path, facts=FACTS) as file:
        write(file, until=14_000)
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done == 14_000
        with files_of_at_most(30_000), pytest.raises(OutputError, match=r"a.parquet: cannot be written \(.*arge"):
            write(file)
        with files_of_at_most(30_000):
            assert file.abandon() == 14_000
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done == 14_000
        write(file)
        with files_of_at_most(250_000), pytest.raises(OutputError, match=r"a.parquet: cannot be written"):
            file.finish()
    assert not path.exists()
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        assert file.done == ROWS
        file.finish()
    assert path.read_bytes() == whole.read_bytes()


def test_a_directory_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(OutputError, match=r"a.parquet: cannot be written \(Permission denied\)"):
                EmbeddingFile(Path(name) / "a.parquet", facts=FACTS)
        finally:
            if root:
                os.seteuid(0)
            Path(name).chmod(0o755)


TARGETS = [
    ("missing/a.parquet", "the directory .*missing does not exist; make it first"),
    ("there.parquet", "is a directory; name a file in it"),
    ("a.csv", "expected a suffix among .parquet .pq .parq, found '.csv'"),
    ("a" * 240 + ".parquet", "cannot be written .File name too long"),
]


@pytest.mark.parametrize(("name", "said"), TARGETS, ids=[case[1] for case in TARGETS])
def test_targets_that_cannot_be_written(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "there.parquet").mkdir()
    with pytest.raises(OutputError, match=said):
        EmbeddingFile(tmp_path / name, facts=FACTS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["there.parquet"]


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one, two = (next(batches(9, 9, bad=99)) for _ in range(2))
    path = tmp_path / "a.parquet"
    wrong: list[tuple[Any, Any, Any, str]] = [
        (
            np.ones((9, 2)),
            None,
            Batch([], None, {}, 9, 18, np.arange(9)),
            "expected row 0 next, found a batch from row 9",
        ),
        (np.ones((8, 2)), None, one, "expected 9 rows as in the batch, found embedding 8"),
        (np.ones((9, 2)), np.ones((3, 2)), one, "expected 9 rows as in the batch, found logits 3"),
        (np.ones((9, 2, 2)), None, one, r"shape \(m, d\), found \(9, 2, 2\); pool them first"),
    ]
    for rows, logits, batch, said in wrong:
        with EmbeddingFile(path, facts=FACTS) as file, pytest.raises(UsageError, match=said):
            file.write(rows, logits, batch)
    with EmbeddingFile(path, facts=FACTS) as file:
        file.write(np.ones((9, 2)), None, one)
        later = Batch([], two.ids, two.kept, 9, 18, two.index)
        with pytest.raises(UsageError, match=r"expected the columns of the rows that are there, id .* found id "):
            file.write(np.ones((9, 3)), None, later)
    with EmbeddingFile(path, facts=FACTS, resume=True) as file:
        with pytest.raises(UsageError, match=r"name the same columns, or begin anew without resume"):
            file.write(np.ones((9, 2)), None, Batch([], None, two.kept, 9, 18, two.index))
        file.finish()
    assert pq.read_metadata(path).num_rows == 9
    with EmbeddingFile(path, facts=FACTS) as file, pytest.raises(RowsError, match="expected at least one row"):
        file.finish()
    with pytest.raises(UsageError, match="dtype: expected float32 or float16, found 'int8'"):
        EmbeddingFile(path, dtype="int8", facts=FACTS)  # type: ignore[arg-type]


def test_float16_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    batch = next(batches(3, 3, bad=99))
    with EmbeddingFile(tmp_path / "a.parquet", dtype="float16", facts=FACTS) as file:
        rows = np.array([[1.0], [65504.0], [65520.0]])
        with pytest.raises(LabelfreeError, match="row 2 holds numbers beyond the 65504 that float16 can hold"):
            file.write(rows, None, batch)
        file.write(np.array([[1.0], [65504.0], [-65519.0]]), None, batch)
        file.finish()
    column = pq.read_table(tmp_path / "a.parquet").column("embedding")
    assert [float(x) for row in column.to_pylist() for x in row] == [1, 65504, -65504]


# --- readers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["float32", "float16"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[Any]]:
    path = tmp_path_factory.mktemp("small") / "small.parquet"
    with EmbeddingFile(path, dtype=request.param, facts=FACTS) as file:
        write(file, rows=300, until=300)
        file.finish()
    index = np.array([i for i in range(300) if i % 13 or not i])
    return path, embedded(index).astype(request.param)


def test_pandas_reads_it(small: tuple[Path, NDArray[Any]]) -> None:
    import pandas as pd

    frame = pd.read_parquet(small[0])
    np.testing.assert_array_equal(np.stack(frame["embedding"]), small[1])
    assert frame["id"][1] == "id 1"


def test_polars_reads_it(small: tuple[Path, NDArray[Any]]) -> None:
    import polars as pl

    np.testing.assert_array_equal(np.stack(pl.read_parquet(small[0])["embedding"].to_list()), small[1])


def test_duckdb_reads_it(small: tuple[Path, NDArray[Any]]) -> None:
    import duckdb

    found = duckdb.sql(f"select embedding, logits from '{small[0]}'").fetchall()
    np.testing.assert_array_equal(np.array([row[0] for row in found]), small[1])


def test_datasets_reads_it(small: tuple[Path, NDArray[Any]], tmp_path: Path) -> None:
    import datasets

    found = datasets.Dataset.from_parquet(str(small[0]), cache_dir=str(tmp_path), keep_in_memory=True)
    np.testing.assert_array_equal(np.array(found["embedding"][:]), small[1])


def test_rank_reads_it(small: tuple[Path, NDArray[Any]]) -> None:
    report = labelfree.rank(small[0], group="kind", only=["rankme"])
    assert (report.input.n, report.input.d, report.input.column) == (len(small[1]), 4, "embedding")
    sigma = np.linalg.svd(small[1].astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    assert report.metrics["rankme"].value == pytest.approx(float(np.exp(-(p * np.log(p)).sum())), rel=1e-6)
