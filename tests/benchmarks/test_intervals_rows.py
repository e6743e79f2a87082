"""The committed study of the intervals of rows: rank and separability families."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CELLS: Any = json.loads((BENCHMARKS / "results" / "intervals_rows.json").read_text())["cells"]


def test_no_cell_fails_where_an_interval_is_offered() -> None:
    offered = [one for metrics in CELLS.values() for one in metrics.values() if one["offered"]]
    assert len(offered) > 150
    assert [(where, name) for where, metrics in CELLS.items() for name, one in metrics.items() if one["fails"]] == []


def test_the_populations_and_sizes_are_those_that_the_page_names() -> None:
    where = {name.split(", ")[0] for name in CELLS}
    assert len(where) >= 9
    rows = {int(name.split(", ")[1].split()[0]) for name in CELLS if name.endswith("rows")}
    assert min(rows) == 100
    assert max(rows) == 5000
    fewer = [one for metrics in CELLS.values() for one in metrics.values() if one["draws"] < 200]
    assert all(one["draws"] >= 195 and one["offered"] < 10 for one in fewer)  # in some draws there is no value


def test_intervals_are_offered_where_tails_are_light() -> None:
    """A rule that withheld everything would not fail either."""
    for name in ("swiss_roll", "sphere_patches", "digits", "low_rank", "long_tail"):
        for metric in ("rankme", "rankme_centered", "erank_variance", "participation_ratio", "uniformity", "twonn"):
            cell = CELLS[f"{name}, 400 rows"][metric]
            assert cell["offered"] >= 0.9 * cell["draws"], (name, metric)
    for name in ("elliptical_t3", "lognormal"):
        assert all(CELLS[f"{name}, 400 rows"][metric]["offered"] <= 2 for metric in ("rankme", "erank_variance"))


def test_most_widths_are_right() -> None:
    widths = [
        one["half_width_over_196_sd"]
        for metrics in CELLS.values()
        for one in metrics.values()
        if one["offered"] >= one["draws"] / 2
    ]
    assert 0.95 <= float(np.median(widths)) <= 1.05
    assert np.quantile(widths, 0.1) >= 0.85
    assert np.quantile(widths, 0.9) <= 1.25


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    script = BENCHMARKS / "intervals" / "rows.py"
    done = subprocess.run([sys.executable, script, "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cells with intervals" in done.stdout
