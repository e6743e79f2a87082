"""The kernels against the definition, and the torch kernels against the numpy ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.arrays import Index
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.kernels.ranges import Highest
from torch_kernels import torch_kernels

Matrix = NDArray[np.float64]


@pytest.fixture(params=["numpy", "torch"])
def kernels(request: pytest.FixtureRequest) -> Any:
    return numpy_kernels if request.param == "numpy" else torch_kernels()


RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(7, 20)) * 10
CLOUDS: dict[str, NDArray[Any]] = {
    "gauss": RNG.normal(size=(300, 20)),
    "float32": RNG.normal(size=(300, 20)).astype(np.float32),
    "tight clusters": np.repeat(CENTERS, 40, axis=0) + 1e-6 * RNG.normal(size=(280, 20)),
    "far away": RNG.normal(size=(300, 20)) + 1e5,
    "duplicates": np.repeat(RNG.normal(size=(150, 20)), 2, axis=0),
    "lattice": RNG.integers(0, 3, (300, 5)).astype(np.float64),
    "tiny": RNG.normal(size=(300, 20)) * 1e-25,
    "huge": RNG.normal(size=(300, 20)) * 1e25,
}


def distances(X: NDArray[Any]) -> Matrix:
    X = X.astype(np.float64)
    D = np.sqrt(((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2))
    np.fill_diagonal(D, np.inf)
    return np.asarray(D)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("k", [1, 5, 20])
def test_nearest_is_exact(kernels: Kernels, cloud: str, k: int) -> None:
    X: NDArray[Any] = CLOUDS[cloud]
    D = distances(X)
    found, index = kernels.nearest(X, k)
    assert np.allclose(found, np.sort(D, axis=1)[:, :k], rtol=1e-9, atol=1e-13 * np.abs(X).max())
    assert np.allclose(np.take_along_axis(D, index, axis=1), found, rtol=1e-9, atol=1e-13 * np.abs(X).max())
    assert (index != np.arange(len(X))[:, None]).all()
    assert all(len(set(row)) == k for row in index.tolist())


def test_nearest_of_all_others(kernels: Kernels) -> None:
    X = RNG.normal(size=(6, 3))
    found, index = kernels.nearest(X, 5)
    assert np.allclose(found, np.sort(distances(X), axis=1)[:, :5])
    assert [sorted(row) for row in index.tolist()] == [[j for j in range(6) if j != i] for i in range(6)]


def test_potential(kernels: Kernels) -> None:
    W = RNG.normal(size=(200, 6))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    expected = np.exp(-2 * distances(W) ** 2).sum(axis=1)
    assert np.allclose(kernels.potential(W, 2.0), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scaled", [False, True])
def test_scatter(kernels: Kernels, dtype: type, scaled: bool) -> None:
    X: NDArray[Any] = (RNG.normal(size=(5000, 9)) + 3).astype(dtype)
    center = RNG.normal(size=9)
    scale = RNG.uniform(0.5, 2, len(X)) if scaled else None
    Y = X.astype(np.float64) * (scale[:, None] if scale is not None else 1.0) - center
    total, scatter = kernels.scatter(X, center, scale)
    assert np.allclose(total, Y.sum(axis=0), rtol=1e-11)
    assert np.allclose(scatter, Y.T @ Y, rtol=1e-11)


def test_blocks_do_not_matter(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    X = RNG.normal(size=(500, 12))
    W = X / np.linalg.norm(X, axis=1, keepdims=True)
    whole = kernels.nearest(X, 5), kernels.potential(W, 2.0)
    for module in ("numpy_kernels", "torch_kernels"):
        monkeypatch.setattr(f"labelfree.kernels.{module}._BLOCK_ELEMENTS", 3700)
    pieces = kernels.nearest(X, 5), kernels.potential(W, 2.0)
    assert np.array_equal(whole[0][1], pieces[0][1])
    assert np.allclose(whole[0][0], pieces[0][0], rtol=1e-12)
    assert np.allclose(whole[1], pieces[1], rtol=1e-12)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_both_libraries_agree(cloud: str) -> None:
    other = torch_kernels()
    X = CLOUDS[cloud]
    center = X.mean(axis=0, dtype=np.float64) + np.abs(X).max()
    for mine, theirs in zip(numpy_kernels.scatter(X, center), other.scatter(X, center), strict=True):
        assert np.allclose(mine, theirs, rtol=1e-10, atol=1e-10 * np.abs(mine).max())
    assert np.allclose(numpy_kernels.nearest(X, 4)[0], other.nearest(X, 4)[0], rtol=1e-9, atol=1e-13 * np.abs(X).max())


def test_progress_is_told_and_ends_at_one(kernels: Kernels) -> None:
    told: list[float] = []
    kernels.nearest(RNG.normal(size=(50, 3)), 2, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def squares(X: NDArray[Any]) -> Matrix:
    X = X.astype(np.float64)
    D = ((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(D, np.inf)
    return np.asarray(D)


def slack(X: NDArray[Any], dtype: type) -> float:
    """What a matrix product in this precision may cost a squared distance: a few roundings of the largest norm."""
    return float(30 * np.finfo(dtype).eps * (X.astype(np.float64) ** 2).sum(axis=1).max())


# Means and scales are taken off before trees look for neighbors, so that they need not cope with these.
CENTERED = {name: X - X.mean(axis=0) for name, X in CLOUDS.items() if name not in ("tiny", "huge")}


@pytest.mark.parametrize("cloud", CENTERED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_of_others(kernels: Kernels, cloud: str, dtype: type) -> None:
    X = CENTERED[cloud].astype(dtype)
    D = squares(X)[100:, :100]
    found = kernels.nearest_of(X[100:], X[:100])
    assert np.allclose(D[np.arange(len(D)), found], D.min(axis=1), rtol=0, atol=2 * slack(X, dtype))


def near(X: NDArray[Any], at: Index, to: Index, limit: Matrix, forward: bool) -> set[tuple[int, int]]:
    """Places of the pairs that are near, by the definition."""
    X = X.astype(np.float64)
    found = set()
    for i, one in enumerate(at.tolist()):
        for j, other in enumerate(to.tolist()):
            between = limit[min(one, other) : max(one, other)]
            if len(between) and not (forward and one >= other) and ((X[one] - X[other]) ** 2).sum() <= between.max():
                found.add((i, j))
    return found


def told_near(tiles: Iterator[Any]) -> tuple[set[tuple[int, int]], dict[tuple[int, int], float]]:
    squared = {
        (i, j): float(s)
        for row, column, score in tiles
        for i, j, s in zip(row.tolist(), column.tolist(), score.tolist(), strict=True)
    }
    return set(squared), squared


@pytest.fixture(params=[None, (64, 24, 16), (7, 100, 1)], ids=["whole", "wide", "odd"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for constant, size in zip(("_BLOCK", "_WIDE", "_LEAF"), request.param or (), strict=False):
        monkeypatch.setattr(f"labelfree.kernels.numpy_trees.{constant}", size)
        monkeypatch.setattr("labelfree.kernels.torch_kernels._BLOCK_ELEMENTS", 3700)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs_below_their_limit(kernels: Kernels, tiles: None, dtype: type) -> None:
    """Rows of whole numbers, so that every product is exact and many distances equal the limit."""
    rng = np.random.default_rng(5)
    X: NDArray[Any] = rng.integers(-3, 4, (150, 3)).astype(dtype)
    limit = rng.choice([-np.inf, 0.0, 1.0, 2.0, 5.0], 149)
    own = np.arange(150)
    found, squared = told_near(kernels.below(X, X, own, own, limit, 0.0, forward=True, whole=True))
    assert found == near(X, own, own, limit, True)
    assert all(score == ((X[i] - X[j]) ** 2).sum() for (i, j), score in squared.items())
    one = np.sort(rng.permutation(150)[:60])
    other = np.setdiff1d(own, one)
    found, _ = told_near(kernels.below(X[one], X[other], one, other, limit, 0.0, forward=False, whole=True))
    assert found == near(X, one, other, limit, False)
    assert 20 < len(found) < 60 * 90 / 2


def test_a_share_of_the_norms_is_taken_off(kernels: Kernels) -> None:
    X = np.array([[3.0, 0.0], [0.0, 4.0]])
    own = np.arange(2)
    for share, there in ((0.125, 0), (0.5, 1)):  # 25 less the share of 9 + 16
        found, squared = told_near(kernels.below(X, X, own, own, np.array([12.5]), share, forward=True, whole=True))
        assert len(found) == there
        assert list(squared.values()) == [12.5] * there


def test_a_tile_of_near_pairs_is_crowded(kernels: Kernels) -> None:
    X, own = np.zeros((40, 2)), np.arange(40)
    for limit, crowded in ((np.ones(39), True), (np.r_[1.0, np.full(38, -1.0)], False)):
        found = list(kernels.below(X, X, own, own, limit, 0.0, forward=True))
        assert [len(tile) == 2 for tile in found] == [crowded]
        if crowded:
            (tile,) = found
            rows, columns = tile[0], tile[1]
            assert isinstance(rows, slice)
            assert isinstance(columns, slice)
            assert (rows.start, rows.stop, columns.stop) == (0, 40, 40)


def test_progress_over_trees_ends_at_one(kernels: Kernels) -> None:
    X, own = RNG.normal(size=(90, 3)), np.arange(90)
    nearest: list[float] = []
    kernels.nearest_of(X, X[:20], nearest.append)
    below: list[float] = []
    list(kernels.below(X, X, own, own, np.ones(89), 0.0, forward=True, advance=below.append))
    for told in (nearest, below):
        assert told == sorted(told)
        assert told[-1] == 1.0


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_the_highest_of_any_range(n: int) -> None:
    values = RNG.normal(size=n)
    low, high = np.triu_indices(n + 1)
    expected = [max(values[i:j], default=-np.inf) for i, j in zip(low.tolist(), high.tolist(), strict=True)]
    assert Highest(values).between(high, low).tolist() == expected
