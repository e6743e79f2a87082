"""LiDAR against its definition in exact arithmetic, at every scale and number of views."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles_exact
from labelfree import metrics

CASES = {
    "views that span less than the columns": (6, 3, 16),
    "and less than the items": (10, 2, 12),
    "views that span the columns": (6, 5, 7),
    "as many differences as columns": (6, 3, 12),
    "more items than columns": (20, 2, 5),
    "fewer rows than columns": (4, 2, 12),
    "three items": (3, 2, 2),
}


def views(items: int, count: int, d: int, offset: float = 1.0) -> tuple[NDArray[Any], NDArray[np.int64]]:
    rng = np.random.default_rng(items * count * d)
    means = rng.normal(size=(items, d)) * np.linspace(2, 0.2, d)
    X = np.repeat(means, count, axis=0) + 0.3 * rng.normal(size=(items * count, d)) + offset
    return X, np.repeat(np.arange(items), count)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("exponent", [-149, -60.1, -2, 0, 2, 3, 6, 8, 14, 60.1, 149])
def test_lidar_is_that_of_exact_arithmetic(case: str, exponent: float) -> None:
    X, group = views(*CASES[case])
    X *= 10.0**exponent
    exact = oracles_exact.lidar(X, group, digits=60 + 4 * math.ceil(abs(exponent)))
    assert metrics.lidar(X, group).value == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e6, 3e6, 1e7])
def test_lidar_of_two_views_in_many_columns(scale: float) -> None:
    rng = np.random.default_rng(0)
    X = scale * (np.repeat(rng.normal(size=(30, 64)), 2, axis=0) + 0.1 * rng.normal(size=(60, 64)))
    group = np.repeat(np.arange(30), 2)
    assert metrics.lidar(X, group).value == pytest.approx(oracles_exact.lidar(X, group, digits=60), rel=1e-9)


def test_lidar_of_uneven_groups_in_any_order() -> None:
    X, group = views(6, 4, 16)
    order = np.random.default_rng(1).permutation(len(X))[3:]
    X, group = 1e7 * X[order], group[order]
    assert metrics.lidar(X, group).value == pytest.approx(oracles_exact.lidar(X, group, digits=90), rel=1e-9)


def test_lidar_of_views_that_agree() -> None:
    """Equal views leave the ridge, and LiDAR is the effective rank of the covariance of the items."""
    items = np.random.default_rng(0).normal(size=(40, 6)) * [3, 2, 1, 1, 1, 1]
    p = np.linalg.eigvalsh(np.cov(items.T))
    p /= p.sum()
    found = metrics.lidar(np.repeat(items, 3, axis=0), np.repeat(np.arange(40), 3))
    assert found.value == pytest.approx(math.exp(-(p * np.log(p)).sum()), rel=1e-9)


def test_lidar_of_items_that_differ_by_rounding_alone() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(5, 7))
    X = np.concatenate([one[rng.permutation(5)] for _ in range(8)])  # the same views: sums in another order
    assert metrics.lidar(X, np.repeat(np.arange(8), 5)).reason_code == "collapsed"
