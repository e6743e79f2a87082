"""Pairs of groups counted over pairs of blocks: the numbers of one process, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from carrier import Carrier
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.operating_point import Operating, operating
from labelfree.families.opis.positive_pairs import genuine
from labelfree.families.opis.sorted_rows import SortedGroups
from labelfree.kernels import numpy_kernels
from labelfree.kernels.paired import PairedKernels

LEVELS = np.linspace(0.9, -0.2, 40)
WINDOWS = np.array([[0.1, 0.4], [0.0, 0.15], [0.5, 0.5]])


@pytest.fixture(autouse=True)
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tiles, so that a few hundred rows have many blocks; the last of each kind is not whole."""
    monkeypatch.setattr("labelfree.kernels.numpy_pairs._BLOCK", 16)
    monkeypatch.setattr("labelfree.kernels.numpy_pairs._WIDE", 32)
    monkeypatch.setattr("labelfree.kernels.paired.ALIGNED", 32)
    monkeypatch.setattr("labelfree.families.opis.positive_pairs._STACKED", 8)
    monkeypatch.setattr("labelfree.families.opis.positive_pairs._BLOCK", 12)
    monkeypatch.setattr("labelfree.families.opis.positive_pairs._WIDE", 20)


def rows_of(n: int, sizes: tuple[int, ...], dtype: type) -> tuple[NDArray[Any], NDArray[np.int64]]:
    rng = np.random.default_rng(n)
    group = np.repeat(np.arange(n), rng.choice(sizes, n))[:n]
    X = rng.normal(size=(n, 24)) + 2 * rng.normal(size=(n, 24))[group]
    X[::9] = X[0]
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(dtype), group


@pytest.mark.parametrize("block", [32, 96, 1024])
@pytest.mark.parametrize("n", [33, 96, 417])
@pytest.mark.parametrize("sizes", [(1,), (2, 3, 9), (50, 90), (1000,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_change_no_count(block: int, n: int, sizes: tuple[int, ...], dtype: type) -> None:
    unit, group = rows_of(n, sizes, dtype)
    paired = PairedKernels(Carrier(), block)
    for ours, theirs in zip(
        paired.tail(unit, group, WINDOWS, 50), numpy_kernels.tail(unit, group, WINDOWS, 50), strict=True
    ):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    counts = paired.accepted(unit, group, LEVELS)
    assert np.array_equal(counts, numpy_kernels.accepted(unit, group, LEVELS))
    assert counts.dtype == np.int32


@pytest.mark.parametrize("block", [32, 1024])
@pytest.mark.parametrize("sizes", [(2, 3, 9), (50, 90)])
def test_pairs_inside_groups_too(block: int, sizes: tuple[int, ...]) -> None:
    unit, group = rows_of(300, sizes, np.float32)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    halves = np.random.default_rng(0).random((3, 300)) < 0.5
    one = genuine(unit, starts, LEVELS, halves)
    other = genuine(unit, starts, LEVELS, halves, PairedKernels(Carrier(), block))
    for name in vars(one):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.accepted[:, -1].sum() > 100


def test_the_curves_of_all_groups() -> None:
    unit, group = rows_of(700, (5, 9), np.float64)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    group = group[: starts[-1]]  # the last one may have a single row
    rows = SortedGroups(unit[: len(group)], np.arange(len(group)), starts[:-1], starts[:-1], 0)
    carrier, told = Carrier(), list[tuple[str, float]]()
    zone = Calibration((0.01, 0.1))
    one = operating(rows, zone, numpy_kernels, 0)
    other = operating(rows, zone, PairedKernels(carrier, 96), 0, lambda stage, done: told.append((stage, done)))
    assert isinstance(one, Operating)
    assert isinstance(other, Operating)
    for name in ("sensitivity", "specificity", "threshold", "weight", "far", "frr"):
        assert np.array_equal(getattr(one.curves, name), getattr(other.curves, name)), name
    for name in ("own", "other", "genuine", "impostor"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for first, second in zip(one.halves, other.halves, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    blocks = -(-len(group) // 96)
    assert sum(value.ndim == 2 for value in carrier.stored) == blocks  # the rows went once
    assert [done for stage, done in told if stage == "counting pairs"][-1] == 1.0


def test_blocks_begin_where_tiles_do() -> None:
    with pytest.raises(ValueError, match="a multiple of 32 rows, found 40"):
        PairedKernels(Carrier(), 40)
