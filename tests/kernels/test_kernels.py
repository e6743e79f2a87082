"""The kernels against the definition, and the torch kernels against the numpy ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.kernels import Kernels, numpy_kernels
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
@pytest.mark.parametrize("groups", [None, 1, 5, 290])
def test_closest_outside_the_own_component(kernels: Kernels, cloud: str, dtype: type, groups: int | None) -> None:
    X = CENTERED[cloud].astype(dtype)
    D = squares(X)
    labels = None if groups is None else np.random.default_rng(1).integers(0, groups, len(X))
    if labels is not None:
        D[labels[:, None] == labels] = np.inf
    rows = np.array([0, 3, 4, 97, 98, 279])
    score, index = kernels.closest(X, rows, 6, labels)
    there = index >= 0
    assert np.array_equal(there, np.isfinite(score))
    assert there.sum(axis=1).tolist() == np.minimum(np.isfinite(D[rows]).sum(axis=1), 6).tolist()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in index)
    allowed = slack(X, dtype)
    real = np.where(there, np.take_along_axis(D[rows], np.maximum(index, 0), axis=1), np.inf)
    assert np.allclose(score[there], real[there], rtol=0, atol=allowed)
    expected = np.sort(D[rows], axis=1)[:, :6]
    assert np.allclose(np.sort(real, axis=1)[there.any(axis=1)], expected[there.any(axis=1)], rtol=0, atol=2 * allowed)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_closest_of_few(kernels: Kernels, n: int) -> None:
    X = np.arange(float(n))[:, None]
    score, index = kernels.closest(X, np.arange(n), min(n, 3), None)
    assert (np.isfinite(score).sum(axis=1) == min(n - 1, 3)).all()
    assert ((index >= 0) == np.isfinite(score)).all()


@pytest.mark.parametrize("cloud", CENTERED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 17, 280])
def test_between_components(kernels: Kernels, cloud: str, dtype: type, count: int) -> None:
    X = CENTERED[cloud][:280].astype(dtype)
    starts = np.concatenate(
        [[0], np.sort(np.random.default_rng(1).choice(np.arange(1, 280), count - 1, replace=False))]
    )
    found = kernels.between(X, starts)
    D = np.minimum.reduceat(np.minimum.reduceat(squares(X), starts, axis=0), starts, axis=1)
    apart = ~np.eye(count, dtype=bool)
    assert found.dtype == np.float64
    assert np.allclose(found[apart], D[apart], rtol=0, atol=slack(X, dtype))
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_trees_do_not_matter(kernels: Kernels, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    X: NDArray[Any] = RNG.integers(-8, 8, (500, 9)).astype(
        dtype
    )  # squares are exact, so no rounding depends on the blocks
    rows, labels, starts = np.arange(0, 500, 3), RNG.integers(0, 9, 500), np.arange(0, 500, 7)
    whole = np.sort(kernels.closest(X, rows, 5, labels)[0]), kernels.between(X, starts)
    sizes = {"_BLOCK": 64, "_FIRST": 16, "_WIDE": 24, "_PENDING": 1, "_STRIP": 33}
    for constant, size in sizes.items():
        monkeypatch.setattr(f"labelfree.kernels.numpy_trees.{constant}", size)
    monkeypatch.setattr("labelfree.kernels.torch_kernels._BLOCK_ELEMENTS", 3700)
    score, index = kernels.closest(X, rows, 5, labels)
    assert np.array_equal(np.sort(score), whole[0])
    assert np.array_equal(np.take_along_axis(squares(X)[rows], index, axis=1), score)
    assert np.array_equal(kernels.between(X, starts), whole[1])


def test_progress_over_trees_ends_at_one(kernels: Kernels) -> None:
    X = RNG.normal(size=(90, 3))
    closest: list[float] = []
    kernels.closest(X, np.arange(90), 3, None, closest.append)
    between: list[float] = []
    kernels.between(X, np.array([0, 40]), between.append)
    for told in (closest, between):
        assert told == sorted(told)
        assert told[-1] == 1.0
