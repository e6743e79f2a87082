"""The studies of drift: what was measured holds what the page and the docstrings say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelfree.families.drift.unusual import USED
from repository import ROOT

pytestmark = pytest.mark.once


def results(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"drift_{name}.json").read_text())


def test_a_share_of_five_percent_of_null_runs_alarms() -> None:
    """Each rate is of 150 runs: three standard errors above .05 are .10."""
    null = [cell for cell in results("alarms")["alarms"] if cell["change"] == "none"]
    assert len(null) == 2
    for cell in null:
        for name in ("energy_ratio", "mmd", "knn_two_sample", "c2st_auc", "share_beyond_95"):
            assert cell[name] <= 0.10, (cell["d"], name)


def test_each_change_is_seen_by_what_is_said_to_see_it() -> None:
    found = {(cell["d"], cell["change"]): cell for cell in results("alarms")["alarms"]}
    assert found[16, "mean of one column by half a deviation"]["energy_ratio"] > 0.9
    assert found[16, "mean of one column by half a deviation"]["c2st_auc"] > 0.8
    assert found[16, "all deviations x 1.5"]["share_beyond_95"] > 0.9
    assert found[16, "all deviations x 1.5"]["c2st_auc"] < 0.15  # blind to spread
    assert all(found[16, "1 % of the rows x 3"][name] < 0.15 for name in ("energy_ratio", "mmd", "c2st_auc"))


def test_thirty_looks_alarm_in_at_most_five_percent_of_streams() -> None:
    found = results("looks")["looks"]
    null = found["none"]
    assert null["streams"] >= 200
    assert null["alarmed"] <= 0.05 + 2 * (0.05 * 0.95 / null["streams"]) ** 0.5
    assert null["alarmed_at_5_percent_each"] > 0.5  # what sharing is for


def test_intervals_hold_about_what_they_promise() -> None:
    cells = results("coverage")["coverage"]
    for name in ("energy_ratio", "c2st_auc", "share_beyond_95"):
        own = [cell for cell in cells if cell["metric"] == name]
        held = sum(cell["covered"] * cell["draws"] for cell in own) / sum(cell["draws"] for cell in own)
        assert held >= 0.92, name
    assert {cell["n"] for cell in cells} >= {100, 5000}
    assert {cell["d"] for cell in cells} >= {8, 512}


def test_the_cost_is_within_what_was_asked() -> None:
    found = results("speed")
    assert (found["rows"], found["columns"]) == (1_000_000, 384)
    assert found["ratio"] <= 2
    assert found["tests_total"] < 10


def test_the_score_that_is_used_is_the_best_measured() -> None:
    over = results("rows")["over_cases"]
    assert max(over, key=lambda method: over[method]["mean"]) == USED
    assert max(over, key=lambda method: over[method]["least"]) == USED
