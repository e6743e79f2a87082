"""What a watch keeps: the same sampled rows of every file, from which select names the step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import UsageError
from program import Program

pytestmark = pytest.mark.once

N, D, K = 300, 16, 4
RNG = np.random.default_rng(0)
Y = RNG.integers(K, size=N)
CENTERS = RNG.normal(size=(K, D)) * 2


def column(rows: Any) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.astype(np.float32).ravel()), rows.shape[1])


def written(place: Path, step: int, *, logits: bool = True, ids: bool = True) -> Any:
    rows = (CENTERS[Y] * step / 3 + np.random.default_rng(step).normal(size=(N, D))).astype(np.float32)
    scores = rows @ CENTERS.T.astype(np.float32)
    columns = {"embedding": column(rows)} | ({"logits": column(scores)} if logits else {})
    pq.write_table(
        pa.table(({"id": [f"r{i}" for i in range(N)]} if ids else {}) | columns), place / f"step_{step}.parquet"
    )
    return rows, scores


def kept(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = pq.read_table(path).to_pydict()
    return found


@pytest.mark.parametrize("ids", [True, False])
def test_the_same_rows_of_every_file_are_kept_with_their_scores(tmp_path: Path, ids: bool) -> None:
    run, keep = tmp_path / "run", tmp_path / "keep"
    run.mkdir()
    given = [written(run, step, ids=ids) for step in range(3)]
    labelfree.watch(run, metric="rankme", idle=0, keep=keep, measuring={"sample": 50})
    found = [kept(keep / f"step_{step}.parquet") for step in range(3)]
    assert len(found[0]["id"]) == 50
    assert all(one["id"] == found[0]["id"] for one in found)
    for one, (rows, scores) in zip(found, given, strict=True):
        index = [int(str(name).removeprefix("r")) for name in one["id"]]
        assert np.array_equal(np.array(one["embedding"], np.float32), rows[index])
        assert np.allclose(np.array(one["logits"], np.float32), scores[index], rtol=1e-6)


def test_select_on_what_was_kept_says_what_it_says_on_the_files(tmp_path: Path) -> None:
    run, keep = tmp_path / "run", tmp_path / "keep"
    run.mkdir()
    for step in range(4):
        written(run, step)
    labelfree.watch(run, metric="rankme", idle=0, keep=keep, measuring={"sample": N})
    whole = labelfree.select(sorted(map(str, run.glob("*.parquet"))))
    of_kept = labelfree.select(str(keep))
    assert of_kept.chosen == whole.chosen
    assert [one.score for one in of_kept.candidates] == pytest.approx([one.score for one in whole.candidates], rel=1e-6)


def test_a_checkpoint_is_run_once_for_its_report_and_its_sample(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    run, keep = tmp_path / "run", tmp_path / "keep"
    run.mkdir()
    rows = np.random.default_rng(5).normal(size=(60, 6)).astype(np.float32)
    np.save(tmp_path / "data.npy", rows)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    torch.save(network.state_dict(), run / "step_7.pt")
    calls = []

    class Counted(torch.nn.Sequential):  # type: ignore[misc, name-defined]
        def forward(self, batch: Any) -> Any:
            calls.append(len(batch))
            return super().forward(batch)

    def made() -> Any:
        return Counted(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))

    plain = labelfree.rank(run / "step_7.pt", data=tmp_path / "data.npy", model=made)
    once = sum(calls)
    calls.clear()
    labelfree.watch(
        run, metric="rankme", idle=0, keep=keep, data=tmp_path / "data.npy", measuring={"model": made}
    )  # fmt: skip
    assert sum(calls) == once
    (record,) = labelfree.history.read(run / "history.jsonl")
    assert record["metrics"]["rankme"]["value"] == pytest.approx(plain["rankme"].value, rel=1e-9)
    found = kept(keep / "step_7.parquet")
    with torch.no_grad():
        hidden = network[1](network[0](torch.tensor(rows)))
        scores = network[2](hidden).numpy()
    order = np.argsort(found["id"])
    assert np.allclose(np.array(found["embedding"], np.float32)[order], hidden.numpy(), atol=1e-5)
    assert np.allclose(np.array(found["logits"], np.float32)[order], scores, atol=1e-5)


def test_a_directory_of_another_run_is_refused_and_a_restart_goes_on(tmp_path: Path) -> None:
    run, keep = tmp_path / "run", tmp_path / "keep"
    run.mkdir()
    keep.mkdir()
    written(keep, 3)
    written(run, 0)
    with pytest.raises(UsageError, match="expected no file of a step in"):
        labelfree.watch(run, metric="rankme", idle=0, keep=keep)
    (keep / "step_3.parquet").unlink()
    labelfree.watch(run, metric="rankme", idle=0, keep=keep)
    written(run, 1)
    labelfree.watch(run, metric="rankme", idle=0, keep=keep)
    assert sorted(path.name for path in keep.iterdir()) == ["step_0.parquet", "step_1.parquet"]


def test_the_command_says_once_what_is_kept(labelfree: Program, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for step in range(3):
        written(run, step, logits=False)
    done = labelfree("watch", run, "--metric", "rankme", "--idle", "0", "--keep", tmp_path / "keep", "--sample", "40")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("keep: 40 rows x 16 numbers of every check") == 1
    assert "without logits" in done.stderr
    assert "keep:" not in labelfree("watch", run, "--metric", "rankme", "--idle", "0", "-q", "--json").stderr
