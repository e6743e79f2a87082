"""The study of the intervals of transfer: it runs, and no interval that is offered fails in the committed results."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

from repository import ROOT

pytestmark = pytest.mark.once

STUDY = ROOT / "benchmarks" / "intervals" / "outputs.py"
RESULTS = ROOT / "benchmarks" / "results" / "intervals_outputs.json"


@pytest.mark.slow
def test_it_runs_in_a_small_setting() -> None:
    before = RESULTS.read_bytes()
    done = subprocess.run(
        [sys.executable, STUDY, "--quick", "candidates", "c2st"],
        capture_output=True, text=True, check=False, cwd=STUDY.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ensv" in done.stdout
    assert "c2st" in done.stdout
    assert RESULTS.read_bytes() == before


def test_no_interval_of_transfer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STUDY.parent))
    cells, judge = json.loads(RESULTS.read_text())["cells"], importlib.import_module("cells")
    kept = importlib.import_module("outputs_populations").KEPT
    assert len({name.rpartition(", n = ")[0] for name in cells} & set(kept)) >= 6
    assert judge.failing(cells) == []
    for metrics in cells.values():
        for one in metrics.values():
            if one["offered"]:  # judged again, by the numbers themselves
                least, most = judge.binomial(round(one["covered"] * one["offered"]), one["offered"])
                assert most >= judge.PROMISED[0]
                assert least <= judge.PROMISED[1]
