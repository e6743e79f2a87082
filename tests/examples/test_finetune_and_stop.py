"""The example of a fine-tuning that is stopped: it runs, both ways agree, and the page says what was recorded."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from repository import ROOT

pytestmark = pytest.mark.once

EXAMPLE = ROOT / "examples" / "finetune_and_stop"
DEFAULT, FIRST = "separability, slope (the default)", "separability, slope-v1"
HEALTHY = ("healthy", "long healthy")
KINDS = ("healthy", "long healthy", "wrong labels", "wrong labels often", "high rate", "no negatives")


@pytest.fixture(scope="module")
def results() -> Any:
    return json.loads((EXAMPLE / "results.json").read_text())


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the example."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return importlib.import_module


def guarded(checks: dict[str, list[Any]]) -> list[int]:
    """The checks at which the guard of docs/gate.md trips, where no rows repeat."""
    ranks = checks["effective_rank"]
    shares = [rank / max(ranks[: i + 1]) for i, rank in enumerate(ranks)]
    return [
        i for i, (share, c) in enumerate(zip(shares, checks["mean_cosine"], strict=True)) if share < 0.25 and c > 0.9
    ]


def patient(values: list[float], min_delta: float) -> int | None:
    """The check at which a patience of three, after a warm-up of three, runs out (Lightning's count)."""
    best, waited = values[3], 0
    for i, value in enumerate(values[4:], 4):
        best, waited = (value, 0) if value - min_delta > best else (best, waited + 1)
        if waited >= 3 and i >= 6:
            return i
    return None


def test_the_texts_are_what_the_page_says() -> None:
    table = pq.read_table(EXAMPLE / "texts.parquet").to_pandas()
    assert table.groupby("split").size().to_dict() == {"eval": 2000, "test": 500, "train": 400}
    assert set(table.groupby(["split", "class"]).size()) == {200, 50, 40}
    assert table["class"].nunique() == 10
    assert not table["text"].duplicated().any()


def test_every_kind_was_run_with_five_seeds(results: Any) -> None:
    runs = {(run["kind"], run["seed"]) for run in results["runs"]}
    kinds = {kind for kind, _ in runs}
    assert kinds >= set(KINDS)
    assert runs == {(kind, seed) for kind in kinds for seed in range(5)}
    for run in results["runs"]:
        kind = results["setting"]["kinds"][run["kind"]]
        assert run["checks"]["step"] == [i * kind["steps"] for i in range(kind["checks"] + 1)]


def test_the_runs_are_of_the_kind_they_are_called(results: Any) -> None:
    """By the labels of the test texts: healthy runs end near their best, wrong labels cost, a collapse is at chance."""
    for run in results["runs"]:
        accuracy = run["checks"]["accuracy"]
        if run["kind"] in HEALTHY:
            assert accuracy[-1] > max(accuracy) - 0.03
        elif run["kind"].startswith("wrong labels"):
            assert accuracy[-1] < max(accuracy) - 0.02
        elif run["kind"] == "high rate":
            assert accuracy[-1] < 0.2


def test_the_guard_stopped_every_collapse_and_no_healthy_run(results: Any) -> None:
    for run in results["runs"]:
        tripped = guarded(run["checks"])
        said = run["rules"][DEFAULT]
        assert tripped or run["kind"] != "high rate"
        assert not tripped or run["kind"] in ("high rate", "no negatives"), (run["kind"], run["seed"])
        assert (said["decision"] == "collapse") == (bool(tripped) and said["check"] == tripped[0])


def test_the_default_loses_at_most_a_point_on_healthy_runs(results: Any) -> None:
    for kind in HEALTHY:
        lost = []
        for run in results["runs"]:
            if run["kind"] == kind:
                said, accuracy = run["rules"][DEFAULT]["check"], run["checks"]["accuracy"]
                lost.append(max(accuracy) - accuracy[-1 if said is None else said])
        assert sum(lost) / len(lost) <= 0.01, kind


def test_patience_in_the_results_is_that_of_a_plain_count(results: Any) -> None:
    for run in results["runs"]:
        for name, metric, delta in (
            ("separability, patience 3", "separability", 0.01),
            ("rankme, patience 3, min-delta 0.5", "rankme", 0.5),
        ):
            assert run["rules"][name]["alone"] == patient(run["checks"][metric], delta), (run["kind"], run["seed"])


def test_the_monitor_the_callback_and_the_shell_loop_said_the_same_at_every_step(results: Any) -> None:
    assert {entry["kind"] for entry in results["both"]} == {"healthy", "wrong labels", "high rate", "no negatives"}
    for entry in results["both"]:
        [run] = [r for r in results["runs"] if (r["kind"], r["seed"]) == (entry["kind"], entry["seed"])]
        assert entry["monitor"] == entry["callback"] == entry["shell"]
        stops = {entry[f"{way}_stops"] for way in ("monitor", "callback", "shell")}
        assert stops == {run["rules"][FIRST]["step"]}  # the rule that was the default when they were trained
        assert entry["farthest"] < 1e-5


def test_the_page_has_the_numbers_of_the_results(example: Any, results: Any) -> None:
    page = (ROOT / "docs" / "evidence" / "gate.md").read_text()
    table = example("stopping").table
    for kind in results["setting"]["kinds"]:
        for row in table(results["runs"], kind):
            assert row in page, row


def test_a_run_that_is_resumed_is_the_run(example: Any, tmp_path: Path) -> None:
    """Two checks in one go, and one check, a file, and another."""
    finetuning: ModuleType = example("finetuning")
    whole, first, second = (finetuning.Run(finetuning.KINDS["healthy"], 0) for _ in range(3))
    for run in (whole, whole, first):
        run.train()
    first.save(tmp_path)
    assert second.resume(tmp_path)
    second.train()
    assert second.step == whole.step == 10
    for name, value in whole.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), second.model.state_dict()[name].numpy(), err_msg=name)


