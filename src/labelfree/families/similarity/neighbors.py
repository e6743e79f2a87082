"""Neighbors that two representations share: what a search in one finds that a search in the other finds too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.once import once
from labelfree.evidence.pair import NEIGHBORS, Pair, pair
from labelfree.families.spec import FROM_SAMPLE, INVARIANT, NO_DIRECTION, Metric
from labelfree.families.transfer.intervals import share_interval
from labelfree.results import Plain, Result, undefined

HALVES = 40
"""Random halves of the sampled rows whose spread is the error."""
FEW_ROWS = 50
"""Rows below which there is no interval: coverage was measured from 100 on."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Shares of the k nearest of each row in one space that are among its k nearest in the other.

    rows: (n,) of all sampled rows; halves: for each random half of the rows, which rows are in it and the shares (n,)
    with neighbors from that half alone, 0 for the other rows.
    """

    rows: Float
    halves: tuple[tuple[NDArray[np.bool_], Float], ...]

    @property
    def value(self) -> float:
        """The mean over the rows."""
        return float(self.rows.mean())

    def se(self, among: Index | None = None) -> float | None:
        """The standard error of the mean over all rows, or over those at these positions."""
        means = []
        for inside, share in self.halves:
            if among is not None:
                inside, share = inside[among], share[among]
            if inside.any():
                means.append(float(share[inside].mean()))
        return float(np.std(means, ddof=1)) if len(means) > 1 else None

    def interval(self, among: Index | None = None) -> tuple[float, float] | None:
        """The 95 % interval of the mean: that of a share (Wilson) of as many rows as its error says there are."""
        rows = self.rows if among is None else self.rows[among]
        se = self.se(among)
        if se is None or len(rows) < FEW_ROWS:
            return None
        return share_of(float(rows.mean()), se, len(rows))


def share_of(value: float, se: float, n: int) -> tuple[float, float]:
    """The interval of a share with this error, by Wilson for as many rows as would have it; n where it has none.

    >>> [round(end, 3) for end in share_of(1.0, 0.0, 100)]
    [0.963, 1.0]
    """
    spread = value * (1 - value)
    count = n if se <= 0 or spread <= 0 else spread / se**2
    return share_interval(value * count, count)


def kept(e: Pair) -> Kept:
    """Shares of neighbors of the rows as they are."""
    return once(e, _kept)


def _kept(e: Pair) -> Kept:
    return kept_between(*e.neighbors, e.k, e.seed)


def kept_centered(e: Pair) -> Kept:
    """Shares of neighbors of the rows about their mean."""
    return once(e, _kept_centered)


def _kept_centered(e: Pair) -> Kept:
    return kept_between(*e.centered_neighbors, e.k, e.seed)


def kept_between(one: Index, other: Index, k: int, seed: int) -> Kept:
    """What two lists of neighbors (n, m), the nearest first, share in their first k, and in halves of the rows.

    In a half the first k of the listed neighbors that are in it are its k nearest: the lists are long enough for that.
    """
    n, m = one.shape
    place = np.full((n, m), m, np.int64)  # of each neighbor in the other list, m where it is not there
    for r in range(m):
        row, at = np.nonzero(one == other[:, r : r + 1])
        place[row, at] = r
    share = (place[:, :k] < k).sum(axis=1) / k
    chance = np.random.default_rng([seed, n, k])
    halves = []
    for _ in range(HALVES if n >= 4 * k else 0):
        inside = np.zeros(n, bool)
        inside[chance.permutation(n)[: n // 2]] = True
        mine, theirs = inside[one], inside[other]
        near = mine & (np.cumsum(mine, axis=1) <= k)
        rank = np.cumsum(theirs, axis=1)
        padded = np.concatenate([rank, np.full((n, 1), k + 1)], axis=1)
        both = near & (np.take_along_axis(padded, place, axis=1) <= k)
        halves.append((inside, np.where(inside, both.sum(axis=1) / k, 0.0)))
    return Kept(share, tuple(halves))


def _too_few(e: Pair) -> Result | None:
    if e.sampled > e.k + 1:
        return None
    return undefined("insufficient", f"{e.k} neighbors of each row need more than {e.k + 1} rows, found {e.sampled}")


def _no_direction(e: Pair) -> Result | None:
    for name, rows in (("the first", e.a), ("the second", e.b)):
        if (rows == rows[:1]).all():
            return undefined("collapsed", f"all rows of {name} are equal: no row has neighbors")
    return None


def _params(e: Pair) -> dict[str, Plain]:
    return {"k": e.k, "sampled": e.sampled}


def _warnings(found: Kept) -> Sequence[Noted]:
    n = len(found.rows)
    if n >= FEW_ROWS and found.halves:
        return ()
    return (Noted("no_interval", f"no interval: {n} rows are too few for halves of them"),)


def _neighbors_kept(e: Pair) -> Result:
    if flat := _too_few(e) or _no_direction(e):
        return flat
    found, about = kept(e), kept_centered(e)
    parts: dict[str, Plain] = {
        "chance": e.k / (e.sampled - 1), "centered": about.value, "rows_unchanged": float((found.rows == 1).mean()),
    }  # fmt: skip
    return Result(
        found.value, found.se(), found.interval(), params=_params(e), parts=parts, warnings=tuple(_warnings(found))
    )


def neighbors_kept(X: Any, Y: Any, *, k: int = NEIGHBORS, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Share of the k nearest rows that stay among the k nearest: what a search with Y finds of what one with X finds.

    Formula: mean over rows of |N_k(x_i) and N_k(y_i) in common| / k, N_k the k nearest others by cosine of the rows as
    they are, among the sampled rows.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows in the same order, n >= k + 2.
    Range: 0 to 1; unrelated rows have k / (n - 1) (parts.chance).
    Undefined: k + 1 rows or fewer; a side whose rows are all equal.
    Interval: spread over 40 random halves of the rows, as the interval of a share (Wilson). None below 50 rows.
    Cost: 2 m^2 (d1 + d2) flop for m sampled rows.
    When it lies: the more rows, the closer neighbors lie and the smaller a change exchanges them: values of other
    numbers of rows do not compare. Near duplicates keep each other whatever else changes.
    Source: the overlap of neighbors that searches are tested by; Huh et al., "The Platonic Representation Hypothesis",
    ICML 2024, for whole models. Deviations: not centered (parts.centered is), nothing taken off for chance.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> neighbors_kept(X, 2 * X[:, [2, 0, 1]]).value
    1.0
    """
    return _neighbors_kept(pair(X, Y, k=k, sample=sample, seed=seed))


