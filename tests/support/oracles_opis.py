"""OPIS from its formulas, pair by pair and in float64, sharing no code with labelfree.

Groups i = 1..T of at least two rows; a pair is accepted at threshold t where its distance is t or less.
sens_i(t): share of the pairs inside i that are accepted; spec_i(t): share of the pairs with one end in i that are not.
U_i = 2 sens spec / (sens + spec), 0 where both are 0. OPIS: mean over i and over [t_min, t_max] of (U_i - mean U)^2.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_PLACES = 12  # ties of a symmetric set are ties only after rounding


def distances(X: Any, space: str = "l2") -> Matrix:
    """All distances of the rows scaled to length one (n, n), each from the difference of two rows: no cancellation."""
    W = np.array(X, dtype=np.longdouble)
    W = W / np.sqrt((W * W).sum(axis=1))[:, None]
    square = np.array([((W - w) ** 2).sum(axis=1) for w in W])
    return np.asarray(np.sqrt(square) if space == "l2" else square / 2).astype(np.float64).round(_PLACES)


@dataclass(frozen=True)
class Pairs:
    """Distances, ascending: of the pairs inside each group, of those with one end in it, of all of different groups."""

    names: list[Any]
    size: dict[Any, int]
    inside: dict[Any, list[float]]
    across: dict[Any, list[float]]
    negative: list[float]


def pairs(D: Any, group: Any) -> Pairs:
    """The pairs of the rows whose group holds another row; names in the order of their first row."""
    group = list(np.asarray(group).tolist())
    size = {g: group.count(g) for g in dict.fromkeys(group)}
    names = [g for g in size if size[g] > 1]
    rows = [i for i, g in enumerate(group) if size[g] > 1]
    inside: dict[Any, list[float]] = {g: [] for g in names}
    across: dict[Any, list[float]] = {g: [] for g in names}
    negative = []
    for a, i in enumerate(rows):
        for j in rows[:a]:
            d = float(D[i][j])
            if group[i] == group[j]:
                inside[group[i]].append(d)
            else:
                negative.append(d)
                across[group[i]].append(d)
                across[group[j]].append(d)
    for found in (*inside.values(), *across.values(), negative):
        found.sort()
    return Pairs(names, {g: size[g] for g in names}, inside, across, negative)


def threshold_at(negative: list[float], far: float) -> float:
    """The least distance that occurs and accepts at least this share of the negative pairs."""
    for rank, d in enumerate(negative, start=1):
        if rank >= far * len(negative) - 1e-9:
            return d
    raise AssertionError


def share(ascending: list[float], threshold: float) -> float:
    """The share of distances that are accepted."""
    return bisect_right(ascending, threshold) / len(ascending)


def harmonic(sens: float, spec: float) -> float:
    return 2 * sens * spec / (sens + spec) if sens + spec > 0 else 0.0


def utilities(of: Pairs, thresholds: Any) -> Matrix:
    """U_i(t), (T, g)."""
    return np.array(
        [[harmonic(share(of.inside[g], t), 1 - share(of.across[g], t)) for t in thresholds] for g in of.names]
    )


@dataclass(frozen=True)
class Answer:
    """Integrals over the zone, divided by its width; `contribution` of each group by name, their mean is opis."""

    zone: tuple[float, float]
    opis: float
    eps_opis: float
    mean_utility: float
    worst_utility: float
    pooled: float
    chance: float
    contribution: dict[Any, float]
    utility: dict[Any, float]


def exact(D: Any, group: Any, far: tuple[float, float] = (0.01, 0.1), eps: float = 0.1) -> Answer | None:
    """Over every distance that occurs in the zone, between which the curves are constant; None for an empty zone."""
    of = pairs(D, group)
    low, high = (threshold_at(of.negative, f) for f in far)
    if high <= low:
        return None
    occurring = {d for found in (of.negative, *of.inside.values()) for d in found}
    steps = [low, *sorted(d for d in occurring if low < d < high), high]
    weights = [(b - a) / (high - low) for a, b in itertools.pairwise(steps)]
    return _answer(of, steps[:-1], weights, (low, high), eps)


def trapezoid(D: Any, group: Any, thresholds: Any, eps: float = 0.1) -> Answer:
    """By the trapezoidal rule over given thresholds of equal distance."""
    g = len(thresholds)
    weights = [0.5, *[1.0] * (g - 2), 0.5]
    ends = float(thresholds[0]), float(thresholds[-1])
    return _answer(pairs(D, group), thresholds, [w / (g - 1) for w in weights], ends, eps)


def _answer(of: Pairs, thresholds: Any, weights: list[float], zone: tuple[float, float], eps: float) -> Answer:
    U, w, T = utilities(of, thresholds), np.array(weights), len(of.names)
    mean = np.array([math.fsum(column) / T for column in U.T])
    count = max(1, math.ceil(eps * T - 1e-12))
    worst = np.array([math.fsum(sorted(column)[:count]) / count for column in U.T])
    every = [d for g in of.names for d in of.inside[g]]
    every.sort()
    pooled = np.array([harmonic(share(every, t), 1 - share(of.negative, t)) for t in thresholds])
    far = np.array([share(of.negative, t) for t in thresholds])
    apart = {g: math.fsum((u - mean) ** 2 * w) for g, u in zip(of.names, U, strict=True)}
    return Answer(
        zone=zone,
        opis=math.fsum(apart.values()) / T,
        eps_opis=math.fsum((worst - mean) ** 2 * w),
        mean_utility=math.fsum(mean * w),
        worst_utility=math.fsum(worst * w),
        pooled=math.fsum(((U - pooled) ** 2).mean(axis=0) * w),
        chance=math.fsum(2 * far * (1 - far) * w),
        contribution=apart,
        utility={g: math.fsum(u * w) for g, u in zip(of.names, U, strict=True)},
    )


def jackknife(D: Any, group: Any, names: Any, far: tuple[float, float] = (0.01, 0.1)) -> dict[str, Matrix]:
    """Of each group (T,), T - 1 times what every value loses without its rows: the range and all curves anew."""
    group = np.asarray(group)
    whole = exact(D, group, far)
    groups = list(dict.fromkeys(group.tolist()))
    found: dict[str, list[float]] = {name: [] for name in names}
    for g in groups:
        kept = np.flatnonzero(group != g)
        rest = exact(D[np.ix_(kept, kept)], group[kept], far)
        for name, values in found.items():
            values.append((len(groups) - 1) * (getattr(whole, name) - getattr(rest, name)))
    return {name: np.array(values) for name, values in found.items()}


def equal_error(inside: list[float], across: list[float]) -> tuple[float, float] | None:
    """(rate, threshold) where false accepts and false rejects differ least, the mean of both; None if never met."""
    found = [(abs(share(across, t) - 1 + share(inside, t)), t) for t in sorted({*inside, *across})]
    _, at = min(found)
    return (share(across, at) + 1 - share(inside, at)) / 2, at


def recall_at_1(D: Any, group: Any) -> dict[Any, float]:
    """The share of each group's rows that have one of their own nearer than every row of another group."""
    group = list(np.asarray(group).tolist())
    hits: dict[Any, list[bool]] = {}
    kept = [i for i, g in enumerate(group) if group.count(g) > 1]
    for i in kept:
        own = min(D[i][j] for j in kept if j != i and group[j] == group[i])
        other = min(D[i][j] for j in kept if group[j] != group[i])
        hits.setdefault(group[i], []).append(bool(own < other))
    return {g: sum(found) / len(found) for g, found in hits.items()}


def wrong_opis(D: Any, group: Any) -> float:
    """What several public programs call OPIS: the deviation over 101 thresholds of one pooled F1 (not of groups)."""
    of = pairs(D, group)
    inside = sorted(d for found in of.inside.values() for d in found)
    scores = []
    for t in np.linspace(0, 2, 101):
        right, wrong = bisect_right(inside, t), bisect_right(of.negative, t)
        precision = right / (right + wrong) if right + wrong else 0.0
        recall = right / len(inside)
        scores.append(harmonic(precision, recall))
    middle = math.fsum(scores) / len(scores)
    return math.fsum(abs(s - middle) for s in scores) / len(scores)
