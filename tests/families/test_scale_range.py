"""Beyond the scale law: rows that are refused, what has a unit beside values, and the limits of LiDAR."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from labelfree import metrics
from labelfree.errors import ArrayError
from labelfree.results import Result
from scales import (
    BY_NAME,
    FEW,
    LIMITED,
    OF_WEIGHTS,
    SEEN,
    Array,
    applied,
    clusters,
    needed,
    obeyed,
    of,
    plain,
    times,
)


@pytest.mark.parametrize("name", [name for name in SEEN if name not in OF_WEIGHTS])
@pytest.mark.parametrize("exponent", [-308, -200, -150.02, 150.02, 200, 306])
def test_rows_beyond_the_range_are_refused_with_a_reason(name: str, exponent: float) -> None:
    needed(name)
    given, metric = clusters(0), BY_NAME[name]
    if name == "classifier_nonuniformity":  # a head is no sample of rows; its directions are found at any scale
        found = of(metric, given, 10**exponent)
        assert found.value == pytest.approx(plain(metric, "clusters", 0).value, rel=1e-9)
        return
    there = [float(np.sqrt((given[side] ** 2).mean())) for side in ("X", "source")]
    s = 10**exponent / (min(there) if exponent > 0 else max(there))
    beyond = {**given, "X": given["X"] * s, "source": given["source"] * s}
    under, cure = ("under", "multiply") if exponent < 0 else ("over", "divide")
    with pytest.raises(ArrayError, match=rf"^X: its squares {under}flow float64; {cure} the rows by a cons") as said:
        applied(metric.function, beyond, **FEW.get(name, {}))
    expected, found_size = re.fullmatch(r".*: expected (.*), found (.*)", str(said.value)).groups()  # type: ignore[union-attr]
    assert expected == "a root mean square from 1e-150 to 1e+150"
    assert math.log10(float(found_size)) == pytest.approx(exponent, abs=0.7)


@pytest.mark.parametrize("name", [name for name in SEEN if name not in LIMITED])
def test_rows_of_zeros_are_what_they_were(name: str) -> None:
    """All zero has no scale: it is refused nowhere, and undefined or a count as ever."""
    needed(name)
    found = of(BY_NAME[name], clusters(0), 0.0)
    assert found.status == "ok" or found.reason_code is not None


@pytest.mark.parametrize("normalize", ["none", "l2", "layernorm", "zscore"])
@pytest.mark.parametrize("exponent", [-149, -80.3, 80.3, 96.0, 149])
def test_deaths_of_rows_as_they_are_have_their_unit(normalize: str, exponent: float) -> None:
    X = clusters(0)["X"]
    s, power = 10**exponent / float(np.sqrt((X**2).mean())), int(normalize == "none")
    for name in ("separability", "separability_robust", "persistence_entropy", "total_persistence"):
        one, other = (getattr(metrics, name)(by * X, normalize=normalize) for by in (1.0, s))
        p = power if name == "total_persistence" else 0
        assert obeyed(one, other, s, p) == (p == 0 or exponent < 97)
        if name == "separability":
            for part in ("max", "mean", "median"):
                assert other.parts[part] == pytest.approx(times(number(one.parts[part]), s, power), rel=1e-9)


def test_parts_in_the_unit_of_the_rows_have_it() -> None:
    given = clusters(0)
    X, source = given["X"], given["source"]
    for s in (1e-70, 1e-145, 3e66):
        pairs: list[tuple[Result, Result, dict[str, int]]] = [
            (metrics.hard_rank(X), metrics.hard_rank(s * X), {"tolerance": 1}),
            (metrics.mp_spikes(X), metrics.mp_spikes(s * X), {"noise_variance": 2, "edge": 2}),
            (metrics.mmd(X, source), metrics.mmd(s * X, s * source), {"median_squared_distance": 2}),
        ]
        for one, other, parts in pairs:
            for part, power in parts.items():
                assert other.parts[part] == pytest.approx(times(number(one.parts[part]), s, power), rel=1e-9), part
    s = 3e-66
    one, other = (metrics.frechet(by * X, by * source) for by in (1.0, s))
    for part in ("means", "covariances", "means_by_chance"):
        assert other.parts[part] == pytest.approx(one.parts[part] * s * s, rel=1e-9)  # type: ignore[operator]
    one, other = (metrics.coral(by * X, by * source) for by in (1.0, s))
    assert other.parts["by_chance"] == pytest.approx(one.parts["by_chance"] * s**4, rel=1e-9)  # type: ignore[operator]


def number(part: Any) -> float:
    """A part that must be a number."""
    assert isinstance(part, float)
    return part


def test_lidar_keeps_to_its_limits() -> None:
    """Far above its ridge, LiDAR is exp H of the eigenvalues of Sw^-1 Sb; far below, of those of Sb alone.

    How far from them it may be is the share of the ridge in the within scatter, or of the scatter in the ridge.
    """
    given = clusters(0, 200)
    X, group = given["X"], given["group"]
    g, n = 40, len(X)
    means = X.reshape(g, 5, -1).mean(axis=1)
    rest = X - np.repeat(means, 5, axis=0)
    between = np.cov(means.T)
    within = rest.T @ rest / (n - g)

    def rank(eigenvalues: Array) -> float:
        p = eigenvalues.real / eigenvalues.real.sum()
        return float(np.exp(-(p * np.log(p)).sum()))

    above, below = rank(np.linalg.eigvals(np.linalg.solve(within, between))), rank(np.linalg.eigvalsh(between))
    assert abs(above - below) > 0.1
    spread = np.linalg.eigvalsh(within)
    for exponent in (4, 6, 10, 59.9, 60.1, 100, 149):
        for s, limit in ((10.0**exponent, above), (10.0**-exponent, below)):
            ridge = 1e-4 / s**2
            share = min(ridge / spread[0], spread[-1] / ridge)
            assert metrics.lidar(X * s, group).value == pytest.approx(limit, rel=1e-9 + share), s
            assert share < 0.01


@pytest.mark.parametrize("exponent", [-149, -100, -20, 5, 6, 6.5, 7, 8, 20, 59, 61, 100, 149])
def test_lidar_of_fewer_views_than_columns_keeps_to_its_limits(exponent: float) -> None:
    """Along directions without views the ridge is alone: far above it, what items differ by there is all there is."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 64)), 2, axis=0) + 0.1 * rng.normal(size=(60, 64))
    means = X[::2] / 2 + X[1::2] / 2
    between = np.cov(means.T)
    if exponent > 0:
        unseen = np.linalg.svd(X[::2] - X[1::2])[2][30:]
        between = unseen @ between @ unseen.T
    p = np.linalg.eigvalsh(between)[-29:] / np.trace(between)
    limit = float(np.exp(-(p * np.log(p)).sum()))
    found = metrics.lidar(X * 10.0**exponent, np.repeat(np.arange(30), 2))
    assert found.value == pytest.approx(limit, rel=1e-9)
    assert any("no interval" in warning for warning in found.warnings)  # too few rows for 64 columns


def test_lidar_is_undefined_where_rounding_hides_the_ridge() -> None:
    """Rows of low rank, made in float64: what they span beside it is rounding, harmless below the ridge alone."""
    rng = np.random.default_rng(0)
    X = (np.repeat(rng.normal(size=(30, 3)), 4, axis=0) + 0.1 * rng.normal(size=(120, 3))) @ rng.normal(size=(3, 16))
    group = np.repeat(np.arange(30), 4)
    assert 2 < number(metrics.lidar(X * 1e6, group).value) <= 3
    for scale in (1e14, 1e100):
        found = metrics.lidar(X * scale, group)
        assert found.reason_code == "singular"
        assert "the ridge of 0.0001 is lost in rounding" in str(found.reason)
