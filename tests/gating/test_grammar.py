"""The grammar of requirements and drops, and the options as a whole: what is wrong is said, nothing is ignored."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.catalog import COLLAPSE_METRICS, METRIC_NAMES, check_metric
from labelfree.errors import UsageError
from labelfree.gating.grammar import OPERATORS, decimal, drop, requirement
from labelfree.gating.settings import RULES, settings
from labelfree.metrics import METRICS

pytestmark = pytest.mark.once

NAMES = st.sampled_from(METRIC_NAMES)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)
SPACE = st.sampled_from(["", " ", "  "])


def test_the_names_are_those_of_the_metrics_and_those_to_come() -> None:
    computed = {metric.name for metric in METRICS}
    assert computed <= set(METRIC_NAMES)
    assert computed == set(METRIC_NAMES)
    assert len(set(METRIC_NAMES)) == len(METRIC_NAMES)
    assert set(COLLAPSE_METRICS) <= computed


@given(NAMES, st.sampled_from(list(OPERATORS)), NUMBERS, SPACE, SPACE)
def test_a_requirement_is_what_was_written(name: str, sign: str, number: Decimal, a: str, b: str) -> None:
    found = requirement(f"{a}{name}{b}{sign}{a}{number:f}{b}")
    assert (found.metric, found.operator, found.number) == (name, sign, number)
    assert requirement(str(found)) == found


@given(NAMES, NUMBERS.map(abs), st.booleans(), SPACE)
def test_a_drop_is_what_was_written(name: str, number: Decimal, percent: bool, a: str) -> None:
    found = drop(f"{name}{a}={a}{number:f}{a}{'%' if percent else ''}")
    assert (found.metric, found.number, found.percent) == (name, number, percent)
    assert drop(str(found)) == found


@given(st.text(alphabet="rankme opis<>=!%.-+eE0123456789,;&|()\u2265\u0661\n", max_size=24))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    for parse in (requirement, drop):
        try:
            found = parse(text)
        except UsageError:
            continue
        assert "".join(str(found).split()).startswith(found.metric)
        assert found.number.is_finite()
        assert text.isascii()
        assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rankme = 120", "write == for equality"),
        ("rankme => 120", "write >= or <="),
        ("rankme ≥ 120", "write >= or <="),
        ("rankme != 120", "the operators are >= <= > < =="),
        ("rankme >= 90%", "a percentage needs a baseline"),
        ("120 <= rankme", "the metric stands first"),
        ("rankme >= 1 and opis < 2", "one condition each: give a list"),
        ("rankme >= nan", "a finite number"),
        ("rankme >= 1_000", "expected METRIC OP NUMBER"),
        ("rankme >= 1,5", "one condition each: give a list"),
        ("rankme", "expected METRIC OP NUMBER"),
        ("", "expected METRIC OP NUMBER"),
        ("rankmee >= 1", "did you mean 'rankme'?"),
        ("RankMe >= 1", "did you mean 'rankme'?"),
        ("xyzzyplugh >= 1", "labelfree explain lists them"),
    ],
)
def test_what_is_wrong_with_a_requirement_is_said(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        requirement(text)
    assert hint in str(raised.value)


@pytest.mark.parametrize("text", ["rankme=-1", "rankme=5%%", "rankme 5%", "rankme==5%", "rankme=", "=5%", "rankme=inf"])
def test_bad_drops_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="max_drop"):
        drop(text)


@pytest.mark.parametrize(
    ("sign", "below", "equal", "above"),
    [
        (">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False),
        ("==", False, True, False),
    ],
)  # fmt: skip
def test_every_operator_at_equality(sign: str, below: bool, equal: bool, above: bool) -> None:
    asked = requirement(f"rankme {sign} 0.3")
    assert [asked.met_by(v) for v in (0.299999999999, 0.3, 0.300000000001)] == [below, equal, above]
    assert set(OPERATORS) == {">=", ">", "<=", "<", "=="}


def test_limits_are_decimal() -> None:
    assert drop("rankme=5%").limit(0.6) == Decimal("0.030")
    assert drop("rankme=0.1").limit(0.6) == decimal(0.1) == Decimal("0.1")
    assert drop("rankme=10%").limit(-2.0) == Decimal("0.20")


def test_a_name_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="plateau: no metric 'separabilty'; did you mean 'separability'"):
        check_metric("separabilty", "plateau")


ASKED = {
    "require": (), "max_drop": (), "plateau": (), "against": False, "history": False, "run": None, "rule": None,
    "on_undecided": None, "numbers": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected something to judge"),
        ({"against": True}, "say how much may be lost"),
        ({"max_drop": ["rankme=1"]}, "a drop needs a baseline"),
        ({"plateau": ["rankme"]}, "history=FILE"),
        ({"require": ["rankme>1"], "run": "a"}, "run: names a run of a history"),
        ({"require": ["rankme>1"], "on_undecided": "pass"}, "on_undecided: has no effect"),
        ({"require": ["rankme>1"], "rule": "slope"}, "rule: has no effect without plateau='METRIC'"),
        ({"require": ["rankme>1"], "numbers": {"min_delta": 0.1}}, "min_delta: has no effect without plateau='METRIC'"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"patience": 2}}, "patience: has no effect in the rule"),
        (
            {"plateau": ["rankme"], "history": True, "rule": "patience", "numbers": {"window": 4}},
            "window: has no effect in the rule patience, it belongs to slope",
        ),
        ({"plateau": ["rankme"], "history": True, "rule": "threshold"}, "stop_at=NUMBER"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"window": 2}}, "at least 3"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"warmup": -1}}, "a number of checks of at least 0"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"confidence": 1.0}}, "from 0.5 up to but not 1"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"confidence": 0.4}}, "from 0.5 up to but not 1"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"min_delta": -0.1}}, "at least 0"),
        ({"plateau": ["rankme"], "history": True, "numbers": {"min_delta": float("nan")}}, "a finite number"),
        ({"plateau": ["rank_me"], "history": True}, "did you mean 'rankme'?"),
        ({"require": ["opis < 1"]}, "needs one on mean_utility"),
        ({"plateau": ["opis"], "history": True}, "needs one on mean_utility"),
        ({"max_drop": ["opis=1"], "against": True}, "needs one on mean_utility"),
        ({"require": ["pseudo_opis < 1", "worst_utility > 0.2"]}, "needs one on mean_utility"),
        ({"max_drop": ["eps_opis=1%"], "against": True}, "needs one on mean_utility"),
    ],
)
def test_options_that_contradict_lack_or_do_nothing_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        settings(**{**ASKED, **given})  # type: ignore[arg-type]
    assert message in str(raised.value)


def test_every_number_of_a_rule_is_printed_with_its_default() -> None:
    asked = settings(**{**ASKED, "plateau": ["rankme"], "history": True})  # type: ignore[arg-type]
    assert asked.numbers == RULES["slope"]
    assert asked.document("h.jsonl", None).items() >= {"rule": "slope", **RULES["slope"], "run": "default"}.items()
