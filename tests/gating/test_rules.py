"""The plateau rules against other implementations: scipy, Lightning's and Transformers' own EarlyStopping."""

from __future__ import annotations

import math
import types
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.gating import student
from labelfree.gating.rules import patience, slope, stdev

VALUES = st.lists(st.integers(-40, 40).map(lambda v: v / 8), min_size=1, max_size=25)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 10, 31, 100, 1001])
def test_student_is_that_of_scipy(df: int) -> None:
    t = pytest.importorskip("scipy.stats").t
    for p in (0.5, 0.6, 0.75, 0.9, 0.95, 0.975, 0.99, 0.999, 0.9999):
        expected = float(t.ppf(p, df))
        assert student.quantile(p, df) == pytest.approx(expected, rel=1e-10, abs=1e-12)
        assert student.quantile(1 - p, df) == pytest.approx(-expected, rel=1e-9, abs=1e-12)
    for x in (-50.0, -2.5, -0.1, 0.0, 1e-6, 0.7, 3.0, 40.0):
        assert student.cdf(x, df) == pytest.approx(float(t.cdf(x, df)), abs=1e-10)  # scipy itself is off by 1e-11


def test_student_refuses_what_it_is_not_defined_for() -> None:
    for bad in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            student.quantile(bad, 4)
    with pytest.raises(ValueError, match="at least 1"):
        student.cdf(1.0, 0)


def test_the_slope_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for n in (3, 6, 11):
        y = rng.normal(size=n).cumsum()
        fit = stats.linregress(np.arange(n), y)
        found = slope(y.tolist(), confidence=0.9)
        assert found.estimate == pytest.approx(fit.slope * (n - 1), rel=1e-12)
        assert found.se == pytest.approx(fit.stderr * (n - 1), rel=1e-10)
        margin = stats.t.ppf(0.9, n - 2) * fit.stderr * (n - 1)
        assert found.high == pytest.approx(found.estimate + margin, rel=1e-10)
        assert found.low == pytest.approx(found.estimate - margin, rel=1e-10)
        assert found.noise == "residuals"


def test_the_weighted_slope_is_that_of_the_normal_equations() -> None:
    rng = np.random.default_rng(1)
    y, s = rng.normal(size=7), rng.uniform(0.5, 3.0, size=7)
    A = np.stack([np.ones(7), np.arange(7.0)], axis=1)
    W = np.diag(1 / s**2)
    covariance = np.linalg.inv(A.T @ W @ A)
    beta = covariance @ A.T @ W @ y
    rest = y - A @ beta
    chi2 = float(rest @ W @ rest) / 5
    found = slope(y.tolist(), confidence=0.9, errors=s.tolist())
    assert found.estimate == pytest.approx(6 * beta[1], rel=1e-10)
    assert found.se == pytest.approx(6 * math.sqrt(covariance[1, 1] * chi2), rel=1e-10)


@given(VALUES.filter(lambda v: len(v) >= 3), st.floats(0.01, 100))
def test_equal_errors_and_their_size_change_nothing(values: list[float], error: float) -> None:
    bare, weighted = (slope(values, confidence=0.9, errors=e) for e in (None, [error] * len(values)))
    assert weighted.high == pytest.approx(bare.high, rel=1e-9, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-16, 1)), min_size=3, max_size=9),
    st.integers(0, 8),
)
def test_the_weighted_slope_is_exact_whatever_the_errors(checks: list[tuple[int, int]], certain: int) -> None:
    """Against fractions, also where one check is as good as certain, as that of rows which all repeat."""
    values, errors = [v / 8 for v, _ in checks], [10.0**e for _, e in checks]
    errors[certain % len(errors)] = 2.5e-16
    w, y = [1 / Fraction(e) ** 2 for e in errors], [Fraction(v) for v in values]
    total = sum(w)
    x_mean = sum(a * i for i, a in enumerate(w)) / total
    y_mean = sum(a * b for a, b in zip(w, y, strict=True)) / total
    spread = sum(a * (i - x_mean) ** 2 for i, a in enumerate(w))
    rise = sum(a * (i - x_mean) * (b - y_mean) for i, (a, b) in enumerate(zip(w, y, strict=True))) / spread
    exact = float(rise * (len(y) - 1))
    assert slope(values, confidence=0.9, errors=errors).estimate == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_a_constant_window_and_a_line_have_no_noise() -> None:
    flat = slope([0.3] * 6, confidence=0.9)
    assert max(abs(flat.estimate), flat.se) < 1e-15
    line = slope([0.5 + 0.125 * i for i in range(6)], confidence=0.9)
    assert [line.estimate, line.low, line.high] == pytest.approx([0.625] * 3)


