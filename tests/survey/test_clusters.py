"""Sums of row groups while they are read: of these rows and no others, whoever sums them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.evidence.clusters import MOST
from labelfree.evidence.evidence import WIDE
from labelfree.evidence.scaling import unit
from labelfree.kernels import numpy_kernels
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.row_groups import Amount
from labelfree.survey.reading import survey
from labelfree.survey.shards import parts_of, shard_rows, shards_of

RNG = np.random.default_rng(8)


def files(place: Path, rows: Any, group: int, count: int = 3) -> str:
    size = -(-len(rows) // count)
    for i in range(count):
        own = rows[i * size : (i + 1) * size]
        lists = pa.FixedSizeListArray.from_arrays(pa.array(own.ravel()), rows.shape[1])
        pq.write_table(pa.table({"embedding": lists}), place / f"{i}.parquet", row_group_size=group)
    return f"{place}/*.parquet"


def opened(name: str, rows: object, seed: int = 0) -> Source:
    return open_source(name, Columns(amount=Amount.checked(rows, seed)))


@pytest.mark.parametrize(("d", "group", "rows"), [(5, 700, "60%"), (3, 100, "50%"), (WIDE + 1, 40, "70%")])
def test_bins_hold_the_rows_of_their_groups(tmp_path: Path, d: int, group: int, rows: str) -> None:
    X = RNG.normal(size=(24 * group, d))
    source = opened(files(tmp_path, X, group), rows)
    needs: Any = frozenset({"moments", "unit", "sample"})
    found = survey(source, needs, kernels=numpy_kernels, sample=100, threads=2).evidence
    assert source.part is not None
    assert found.clusters is not None
    count = min(len(source.part.spans), MOST)
    bins = [[X[a:b] for (a, b), o in zip(source.part.spans, source.part.order, strict=True) if o % count == i]
            for i in range(count)]  # fmt: skip
    for own, held in zip(bins, found.clusters.moments, strict=True):
        together = np.concatenate(own)
        assert held.n == len(together)
        np.testing.assert_allclose(held.mean, together.mean(axis=0), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(held.scatter, len(together) * np.cov(together.T, bias=True), rtol=1e-9, atol=1e-9)
    if d > WIDE:
        assert found.clusters.unit == ()
        return
    for own, held in zip(bins, found.clusters.unit, strict=True):
        np.testing.assert_allclose(held.mean, unit(np.concatenate(own)).mean(axis=0), rtol=1e-11, atol=1e-14)


def test_a_large_row_group_is_cut_and_is_one_cluster(tmp_path: Path) -> None:
    d = 2
    most = shard_rows(d)
    X = RNG.normal(size=(4 * (most + 1000), d)).astype(np.float32)
    source = opened(files(tmp_path, X, most + 1000, 1), most + 1001)
    assert source.part is not None
    assert len(source.part.spans) == 2
    shards = [one for one, _ in zip(shards_of(source), range(4), strict=False)]
    assert [(one.start, one.stop) for one in shards] == [
        cut for a, b in source.part.spans for cut in ((a, a + most), (a + most, b))
    ]
    assert [one.number for one in shards] == [0, 1, 2, 3]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_blocks_are_cut_alike_however_they_are_read(tmp_path: Path, step: int) -> None:
    X = RNG.normal(size=(900, 3))
    source = opened(files(tmp_path, X, 50), 400)
    found = [(part, block.index.tolist()) for part, block in parts_of(source, source.read(step))]
    expected = [(part, block.index.tolist()) for part, block in parts_of(source, source.read(10_000))]
    assert found == expected
    assert [index for _, held in found for index in held] == [i for a, b in source.part.spans for i in range(a, b)]  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", [0, 1])
def test_threads_change_no_digit(tmp_path: Path, seed: int) -> None:
    X = RNG.normal(size=(60_000, 12)).astype(np.float32) + 0.3
    name = files(tmp_path, X, 1500)
    found = [labelfree.rank(name, rows="40%", seed=seed, threads=threads).to_json() for threads in (1, 2, 5)]
    assert found[0] == found[1] == found[2]
    assert '"row_groups": 16' in found[0]


def test_bad_rows_leave_their_group_smaller(tmp_path: Path) -> None:
    X = RNG.normal(size=(2000, 4)).astype(np.float32) + 1
    X[::10] = np.nan
    report = labelfree.rank(files(tmp_path, X, 50, 2), rows=1000, on_bad="drop", only="mean_cosine")
    assert report.input.n == 900
    assert report["mean_cosine"].interval is not None
