"""What docs/summaries.md says of other engines runs as it stands there, and gives what labelfree gives of the rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.summaries import Moments, Sample, row_keys
from repository import ROOT

PAGE = (ROOT / "docs" / "summaries.md").read_text()
BLOCKS = re.findall(r"```py\n(.*?)```", PAGE, flags=re.DOTALL)


def block(named: str) -> str:
    (found,) = [one for one in BLOCKS if f"import {named}\n" in one]
    return str(found)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three files of rows of width 8, in the working directory, and all rows."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32) + 1
    for i in range(3):
        part = X[200 * i : 200 * i + 200]
        lists = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), 8)
        pq.write_table(pa.table({"id": np.arange(200 * i, 200 * i + 200), "embedding": lists}), f"part_{i}.parquet")
    return X


def alike(found: Moments, X: Any) -> None:
    """Held against the textbook: means, and covariances times n."""
    assert found.n == len(X)
    assert np.allclose(found.mean, X.mean(axis=0, dtype=np.float64))
    assert np.allclose(found.scatter, np.cov(X.T.astype(np.float64), bias=True) * len(X))


def test_every_block_is_run_here() -> None:
    assert len(BLOCKS) == 5
    assert "not run here" in PAGE.split("```py")[3]  # Spark, whose functions are given batches below


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_duckdb(rows: Any) -> None:
    pytest.importorskip("duckdb")
    names: dict[str, Any] = {}
    exec(block("duckdb"), names)
    alike(names["moments"], rows)
    exec(BLOCKS[4], {**names, "np": np}, names)
    assert names["effective_rank"] == pytest.approx(float(labelfree.metrics.effective_rank(rows).value or 0), rel=1e-9)


def test_polars(rows: Any) -> None:
    pytest.importorskip("polars")
    names: dict[str, Any] = {}
    exec(block("polars as pl"), names)
    alike(names["moments"], rows)
    drawn = names["sample"].drawn()
    lowest = np.argsort(row_keys(np.arange(600)))[:100]
    assert drawn.index.tolist() == lowest.tolist()
    assert np.array_equal(drawn.rows, rows[lowest])
    again = Sample.from_bytes(names["sample"].to_bytes()).drawn()
    assert again is not None
    assert np.array_equal(again.rows, drawn.rows)


def test_the_functions_for_spark_take_arrow_batches(rows: Any) -> None:
    names: dict[str, Any] = {}
    exec(block("pyarrow as pa"), names)
    states = []
    for i in range(3):
        batches = pq.read_table(f"part_{i}.parquet", columns=["embedding"]).to_batches(max_chunksize=70)
        states += [batch.column(0)[0].as_py() for batch in names["summed"](iter(batches))]
    assert len(states) == 3
    assert list(names["summed"](iter(()))) == []
    total = None
    for state in states:
        total = names["merged"](total, Moments.from_bytes(state))
    alike(names["merged"](total, None), rows)


@pytest.mark.integration
def test_dask(rows: Any) -> None:
    pytest.importorskip("dask", reason="needs the extra [integration]")
    names: dict[str, Any] = {}
    exec(block("dask"), names)
    whole = labelfree.rank([f"part_{i}.parquet" for i in range(3)], concat=True)
    assert {name: entry.model_dump() for name, entry in names["report"].metrics.items()} == {
        name: entry.model_dump() for name, entry in whole.metrics.items()
    }


def test_the_size_is_what_the_page_says(rows: Any) -> None:
    d, n = 300, 700
    X = np.random.default_rng(0).normal(size=(n, d))
    frames = {"embedding": X, "id": np.arange(n), "logits": np.eye(n, 50)}
    arrays = 2 * 8 * d * d + 16 * 50 * 50 + 16 * n
    done = labelfree.summarize(frames, "x.summary")
    assert arrays < done.size < arrays + 20_000
    kept = labelfree.summarize(frames, "y.summary", with_sample=True)
    assert kept.size - done.size == pytest.approx(8 * n * (d + 50) + 32 * n, rel=0.01)