def test_paired_replicates_cancel_what_the_checks_share() -> None:
    rng = np.random.default_rng(2)
    values, rows = [0.3] * 6, rng.normal(size=20)
    shared = [[0.3 + float(r) for r in rows]] * 6
    assert slope(values, confidence=0.9, replicates=shared, factor=2.0).high == pytest.approx(0, abs=1e-12)
    own = rng.normal(size=(6, 20))
    found = slope(values, confidence=0.9, replicates=own.tolist(), factor=2.0)
    gains = np.polyfit(np.arange(6), own, 1)[0] * 5
    assert found.se == pytest.approx(2 * gains.std(ddof=1), rel=1e-10)
    assert found.noise == "paired"
    noisy = slope([0.0, 9.0, 0.0, 9.0, 0.0, 9.0], confidence=0.9, replicates=shared, factor=2.0)
    assert noisy.se == slope([0.0, 9.0, 0.0, 9.0, 0.0, 9.0], confidence=0.9).se  # the scatter is the larger


def test_stdev_is_that_of_numpy() -> None:
    assert stdev([1.0, 2.0, 4.0]) == pytest.approx(np.std([1.0, 2.0, 4.0], ddof=1))


def test_the_false_stops_are_as_many_as_the_confidence_says() -> None:
    """A creep of exactly min-delta over the window: one answer in ten may be a stop, per check."""
    rng = np.random.default_rng(3)
    wrong = [
        slope((0.002 * np.arange(6) + 0.01 * rng.normal(size=6)).tolist(), confidence=0.9).high < 0.01
        for _ in range(3000)
    ]
    assert np.mean(wrong) == pytest.approx(0.1, abs=0.018)


def stops(values: list[float], most: int, min_delta: float) -> int | None:
    """The first check at which the rule stops a run that obeys it."""
    for i in range(len(values)):
        if i >= most and patience(values[: i + 1], min_delta=min_delta).checks >= most:
            return i
    return None


@given(VALUES, st.integers(1, 5), st.sampled_from([0.0, 0.125, 0.25, 1.0]), st.sampled_from(["max", "min"]))
def test_patience_is_that_of_lightning(values: list[float], most: int, delta: float, mode: str) -> None:
    torch = pytest.importorskip("torch")
    callbacks = pytest.importorskip("lightning.pytorch.callbacks")
    stopper = callbacks.EarlyStopping("m", min_delta=delta, patience=most, mode=mode, check_finite=False)
    theirs = None
    for i, value in enumerate(values):
        stop, _ = stopper._evaluate_stopping_criteria(torch.tensor(value, dtype=torch.float64))
        if stop:
            theirs = i
            break
    ours = stops([v if mode == "max" else -v for v in values], most, delta)
    assert ours == theirs


def hugging(values: list[float], most: int, threshold: float) -> int | None:
    """Transformers' own callback, driven as its Trainer drives it: best_metric moves on any improvement."""
    from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

    callback = EarlyStoppingCallback(most, threshold)
    arguments: Any = types.SimpleNamespace(metric_for_best_model="eval_m", greater_is_better=True)
    state, control = TrainerState(), TrainerControl()
    for i, value in enumerate(values):
        callback.on_evaluate(arguments, state, control, {"eval_m": value})
        if control.should_training_stop:
            return i
        if state.best_metric is None or value > state.best_metric:
            state.best_metric = value
    return None


@given(VALUES, st.integers(1, 5))
def test_patience_is_that_of_transformers_without_a_threshold(values: list[float], most: int) -> None:
    pytest.importorskip("transformers")
    assert stops(values, most, 0.0) == hugging(values, most, 0.0)


def test_a_slow_creep_stops_transformers_and_neither_lightning_nor_us() -> None:
    pytest.importorskip("transformers")
    creep = [i / 8 for i in range(20)]
    assert hugging(creep, 3, 0.25) == 3
    assert stops(creep, 3, 0.25) is None


def test_patience_at_equality() -> None:
    assert patience([0.0, 0.25], min_delta=0.25).checks == 1  # an improvement must exceed min_delta
    assert patience([0.0, 0.375], min_delta=0.25).checks == 0
    assert patience([1.0, 1.0], min_delta=0.0).best == 0
