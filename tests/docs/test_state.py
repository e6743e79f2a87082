"""What is said of the state's errors is what was measured."""

from __future__ import annotations

import json

import pytest
from scipy.stats import beta

from labelfree.commands.state_rule import RATES, state_rule
from repository import ROOT

pytestmark = pytest.mark.once


def test_the_rates_are_those_of_the_study() -> None:
    study = json.loads((ROOT / "benchmarks" / "results" / "state.json").read_text())
    assert study["rule"] == "state/v1"
    assert len(study["kinds"]) * study["seeds"] >= 200
    kept = study["rates"]["kept"]
    assert list(RATES) == list(kept)
    for name, (wrong, of, bound) in RATES.items():
        truth, _, called = name.partition(" ")
        states = [s for k in study["kinds"] if (k["side"], k["truth"]) == ("kept", truth) for s in k["states"]]
        said = called.rpartition(" ")[2]
        if "anything but" in called or "not called" in called:
            count = len(states) - states.count(said)
        else:
            count = states.count(said)
        assert (wrong, of) == (count, len(states)) == (kept[name]["count"], kept[name]["of"])
        assert bound == pytest.approx(beta.ppf(0.95, wrong + 1, of - wrong), abs=1e-4)
    healthy = "healthy called anything but healthy"
    assert RATES[healthy][2] <= 0.02
    assert "34 of 104" in state_rule(88)
