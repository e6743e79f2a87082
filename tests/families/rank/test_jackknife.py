"""Standard errors by deletion, against deletion itself, and where there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree import metrics
from labelfree.evidence.evidence import evidence
from labelfree.evidence.tails import LEAST_INDEX, too_heavy
from labelfree.families.rank.intrinsic_dimension import deletion_error
from labelfree.families.rank.jackknife import ROUGH, error_of

Matrix = NDArray[np.float64]


def bounded(n: int, d: int, seed: int = 0) -> Matrix:
    """Rows without tails and with a spectrum that decays."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, size=(n, d)) * np.arange(1, d + 1) ** -0.4 + 0.3


def entropy_rank(p: Matrix) -> float:
    p = p[p > 0] / p.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def singular(X: Matrix) -> Matrix:
    return np.asarray(np.linalg.svd(X, compute_uv=False), dtype=np.float64)


def squares(X: Matrix) -> Matrix:
    return np.square(singular(X - X.mean(axis=0)))


DEFINITIONS: dict[str, Callable[[Matrix], float]] = {
    "rankme": lambda X: entropy_rank(singular(X)),
    "effective_rank": lambda X: entropy_rank(singular(X)),
    "rankme_centered": lambda X: entropy_rank(singular(X - X.mean(axis=0))),
    "erank_variance": lambda X: entropy_rank(squares(X)),
    "participation_ratio": lambda X: float(squares(X).sum() ** 2 / (squares(X) ** 2).sum()),
}


def by_deletion(value: Callable[[Matrix], float], rows: Matrix) -> float:
    """The corrected jackknife of Efron and Stein, every deletion computed anew."""
    n = len(rows)
    whole, half = value(rows), n // 2
    one = np.array([value(np.delete(rows, i, axis=0)) for i in range(n)])
    two = np.array([value(np.delete(rows, [i, i + half], axis=0)) for i in range(half)])
    single = ((n - 1) * (whole - one)).var(ddof=1)
    joint = ((n - 1) * (n - 2) * (whole - one[:half] - one[half : 2 * half] + two)).var(ddof=1) / n
    return float(np.sqrt((max(single - joint, 0) + joint / 2) / n))


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("d", [3, 20])
def test_the_error_is_that_of_deletions_computed_anew(name: str, d: int) -> None:
    X = bounded(120, d)
    rows = np.asarray(evidence(X).drawn.rows, dtype=np.float64)  # type: ignore[union-attr]
    found = getattr(metrics, name)(X)
    assert found.warnings == ()
    assert found.se == pytest.approx(by_deletion(DEFINITIONS[name], rows), rel=0.01)


@pytest.mark.parametrize("name", ["stable_rank", "nesum"])
def test_a_single_eigenvalue_to_the_second_order(name: str) -> None:
    X = bounded(400, 6) @ np.diag([4.0, 1, 1, 1, 1, 1])
    rows = np.asarray(evidence(X).drawn.rows, dtype=np.float64)  # type: ignore[union-attr]

    def value(X: Matrix) -> float:
        sigma = np.linalg.svd(X - X.mean(axis=0) if name == "nesum" else X, compute_uv=False)
        return float((sigma**2).sum() / sigma[0] ** 2)

    assert getattr(metrics, name)(X).se == pytest.approx(by_deletion(value, rows), rel=0.02)


@pytest.mark.parametrize("name", ["rankme", "nesum", "uniformity", "coding_rate", "separability"])
def test_the_error_has_no_unit(name: str) -> None:
    X = bounded(150, 8)
    assert getattr(metrics, name)(X * 1e20).se == pytest.approx(getattr(metrics, name)(X).se, rel=1e-6)


def test_the_error_of_lidar_is_that_of_deletions_computed_anew() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(90), rng.integers(2, 5, 90))
    X = bounded(90, 10)[group] + 0.1 * rng.normal(size=(len(group), 10))
    found = metrics.lidar(X, group)
    one = np.array([metrics.lidar(X[group != i], group[group != i]).value for i in range(90)])
    assert found.se == pytest.approx((89 * one).std(ddof=1) / np.sqrt(90), rel=0.01)


def test_the_error_of_id_mle_is_that_of_deletions_computed_anew() -> None:
    """Distances recomputed without each row; half of the variance, as said."""
    X = bounded(60, 3)
    k = 5

    def terms(X: Matrix) -> Matrix:
        distance = np.linalg.norm(X[:, None] - X, axis=2)
        near = np.sort(distance, axis=1)[:, 1 : k + 1]
        return np.asarray(np.log(near[:, -1:] / near[:, :-1]).mean(axis=1))

    distance = np.linalg.norm(X[:, None] - X, axis=2)
    index = np.argsort(distance, axis=1)[:, 1 : k + 2]
    logs = np.log(np.take_along_axis(distance, index, axis=1))
    value = 60 / float(terms(X).sum())
    one = np.array([59 / terms(np.delete(X, i, axis=0)).sum() for i in range(60)])
    assert deletion_error(value, terms(X), logs, index) == pytest.approx(
        (59 * one).std(ddof=1) / np.sqrt(120), rel=1e-9
    )


