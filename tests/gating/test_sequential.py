"""The rule slope, version 2, against matrices, scipy and a second writing of it; and what it promises, in small."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.gating.sequential import (
    HORIZON,
    checks_needed,
    fall,
    greatest_fall,
    improvement,
    inflation,
    level,
)
from repository import ROOT

pytestmark = pytest.mark.once

VALUES = st.lists(st.integers(-40, 40).map(lambda v: v / 64), min_size=6, max_size=40)


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("stop_rule")


@pytest.mark.parametrize("size", [3, 4, 6, 17, 60])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8, 0.95])
def test_the_inflation_is_that_of_the_covariance_matrix(size: int, correlation: float) -> None:
    x = np.arange(size) - (size - 1) / 2
    X = np.c_[np.ones(size), x]
    residuals = np.eye(size) - X @ np.linalg.inv(X.T @ X) @ X.T
    R = correlation ** np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    of_slope, of_scatter = x @ R @ x / (x @ x), np.trace(residuals @ R) / (size - 2)
    assert inflation(size, correlation) == pytest.approx(np.sqrt(of_slope / of_scatter), rel=1e-10)


@given(VALUES, st.sampled_from([None, 6, 40, 100]), st.sampled_from([0.8, 0.9, 0.99]))
def test_the_bound_is_the_best_of_the_normal_equations(
    values: list[float], planned: int | None, confidence: float
) -> None:
    stats = pytest.importorskip("scipy.stats")
    window = 5
    found = improvement(values, window=window, confidence=confidence, planned=planned)
    share = level(1 - confidence, len(values) - window + 1, planned)
    highs, size = [], window
    while size <= len(values):
        X = np.c_[np.ones(size), np.arange(size)]
        beta, *_ = np.linalg.lstsq(X, np.array(values[-size:]), rcond=None)
        rest = values[-size:] - X @ beta
        error = np.sqrt(rest @ rest / (size - 2) * np.linalg.inv(X.T @ X)[1, 1])
        highs.append((beta[1] + stats.t.isf(share, size - 2) * error * inflation(size)) * (window - 1))
        size = max(size + 1, int(np.ceil(size * 1.3)))
    assert found.high == pytest.approx(min(highs), rel=1e-6, abs=1e-9)
    assert found.low <= found.estimate <= found.high
    assert window <= found.checks <= len(values)


@given(VALUES, st.integers(-8, 8), st.sampled_from([0.25, 2.0, 8.0]))
def test_a_shift_changes_nothing_and_a_scale_scales(values: list[float], shift: int, scale: float) -> None:
    kept: dict[str, Any] = {"confidence": 0.9, "planned": 50}
    one, other = (improvement(v, window=4, **kept) for v in (values, [shift + scale * v for v in values]))
    assert other.high == pytest.approx(scale * one.high, rel=1e-9, abs=1e-9)
    before, after = fall(values, **kept), fall([shift + scale * v for v in values], **kept)
    assert before is not None
    assert after is not None
    assert after.least == pytest.approx(scale * before.least, rel=1e-9, abs=1e-9)


def test_decisions_spend_the_error_of_the_run_and_no_more() -> None:
    for planned in (1, 7, 194):
        spent = [level(0.1, j, planned) for j in range(1, planned + 1)]
        assert len(set(spent)) == 1
        assert sum(spent) <= 0.1 / 2
    unknown = [level(0.1, j, None) for j in range(1, HORIZON + 1)]
    assert sum(unknown) < 0.1 / 2
    assert unknown == sorted(unknown, reverse=True)


def test_a_line_and_a_constant_have_no_noise() -> None:
    flat = improvement([0.3] * 12, window=6, confidence=0.9, planned=None)
    assert max(abs(flat.high), abs(flat.low)) < 1e-12
    line = improvement([0.5 + 0.125 * i for i in range(12)], window=6, confidence=0.9, planned=None)
    assert [line.low, line.estimate, line.high] == pytest.approx([0.625] * 3)


def test_the_fall_by_hand() -> None:
    """Levels 1, 2, 3 and 3, 2, 1 about means; second differences 0, 0, -1, 0, 0 of noise sqrt(1 / 5 / 0.88)."""
    found = fall([1.0, 2.0, 3.0, 3.0, 2.0, 1.0], confidence=0.9, planned=1)
    assert found is not None
    assert found.estimate == pytest.approx(0.0)
    assert found.best == 1
    wiggles = np.array([0.0, -1.0, -1.0, 0.0])
    noise = np.sqrt((wiggles**2).mean() / 0.88)
    assert found.least == pytest.approx(-greatest_fall(0.9, 6) * noise)
    assert fall([1.0] * 5, confidence=0.9, planned=None) is None


def test_a_sharp_fall_is_seen_before_a_plateau_could_be() -> None:
    run = [0.02 * i for i in range(12)] + [0.1, 0.099, 0.1]
    fallen = fall(run, confidence=0.9, planned=20)
    assert fallen is not None
    assert fallen.best == 10
    assert fallen.estimate > 0.1
    assert improvement(run, window=6, confidence=0.9, planned=20).high > 0.01


def test_what_would_decide_decides() -> None:
    """A flat run with the scatter that it has: after so many more checks of the same kind the bound lies below."""
    rng = np.random.default_rng(0)
    run = (0.003 * rng.normal(size=8)).tolist()
    kept: dict[str, Any] = {"window": 6, "confidence": 0.9, "planned": 60}
    found = improvement(run, **kept)
    assert found.high > 0.01
    more = checks_needed(found, seen=len(run), least=0.01, **kept)
    assert more is not None
    assert 1 < more < 30
    assert checks_needed(found, seen=len(run), least=found.estimate, **kept) is None  # it still improves
    assert checks_needed(found, seen=len(run), least=0.01, window=6, confidence=0.9, planned=3) is None


def stops(run: np.ndarray[Any, Any], planned: int | None, warmup: int, window: int) -> int | None:
    for i in range(warmup + window, len(run) + 1):
        seen = run[warmup:i].tolist()
        if improvement(seen, window=window, confidence=0.9, planned=planned).high < 0.01:
            return i - 1
    return None


def fallen(run: np.ndarray[Any, Any], planned: int | None, warmup: int, window: int) -> int | None:
    for i in range(warmup + max(window, 6), len(run) + 1):
        found = fall(run[warmup:i].tolist(), confidence=0.9, planned=planned)
        if found is not None and found.least > 0.01:
            return i - 1
    return None


def test_the_study_writes_the_same_rule_down(study: Any) -> None:
    rng = np.random.default_rng(11)
    for checks, planned in ((10, 10), (30, 30), (40, None)):
        warmup, window = study.numbers(planned)
        decisions = None if planned is None else planned - warmup - window + 1
        curve = study.flat_from_a_third(checks) - 0.02 * np.maximum(np.arange(checks) - 0.8 * checks, 0)
        Y = curve + 0.002 * study.noise(12, checks, 0.5, rng)
        for theirs, ours in ((study.plateaus, stops), (study.falls, fallen)):
            expected = [None if s == study.NEVER else int(s) for s in theirs(Y, planned)]
            assert [ours(run, decisions, warmup, window) for run in Y] == expected


def test_runs_that_still_improve_are_rarely_stopped(study: Any) -> None:
    """Two lines at the limit under noise of autocorrelation 0.8: at most 10 % of 1,500 runs, three errors above it."""
    for checks in (10, 40):
        rng = np.random.default_rng([12, checks])
        Y = study.at_the_limit(checks) + 0.004 * study.noise(1500, checks, 0.8, rng)
        share = float(np.mean(study.slope_v2(Y, checks) < study.NEVER))
        assert 0.01 < share < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 1500)
