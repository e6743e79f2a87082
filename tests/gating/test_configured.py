"""A pyproject.toml above is the document of a stranger: what it cannot mean is told or ignored, never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelfree import gate
from labelfree.errors import UsageError
from program import Program
from reports import report, run_of

pytestmark = pytest.mark.once

TABLE = "[tool.labelfree.gate]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('tool = "labelfree"', "expected something to judge"),
        ("tool = 3 # labelfree", "expected something to judge"),
        ("[[tool]]\nlabelfree = 3", "expected something to judge"),
        (f"labelfree = {'[' * 3000}{']' * 3000}", "expected TOML (it is nested too deep); mend it, or use --no-config"),
        (f"labelfree = {'9' * 5000}", "expected TOML ("),
        (f"{TABLE}window = {'9' * 400}", "window: expected a number of at most 20 digits, found one of more"),
        (f"{TABLE}min-delta = {'9' * 400}", "min-delta: expected a number of at most 20 digits"),
        (f"{TABLE}stop-at = 0x{'f' * 5000}", "stop-at: expected a number of at most 20 digits"),
        (f"{TABLE}require = 0x{'f' * 5000}", "require: expected a text or a list of them, found one that is too long"),
        (f"{TABLE}run{'.a' * 3000} = 1", "run: expected a text, found one that is too long or too deep to show"),
        (f"{TABLE}min-delta = inf\nplateau = 'rankme'\nhistory = 'h.jsonl'", "--min-delta: expected a finite number"),
    ],
    ids=range(11),
)
def test_a_file_that_means_nothing_ends_with_2(labelfree: Program, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "r.json").write_text(json.dumps(report({"rankme": 8.0})))
    done = labelfree("gate", "r.json")
    assert done.returncode == 2, done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert said in done.stderr
    assert len(done.stderr) < 1000
    assert labelfree("gate", "r.json", "--require", "rankme >= 8", "--no-config").returncode == 0


@pytest.mark.parametrize("number", ["window", "min_delta"])
def test_numbers_that_no_verdict_could_hold_are_refused(tmp_path: Path, number: str) -> None:
    given: dict[str, Any] = {number: 10**400}
    with pytest.raises(UsageError, match=f"{number}: expected a"):
        gate(history=run_of(tmp_path / "h.jsonl", [0.5] * 9), plateau="separability", **given)


@pytest.mark.parametrize("drops", ["[30, 60]", "30", '"30,60"'])
def test_a_schedule_of_the_file(labelfree: Program, tmp_path: Path, drops: str) -> None:
    if drops.startswith('"'):
        expected = (2, "drops: expected a whole number")
    else:
        expected = (0, "before the next drop of the learning rate (step 30)")
    run_of(tmp_path / "h.jsonl", [0.5] * 12)
    table = f'plateau = "separability"\nhistory = "h.jsonl"\ncycle = 1\ndrops = {drops}\n'
    (tmp_path / "pyproject.toml").write_text(TABLE + table)
    done = labelfree("gate")
    assert (done.returncode, expected[1] in done.stdout + done.stderr) == (expected[0], True)
    if not done.returncode:
        assert "cycle 1 step, drops at step" in done.stdout
        assert labelfree("gate", "--drops", "11").returncode == 0
        assert labelfree("gate", "--drops", "10").returncode == 11