def test_pairs_count_once() -> None:
    """A value that pairs alone make: the mean of x_i x_j over pairs of signs has standard deviation sqrt(2) / n."""
    n = 1000
    expected = float(np.sqrt(2) / n)
    draws = []
    for seed in range(200):
        sign = np.random.default_rng(seed).choice([-1.0, 1.0], n)
        influence = 2 * sign * (sign.sum() - sign) / (n - 1)
        draws.append(error_of(n, influence, 2 * sign[:400] * sign[400:800]).se)
    held = [se for se in draws if se is not None]
    assert min(held) == pytest.approx(expected, rel=0.02)


def test_what_pairs_make_alone_has_no_interval() -> None:
    single = np.random.default_rng(0).normal(size=100)
    joint = np.random.default_rng(1).normal(size=(2, 100))[0] * 10
    ratio = joint.var(ddof=1) / 100 / single.var(ddof=1)
    at = joint * np.sqrt(ROUGH / ratio)
    assert error_of(100, single, at * 0.999).se is not None
    refused = error_of(100, single, at * 1.001)
    assert refused.se is None
    assert "pairs of rows" in refused.warnings[0]
    assert error_of(100, single, np.empty(0)).se == pytest.approx(single.std(ddof=1) / 10)


@pytest.mark.parametrize("name", ["rankme", "rankme_centered", "erank_variance", "participation_ratio", "nesum"])
def test_heavy_tails_have_no_interval(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 8)) * np.arange(1, 9) ** -0.5
    heavy = getattr(metrics, name)(rows * np.sqrt(3 / rng.chisquare(3, (800, 1))))
    assert heavy.value is not None
    assert heavy.se is None is heavy.interval
    assert "tail index" in heavy.warnings[0]
    assert getattr(metrics, name)(rows).se is not None


def test_the_tail_index_is_that_of_a_pareto_law() -> None:
    """Exact quantiles of Pareto laws: Hill's estimate of the index is it, and the bound lies 1.645 errors below."""
    for index, expected in ((1.8, False), (2.2, False), (2.7, True), (6.0, True)):
        squared = (1 - (np.arange(2000) + 0.5) / 2000) ** (-1 / index)
        said = too_heavy(squared, "rows")
        assert (said == "") == expected
        if said:
            k = int(4 * 2000**0.5)
            assert f"bound {index * (1 - 1.645 / k**0.5):.1f}" in said
    assert LEAST_INDEX == 2
    assert too_heavy(np.arange(20.0), "rows") != ""  # too few to tell


def test_a_mean_over_pairs_near_its_bound_has_no_interval() -> None:
    """Rows about zero: their mean cosine is what the mean of n rows leaves, whose law is no normal one."""
    half = np.random.default_rng(0).normal(size=(150, 4))
    X = np.vstack([half, -half])
    refused = metrics.mean_cosine(X)
    assert refused.se is None
    assert "pairs of rows" in refused.warnings[0]
    assert metrics.mean_cosine(X + 0.5).se is not None


def test_few_items_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    for items, offered in ((19, False), (20, True)):
        group = np.repeat(np.arange(items), 2)
        found = metrics.alignment(rng.normal(size=(len(group), 3)), group)
        assert (found.se is not None) == offered
    group = np.repeat(np.arange(30), [60, *[2] * 29])
    assert "30 items weigh as" in metrics.alignment(rng.normal(size=(len(group), 3)), group).warnings[0]


def test_few_rows_have_no_interval_of_the_dimension() -> None:
    assert metrics.id_mle(bounded(199, 3)).se is None
    assert "expected at least 200" in metrics.id_mle(bounded(199, 3)).warnings[0]
    assert metrics.id_mle(bounded(200, 3)).se is not None


def power_law(n: int, d: int, slope: float) -> Matrix:
    """Bounded rows whose j-th column has the variance j^-slope."""
    rows: Matrix = np.random.default_rng(7).uniform(-1, 1, size=(n, d)) * np.arange(1, d + 1) ** (-slope / 2)
    return rows


@pytest.mark.parametrize(
    ("n", "d", "slope", "offered"),
    [
        (300, 60, 1.0, False),
        (4_000, 60, 1.0, True),
        (500, 130, 1.0, False),
        (900, 130, 2.0, True),
        (800, 40, 0.5, False),
    ],
)
def test_crowded_eigenvalues_have_no_interval_of_their_slope(n: int, d: int, slope: float, offered: bool) -> None:
    """Neighbors at least .3 of an error apart, and twice the slope that noise alone has."""
    result = metrics.alpha_req(power_law(n, d, slope))
    last = min(d, 100)
    apart, noise = result.value * (n / 2) ** 0.5 / last, result.value * n**0.5 / 12
    assert offered == (apart >= 0.3 and noise >= 2)
    assert (result.se is not None) == offered
    assert any("nearer to each other" in said for said in result.warnings) == (not offered)
    assert result.status == "ok"


def test_the_dimension_of_two_neighbors_has_no_interval_below_100_rows() -> None:
    X = np.random.default_rng(3).normal(size=(100, 3))
    assert metrics.twonn(X).interval is not None
    found = metrics.twonn(X[:99])
    assert (found.se, found.interval) == (None, None)
    assert found.warnings == ("no interval: 99 distinct rows, expected at least 100",)
