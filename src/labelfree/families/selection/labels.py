"""A few labels where predictions cannot decide: which rows to label, and what their labels say of the candidates.

Rows on which all candidates predict the same class tell nothing of their order, so that only the others are drawn: with
a probability that grows with the pairs of candidates that are apart on a row, of which the weight 1 / probability keeps
every estimate of a difference unbiased (Horvitz and Thompson 1952).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from labelfree.arrays import Float, Index

CONFIDENCE, POWER = 0.95, 0.9
"""Of intervals of differences; of the least difference that is found: nine times of ten."""
IMAGINED = 2.0
"""Rows on which one of two candidates is right that are added to those that were labelled, one for each: without them
the error of a few rows that all say the same would be none. With 2 the test is that of McNemar (1947) to a row.
"""


@dataclass(frozen=True, eq=False)
class LabelRows:
    """Rows to label: rows (m,) positions in ascending order, probability (m,) of each to be drawn.

    apart: rows on which some of the candidates predict otherwise than the others, of `of` in all.
    """

    rows: Index
    probability: Float
    apart: int
    of: int

    @property
    def weight(self) -> Float:
        """How many rows each of them stands for, (m,)."""
        return 1.0 / self.probability


@dataclass(frozen=True)
class Difference:
    """Accuracy of one candidate less that of another, by labels; labelled: rows that are labelled and apart."""

    value: float
    se: float
    interval: tuple[float, float]
    labelled: int


def apart(votes: Index) -> Index:
    """The number of pairs of candidates that predict different classes, for each row: votes (C, n) classes.

    >>> apart(np.array([[0, 1, 2], [0, 1, 1], [0, 2, 0]]))
    array([0, 2, 3])
    """
    found = np.zeros(votes.shape[1], np.int64)
    for i, own in enumerate(votes):
        found += (votes[i + 1 :] != own).sum(axis=0)
    return found


def probabilities(size: Float, rows: int) -> Float:
    """Probabilities (n,) in proportion to the sizes (n,), none above 1, that sum to `rows`; 1 each where none is left.

    >>> probabilities(np.array([0.0, 1.0, 1.0, 4.0]), 2)
    array([0. , 0.5, 0.5, 1. ])
    """
    found = np.zeros(len(size))
    there = size > 0
    if rows >= there.sum():
        found[there] = 1.0
        return found
    sure = np.zeros(len(size), bool)
    while True:
        rest = there & ~sure
        share = size[rest] * (rows - sure.sum()) / size[rest].sum()
        found[rest] = share
        if not (share > 1).any():
            return found
        sure[np.flatnonzero(rest)[share > 1]] = True
        found[sure] = 1.0


def drawn(probability: Float, start: float, order: Index) -> Index:
    """Positions that are drawn with exactly these probabilities, which sum to a whole number, in ascending order.

    Systematic sampling (Madow 1949): the rows stand one behind the other in the given order, each as long as its
    probability, and one is drawn at start, start + 1, ... with 0 <= start < 1.
    """
    sure = np.flatnonzero(probability >= 1)
    rest = order[(probability[order] > 0) & (probability[order] < 1)]
    many = round(float(probability[rest].sum()))
    ends = np.cumsum(probability[rest])
    at = np.searchsorted(ends * (many / ends[-1]), start + np.arange(many), side="right") if many else rest[:0]
    return np.sort(np.concatenate([sure, rest[np.minimum(at, len(rest) - 1)]])) if many else sure


def rows_to_label(votes: Index, rows: int, seed: int = 0) -> LabelRows:
    """At most so many rows whose labels tell the candidates apart: votes (C, n) of those that are still possible.

    A row is drawn in proportion to the root of its pairs apart, which makes the mean squared error of all differences
    least where each candidate apart is as likely to be right (Neyman 1934).
    """
    pairs = apart(votes)
    probability = probabilities(np.sqrt(pairs.astype(np.float64)), rows)
    chance = np.random.default_rng(seed)
    start = float(chance.uniform())
    found = drawn(probability, start, chance.permutation(len(pairs)))
    return LabelRows(found, probability[found], int((pairs > 0).sum()), votes.shape[1])


def difference(first: Index, second: Index, label: Index, weight: Float, of: int, comparisons: int = 1) -> Difference:
    """The accuracy of the first candidate less that of the second on `of` rows, by labelled rows and their weights.

    first, second: predictions (m,) for the labelled rows; label: (m,); weight: (m,) how many rows each stands for;
    comparisons: how many are made at once, all of which hold together at CONFIDENCE (Bonferroni). The sum of w d is
    unbiased, its squared error the sum of (w d)^2: what drawing the labels adds, and what the rows themselves add as a
    sample of others, where both candidates are equally good.
    """
    d = (first == label).astype(np.float64) - (second == label)
    others = first != second
    mean = float(weight[others].mean()) if others.any() else float(weight.mean()) if len(weight) else float(of)
    value = float((weight * d).sum()) / of
    se = math.sqrt(float(((weight * d) ** 2).sum()) + IMAGINED * mean**2) / of
    z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * max(comparisons, 1)))
    interval = max(value - z * se, -1.0), min(value + z * se, 1.0)
    return Difference(value, se, interval, int(others.sum()))


def detectable(squares: float, mean: float, of: int) -> float:
    """The least difference of accuracy on `of` rows that labels find nine times of ten.

    squares: sum of the squared weights of the labelled rows on which two candidates are apart; mean: of those weights.
    That one of the two is right on each of these rows is the worst case, and is assumed.
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + CONFIDENCE / 2) + normal.inv_cdf(POWER)
    return z * math.sqrt(squares + IMAGINED * mean**2) / of


