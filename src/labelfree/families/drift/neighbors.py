"""Whose neighbors rows are: those of their own side, or of the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, pooled_rows, sampled
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.distances import ROWS
from labelfree.families.transfer.two_samples import private, strips
from labelfree.results import Plain, Result, measured

K = 5
PERMUTATIONS = 499


def _graph(X: Rows, Y: Rows, k: int, seed: int) -> tuple[Index, Index] | Result:
    """The side of each pooled row (0, 1), and the k rows nearest to it, or why there are none.

    The rows are put into a random order first: of several at one distance none is preferred for its side.
    """
    both = pooled_rows((X, Y))
    if isinstance(both, Result):
        return both
    pooled, _ = both
    order = private(seed, 2).permutation(len(pooled))
    side = np.repeat([0, 1], [len(X), len(Y)])[order]
    nearest = np.empty((len(pooled), k), np.int64)
    for part, squared in strips(pooled[order]):
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        nearest[part] = np.argpartition(squared, k - 1, axis=1)[:, :k]
    return side.astype(np.int64), nearest


def _knn_two_sample_of(sides: tuple[Rows, Rows] | Result, k: int, permutations: int, seed: int) -> Result:
    if isinstance(sides, Result):
        return sides
    m, n = map(len, sides)
    found = _graph(*sides, k, seed)
    if isinstance(found, Result):
        return found
    side, nearest = found
    own = (side[nearest] == side[:, None]).mean(axis=1)
    total = m + n
    rng = private(seed, 3)
    null = np.empty(permutations)
    for i in range(permutations):
        drawn = rng.permutation(side)
        null[i] = (drawn[nearest] == drawn[:, None]).mean()
    value = float(own.mean())
    params: dict[str, Plain] = {"rows": m, "reference_rows": n, "k": k, "permutations": permutations}
    parts: dict[str, Plain] = {
        "p_value": float((1 + (null >= value - 1e-12).sum()) / (permutations + 1)) if permutations else None,
        "expected": (m * (m - 1) + n * (n - 1)) / (total * (total - 1)),
        "current": float(own[side == 0].mean()), "current_expected": (m - 1) / (total - 1),
        "reference": float(own[side == 1].mean()), "reference_expected": (n - 1) / (total - 1),
    }  # fmt: skip
    return measured(value, low=0.0, high=1.0, params=params, parts=parts)


def _knn_two_sample(e: Evidence) -> Result:
    return _knn_two_sample_of(sampled(e, ROWS), K, PERMUTATIONS, e.seed)


def knn_two_sample(
    X: Any, reference: Any, *, k: int = K, sample: int | None = ROWS, permutations: int = PERMUTATIONS, seed: int = 0
) -> Result:
    """Share of the nearest neighbors of a row that are of its own side, current or reference.

    Formula: mean over all pooled rows of the share of their k nearest others that are of the same side. parts.expected:
    what chance gives, (m (m - 1) + n (n - 1)) / ((m + n) (m + n - 1)); parts.current, parts.reference: the mean over
    the rows of one side with what chance gives there. parts.p_value: over random divisions of the rows on the
    same graph.
    Input: X (m, d), reference (n, d) finite real numbers, at least 20 rows each.
    Range: 0 to 1, parts.expected where nothing has changed. Invariant to rotation, translation and a common scale.
    Undefined: fewer than 20 rows on a side; all rows equal.
    Interval: none: rows share their neighbors, and no interval was found that holds what it promises.
    Cost: 2,000 sampled rows of each side: their distances once, in strips.
    When it lies: look at the total. Where current rows are more scattered, their own share falls below chance while the
    total rises. In high dimension few rows are the neighbors of many, and the
    total need not rise.
    Source: Schilling 1986; Henze 1988. Deviations: none.

    >>> import numpy as np
    >>> knn_two_sample(np.arange(20.0)[:, None], np.arange(20.0)[:, None] + 1000).value
    1.0
    """
    e = beside(X, reference, "reference", seed)
    return _knn_two_sample_of(sampled(e, sample), k, permutations, seed)


METRICS = (
    Metric(
        knn_two_sample, _knn_two_sample, ("sample", "source"), INVARIANT, NOT_DAMAGE,
        "share of the 5 nearest pooled rows that are of the same side, over all rows",
    ),
)  # fmt: skip