def _mutual_knn(e: Pair) -> Result:
    if flat := _too_few(e) or _no_direction(e):
        return flat
    found, raw = kept_centered(e), kept(e)
    chance = e.k / (e.sampled - 1)

    def beyond(share: float) -> float:
        return min((share - chance) / (1 - chance), 1.0)

    se, interval = found.se(), found.interval()
    ends = None if interval is None else (beyond(interval[0]), beyond(interval[1]))
    parts: dict[str, Plain] = {"chance": chance, "share": found.value, "uncentered": beyond(raw.value)}
    error = None if se is None else se / (1 - chance)
    return Result(beyond(found.value), error, ends, params=_params(e), parts=parts, warnings=tuple(_warnings(found)))


def mutual_knn(X: Any, Y: Any, *, k: int = NEIGHBORS, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Neighbors that both representations share beyond chance, whatever rotation, scale and offset each has.

    Formula: (m - c) / (1 - c), m the mean share of common neighbors among the k nearest by cosine of the rows about
    their mean, c = k / (n - 1).
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows in the same order, n >= k + 2.
    Range: -c / (1 - c) to 1; 0 for unrelated rows.
    Undefined: k + 1 rows or fewer; a side whose rows are all equal.
    Interval: as for neighbors_kept.
    Cost: shared with neighbors_kept, which needs both kinds of neighbors too.
    When it lies: depends on the number of rows at fixed k (a stated sample of one size compares); blind to everything
    beyond the k nearest; near duplicates raise it.
    Source: Huh, Cheung, Wang, Isola, "The Platonic Representation Hypothesis", ICML 2024. Deviations: columns about
    their mean, chance taken off, ties by the hash of the row.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> mutual_knn(X, 2 * X[:, [2, 0, 1]] + 5).value
    1.0
    """
    return _mutual_knn(pair(X, Y, k=k, sample=sample, seed=seed))


def most_changed(found: Kept, most: int) -> Index:
    """Positions of the rows that kept the fewest neighbors, the fewest first, at most so many; none that kept all."""
    order = np.argsort(found.rows, kind="stable")[:most]
    return np.asarray(order[found.rows[order] < 1], np.int64)


METRICS = (
    Metric(neighbors_kept, _neighbors_kept, FROM_SAMPLE, INVARIANT, NO_DIRECTION,
           "mean share of the k nearest by cosine of uncentered rows that are among the k nearest in both"),
    Metric(mutual_knn, _mutual_knn, FROM_SAMPLE, INVARIANT, NO_DIRECTION,
           "(m - c) / (1 - c), m the same of centered rows, c = k / (n - 1)"),
)  # fmt: skip
