"""Intervals of scores that end at a bound, against the equations they solve and against rows left out one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from labelfree import metrics
from labelfree.evidence.targets import target
from labelfree.families.transfer.intervals import (
    below_the_greatest,
    count_interval,
    share_interval,
    skewed_mean,
    skewness_of,
)
from labelfree.families.transfer.leaving_out import (
    confusion_without,
    correlation_without,
    diversity_without,
    nuclear_without,
    share_spread,
    spread_of_few,
)
from labelfree.families.transfer.transport import integer_share, price_variance, transport
from labelfree.results import Result

Z = 1.96


@given(n=st.integers(1, 10_000), part=st.floats(0, 1))
def test_wilson_ends_are_where_the_score_test_ends(n: int, part: float) -> None:
    count = round(part * n)
    low, high = share_interval(count, n)
    assert 0 <= low <= count / n <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert (count / n - end) ** 2 == pytest.approx(Z**2 * end * (1 - end) / n, rel=1e-6, abs=1e-12)


@given(skewness=st.floats(-0.8, 0.8))
def test_hall_ends_are_normal_quantiles_after_his_transformation(skewness: float) -> None:
    ends = skewed_mean(0.4, 0.02, skewness, 0.0, 1.0)
    assert ends is not None
    for end, z in zip(ends, (Z, -Z), strict=True):
        t = (0.4 - end) / 0.02
        told = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
        assert told == pytest.approx(z, abs=1e-3)


def test_a_mean_of_a_few_rows_has_no_interval() -> None:
    assert skewed_mean(0.1, 0.05, 0.5, 0.0, 1.0) is not None
    assert skewed_mean(0.1, 0.0501, 0.5, 0.0, 1.0) is None
    assert skewed_mean(0.9, 0.0501, -0.5, 0.0, 1.0) is None
    assert skewed_mean(0.0, 0.0, 0.0, 0.0, 1.0) == (0.0, 0.0)


def test_skewness_of_a_mean_is_that_of_its_rows_over_a_root() -> None:
    rows = np.array([0.0, 0.0, 0.0, 1.0])  # skewness of a share p: (1 - 2 p) / sqrt(p (1 - p))
    assert skewness_of(rows, 100) == pytest.approx((1 - 0.5) / np.sqrt(0.25 * 0.75) / 10)
    assert skewness_of(np.ones(3), 3) == 0.0


@pytest.mark.parametrize("degrees", [1, 2, 4, 9, 40])
@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0, 30.0])
def test_a_noncentral_chi_square_is_covered(degrees: int, shift: float) -> None:
    """The law that the gap to the greatest value is taken for: c (N(a_j, 1)^2 summed), as many draws of it."""
    rng = np.random.default_rng([degrees, int(10 * shift)])
    away = np.sqrt(shift)  # noncentrality degrees * shift
    c, hits, draws = 0.3, 0, 1000
    for gap in c * ((rng.normal(size=(draws, degrees)) + away) ** 2).sum(axis=1):
        (low, high), error = below_the_greatest(gap, 4 * c * gap, 2 * degrees * c**2)
        assert 0 <= low <= gap <= high
        assert error >= np.sqrt(2 * degrees) * c * (1 - 1e-12)
        hits += low <= c * degrees * (1 + shift) <= high
    assert 0.905 <= hits / draws <= 0.995


def probabilities(n: int, k: int) -> NDArray[np.float64]:
    logits = 3 * np.random.default_rng([n, k]).normal(size=(n, k))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def confusion(P: NDArray[np.float64]) -> float:
    C = sum((1 + np.exp((p * np.log(p)).sum())) * np.outer(p, p) for p in P)
    return float(1 - np.mean(np.diagonal(C) / C.sum(axis=1)))


@pytest.mark.parametrize(("n", "k"), [(12, 3), (9, 6), (6, 8)])
def test_scores_without_a_row_are_those_of_the_other_rows(n: int, k: int) -> None:
    P = probabilities(n, k)
    outputs = target(logits=np.log(P)).outputs
    assert outputs is not None
    assert outputs.predictions is not None
    p = outputs.predictions
    values, vectors = np.linalg.eigh(P.T @ P / n)
    weight = 1 + np.exp((P * np.log(P)).sum(axis=1))
    others = [np.delete(P, i, axis=0) for i in range(n)]
    nuclear = [np.linalg.norm(Q, "nuc") / np.sqrt(n - 1) for Q in others]
    np.testing.assert_allclose(nuclear_without(np.maximum(values, 0), vectors, P, n), nuclear, rtol=2e-3)
    even = [np.trace(Q.T @ Q) / np.linalg.norm(Q.T @ Q) / np.sqrt(k) for Q in others]
    np.testing.assert_allclose(correlation_without(p, P), even, rtol=1e-9)
    spread = [-(Q.mean(axis=0) * np.log(Q.mean(axis=0))).sum() for Q in others]
    np.testing.assert_allclose(diversity_without(p, P), spread, rtol=1e-9)
    np.testing.assert_allclose(confusion_without(p, P, weight), [confusion(Q) for Q in others], rtol=1e-6)


@pytest.mark.parametrize(("k", "each"), [(2, 50), (5, 1), (20, 2), (40, 30)])
def test_the_spread_of_certain_even_classes_is_known(k: int, each: int) -> None:
    """Half the trace of (H S / n)^2 is (K - 1) / (2 n^2) there."""
    outputs = target(logits=1e4 * np.tile(np.eye(k), (each, 1))).outputs
    assert outputs is not None
    assert outputs.predictions is not None
    n = k * each
    assert share_spread(outputs.predictions) == pytest.approx((k - 1) / (2 * n**2))
    few = (k - 1) * (1 - (k - 1) / n) / (2 * n**2)
    assert spread_of_few(outputs.predictions) == pytest.approx(few)


def test_the_error_of_an_optimum_is_its_spread() -> None:
    """Transport to the class shares of a sample of labels: not the spread of prices that fit their own sample."""
    values, errors = [], []
    for seed in range(40):
        rng = np.random.default_rng([5, seed])
        z = 2 * rng.normal(size=(80, 6))
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        label = rng.integers(0, 6, 80)
        plan = transport(p, integer_share(np.bincount(label, minlength=6), 80))
        values.append(plan.gain / 80)
        errors.append(price_variance(p, label, plan.prices)[0])
    assert 0.8 <= np.sqrt(np.mean(errors)) / np.std(values, ddof=1) <= 1.25


def test_why_there_is_no_interval_is_said() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 12))
    for rows, said in ((X[:499], "it takes 500 rows, found 499"), (np.vstack([X[:-1], 30 * X[:1]]), "a few far rows")):
        found = metrics.hopkins(rows)
        assert (found.se, found.interval) == (None, None)
        assert "no interval: " + said in " ".join(found.warnings)
        whole = metrics.transfer_score(rows, rows, np.eye(12))
        assert (whole.se, whole.interval) == (None, None)
        assert "no interval: " + said in " ".join(whole.warnings)
    assert metrics.hopkins(X).interval is not None
    sure = np.tile([30.0, 0.0, 0.0], (50, 1))
    sure[0] = [0.1, 0.0, -9.0]
    for found in (metrics.entropy(sure), metrics.average_confidence(sure), metrics.mano(sure)):
        assert found.interval is None
        assert "no interval: a few rows" in found.warnings[-1]
    assert "no interval: of two classes" in metrics.mano(X[:, :2]).warnings[-1]
    labels = (X[:, :3].argmax(axis=1) + (np.arange(500) < 4)) % 3
    assert "no interval: it takes 5 source rows" in metrics.atc_mc(X[:, :3], X[:, :3], labels).warnings[-1]
    labels = (X[:, :3].argmax(axis=1) + (np.arange(500) < 5)) % 3
    assert metrics.atc_mc(X[:, :3], X[:, :3], labels).interval is not None
    assert metrics.cot(X[:, :3], X[:, :3], labels).interval is not None
    pair = metrics.cot(X[:, :2], X[:, :2], labels % 2)
    assert (pair.se, pair.interval) == (None, None)
    assert "no interval: of two classes one price" in pair.warnings[-1]
    narrow = metrics.hopkins(np.random.default_rng(1).normal(size=(500, 9)))
    assert "no interval: it takes 10 columns, found 9" in " ".join(narrow.warnings)
    few = metrics.snd(np.random.default_rng(1).normal(size=(119, 40)))
    assert "no interval: it takes 3 rows per class, 120 in all, found 119" in few.warnings[-1]


@pytest.mark.parametrize("name", ["diversity", "infomax", "nuclear_norm", "softmax_corr", "mcc", "snd"])
def test_where_few_rows_are_of_another_class_there_is_no_interval(name: str) -> None:
    score = getattr(metrics, name)

    def at(n: int, others: int) -> Result:
        logits = np.tile([40.0, 0.0, 0.0], (n, 1))
        logits[:others, 1:] += 40 + np.random.default_rng(n).normal(size=(others, 2))
        logits[:others, 0] = -40.0
        found: Result = score(logits)
        return found

    few = 200 if name in ("softmax_corr", "mcc") else 100
    for n, others in ((few, 25), (499, 25), (500, 20)):
        assert at(n, others).interval is not None
    for n, others in ((few, 24), (499, 24)):
        found = at(n, others)
        assert found.value is not None
        assert (found.se, found.interval) == (None, None)
        assert f"no interval: {others}.0 of {n} rows" in found.warnings[-1]


@pytest.mark.parametrize("name", ["softmax_corr", "mcc"])
def test_below_200_rows_confusion_and_correlation_have_no_interval(name: str) -> None:
    logits = 2 * np.random.default_rng(3).normal(size=(200, 4))
    score = getattr(metrics, name)
    assert score(logits).interval is not None
    found = score(logits[:199])
    assert found.value is not None
    assert (found.se, found.interval) == (None, None)
    assert found.warnings[-1] == "no interval: 199 rows, expected at least 200"


@given(n=st.integers(1, 300), part=st.floats(0, 1))
def test_mid_p_ends_halve_the_probability_of_the_count_itself(n: int, part: float) -> None:
    count = round(part * n)
    low, high = count_interval(count, n)
    assert 0 <= low <= count / n <= high <= 1
    for end, tail in ((low, binom.sf(count, n, low)), (high, binom.cdf(count - 1, n, high))):
        if 0 < end < 1:
            assert tail + binom.pmf(count, n, end) / 2 == pytest.approx(0.025, abs=1e-6)


def test_the_interval_of_mmd_solves_its_equation() -> None:
    rng = np.random.default_rng(2)
    found = metrics.mmd(rng.normal(size=(60, 3)) + 1, rng.normal(size=(50, 3)), permutations=99)
    null, error = found.parts["null_sd"], found.se
    assert isinstance(null, float)
    assert error is not None
    assert found.value is not None
    assert found.interval is not None
    slope = (error**2 - null**2) / np.hypot(found.value, error)
    for end in found.interval:
        # The variance at the value itself is what the slope says it is, to the hypotenuse.
        assert (found.value - end) ** 2 == pytest.approx(Z**2 * (null**2 + slope * end), rel=1e-6)
