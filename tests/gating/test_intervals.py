"""Requirements on intervals: at equality, undecided, undefined, missing, in the order of the worst."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labelfree
from labelfree.errors import UsageError
from labelfree.gating.api import judged_by_interval
from labelfree.gating.grammar import OPERATORS, Requirement, decimal, requirement
from labelfree.gating.intervals import decided
from labelfree.reports.entries import RequiredVerdict
from labelfree.reports.gate import GateReport
from reports import entry, report

pytestmark = pytest.mark.once

R = "rankme"


@pytest.mark.parametrize(
    ("text", "low", "high", "decision"),
    [
        (">= 8", 8.0, 9.0, "pass"),
        (">= 8", 7.999, 9.0, "undecided"),
        (">= 8", 7.0, 8.0, "undecided"),
        (">= 8", 7.0, 7.999, "fail"),
        ("> 8", 8.0, 9.0, "undecided"),
        ("> 8", 8.001, 9.0, "pass"),
        ("> 8", 7.0, 8.0, "fail"),
        ("<= 8", 7.0, 8.0, "pass"),
        ("<= 8", 8.0, 9.0, "undecided"),
        ("<= 8", 8.001, 9.0, "fail"),
        ("< 8", 7.0, 7.999, "pass"),
        ("< 8", 8.0, 9.0, "fail"),
        ("== 8", 8.0, 8.0, "pass"),
        ("== 8", 7.0, 9.0, "undecided"),
        ("== 8", 8.0, 9.0, "undecided"),
        ("== 8", 8.001, 9.0, "fail"),
    ],
)
def test_an_interval_at_equality(text: str, low: float, high: float, decision: str) -> None:
    assert decided(requirement(f"{R} {text}"), low, high) == decision


@given(st.sampled_from(sorted(OPERATORS)), st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 6), st.floats(0, 1))
def test_pass_is_all_and_fail_is_none(operator: str, number: int, low: int, width: int, where: float) -> None:
    asked = Requirement(R, operator, decimal(float(number)))
    found = decided(asked, float(low), float(low + width))
    inside = asked.met_by(low + where * width)
    assert not (found == "pass" and not inside)
    assert not (found == "fail" and inside)
    if width == 0:
        assert found != "undecided"


def judged(asked: list[str], **subjects: Any) -> dict[str, Any]:
    found = judged_by_interval([requirement(text) for text in asked], list(subjects.items()))
    RequiredVerdict.model_validate(found)
    return found


SURE = {R: entry(9.0, 0.1), "twonn": entry(3.0, 1.0)}


def test_the_worst_of_all_subjects_and_requirements_wins() -> None:
    assert judged([f"{R} >= 8"], b=SURE)["exit_code"] == 0
    assert judged([f"{R} >= 8", "twonn >= 3"], b=SURE)["exit_code"] == 13
    found = judged([f"{R} >= 8", "twonn >= 3", f"{R} >= 10"], b=SURE)
    assert (found["decision"], found["exit_code"], found["reason"]) == ("fail", 10, "not_met")
    several = judged([f"{R} >= 8"], b=SURE, c={R: entry(7.0, 0.1)})
    assert [c["decision"] for c in several["conditions"]] == ["pass", "fail"]
    assert "at c" in several["message"]


def test_what_is_undefined_missing_or_without_an_interval_never_passes() -> None:
    found = judged([f"{R} <= 100"], b={R: entry(None)})
    assert (found["decision"], found["reason"]) == ("fail", "undefined")
    assert "all rows are equal" in found["message"]
    found = judged(["lidar >= 0"], b=SURE)
    assert (found["decision"], found["reason"]) == ("fail", "missing")
    found = judged([f"{R} >= 1"], b={R: entry(9.0)})
    assert (found["exit_code"], found["reason"]) == (13, "no_interval")


def test_a_gate_judges_the_value_unless_it_is_asked_for_the_interval() -> None:
    made = report({R: entry(9.0, 1.0)})
    asked = f"{R} >= 8"
    verdicts = [labelfree.gate(made, require=asked)["verdict"]]
    verdicts += [labelfree.gate(made, require=asked, by=by)["verdict"] for by in ("value", "interval")]
    assert [one["decision"] for one in verdicts] == ["pass", "pass", "undecided"]
    document = labelfree.gate(made, require=f"{R} >= 5", by="interval")
    GateReport.model_validate(document)
    assert (document["verdict"]["decision"], document["settings"]["by"]) == ("pass", "interval")


def test_by_without_a_requirement_or_of_another_name_is_refused() -> None:
    made = report({R: entry(9.0, 1.0)})
    with pytest.raises(UsageError, match="by: has no effect without require"):
        labelfree.gate(made, against=made, max_drop=f"{R}=1", by="interval")
    with pytest.raises(UsageError, match="expected value or interval, found 'mean'"):
        labelfree.gate(made, require=f"{R} >= 8", by="mean")
