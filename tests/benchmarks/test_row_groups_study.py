"""The committed study of first estimates: their intervals hold the full pass, and where none can is withheld."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labelfree.evidence.clusters import LEAST
from labelfree.families.clustered import MEASURED

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CELLS: Any = json.loads((BENCHMARKS / "results" / "intervals_row_groups.json").read_text())["cells"]
UNSEEN = "rare_groups"
"""The law of which the page says that no interval can hold it."""


def test_every_metric_with_an_interval_was_measured_from_the_fewest_groups_on() -> None:
    assert all({*metrics} == {*MEASURED} for metrics in CELLS.values())
    assert min(int(where.split(", ")[1].split()[0]) for where in CELLS) == LEAST


@pytest.mark.parametrize("where", [where for where in CELLS if not where.startswith(UNSEEN)])
def test_no_interval_that_is_offered_is_too_narrow(where: str) -> None:
    assert [name for name, one in CELLS[where].items() if one["fails"]] == []


def test_intervals_are_offered_where_files_are_shuffled_or_drift() -> None:
    for where, metrics in CELLS.items():
        if where.startswith(("shuffled", "drifting", "few_sorted")):
            for name in ("rankme", "rankme_centered", "participation_ratio", "nesum"):
                assert metrics[name]["offered"] >= 0.9 * metrics[name]["draws"], (where, name)


def test_more_row_groups_are_nearer_to_the_full_pass() -> None:
    for law in {where.split(", ")[0] for where in CELLS}:
        away = [one["rankme"]["difference"]["middle"] for where, one in CELLS.items() if where.startswith(f"{law}, ")]
        assert away == sorted(away, reverse=True)


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    script = BENCHMARKS / "intervals" / "row_groups.py"
    done = subprocess.run([sys.executable, script, "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
