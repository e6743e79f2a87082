"""Pairs of rows of different groups and of one group, against the definition on products that are exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.families.opis.positive_pairs import EDGES, genuine
from labelfree.kernels import Kernels, numpy_kernels
from torch_kernels import torch_kernels

Matrix = NDArray[Any]


@pytest.fixture(params=["numpy", "torch"])
def kernels(request: pytest.FixtureRequest) -> Any:
    return numpy_kernels if request.param == "numpy" else torch_kernels()


def exact_rows(n: int, dtype: type = np.float32) -> Matrix:
    """Rows of small multiples of 1/8, so that every product is a multiple of 1/64 without rounding: ties abound."""
    return (np.random.default_rng(3).integers(-3, 4, (n, 6)) / 8).astype(dtype)


def groups_of(name: str, n: int) -> NDArray[np.int64]:
    sizes = np.random.default_rng(4).integers(1, 9, n)
    return {
        "one": np.zeros(n, np.int64),
        "singletons": np.arange(n),
        "pairs": np.arange(n) // 2,
        "halves": (np.arange(n) >= n // 2).astype(np.int64),
        "mixed": np.repeat(np.arange(n), sizes)[:n],
        "huge and small": np.sort(np.where(np.arange(n) < 0.6 * n, 7, 7 + np.arange(n) // 3)),
    }[name]


GROUPS = ["one", "singletons", "pairs", "halves", "mixed", "huge and small"]
LEVELS = np.array([0.75, 33 / 64, 0.5, 0.5, 0.25, 0.2, 0.125 + 1e-6, 0.125, 0.125, 1 / 64, 0.0, -0.25])
WINDOWS = np.array([[0.0, 0.25], [0.1, 0.7], [3.0, 4.0], [-9.0, -8.0], [0.25, 0.25]])


def others(X: Matrix, group: NDArray[np.int64]) -> Matrix:
    """Similarities (n, n) in float64, -inf inside a group."""
    exact = X.astype(np.float64)
    S = exact @ exact.T
    S[group[:, None] == group] = -np.inf
    return np.asarray(S)


@pytest.fixture(params=[None, (8, 24), (64, 32), (33, 7)], ids=["whole", "wide", "tall", "odd"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param is not None:
        monkeypatch.setattr("labelfree.kernels.numpy_pairs._BLOCK", request.param[0])
        monkeypatch.setattr("labelfree.kernels.numpy_pairs._WIDE", request.param[1])
        monkeypatch.setattr("labelfree.kernels.torch_kernels._BLOCK_ELEMENTS", 173 * request.param[0])
        monkeypatch.setattr("labelfree.families.opis.positive_pairs._BLOCK", request.param[0])
        monkeypatch.setattr("labelfree.families.opis.positive_pairs._WIDE", request.param[1])
        monkeypatch.setattr("labelfree.families.opis.positive_pairs._STACKED", 6)
        monkeypatch.setattr("labelfree.families.opis.positive_pairs._BATCH", 100)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("n", [1, 2, 173])
@pytest.mark.usefixtures("tiles")
def test_accepted_is_exact(kernels: Kernels, name: str, n: int) -> None:
    X, group = exact_rows(n), groups_of(name, n)
    found = kernels.accepted(X, group, LEVELS)
    assert found.dtype == np.int32
    assert np.array_equal(found, (others(X, group)[:, :, None] >= LEVELS).sum(axis=1))


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("n", [1, 2, 173])
@pytest.mark.usefixtures("tiles")
def test_tail_is_exact(kernels: Kernels, name: str, n: int) -> None:
    X, group = exact_rows(n), groups_of(name, n)
    S = others(X, group)
    above, counts, nearest = kernels.tail(X, group, WINDOWS, 48)
    values = S[np.triu_indices(n, 1)]
    for w, (low, high) in enumerate(WINDOWS):
        edges = np.linspace(low, high, 49)
        reached = (values[:, None] >= edges).sum(axis=0)
        assert above[w] == reached[-1]
        assert np.array_equal(counts[w], reached[:-1] - reached[1:])
    assert np.array_equal(nearest, S.max(axis=1))


def test_float64_rows_keep_their_digits(kernels: Kernels) -> None:
    X = np.array([[1.0, 0.0], [1 - 2**-40, 0.0], [1 + 2**-40, 0.0]])
    group, levels = np.arange(3), np.array([1 + 2**-41, 1.0, 1 - 2**-41, 0.5])
    assert kernels.accepted(X, group, levels).tolist() == [[1, 1, 1, 2], [0, 1, 1, 2], [1, 2, 2, 2]]
    above, counts, nearest = kernels.tail(X, group, np.array([[1 - 2**-39, 1.0]]), 4)
    assert (above.tolist(), counts.tolist()) == ([2], [[0, 0, 1, 0]])
    assert np.array_equal(nearest, [1 + 2**-40, 1.0, 1 + 2**-40])


def test_levels_between_two_floats_mean_what_they_say(kernels: Kernels) -> None:
    """0.1 as float32 is above the real 0.1, and 0.7 as float32 below it."""
    X = np.array([[1.0, 0.0], [0.1, 0.0], [0.7, 0.0]], np.float32)
    found = kernels.accepted(X, np.arange(3), np.array([0.7, 0.1]))
    assert found[0].tolist() == [0, 2]
    above, counts, _ = kernels.tail(X, np.array([0, 1, 1]), np.array([[0.1, 0.7], [0.05, 0.1]]), 1)
    assert (above.tolist(), counts.tolist()) == ([0, 2], [[2], [0]])


@pytest.mark.parametrize("window", [(0.1, 0.7), (0.3, 0.9), (-0.7, 0.1), (0.9, 0.9 + 1e-9)])
def test_bins_are_decided_by_their_edges(kernels: Kernels, window: tuple[float, float]) -> None:
    edges = np.linspace(*window, 1001)
    values = np.concatenate([edges, np.nextafter(edges, -1)])
    X = np.append(1.0, values)[:, None]
    group = np.minimum(np.arange(len(X)), 1)
    (above,), (counts,), _ = kernels.tail(X, group, np.array([window]), 1000)
    assert above == 1
    assert np.array_equal(counts, np.full(1000, 2))


def noise(n: int, dtype: type) -> tuple[Matrix, NDArray[np.int64], Matrix]:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(n, 16)) + 0.3
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype)
    group = groups_of("mixed", n)
    return X, group, others(X, group)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", ["even", "crowded", "equal"])
def test_real_similarities(kernels: Kernels, dtype: type, levels: str) -> None:
    X, group, S = noise(300, dtype)
    steps = {
        "even": np.linspace(0.9, 0.3, 400),
        "crowded": 0.3 + np.geomspace(0.6, 1e-9, 300),
        "equal": np.full(5, 0.3),
    }[levels]
    found = kernels.accepted(X, group, steps)
    slack = 1e-6 if dtype is np.float32 else 1e-14
    lower, upper = ((S[:, :, None] >= steps + side).sum(axis=1) for side in (slack, -slack))
    assert (lower <= found).all()
    assert (found <= upper).all()
    assert (upper - lower).sum() < 0.01 * found.sum() or levels == "crowded"
    assert (np.diff(found, axis=1) >= 0).all()


def test_rows_and_pairs_agree(kernels: Kernels) -> None:
    """Accepted partners summed over rows are twice the accepted pairs, and the two kernels count the same pairs."""
    X, group, _ = noise(300, np.float32)
    low, high = 0.25, 0.625
    edges = np.linspace(low, high, 25)
    rows = kernels.accepted(X, group, edges[::-1]).sum(axis=0, dtype=np.int64)
    (above,), (counts,), _ = kernels.tail(X, group, np.array([[low, high]]), 24)
    assert above > 0
    assert np.array_equal(rows, 2 * (above + np.append(0, counts[::-1].cumsum())))


def test_order_of_groups_does_not_matter(kernels: Kernels) -> None:
    X, group = exact_rows(173), groups_of("mixed", 173)
    renamed = np.random.default_rng(5).permutation(group.max() + 1)[group]
    order = np.argsort(renamed, kind="stable")
    assert np.array_equal(kernels.accepted(X[order], renamed[order], LEVELS), kernels.accepted(X, group, LEVELS)[order])
    mine, other = kernels.tail(X, group, WINDOWS, 10), kernels.tail(X[order], renamed[order], WINDOWS, 10)
    assert np.array_equal(mine[0], other[0])
    assert np.array_equal(mine[1], other[1])
    assert np.array_equal(mine[2][order], other[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_libraries_count_the_same(dtype: type) -> None:
    X, group = exact_rows(173, dtype), groups_of("huge and small", 173)
    theirs = torch_kernels()
    assert np.array_equal(numpy_kernels.accepted(X, group, LEVELS), theirs.accepted(X, group, LEVELS))
    for mine, other in zip(numpy_kernels.tail(X, group, WINDOWS, 7), theirs.tail(X, group, WINDOWS, 7), strict=True):
        assert mine.dtype == other.dtype
        assert np.array_equal(mine, other)


@pytest.mark.usefixtures("tiles")
def test_progress_over_pairs_ends_at_one(kernels: Kernels) -> None:
    X, group = exact_rows(90), groups_of("huge and small", 90)
    tail: list[float] = []
    kernels.tail(X, group, WINDOWS, 4, tail.append)
    accepted: list[float] = []
    kernels.accepted(X, group, LEVELS, accepted.append)
    for told in (tail, accepted):
        assert told == sorted(told)
        assert told[-1] == 1.0


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("n", [1, 2, 173])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("tiles")
def test_genuine_is_exact(name: str, n: int, dtype: type) -> None:
    X, group = exact_rows(n, dtype), groups_of(name, n)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    halves = np.random.default_rng(7).random((3, n)) < 0.5
    found = genuine(X, starts, LEVELS, halves)
    S = X.astype(np.float64) @ X.astype(np.float64).T
    S[(group[:, None] != group) | np.eye(n, dtype=bool)] = -np.inf
    i, j = np.nonzero(np.triu(np.isfinite(S)))
    reached = S[i, j, None] >= LEVELS
    label = group[starts][:, None] == group[i]
    assert np.array_equal(found.accepted, label @ reached.astype(np.int64))
    assert np.array_equal(found.nearest, S.max(axis=1))
    assert found.nearest.dtype == dtype
    assert np.array_equal(found.histogram, np.histogram(np.clip(S[i, j], -1, 1), EDGES)[0])
    for r, half in enumerate(halves):
        assert np.array_equal(found.first_half[r], (label & half[i] & half[j]) @ reached.astype(np.int64))
        assert np.array_equal(found.second_half[r], (label & ~half[i] & ~half[j]) @ reached.astype(np.int64))


def test_genuine_and_accepted_pairs_are_all_pairs() -> None:
    X, group, _ = noise(300, np.float64)
    S = X @ X.T
    levels = np.linspace(0.9, 0.3, 50)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    inside = genuine(X, starts, levels, np.zeros((0, 300), bool))
    assert inside.first_half.shape == (0, len(starts), 50)
    apart = numpy_kernels.accepted(X, group, levels).sum(axis=0) // 2
    assert inside.accepted.sum() > 0
    assert np.array_equal(
        inside.accepted.sum(axis=0) + apart, (S[np.triu_indices(300, 1)][:, None] >= levels).sum(axis=0)
    )


def test_every_genuine_pair_is_drawn() -> None:
    X = np.array([[1.0, 0.0], [1.0, 0.0], [1.0 + 1e-7, 0.0], [-1.0, 0.0], [0.0, 1.0]], np.float32)
    found = genuine(X, np.array([0, 4]), np.array([0.5]), np.zeros((0, 5), bool))
    assert (found.histogram[-1], found.histogram[0], found.histogram.sum()) == (3, 3, 6)
    assert found.accepted.tolist() == [[3], [0]]
    assert found.nearest.tolist() == [X[2, 0], X[2, 0], X[2, 0], -1.0, -np.inf]
