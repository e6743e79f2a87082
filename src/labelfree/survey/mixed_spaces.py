"""Whether the rows of one data set are of two spaces: of two models, or of one whose directions were exchanged.

Topics of one model differ in their means and in how wide they are, and still share which directions carry much and
which carry little. Two spaces share nothing of that: the variances of one along the principal directions of the other
are in no order. Rows are divided in several ways, by their order and by what they look like, and no labels are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Rows

LIMIT, DEVIATIONS = 0.15, 2.5
"""How far from 0 the rank correlation of two spaces may lie: this, or so many deviations of a random turn."""
OWN = 0.8
"""Rank correlation that the clusters of the larger part must reach before anything is said."""
LEAST, LEAST_COLUMNS = 500, 128
SAMPLED = 1_500
"""Rows that are looked at, spread over the file."""
_COLUMNS, _DIRECTIONS, _STEPS = 128, 32, 6
_SMALLEST, _FEW = 0.03, 16
_CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_NEAR, _WIDE = 512, 512
_ROUNDED = 1e-3
"""How far rounding to half precision or eight bits takes a row of length 1 from it."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """A division of rows: which are in the smaller part, and how alike the smaller is to the larger part."""

    second: Mask
    alike: float


def parted(rows: Rows) -> Parts | None:
    """The parts of rows (n, d) in file order, where they are of two spaces."""
    if len(rows) < LEAST or rows.shape[1] < LEAST_COLUMNS:
        return None
    lengths = np.linalg.norm(rows, axis=1)
    X = rows[:, :: -(-rows.shape[1] // _WIDE)] / np.where(lengths > 0, lengths, 1.0)[:, None]
    apart = [parts for parts in divided(X) if two_spaces(X, parts)]
    return min(apart, key=lambda parts: abs(parts.alike), default=None)


def divided(X: Float) -> list[Parts]:
    """Divisions of the rows; the least alike parts, and those nearest to chance, settled once more in all columns."""
    found = [Parts(second, alikeness(X[~second], X[second])) for second in divisions(_reduced(X))]
    least, nearest = min(found, key=lambda p: p.alike), min(found, key=lambda p: abs(p.alike))
    for parts in [least] if nearest is least else [least, nearest]:
        finer = _settled(X, parts.second, 2 * _DIRECTIONS)
        if finer is not None:
            found.append(Parts(finer, alikeness(X[~finer], X[finer])))
    return found


def two_spaces(X: Float, parts: Parts) -> bool:
    """Whether each part says nothing of the other, and the clusters of the larger one say much of each other."""
    one, two = X[~parts.second], X[parts.second]
    if abs(parts.alike) > _chance(one) or abs(alikeness(two, one)) > _chance(two):
        return False
    for clusters in (_two_means, _near_each_other):
        few = _smaller(clusters(one - one.mean(axis=0)))
        if few.sum() < _FEW or alikeness(one[~few], one[few]) < OWN:
            return False
    return True


def _chance(part: Float) -> float:
    """How far from 0 a rank correlation over the directions of a part may lie in two spaces."""
    return max(LIMIT, DEVIATIONS / float(np.sqrt(_known(part))))


def _known(part: Float) -> int:
    """Directions that so many rows can tell in order."""
    return max(min(int(part.shape[1]), len(part) // 2), 1)


def mixed_lengths(rows: Rows) -> Mask | None:
    """Rows of length 1 among rows of other lengths, or the others: the fewer of both; None where one is missing."""
    lengths = np.linalg.norm(rows, axis=1)
    one = np.abs(lengths - 1) < _ROUNDED
    others = np.abs(lengths[~one & (lengths > 0)] - 1)
    if min(one.sum(), len(others)) < _least(len(rows)) or np.quantile(others, 0.05) < 10 * _ROUNDED:
        return None
    return _smaller(one)


def alikeness(one: Float, two: Float) -> float:
    """Rank correlation of the variances of both along the principal directions of the first; 1 where these are few."""
    values, vectors = _directions(one - one.mean(axis=0))
    known = min(int((values > 1e-9 * values[0]).sum()), _known(one))
    if values[0] <= 0 or known < _FEW:
        return 1.0
    seen = (((two - two.mean(axis=0)) @ vectors[:, :known]) ** 2).mean(axis=0)
    ranks = np.argsort(np.argsort(seen)) - (known - 1) / 2
    order = np.arange(known)[::-1] - (known - 1) / 2
    return float(ranks @ order / (order @ order))


def divisions(X: Float) -> Iterator[Mask]:
    """Ways to divide rows, each by its smaller part: a place in the file, and parts that look unlike."""
    n = len(X)
    cuts = [_smaller(np.arange(n) >= round(cut * n)) for cut in _CUTS]
    best = min(cuts, key=lambda part: alikeness(X[~part], X[part]))
    yield best
    for start in (best, _two_means(X), _near_each_other(X), _far_from_all(X)):
        settled = _settled(X, start)
        if settled is not None:
            yield settled


def _smaller(part: Mask) -> Mask:
    return part if 2 * part.sum() <= len(part) else ~part


def _least(n: int) -> int:
    """The fewest rows that are looked at as a part."""
    return max(int(_SMALLEST * n), 15)


def _reduced(X: Float) -> Float:
    """Rows about their mean, along the principal directions that carry most."""
    X = X - X.mean(axis=0)
    return np.asarray(X @ _directions(X)[1][:, :_COLUMNS])


def _directions(X: Float) -> tuple[Float, Float]:
    """Variances of centered rows along their principal directions, and these, the largest first."""
    values, vectors = np.linalg.eigh(X.T @ X / len(X))
    return values[::-1], vectors[:, ::-1]


def _two_means(X: Float) -> Mask:
    """Two clusters, begun on both sides of the strongest direction."""
    part: Mask = X @ _directions(X - X.mean(axis=0))[1][:, 0] > 0
    for _ in range(30):
        if part.all() or not part.any():
            break
        a, b = X[~part].mean(axis=0), X[part].mean(axis=0)
        moved: Mask = X @ (b - a) > (b @ b - a @ a) / 2
        if (moved == part).all():
            break
        part = moved
    return part


def _near_each_other(X: Float) -> Mask:
    """Two sets of rows whose cosines are far from zero among themselves, by the second direction of their squares."""
    some = X[np.linspace(0, len(X) - 1, min(len(X), _NEAR)).astype(int)]
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    U, V = X / np.maximum(lengths, 1e-300), some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-300)
    near = (V @ V.T) ** 2
    np.fill_diagonal(near, 0)
    near = np.minimum(near, np.quantile(near, 0.98))
    root = np.sqrt(np.maximum(near.sum(axis=1), 1e-300))
    side = np.linalg.eigh(near / root[:, None] / root)[1][:, -2] > 0
    if side.all() or not side.any():
        return np.zeros(len(X), bool)
    seen = (U @ V.T) ** 2
    return np.asarray(seen[:, side].mean(axis=1) > seen[:, ~side].mean(axis=1))


def _far_from_all(X: Float) -> Mask:
    """The tenth of the rows that the strongest directions of all describe worst."""
    left = (X[:, min(2 * _DIRECTIONS, X.shape[1] // 2) :] ** 2).sum(axis=1) / np.maximum((X**2).sum(axis=1), 1e-300)
    return np.asarray(left > np.quantile(left, 0.9))


def _settled(X: Float, part: Mask, q: int = _DIRECTIONS) -> Mask | None:
    """Rows go to the part whose normal law they suit better, until they stay. None where a part vanishes."""
    least = _least(len(X))
    for _ in range(_STEPS):
        if min(part.sum(), (~part).sum()) < least:
            return None
        moved = _suits(X, X[part], q) > _suits(X, X[~part], q)
        if (moved != part).mean() < 0.002:
            break
        part = moved
    return _smaller(part) if min(part.sum(), (~part).sum()) >= least else None


def _suits(X: Float, part: Float, q: int) -> Float:
    """The log likelihood of rows under the normal law of a part: its strongest directions, and one variance besides."""
    mean, d = part.mean(axis=0), X.shape[1]
    values, vectors = _directions(part - mean)
    q = max(2, min(q, len(part) // 8, d // 2))
    rest = max(float(values[q:].mean()), 1e-12 * float(values[0]), 1e-300)
    strong = np.maximum(values[:q], rest)
    Y = X - mean
    Z = Y @ vectors[:, :q]
    left = np.maximum((Y**2).sum(axis=1) - (Z**2).sum(axis=1), 0)
    share = np.log(len(part))
    return np.asarray(
        share - ((Z**2 / strong).sum(axis=1) + left / rest + np.log(strong).sum() + (d - q) * np.log(rest)) / 2
    )
