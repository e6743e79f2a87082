"""The kernels against the definition, and the torch kernels against the numpy ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.kernels import Kernels, numpy_kernels

Matrix = NDArray[np.float64]


def torch_kernels() -> Any:
    pytest.importorskip("torch")
    from labelfree.kernels.torch_kernels import TorchKernels

    return TorchKernels("cpu")


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
