"""The benchmarks run, in a setting of seconds; their real results are committed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("name", ["rank", "coverage"])
def test_it_runs_in_a_small_setting(name: str) -> None:
    if name == "rank":
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "rankme" in done.stdout


def test_the_intervals_cover() -> None:
    """The committed study: nominal 95 %, with at least twice as many rows as columns."""
    study = json.loads((BENCHMARKS / "results" / "coverage.json").read_text())
    assert study["setting"]["repetitions"] >= 300
    found = [
        metrics["rankme"]["coverage"]
        for case, metrics in study["coverage"].items()
        if "rankme" in metrics and int(case.split("n = ")[1].split(",")[0]) >= 2 * study["setting"]["d"]
    ]
    assert len(found) >= 20
    assert min(found) >= 0.88
    assert sorted(found)[len(found) // 2] >= 0.94


def test_the_targets_were_reached() -> None:
    for case in json.loads((BENCHMARKS / "results" / "rank.json").read_text())["cases"]:
        for name, most in case["targets"].items():
            reached = case["megabytes"]["rank"] if name == "megabytes" else case["ratios"][name]
            assert reached <= most, (case["name"], name)
