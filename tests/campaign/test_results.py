"""The long runs that are recorded: how many there were, and an answer to all that they found."""

from __future__ import annotations

import json

import pytest

from repository import ROOT

pytestmark = pytest.mark.once

RESULTS = ROOT / "benchmarks" / "results"


def test_twenty_thousand_cases_and_an_answer_to_each_finding() -> None:
    document = json.loads((RESULTS / "fuzz.json").read_text())
    assert document["seeds"]["1"]["total"] >= 20_000
    for run in document["seeds"].values():
        assert sum(run["cases"].values()) == run["total"]
        for found in run["findings"]:
            kind, _, name = found["answer"].partition(": ")
            if kind == "corpus":
                assert (ROOT / "tests" / "data" / "corpus" / f"{name}.json").is_file()
            elif kind == "refused before it is decoded":
                assert (ROOT / name).is_file()
            else:
                assert kind == "no fault"
                assert name


def test_a_thousand_kills_without_a_problem() -> None:
    document = json.loads((RESULTS / "kill.json").read_text())
    assert document["total"] == sum(one["kills"] for one in document["subjects"].values()) >= 1000
    assert {*document["subjects"]} == {"append", "outputs", "embed --resume", "watch"}
    assert all(one["problems"] == [] for one in document["subjects"].values())