@dataclass(frozen=True)
class Reach:
    """What so many labels can tell: the least difference of accuracy found nine times of ten, at most `possible`.

    uniform: how many uniformly drawn rows would tell as much; for_a_point: how many of the chosen ones a difference of
    one point of accuracy takes, None where all rows apart are too few.
    """

    detectable: float
    possible: float
    uniform: int
    for_a_point: int | None


def reach(votes: Index, best: int, rows: int) -> Reach:
    """What labels of so many rows can tell of the best candidate and the one that is apart from it on most rows."""
    size = np.sqrt(apart(votes).astype(np.float64))
    other = max((c for c in range(len(votes)) if c != best), key=lambda c: int((votes[c] != votes[best]).sum()))
    there, of = votes[other] != votes[best], votes.shape[1]

    def least(budget: int) -> float:
        p = probabilities(size, budget)[there]
        return detectable(float((1.0 / p).sum()), len(p) / float(p.sum()), of)

    count = int(there.sum())
    if count == 0:
        return Reach(0.0, 0.0, 0, 0)
    total = float((1.0 / probabilities(size, rows)[there]).sum())
    point, most = None, int((size > 0).sum())
    if least(most) <= 0.01:
        low, high = 1, most
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if least(middle) <= 0.01 else (middle + 1, high)
        point = low
    return Reach(least(rows), count / of, math.ceil(count * of / total), point)


@dataclass(frozen=True)
class Compared:
    """The plausible candidates by labels: their places, the one with most right, the differences of it to the others.

    differences: one for each place but the leader's, in the order of the places; left: the places that it may not be
    better than, its own first.
    """

    places: tuple[int, ...]
    leader: int
    differences: dict[int, Difference]
    left: tuple[int, ...]


def compared(votes: Index, places: Sequence[int], label: Index, weight: Float, of: int, first: int) -> Compared:
    """The candidates at these places by labels: votes (C, m) of all candidates for the labelled rows, label (m,).

    first: the place that leads where several have as much right. A candidate is out where the interval of what the
    leader has more, for all comparisons together, lies above 0.
    """
    right = {c: float((weight * (votes[c] == label)).sum()) for c in places}
    leader = max(places, key=lambda c: (right[c], c == first))
    found = {c: difference(votes[leader], votes[c], label, weight, of, len(places) - 1) for c in places if c != leader}
    left = tuple(c for c in places if c != leader and found[c].interval[0] <= 0)
    return Compared(tuple(places), leader, found, (leader, *left))
