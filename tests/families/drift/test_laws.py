"""Laws of the drift family: what changes nothing, what must be 0, where there is no value, and false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles_drift as oracles
from labelfree import metrics as typed
from labelfree.families.drift.shares import limit
from labelfree.families.drift.unusual import Scale, scale_of, shrunken
from labelfree.results import Result

metrics: Any = typed
OF_ROWS = (
    "energy_ratio", "cauchy_schwarz", "c2st_auc", "knn_two_sample", "frechet_whitened", "ks_dimensions",
    "share_beyond_95", "share_beyond_99",
)  # fmt: skip
FEW = {
    "energy_ratio": {"permutations": 9},
    "cauchy_schwarz": {"permutations": 9},
    "knn_two_sample": {"permutations": 9},
}
seeds = st.integers(0, 10_000)


def of(name: str, X: Any, reference: Any) -> Result:
    return getattr(metrics, name)(X, reference, **FEW.get(name, {}))  # type: ignore[no-any-return]


def drawn(seed: int, n: int = 260, m: int = 60, d: int = 5) -> tuple[oracles.Matrix, oracles.Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.2


@pytest.mark.parametrize("name", ["energy_ratio", "cauchy_schwarz", "knn_two_sample"])
@settings(max_examples=5)
@given(seeds)
def test_the_sides_may_be_swapped(name: str, seed: int) -> None:
    X, Y = drawn(seed)
    one, other = of(name, Y, X), of(name, X, Y)
    assert other.value == pytest.approx(one.value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in OF_ROWS if n not in ("c2st_auc", "ks_dimensions")])
@settings(max_examples=5)
@given(seeds)
def test_rotation_changes_nothing(name: str, seed: int) -> None:
    X, Y = drawn(seed)
    turn = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(5, 5)))[0]
    assert of(name, Y @ turn, X @ turn).value == pytest.approx(of(name, Y, X).value, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", ["energy_ratio", "cauchy_schwarz", "knn_two_sample", "frechet_whitened"])
@settings(max_examples=5)
@given(seeds)
def test_rotation_and_translation_change_nothing(name: str, seed: int) -> None:
    X, Y = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    turn, offset = np.linalg.qr(rng.normal(size=(5, 5)))[0], 10 * rng.normal(size=5)
    one, other = of(name, Y, X), of(name, Y @ turn + offset, X @ turn + offset)
    assert other.value == pytest.approx(one.value, rel=1e-7, abs=1e-9)


@settings(max_examples=5)
@given(seeds)
def test_frechet_whitened_is_the_same_after_every_invertible_map(seed: int) -> None:
    X, Y = drawn(seed)
    A = np.random.default_rng(seed + 2).normal(size=(5, 5)) + 3 * np.eye(5)
    assert of("frechet_whitened", Y @ A, X @ A).value == pytest.approx(of("frechet_whitened", Y, X).value, rel=1e-6)


def test_the_same_rows_on_both_sides_have_no_distance() -> None:
    X, _ = drawn(0)
    assert metrics.energy_ratio(X, X, permutations=9).parts["biased"] == pytest.approx(0.0, abs=1e-7)
    assert metrics.cauchy_schwarz(X, X, permutations=9).parts["biased"] == pytest.approx(0.0, abs=1e-9)
    found = metrics.frechet_whitened(X, X)
    assert (found.parts["means"], found.parts["spreads"]) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert metrics.ks_dimensions(X, X).value == 0


@pytest.mark.parametrize("name", OF_ROWS)
def test_few_rows_are_undefined(name: str) -> None:
    rng = np.random.default_rng(0)
    for n, m in ((300, 19), (19, 300), (1, 1)):
        found = of(name, rng.normal(size=(m, 2)), rng.normal(size=(n, 2)))
        assert (found.value, found.reason_code) == (None, "insufficient")
    enough = of(name, rng.normal(size=(20, 2)), rng.normal(size=(300, 2)))
    assert enough.value is not None


def test_shares_need_rows_to_calibrate_by() -> None:
    rng = np.random.default_rng(0)
    few, some, enough = (
        metrics.share_beyond_95(rng.normal(size=(50, 3)), rng.normal(size=(n, 3))) for n in (199, 200, 1000)
    )
    assert (few.value, few.reason_code) == (None, "insufficient")
    assert [one.code for one in some.warnings] == ["few_reference_rows"]
    assert enough.warnings == ()


@pytest.mark.parametrize("name", ["energy_ratio", "cauchy_schwarz", "knn_two_sample", "frechet_whitened"])
def test_equal_rows_are_undefined(name: str) -> None:
    found = of(name, np.ones((30, 3)), np.ones((30, 3)))
    assert (found.value, found.reason_code) == (None, "collapsed")


def test_columns_that_never_change_are_left_out() -> None:
    X, Y = drawn(3)
    still = np.full((len(X), 1), 7.0), np.full((len(Y), 1), 7.0)
    wide = metrics.frechet_whitened(np.hstack([Y, still[1]]), np.hstack([X, still[0]]))
    assert wide.value == pytest.approx(metrics.frechet_whitened(Y, X).value, rel=1e-9)
    assert (wide.parts["still"], wide.parts["directions"]) == (1, 5)


def test_a_classifier_is_blind_to_spread_and_energy_is_not() -> None:
    X, Y = oracles.CASES["D2"]
    auc, energy = metrics.c2st_auc(Y, X), metrics.energy_ratio(Y, X)
    assert auc.interval is not None
    assert auc.interval[0] < 0.5
    assert energy.parts["p_value"] == 0.002
    assert metrics.share_beyond_95(Y, X).value > 0.5


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(-1, 7))
def test_conformal_p_values_are_counts(calibration: list[int], score: int) -> None:
    scale = Scale(
        "distance", lambda rows, logits: np.asarray(rows[:, 0], np.float64), np.sort(np.array(calibration, float))
    )
    expected = (1 + sum(c >= score for c in calibration)) / (len(calibration) + 1)
    assert scale.p_values(np.array([float(score)]))[0] == expected


@settings(max_examples=20)
@given(seeds, st.sampled_from([100, 199, 200, 401]))
def test_rows_above_the_limit_are_those_beyond(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    scale = Scale("distance", lambda rows, logits: np.asarray(rows[:, 0], np.float64), np.sort(rng.normal(size=n)))
    scores = rng.normal(size=500)
    for tail in (0.05, 0.01):
        if tail * (n + 1) >= 1:
            assert ((scores > limit(scale, tail)) == (scale.p_values(scores) <= tail)).all()


@pytest.mark.parametrize("method", ["combined", "distance", "direction", "mahalanobis"])
def test_rows_like_the_reference_are_as_unusual_as_chance_says(method: Any) -> None:
    """Of exchangeable rows the p-values are uniform: their mean over many draws is a half, 5 % are at most .05."""
    from labelfree.evidence.targets import beside

    beyond, means = [], []
    for seed in range(40):
        rng = np.random.default_rng([seed, 5])
        e = beside(rng.normal(size=(100, 16)), rng.normal(size=(300, 16)), "reference", seed)
        assert e.reference is not None
        assert e.drawn is not None
        scale = scale_of(e.reference, method)
        p = scale.p_values(scale.score(e.drawn.rows, None))
        beyond.append((p <= 0.05).mean())
        means.append(p.mean())
    sd = (0.05 * 0.95 * (1 / 100 + 1 / 150) / 40) ** 0.5
    assert np.mean(beyond) == pytest.approx(7 / 151, abs=4 * sd)  # p <= .05 holds for 7 of the 151 ranks
    assert np.mean(means) == pytest.approx(0.5 + 0.5 / 151, abs=0.03)


def test_energy_ratio_alarms_by_chance_as_often_as_it_says() -> None:
    p = [metrics.energy_ratio(*drawn_alike(seed), permutations=19, seed=seed).parts["p_value"] for seed in range(200)]
    assert 0 < np.mean(np.array(p) <= 0.05) < 0.05 + 4 * (0.05 * 0.95 / 200) ** 0.5


def drawn_alike(seed: int) -> tuple[oracles.Matrix, oracles.Matrix]:
    rng = np.random.default_rng([seed, 11])
    return rng.normal(size=(25, 4)), rng.normal(size=(40, 4))


def test_the_shrunken_covariance_keeps_its_trace_and_its_ends() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6))
    away = X - X.mean(axis=0)
    C = away.T @ away / 30
    fourth = float((np.einsum("ij,ij->i", away, away) ** 2).mean())
    assert np.trace(shrunken(C, fourth, 30)) == pytest.approx(np.trace(C))
    assert shrunken(C, fourth, 10**12) == pytest.approx(C, rel=1e-6, abs=1e-9)
    assert shrunken(C, 1e9, 30) == pytest.approx(np.eye(6) * np.trace(C) / 6)


def test_confusions_that_determine_nothing_are_refused() -> None:
    logits = np.tile(np.eye(2)[0], (40, 1))
    found = metrics.bbse(logits, logits, [0, 1] * 20)
    assert (found.value, found.reason_code) == (None, "confused_classes")
    assert metrics.bbse(np.eye(2)[[0, 1] * 15], np.eye(2)[[0, 1] * 15], [0, 1] * 15).value == pytest.approx(0.0)
