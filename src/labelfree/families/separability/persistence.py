"""H0 persistence of a data set: the merges of its minimum spanning tree, of subsamples, and of structure-free rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Keys, Rows
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import known, once
from labelfree.evidence.scaling import Topology, normalized
from labelfree.evidence.surrogate import gaussian_like
from labelfree.families.separability.giotto import giotto_merges
from labelfree.kernels import RowsAt, numpy_kernels
from labelfree.kernels.paired import PairedKernels
from labelfree.results import Result, undefined
from labelfree.summaries.hashing import mix
from labelfree.summaries.sample import Drawn
from labelfree.trees import Merges, merges, spanning_tree
from labelfree.trees.pairs import cut, paired_tree

REPLICATES = 20
REPLICATE_ROWS = 2_000
RATE = 1 / 8
"""The standard deviation of the statistics falls as n^-RATE: measured, see docs/separability.md."""
HALF = 1 / 2
"""Share of the rows in a subsample, where REPLICATE_ROWS allow it: measured, see docs/separability.md."""
_SUBSAMPLE = 0x5AB5
"""First seed of the subsamples: replicate b holds the rows with the lowest hash of (their key, this + b).

The smaller ones, of half as many rows, go on from there.
"""

LOST = {"l2": "are zero", "none": "are zero", "layernorm": "are constant", "zscore": "are zero or equal the mean"}
"""What is said of rows without a direction, by the normalization."""

Statistic: TypeAlias = Callable[[Merges], float | None]
"""A number of the merges, or None where it is undefined on them."""


@dataclass(frozen=True, eq=False)
class Persistence:
    """All that the metrics of separability are computed from.

    merges: of the rows; surrogate: of as many Gaussian rows with their mean and covariance; replicates: of
    subsamples without replacement of `replicate_rows` rows each, `smaller` of half as many (3 at least); drawn: the
    rows, of which `left_out` had no direction.
    """

    merges: Merges
    surrogate: Merges
    replicates: tuple[Merges, ...]
    smaller: tuple[Merges, ...]
    replicate_rows: int
    drawn: Drawn
    left_out: int = 0

    @property
    def n(self) -> int:
        """Rows in the tree."""
        return len(self.drawn.rows)

    @property
    def factor(self) -> float:
        """Standard error over standard deviation of the replicates.

        The deviation over halves of the rows is that of the statistic itself: smaller samples vary more, halves of one
        sample share rows, and both cancel (measured: no rate of a mean holds for a ratio to the largest death). Smaller
        subsamples vary more by (m / n)^-RATE.
        """
        return float((self.replicate_rows / self.n / HALF) ** RATE)

    @property
    def zero(self) -> int:
        """Bars of length zero: rows that repeat another one."""
        return int((self.merges.length == 0).sum())


def persistence(e: Evidence) -> Persistence | Result:
    """The persistence of the sampled rows, computed once; or why there is none."""
    return once(e, _persistence)


def known_persistence(e: Evidence) -> Persistence | Result | None:
    """The persistence of the sampled rows where a metric has asked for it."""
    return known(e, _persistence)


def _persistence(e: Evidence) -> Persistence | Result:
    how = e.topology
    drawn = _directed(e)
    if isinstance(drawn, Result):
        return drawn
    points = normalized(drawn.rows, how)
    tree = _engine(how)(e, points)
    if tree.length[-1] == 0:
        return undefined("collapsed", f"all {len(points)} rows are equal: nothing can separate")
    surrogate = normalized(gaussian_like(drawn.rows, e.seed), how, own=True)
    null = _merges(e, surrogate, "structure-free rows: ")
    rows = min(max(int(HALF * len(points)), 3), len(points) - 1, REPLICATE_ROWS)
    replicates, smaller = _replicates(e, drawn, points, rows) if rows >= 3 else ((), ())
    assert e.drawn is not None
    return Persistence(tree, null, replicates, smaller, rows, drawn, len(e.drawn.rows) - len(drawn.rows))


def _directed(e: Evidence) -> Drawn | Result:
    """The sampled rows that have a direction, where the others may be left out; or why they cannot be used."""
    drawn = e.drawn
    if drawn is None or len(drawn.rows) < 3:
        found = 0 if drawn is None else len(drawn.rows)
        return undefined("insufficient", f"needs at least 3 rows, found {found}")
    lost = _nowhere(drawn.rows, e.topology)
    if not lost.any():
        return drawn
    what = f"{LOST[e.topology.normalize]} and have no direction"
    if lost.all():
        return undefined("zero_rows", f"all {len(lost)} rows {what}")
    if e.on_bad != "drop":
        remedy = "remove them" if e.on_bad is None else f"leave them out with {option('on_bad', 'drop')}"
        return undefined("zero_rows", f"{int(lost.sum())} of {len(lost)} rows {what}; {remedy}")
    if len(lost) - lost.sum() < 3:
        return undefined("insufficient", f"needs at least 3 rows with a direction, found {len(lost) - lost.sum()}")
    return drawn.take(np.flatnonzero(~lost))


def _nowhere(rows: Rows, how: Topology) -> NDArray[np.bool_]:
    """Which rows have no direction: zero ones, and those that the normalization makes zero."""
    zero: NDArray[np.bool_] = np.asarray(~rows.any(axis=1))
    if how.normalize == "layernorm":
        return np.asarray((rows == rows[:, :1]).all(axis=1))
    if how.normalize == "zscore" and how.metric == "cosine" and not zero.all():
        zero |= (rows == rows[~zero].mean(axis=0, dtype=np.float64)).all(axis=1)
    return zero


def _merges(e: Evidence, points: Float, what: str = "") -> Merges:
    if isinstance(e.kernels, PairedKernels):
        engine = e.kernels.engine
        blocks = [engine.put(block) for block in cut(points, e.kernels.block)]
        tree = paired_tree(blocks, engine, lambda done: e.progress(what + "comparing pairs", done))
    else:
        tree = spanning_tree(points, e.kernels, lambda stage, done: e.progress(what + stage, done))
    return _lengths(merges(tree), e)


def _lengths(found: Merges, e: Evidence) -> Merges:
    """Deaths in the metric and its unit: the cosine distance of unit rows is half their squared Euclidean one."""
    if e.topology.metric == "cosine":
        return Merges(found.length**2 / 2, found.smaller, found.larger)
    if e.topology.normalize == "none" and e.exponent:
        return Merges(np.ldexp(found.length, e.exponent), found.smaller, found.larger)
    return found


def _engine(how: Topology) -> Callable[[Evidence, Float], Merges]:
    if how.h0 == "giotto":
        return lambda e, points: _lengths(giotto_merges(points), e)
    return _merges


def _replicates(e: Evidence, drawn: Drawn, points: Float, rows: int) -> tuple[tuple[Merges, ...], tuple[Merges, ...]]:
    """Merges of subsamples of so many rows, and of half as many; the rows depend on the seed and the row ids alone."""
    work = partial(_replicate, keys=drawn.keys, rows=rows, few=max(rows // 2, 3))
    found = []
    for replicate in e.kernels.over(points, work, range(2 * REPLICATES)):
        found.append(_lengths(replicate, e))
        e.progress("subsamples", len(found) / (2 * REPLICATES))
    return tuple(found[:REPLICATES]), tuple(found[REPLICATES:])


def _replicate(points: RowsAt, b: int, keys: Keys, rows: int, few: int) -> Merges:
    """The merges of the subsample b."""
    order: Keys = mix(keys, _SUBSAMPLE + b)
    held = rows if b < REPLICATES else few
    chosen = np.sort(np.argpartition(order, held - 1)[:held])
    return merges(spanning_tree(points[chosen], numpy_kernels, coarse=True))
