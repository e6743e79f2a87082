"""Small files together as one piece: each shard once, whole nodes of the tree of files, and the same bits."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.errors import SourceError
from labelfree.evidence.evidence import Need
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.subsets import only
from labelfree.summaries.merging import FAN
from labelfree.survey.engines.kept import kept_in
from labelfree.survey.engines.remote_tree import Files
from labelfree.survey.engines.summing import Pass, at_home, merged
from labelfree.survey.pieces import pieces_of
from labelfree.survey.reading import survey
from labelfree.survey.small_files import MOST_LEVEL, TASK_BYTES, tasks_of

NEEDS: tuple[Need, ...] = ("moments", "sample", "unit")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ninety files of 0 to 60 rows, cut into blocks of 10 rows and shards of 20, one of them of many shards."""
    monkeypatch.setattr("labelfree.survey.shards._BLOCK_NUMBERS", 40)
    monkeypatch.setattr("labelfree.survey.shards._SHARD_ROWS", 25)
    rng = np.random.default_rng(0)
    found = []
    for i, n in enumerate([*rng.integers(0, 20, 40), 300, *rng.integers(1, 20, 49)]):
        X = (rng.normal(size=(n, 4)) + 3).astype(np.float32)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 4)
        found.append(str(tmp_path / f"{i:02}.parquet"))
        names = ["odd" if j % 3 else "even" for j in range(n)]
        pq.write_table(pa.table({"embedding": lists, "domain": names}), found[-1], row_group_size=20)
    return found


def bits(found: Any) -> list[Any]:
    e = found.evidence
    assert e.moments is not None
    return [e.n, *(a.tobytes() for m in (e.moments, e.unit) for a in (m.mean, m.scatter)), e.drawn.rows.tobytes()]


def by_tasks(source: Source) -> list[Any]:
    one = Pass(source, NEEDS, 30, 0, "error", False, None, None)

    def apart(states: Sequence[Any]) -> Any:
        return pickle.loads(pickle.dumps(merged(pickle.loads(pickle.dumps(list(states))))))

    tree: Files[Any] = Files(apart)
    for piece in tasks_of(source):
        for state, (_, level) in zip(one.states(piece), piece.nodes, strict=True):
            assert state is not None
            tree.add(piece.file, state, level, whole=bool(piece.inner))
    total = tree.total()
    assert total is not None
    return bits(at_home(total, one, numpy_kernels).finished())


@pytest.mark.parametrize("most", [0, 7_000, 30_000, TASK_BYTES])
def test_sums_are_those_of_one_process(files: list[str], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelfree.survey.small_files.TASK_BYTES", most)
    source = open_source(files)
    here = survey(source, frozenset(NEEDS), kernels=numpy_kernels, sample=30, threads=2)
    assert by_tasks(source) == bits(here)
    assert by_tasks(open_source(files[1:])) != bits(here)


@pytest.mark.parametrize("most", [0, 7_000, 30_000, TASK_BYTES])
def test_every_shard_is_in_one_task_and_tasks_are_whole_nodes(
    files: list[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelfree.survey.small_files.TASK_BYTES", most)
    source = open_source(files)
    pieces, tasks = list(pieces_of(source)), tasks_of(source)
    assert [shard for task in tasks for shard in task.shards] == [shard for piece in pieces for shard in piece.shards]
    assert [one for task in tasks for one in task.inner or (task,)] == pieces
    files_before, largest = 0, 0
    for task in tasks:
        held = {shard.file for shard in task.shards}
        if task.inner:
            (shards, level), size = task.nodes[0], len(held)
            assert (len(task.nodes), shards, size) == (1, len(task.shards), FAN**level)
            assert files_before % size == 0
            assert sum(one.stop - one.start for one in task.inner) * source.size / source.total <= most
            largest = max(largest, size)
        files_before = len({shard.file for task in tasks[: tasks.index(task) + 1] for shard in task.shards})
    assert (largest > 1) == (most > 0)
    assert len(tasks) < len(pieces) or most == 0


@given(st.integers(1, 300))
def test_as_few_tasks_as_whole_nodes_allow(n: int) -> None:
    source = replace(open_source(np.ones((n, 3))), counts=(1,) * n)
    sizes = [len(task.inner) or 1 for task in tasks_of(source)]
    assert sum(sizes) == n
    top = FAN**MOST_LEVEL
    assert len(sizes) == n // top + sum(n % top // FAN**level % FAN for level in range(MOST_LEVEL))


def test_files_of_which_a_part_is_read_stay_apart(files: list[str]) -> None:
    source = open_source(files, Columns(domain="domain"))
    count = int(sum((block.extra["domain"] == "odd").sum() for block in source.read(1000)))
    part = only(source, "domain", "odd", count, "odd rows")
    assert not any(task.inner for task in tasks_of(part))


def test_a_file_that_cannot_be_read_is_named_with_its_rows(files: list[str]) -> None:
    source = open_source(files)
    task = next(task for task in tasks_of(source) if task.inner)
    bad = task.inner[2]
    raw = bytearray(Path(files[bad.file]).read_bytes())
    raw[4:60] = bytes(56)
    Path(files[bad.file]).write_bytes(bytes(raw))
    place = rf"{bad.file:02}\.parquet.*\(rows {bad.start} to {bad.stop - 1} of the data set, row group 0\)$"
    with pytest.raises(SourceError, match=place):
        Pass(source, NEEDS, 30, 0, "error", False, None, None).states(task)


def test_what_was_summed_together_is_kept_together(files: list[str], tmp_path: Path) -> None:
    one = Pass(open_source(files), NEEDS, 30, 0, "error", False, None, None)
    first, second = [task for task in tasks_of(one.source) if task.inner][:2]
    kept = kept_in(str(tmp_path / "work"), "digest", one)
    kept.write(first, one.states(first), one)
    assert kept.read(second, one) is None
    (state,), (again,) = one.states(first), kept.read(first, one) or [None]
    assert state is not None
    assert again is not None
    assert state.moments.scatter.tobytes() == again.moments.scatter.tobytes()
    kept.forget([first])
    assert kept.read(first, one) is None
