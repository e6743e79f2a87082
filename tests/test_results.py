"""Results hold numbers or None: what is neither is a fault of ours, whoever makes the result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labelfree import metrics
from labelfree.documents.forms import is_number
from labelfree.errors import LabelfreeError
from labelfree.families import metric
from labelfree.reports.entries import MetricEntry
from labelfree.reports.weights import LayerValue
from labelfree.results import GREATEST, Result, in_unit, measured

BAD = [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")]
PLACES: dict[str, Any] = {
    "value": lambda bad: {"value": bad},
    "se": lambda bad: {"value": 1.0, "se": bad},
    "interval": lambda bad: {"value": 1.0, "se": 1.0, "interval": (0.0, bad)},
    "params.scales[1]": lambda bad: {"value": 1.0, "params": {"scales": [1.0, bad]}},
    "parts.groups[0].far": lambda bad: {"value": 1.0, "parts": {"fine": 3, "groups": [{"name": "a", "far": bad}]}},
}


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("place", PLACES)
def test_no_result_holds_what_is_no_number(place: str, bad: float) -> None:
    with pytest.raises(AssertionError, match="expected finite numbers") as said:
        Result(**PLACES[place](bad))
    assert str(said.value).startswith(place)
    assert not isinstance(said.value, LabelfreeError)  # the command exits with 1: a bug
    assert Result(**PLACES[place](0.5)) == Result(**PLACES[place](0.5))


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("place", PLACES)
def test_no_entry_of_a_report_does(place: str, bad: float) -> None:
    """Whoever makes an entry, a result or a document: here from an entry that was right."""
    entry = MetricEntry.of(metric("rankme"), Result(1.0)).model_dump()
    layer = LayerValue.of(Result(1.0)).model_dump()
    for kind, whole in ((MetricEntry, entry), (LayerValue, layer)):
        given = {name: value for name, value in PLACES[place](bad).items() if name in whole}
        if set(given) != set(PLACES[place](bad)):
            continue
        with pytest.raises((AssertionError, ValidationError), match="finite numbers") as said:
            kind(**{**whole, **given})
        assert not isinstance(said.value, LabelfreeError)
        fine = PLACES[place](0.5)
        assert kind(**{**whole, **fine}).value == fine["value"]


def test_a_metric_that_returns_one_fails_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta-test: a fault inside a metric is no report, in Python as in the program."""
    import labelfree as package
    from labelfree.families.rank import unit_rows

    monkeypatch.setattr(unit_rows, "_uniform_sphere", lambda d, t: math.nan)
    X = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(AssertionError, match=r"^parts\.(uniform_sphere|gap) is nan"):
        metrics.uniformity(X)
    with pytest.raises(AssertionError, match="is nan"):
        package.rank(X)


@given(st.floats(-1e300, 1e300).filter(bool), st.integers(-2200, 2200))
def test_a_unit_is_given_back_exactly_or_not_at_all(value: float, exponent: int) -> None:
    found = in_unit(value, exponent)
    if found is None:
        assert not -1022 <= math.log2(abs(value)) + exponent < 1023.999
    else:
        assert math.ldexp(found, -exponent // 2) == math.ldexp(value, exponent + -exponent // 2)
    assert in_unit(0.0, exponent) == 0.0


@given(st.floats(-1e300, 1e300), st.none() | st.floats(0, 1e300), st.integers(-1500, 1500))
def test_what_a_report_could_not_hold_is_out_of_range(value: float, se: float | None, exponent: int) -> None:
    found = measured(value, se, exponent=exponent)
    if found.value is None:
        assert found.reason_code == "out_of_range"
    else:
        assert all(is_number(number) for number in (found.value, *(found.interval or ())))


def test_the_bounds_of_what_a_report_holds() -> None:
    assert measured(GREATEST).value == GREATEST
    assert measured(math.nextafter(GREATEST, math.inf)).reason_code == "out_of_range"
    assert measured(-GREATEST, 1.0).status == "ok"
    assert measured(GREATEST, 1e99).reason_code == "out_of_range"  # an end of its interval lies beyond
    assert measured(1.0, math.nan) == measured(1.0, math.inf) == measured(1.0)  # no standard error is known
    assert measured(1.0, exponent=-1022).value == 2.0**-1022
    assert measured(1.0, exponent=-1023).reason_code == "out_of_range"  # a denormal number has fewer digits


def test_huge_logits_are_certain_and_no_fault() -> None:
    """Squares and sums of logits that leave float64 once made NaN of a part of mano."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40, 5))
    for s in (1e60, 1e80, 1e155, 1e300, 1.7e308 / np.abs(logits).max()):
        for name in ("mano", "entropy", "infomax", "mcc", "snd", "nuclear_norm", "softmax_corr", "average_confidence"):
            found, sure = (getattr(metrics, name)(by * logits) for by in (s, 1e30))
            assert found.value == pytest.approx(sure.value, rel=1e-12, abs=1e-12), name
        assert metrics.mano(s * logits).parts["taylor"] == pytest.approx(metrics.mano(1e30 * logits).parts["taylor"])
        for name in ("atc_mc", "atc_ne", "doc", "cot"):
            call, labels = getattr(metrics, name), logits.argmax(axis=1)
            assert call(s * logits, s * logits, labels).value == call(1e30 * logits, 1e30 * logits, labels).value
