"""Exact optimal transport of n rows of equal weight to K classes of given sizes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index

EXACT = 10_000
"""Rows up to which `cot` uses all sampled rows; beyond, the first of the seeded sample."""
_TINY = 1e-12
_SOFT = (0.1, 0.02, 0.004, 0.001, 0.0003)


@dataclass(frozen=True, eq=False)
class TransportPlan:
    """chosen: (n,) class of each row; gain: sum of its weights; prices: (K,) optimal dual, lowest 0."""

    chosen: Index
    gain: float
    prices: Float


def integer_share(counts: Index, total: int) -> Index:
    """`counts` scaled to integers that sum to `total`: floors, then largest remainders, lower classes first."""
    whole, rest = np.divmod(counts * total, counts.sum())
    whole[np.argsort(-rest, kind="stable")[: total - whole.sum()]] += 1
    return np.asarray(whole)


def transport(weight: Float, sizes: Index) -> TransportPlan:
    """The classes that maximize sum_i weight[i, chosen_i], class k chosen sizes[k] times. weight: (n, K).

    Every row begins in the class that is best at the prices of a smoothed problem. While a class holds too many, the
    cheapest paths of moves from classes with too many to classes with too few are carried out, those at once that
    share no class (successive shortest paths, Bellman-Ford over K classes): at every moment the choice is the best one
    for the sizes it has, so the last one is the optimum, whatever the first prices were.
    """
    n, k = weight.shape
    chosen: Index = (weight - first_prices(weight, sizes)).argmax(axis=1)
    excess = np.bincount(chosen, minlength=k) - sizes
    cost = np.empty((k, k))
    mover = np.zeros((k, k), dtype=np.int64)
    for a in range(k):
        _refresh(a, weight, chosen, cost, mover)
    while (excess > 0).any():
        distance, before = _paths(cost, excess > 0)
        used: set[int] = set()
        for end in np.flatnonzero(excess < 0)[np.argsort(distance[excess < 0], kind="stable")].tolist():
            path = [end]
            while before[path[-1]] >= 0:
                path.append(int(before[path[-1]]))
            if used.intersection(path):
                continue
            used.update(path)
            for b, a in pairwise(path):
                chosen[mover[a, b]] = b
            excess[path[-1]] -= 1
            excess[end] += 1
        for a in used:
            _refresh(a, weight, chosen, cost, mover)
    prices = _paths(cost.T, np.ones(k, dtype=bool))[0]
    return TransportPlan(chosen, float(weight[np.arange(n), chosen].sum()), prices - prices.min())


def price_variance(weight: Float, label: Index, prices: Float) -> tuple[float, float]:
    """Variance of the mean gain over samples of rows (n, K) and labels (m,), by the optimal prices (envelope theorem).

    The prices fit their own sample, which adds their noise to the spread of max(weight - price) and of price[label]: at
    prices of either half of the sample, the covariance of both is free of it. Half of the noise is the second part of
    the variance of an optimum: the mean of both. Also the variance at the prices of the whole sample.
    """
    own = _spread(weight, label, prices, prices)
    halves = []
    for half in (slice(0, None, 2), slice(1, None, 2)):
        sizes = np.bincount(label[half], minlength=weight.shape[1]) / len(label[half]) * len(weight[half])
        halves.append(first_prices(weight[half], sizes))
    return max((own + _spread(weight, label, *halves)) / 2, own / 4), own


def _spread(weight: Float, label: Index, one: Float, two: Float) -> float:
    """Covariance of the mean gains at two prices, over rows and over labels."""
    gain = tuple(np.asarray((weight - prices).max(axis=1)) for prices in (one, two))
    return _covariance(*gain) / len(weight) + _covariance(one[label], two[label]) / len(label)


def _covariance(a: Float, b: Float) -> float:
    return float((a - a.mean()) @ (b - b.mean())) / (len(a) - 1)


def first_prices(weight: Float, sizes: Index | Float) -> Float:
    """(K,) minimizer of the dual with a soft maximum, softened less and less."""
    from scipy.optimize import minimize

    prices, share = np.zeros(weight.shape[1]), sizes / len(weight)

    def dual(prices: Float, soft: float) -> tuple[float, Float]:
        z = (weight - prices) / soft
        peak = z.max(axis=1, keepdims=True)
        np.exp(np.subtract(z, peak, out=z), out=z)
        total = z.sum(axis=1, keepdims=True)
        value = float(share @ prices + soft * (np.log(total) + peak).mean())
        return value, share - np.divide(z, total, out=z).mean(axis=0)

    for soft in _SOFT:
        prices = minimize(dual, prices, (soft,), "L-BFGS-B", jac=True, options={"maxiter": 30}).x
    return np.asarray(prices)


def _refresh(a: int, weight: Float, chosen: Index, cost: Float, mover: Index) -> None:
    """cost[a]: least loss of moving a row from class a to each other class; mover[a]: which row that is."""
    members = np.flatnonzero(chosen == a)
    if len(members) == 0:
        cost[a] = np.inf
    else:
        loss = weight[members, a][:, None] - weight[members]
        first = loss.argmin(axis=0)
        cost[a], mover[a] = loss[first, np.arange(len(cost))], members[first]
    cost[a, a] = np.inf


def _paths(cost: Float, starts: NDArray[np.bool_]) -> tuple[Float, Index]:
    """Length (K,) of the shortest path from any start to each class, and the class before it there (-1: none)."""
    distance = np.where(starts, 0.0, np.inf)
    before = np.full(len(cost), -1, dtype=np.int64)
    for _ in range(len(cost)):
        through = distance[:, None] + cost
        best = through.argmin(axis=0)
        length = through[best, np.arange(len(cost))]
        better = length < distance - _TINY
        if not better.any():
            break
        distance[better], before[better] = length[better], best[better]
    return distance, before
