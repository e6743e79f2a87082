"""The study of two spaces in one file: what was measured is what lets doctor say it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from labelfree.survey.mixed_spaces import LEAST, LEAST_COLUMNS, LIMIT, OWN
from repository import ROOT

pytestmark = pytest.mark.once
STUDY: Any = json.loads((ROOT / "benchmarks" / "results" / "mixed_spaces.json").read_text())


def test_no_file_of_one_space_was_told_to_be_mixed() -> None:
    """With 300 files and no alarm, the upper end of a one-sided 95 % interval is 1 %."""
    clean = STUDY["clean"]
    assert len(clean) >= 300
    assert not any(row["told"] for row in clean)
    assert min(row["n"] for row in clean) >= LEAST
    assert min(row["d"] for row in clean) >= LEAST_COLUMNS
    assert 1 - 0.05 ** (1 / len(clean)) < 0.01
    for kind in ("sorted", "any order", "two languages", "near duplicates", "raw", "unit"):
        assert sum(kind in row["kind"].split(", ") for row in clean) >= 20, kind


def test_the_rule_is_the_one_that_was_judged() -> None:
    assert (STUDY["limit"], STUDY["own"]) == (LIMIT, OWN)


def test_it_runs_in_a_small_setting() -> None:
    pytest.importorskip("torch")
    script = ROOT / "benchmarks" / "doctor" / "mixed_spaces.py"
    done = subprocess.run([sys.executable, script, "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [row["told"] for row in json.loads(done.stdout)] == [False, True, True]
