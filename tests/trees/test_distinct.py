"""Which rows equal an earlier one, whatever they begin with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.trees.spanning import distinct

RNG = np.random.default_rng(5)


def rows(kind: str) -> NDArray[np.float64]:
    """Rows wider than what they are first told apart by, some of them equal."""
    X = RNG.integers(0, 2, size=(60, 40)).astype(np.float64)
    if kind == "one beginning":
        X[:, :30] = 1.0
    elif kind == "equal but for the end":
        X[:, :39] = X[0, :39]
        X[:, 39] = np.arange(60) // 3
    elif kind == "few columns":
        X = X[:, :3]
    X[[7, 30, 59]] = X[2]
    X[11] = X[10]
    return X


@pytest.mark.parametrize("kind", ["any beginning", "one beginning", "equal but for the end", "few columns"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_first_of_equal_rows_is_found(kind: str, dtype: type[np.floating[Any]]) -> None:
    X = rows(kind).astype(dtype)
    expected = [next(j for j in range(i + 1) if (X[j] == X[i]).all()) for i in range(len(X))]
    first, original = distinct(X)
    assert first.tolist() == expected
    assert original.tolist() == sorted(set(expected))
    assert len(original) < len(X)


def test_minus_zero_is_zero() -> None:
    X = np.zeros((3, 20))
    X[1, 4] = X[2, 19] = -0.0
    assert distinct(X)[0].tolist() == [0, 0, 0]
