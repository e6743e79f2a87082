"""Several processes of torch.distributed (gloo, for real) against one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelfree import history
from labelfree.training import Check, Monitor
from repository import SUPPORT

WORLD = 2
PROGRAM = SUPPORT / "rank_program.py"


@pytest.fixture(scope="module")
def X() -> Any:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(250, 10)) + 4 * rng.normal(size=(5, 10))[rng.integers(0, 5, 250)]).astype(np.float32)


@pytest.fixture(scope="module")
def found(X: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What each of two processes found, and where their histories are."""
    place = tmp_path_factory.mktemp("ranks")
    np.save(place / "X.npy", X)
    command = [sys.executable, str(PROGRAM), str(place)]
    running = [
        subprocess.Popen([*command, str(rank), str(WORLD)], stderr=subprocess.PIPE, text=True) for rank in range(WORLD)
    ]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0] * WORLD, said
    return place, [json.loads((place / f"rank_{rank}.json").read_text()) for rank in range(WORLD)]


def alone(X: Any, path: Path, **options: Any) -> list[Check]:
    monitor = Monitor(history=path, plateau="separability", sample=100, **options)
    checks = []
    for step in range(10):
        for part in torch.tensor(X).split(16):
            monitor.add(part)
        checks.append(monitor.check(step))
    return checks


CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "even": (250, {}),
    "uneven": (247, {}),
    "named": (247, {"ids": [f"item {i}" for i in range(247)]}),
    "batches": (247, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_find_what_one_finds(found: Any, X: Any, tmp_path: Path, case: str) -> None:
    place, ranks = found
    n, options = CASES[case]
    expected = alone(X[:n], tmp_path / "h.jsonl", **options)
    assert ranks[0][case] == ranks[1][case]
    for mine, one in zip(ranks[0][case], expected, strict=True):
        assert mine["problem"] is None
        assert one.report is not None
        assert mine["report"]["input"]["rows_hash"] == one.report["input"]["rows_hash"]
        assert mine["report"]["input"]["n"] == n
        assert mine["report"]["input"]["rows"] == one.report["input"]["rows"]
        for name, entry in one.report["metrics"].items():
            assert mine["report"]["metrics"][name]["value"] == pytest.approx(entry["value"], rel=1e-8), name
        assert mine["stop"] == one.stop
        assert one.verdict is not None
        assert mine["verdict"]["decision"] == one.verdict["decision"]
        assert mine["verdict"]["reason"] == one.verdict["reason"]
    assert [check.stop for check in expected] == [False] * 8 + [True] * 2
    assert [r["step"] for r in history.read(place / f"{case}.jsonl")] == list(range(10))


def test_trouble_on_one_rank_is_a_problem_on_all_and_a_deadlock_on_none(found: Any) -> None:
    _, ranks = found
    assert ranks[0]["trouble"] == ranks[1]["trouble"]
    empty, spoiled, widths, nothing = ranks[0]["trouble"]
    assert empty["problem"] is None
    assert empty["report"]["input"]["n"] == 20
    assert "4 of 8 rows hold NaN" in spoiled["problem"]
    assert "expected 5 columns on every rank as on the first, found 6" in widths["problem"]
    assert "cannot be compared" in nothing["problem"]
    assert nothing["report"]["input"]["n"] == 9


def test_a_run_that_is_refused_is_refused_on_all_ranks(found: Any) -> None:
    _, ranks = found
    history_held, logger, metric, directory, device = ranks[0]["refused"]
    assert "no metric 'rnk'" in metric  # rank 0 alone was told so
    assert "none_0" in directory  # the files are those of rank 0: the other needs no such directory
    assert "device: expected cpu, cuda or auto, found 'tpu'" in device  # rank 1 alone was given it
    assert "whose training begins" in history_held
    assert "to: expected a logger" in logger  # which rank 0 alone was given
    assert ranks[0]["refused"] == ranks[1]["refused"]


def test_another_number_of_rows_than_was_said_is_a_problem_on_all_ranks(found: Any) -> None:
    _, ranks = found
    assert ranks[0]["numbers"] == ranks[1]["numbers"]
    few, many, batches = (check["problem"] for check in ranks[0]["numbers"])
    assert few.startswith("rows: expected 500 rows between two checks, found 250;")
    assert many.startswith("rows: expected 100 rows between two checks, found 75 beyond them on rank 0;")
    assert batches.startswith("rows: expected 100 rows between two checks, found 76 beyond them on rank 0;")


def test_batches_that_are_short_before_the_end_are_no_rows_in_a_wrong_order(found: Any) -> None:
    _, ranks = found
    assert ranks[0]["short"] == ranks[1]["short"]
    split, first, late, full, alone = ranks[0]["short"]
    for check in (split, first, late):
        assert check["problem"].startswith("dealt='batches': expected 8 rows in every batch but the last of all")
        assert check["report"] is None
    assert "at the end 5 on rank 0, 5 on rank 1" in split["problem"]
    assert (full["problem"], full["report"]["input"]["n"]) == (None, 27)
    assert (alone["problem"], alone["report"]["input"]["n"]) == (None, 5)
