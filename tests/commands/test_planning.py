"""gate --plan: its simulation is that of the rule, its answers come true in runs of the gate itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree as package
from labelfree import gate
from labelfree.commands.simulation import NEVER, bounds, falls, flat_from_a_third, improving, noise, stops
from labelfree.errors import HistoryError, UsageError
from labelfree.gating.sequential import fall, improvement
from labelfree.gating.settings import rule_numbers
from labelfree.reports.plan import PlanReport
from program import Program
from reports import run_of

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("checks", "more"), [(8, {}), (10, {}), (30, {}), (20, {"window": 3, "confidence": 0.75})])
def test_the_simulation_is_the_rule(checks: int, more: dict[str, Any]) -> None:
    numbers = rule_numbers("slope", {"checks": checks, **more})
    warmup, window = numbers["warmup"], numbers["window"]
    asked = {"confidence": numbers["confidence"], "planned": checks - warmup - window + 1}
    rng = np.random.default_rng(checks)
    runs = flat_from_a_third(checks, 0.1) - 0.02 * np.maximum(np.arange(checks) - 0.7 * checks, 0)
    runs = runs + 0.004 * noise(6, checks, 0.5, rng)
    highs, leasts = bounds(runs, numbers), falls(runs, numbers)
    for i, values in enumerate(runs):
        for j in range(checks - warmup - window + 1):
            seen = values[warmup : warmup + window + j].tolist()
            assert highs[i, j] == pytest.approx(improvement(seen, window=window, **asked).high, rel=1e-6, abs=1e-9)
            back = fall(seen, **asked)
            assert leasts[i, j] == pytest.approx(-np.inf if back is None else back.least, rel=1e-6, abs=1e-9)


def test_the_simulated_stop_is_that_of_the_gate(tmp_path: Path) -> None:
    checks = 14
    numbers = rule_numbers("slope", {"checks": checks})
    runs = flat_from_a_third(checks, 0.1) + 0.0015 * noise(5, checks, 0.5, np.random.default_rng(1))
    for i, (values, at) in enumerate(zip(runs, stops(runs, numbers), strict=True)):
        decisions = []
        for end in range(1, checks + 1):
            path = run_of(tmp_path / f"{i}_{end}.jsonl", [round(float(v), 12) for v in values[:end]])
            decisions.append(gate(history=path, plateau="separability", checks=checks)["verdict"]["decision"])
        assert (decisions.index("stop") if "stop" in decisions else NEVER) == at


def test_the_curves_are_what_they_are_called() -> None:
    line = improving(12, 6, 0.01)
    assert line[5] - line[0] == pytest.approx(0.01)
    flat = flat_from_a_third(20, 0.1)
    assert np.flatnonzero(flat == flat.max())[0] == 7
    drawn = noise(4000, 3, 0.6, np.random.default_rng(0))
    together = np.asarray(np.corrcoef(drawn.T))
    assert together[0, 1:] == pytest.approx([0.6, 0.36], abs=0.05)
    assert drawn.std(axis=0) == pytest.approx(np.ones(3), abs=0.05)


def test_what_a_plan_says_would_decide_decides() -> None:
    """Its own three ways out, planned anew: four of five flat runs are found, within the error of the simulation."""
    found = package.plan_gate(checks=20, noise=0.005)
    assert not found["plan"]["decidable"]
    assert found["plan"]["found"] < 0.5
    plan = found["plan"]
    for more in (
        {"min_delta": 1.02 * plan["detectable"]},
        {"noise": 0.98 * plan["noise_needed"]},
        {"checks": plan["checks_needed"]},
    ):
        again = package.plan_gate(**{"checks": 20, "noise": 0.005, **more})["plan"]
        assert again["found"] > 0.75, more
        assert again["too_early"] < 0.1 + 0.02


def test_a_plan_of_units_is_that_of_a_scale() -> None:
    one = package.plan_gate(checks=16, noise=0.002)["plan"]
    other = package.plan_gate(checks=16, noise=2.0, min_delta=10.0)["plan"]
    assert other["found"] == pytest.approx(one["found"], abs=0.002)
    assert other["detectable"] == pytest.approx(1000 * one["detectable"], rel=1e-6)


def test_more_noise_is_found_less_and_promised_alike() -> None:
    plans = [package.plan_gate(checks=24, noise=spread)["plan"] for spread in (0.001, 0.003, 0.02)]
    shares = [plan["found"] for plan in plans]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.95
    assert shares[2] < 0.1
    assert all(plan["too_early"] < 0.12 for plan in plans)


def test_the_noise_of_a_run_is_seen(tmp_path: Path) -> None:
    values = 0.5 + 0.001 * np.arange(60) + 0.004 * noise(1, 60, 0.5, np.random.default_rng(3))[0]
    path = run_of(tmp_path / "h.jsonl", values.tolist())
    found = package.plan_gate(checks=20, history=path, plateau="separability")
    assert found["settings"]["noise"] == pytest.approx(0.004, rel=0.3)
    assert found["settings"]["noise_from"] == {"path": str(path), "run": "default", "metric": "separability"}
    for values in ([0.5] * 5, [0.5] * 8):
        few = run_of(tmp_path / f"{len(values)}.jsonl", values)
        with pytest.raises(HistoryError, match=r"six checks|no noise"):
            package.plan_gate(checks=20, history=few, plateau="separability")


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({}, "neither"), ({"noise": 0.0}, "above 0"), ({"noise": 0.1, "autocorrelation": 1.0}, "autocorrelation"),
        ({"noise": 0.1, "plateau": "rankme"}, "plateau"), ({"noise": 0.1, "checks": 401}, "at most 400"),
        ({"noise": 0.1, "checks": 3}, "checks"), ({"history": "h"}, "whose noise"),
        ({"noise": 0.1, "checks": None}, "how many"),
        ({"noise": 0.1, "history": "h", "plateau": "rankme"}, "both"), ({"noise": 0.1, "run": "x"}, "run"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(asked: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        package.plan_gate(**{"checks": 20, **asked})


def test_the_command_prints_it_in_every_form(labelfree: Program, tmp_path: Path) -> None:
    asked = ("gate", "--plan", "0.001", "--checks", "20")
    done = labelfree(*asked, "--json", "-o", "plan.md", "-o", "plan.json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "plan.json").read_text()) == package.plan_gate(checks=20, noise=0.001)
    assert PlanReport.model_validate(document).plan.decidable
    table = labelfree(*asked).stdout.splitlines()
    assert table[0] == "gate plan  can be decided"
    assert table[1] == document["plan"]["message"]
    assert table[-1].startswith("rule slope (version 2): 20 checks, warm-up 3, window 6")
    assert (tmp_path / "plan.md").read_text().startswith("### gate, a plan: can be decided\n")
    assert labelfree(*asked[:2], "0.02", *asked[3:]).stdout.startswith("gate plan  cannot be decided\n")
    schema = json.loads(labelfree("schema", "plan").stdout)
    assert set(schema["properties"]) == set(document)
    assert set(schema["$defs"]["Plan"]["properties"]) == set(document["plan"])


def test_the_file_says_the_rule_and_a_stray_option_is_refused(labelfree: Program, tmp_path: Path) -> None:
    table = '[tool.labelfree.gate]\nmin-delta = 0.02\nplateau = "rankme"\nhistory = "h.jsonl"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    asked = ("gate", "--plan", "0.001", "--checks", "20", "--json")
    assert json.loads(labelfree(*asked).stdout)["settings"]["min_delta"] == 0.02
    assert json.loads(labelfree(*asked, "--no-config").stdout)["settings"]["min_delta"] == 0.01
    for more, name in ((["--rule", "patience"], "--rule"), (["--drops", "5"], "--drops"), (["--format", "csv"], "csv")):
        done = labelfree(*asked[:-1], *more)
        assert done.returncode == 2
        assert name in done.stderr
    for given, said in (
        ("loud", "--plan: expected a number, or seen, found 'loud'"),
        ("-1", "--plan: expected a number above 0"),
    ):
        assert said in labelfree("gate", "--plan", given, "--checks", "20").stderr
