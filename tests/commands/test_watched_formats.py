"""Files of every format of rows are scored as they appear; text beside other rows is the log of the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pyarrow import feather

import labelfree
from labelfree import history
from program import Program

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(40, 6)) for _ in range(3)]
FLAT = ("--rule", "patience", "--patience", "9")


def _frame(rows: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"e{j}" for j in range(rows.shape[1])])


def _table(rows: NDArray[np.float64]) -> pa.Table:
    return pa.table({"embedding": list(rows)})


WRITERS: dict[str, Callable[[NDArray[np.float64], Path], object]] = {
    "step_{}.arrow": lambda rows, path: feather.write_feather(_table(rows), path),
    "step_{}.feather": lambda rows, path: feather.write_feather(_table(rows), path, "zstd"),
    "step_{}.csv": lambda rows, path: _frame(rows).to_csv(path, index=False),
    "step_{}.tsv.gz": lambda rows, path: _frame(rows).to_csv(path, index=False, sep="\t"),
    "step_{}.jsonl": lambda rows, path: path.write_text("".join(f'{{"e": {json.dumps(r)}}}\n' for r in rows.tolist())),
    "step_{}": lambda rows, path: datasets.Dataset.from_dict({"e": rows.tolist()}).save_to_disk(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_this_format_are_scored_once(name: str, labelfree: Program, tmp_path: Path) -> None:
    for step, rows in enumerate(X[:2]):
        WRITERS[name](rows, tmp_path / name.format(step))
    done = labelfree("watch", tmp_path, "--metric", "rankme", *FLAT, "--idle", "0", "-q")
    assert done.returncode == 0, done.stderr
    WRITERS[name](X[2], tmp_path / name.format(2))
    assert labelfree("watch", tmp_path, "--metric", "rankme", *FLAT, "--idle", "0", "-q").returncode == 0
    records = history.read(tmp_path / "history.jsonl")
    assert [(r["step"], Path(r["source"]).name) for r in records] == [(i, name.format(i)) for i in range(3)]
    for record, rows in zip(records, X, strict=True):
        assert record["metrics"]["rankme"]["value"] == pytest.approx(_rankme(rows), rel=1e-6)


def _rankme(rows: NDArray[np.float64]) -> float:
    """By its definition, from singular values of numpy."""
    sigma = np.linalg.svd(rows, compute_uv=False)
    share = sigma / sigma.sum() + 1e-7
    return float(np.exp(-(share * np.log(share)).sum()))


def test_text_beside_other_rows_is_a_log(labelfree: Program, tmp_path: Path) -> None:
    for step, rows in enumerate(X):
        pq.write_table(_table(rows), tmp_path / f"step_{step}.parquet")
        _frame(rows).to_csv(tmp_path / f"metrics_{step}.csv", index=False)
    (tmp_path / "log.jsonl").write_text('{"loss": 1.0}\n')
    done = labelfree("watch", tmp_path, "--metric", "rankme", *FLAT, "--idle", "0")
    assert done.returncode == 0, done.stderr
    assert "csv" not in done.stderr + done.stdout
    assert "log.jsonl" not in done.stderr + done.stdout
    assert len(history.read(tmp_path / "history.jsonl")) == 3


def test_a_folder_that_is_no_saved_data_set_is_left_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "step_0.npy", X[0])
    (tmp_path / "step_1.csv").mkdir()
    (tmp_path / "step_2").mkdir()
    labelfree.watch(tmp_path, metric="rankme", rule="patience", idle=0)
    assert [r["step"] for r in history.read(tmp_path / "history.jsonl")] == [0]