@pytest.mark.slow
def test_the_quick_study_runs(tmp_path: Path) -> None:
    """Training, metrics, rules, the monitor, the callback, and the shell loop with `labelfree embed`, on 200 texts."""
    command = [sys.executable, str(EXAMPLE / "study.py"), "--quick", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    [healthy] = found["runs"]
    assert healthy["checks"]["accuracy"][-1] > healthy["checks"]["accuracy"][0] + 0.2
    assert guarded(healthy["checks"]) == []
    [collapsed] = found["both"]
    assert collapsed["monitor"] == collapsed["callback"] == collapsed["shell"]
    assert collapsed["shell_exit_code"] == 12
    assert collapsed["monitor"][-1] == "collapse"
    assert collapsed["farthest"] < 1e-5
    assert re.search(r"step_00(05|10|15): 12", done.stderr)  # 5 by version 1 of the guard, 15 by version 2


def test_the_schedules_are_what_they_are_called() -> None:
    """Five seeds of each, a check every ten of 300 steps, at the rates of the formulas."""
    found = json.loads((EXAMPLE / "schedules.json").read_text())
    assert {(r["schedule"], r["seed"]) for r in found["runs"]} == {
        (name, seed) for name in ("cosine", "step", "cyclic") for seed in range(5)
    }
    steps = np.arange(0, 301, 10)
    rates = {
        "cosine": 1e-4 * (1 + np.cos(np.pi * steps / 300)),
        "step": 2e-4 * 0.1 ** ((steps >= 100).astype(float) + (steps >= 200)),
        "cyclic": 1e-4 * (1 + np.cos(np.pi * (steps % 60) / 60)),
    }
    for run in found["runs"]:
        checks = run["checks"]
        assert checks["step"] == steps.tolist()
        np.testing.assert_allclose(checks["rate"], rates[run["schedule"]], rtol=1e-5, atol=1e-12)
        assert all(0 < value < 1 for value in checks["separability"])
        assert checks["accuracy"][-1] > 0.6


@pytest.mark.slow
def test_a_run_under_each_schedule(tmp_path: Path) -> None:
    """Three short runs on few texts, as the study makes them."""
    pytest.importorskip("torch")
    path = tmp_path / "schedules.json"
    asked = [sys.executable, "schedules.py", "--quick", str(path)]
    done = subprocess.run(asked, cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert [len(run["checks"]["step"]) for run in found["runs"]] == [3, 3, 3]
