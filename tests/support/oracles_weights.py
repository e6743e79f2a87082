"""Definitions of the metrics of weights, slow and sharing no code with src."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def effective_rank(W: Matrix) -> float:
    sigma = [s for s in np.linalg.svd(W, compute_uv=False).tolist() if s > 0]
    shares = [s / math.fsum(sigma) for s in sigma]
    return math.exp(-math.fsum(p * math.log(p) for p in shares))


def stable_rank(W: Matrix) -> float:
    return float(np.linalg.norm(W, "fro") ** 2 / np.linalg.norm(W, 2) ** 2)


def spectral_norm(W: Matrix) -> float:
    return float(np.linalg.norm(W, 2))


def frobenius_norm(W: Matrix) -> float:
    return math.sqrt(math.fsum(x * x for x in W.ravel().tolist()))


def tail(values: NDArray[np.float64]) -> tuple[float, float, int, float]:
    """Exponent, start, size and distance of the best power law: every start tried, as plfit.m of the authors does."""
    x = sorted(values.tolist())
    best = (math.inf, 0.0, 0.0, 0)
    for i, start in enumerate(x[:-1]):
        above = x[i:]
        total = math.fsum(math.log(v / start) for v in above)
        if total <= 0:
            continue
        exponent, n = 1 + len(above) / total, len(above)
        law = (1 - (v / start) ** (1 - exponent) for v in above)
        distance = max(abs(j / n - share) for j, share in enumerate(law))
        best = min(best, (distance, exponent, start, n))
    distance, exponent, start, n = best
    return exponent, start, n, distance


def tail_exponent(W: Matrix) -> float:
    return tail(np.asarray(np.linalg.svd(W, compute_uv=False) ** 2, np.float64))[0]


def against_exponential(above: NDArray[np.float64], exponent: float) -> float:
    """Vuong's statistic from the two densities on the tail."""
    from scipy import stats

    start, mean = float(above.min()), float(above.mean())
    law = stats.pareto(exponent - 1, scale=start).logpdf(above)
    other = stats.expon(start, mean - start).logpdf(above)
    gain = law - other
    return float(gain.sum() / (np.sqrt(len(gain)) * gain.std()))


def trimmed(above: NDArray[np.float64], largest: int) -> float:
    """The same without the largest values, both laws cut off at the first of them; fitted by scipy."""
    from scipy import stats
    from scipy.optimize import minimize_scalar

    x = np.sort(above)
    start, end = x[0], x[-largest]
    x = x[:-largest]

    def densities(kind: str, rate: float) -> NDArray[np.float64]:
        y, length = (np.log(x / start), np.log(end / start)) if kind == "power" else (x - start, end - start)
        if abs(rate * length) < 1e-9:
            inside = np.full(len(x), -np.log(length))
        elif rate > 0:
            inside = stats.truncexpon(rate * length, scale=1 / rate).logpdf(y)
        else:
            inside = stats.truncexpon(-rate * length, scale=-1 / rate).logpdf(length - y)
        return np.asarray(inside - (np.log(x) if kind == "power" else 0))

    def best(kind: str) -> NDArray[np.float64]:
        y = np.log(x / start) if kind == "power" else x - start
        wide = 3 / y[1:].mean()
        fit = minimize_scalar(
            lambda rate: -densities(kind, rate)[1:].sum(),
            bounds=(-wide, wide),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return densities(kind, fit.x)

    gain = best("power") - best("exponential")
    return float(gain.sum() / (np.sqrt(len(gain)) * gain.std()))


def mean_cosine(W: Matrix) -> float:
    rows = [w / np.linalg.norm(w) for w in W if w.any()]
    pairs = [float(a @ b) for i, a in enumerate(rows) for b in rows[i + 1 :]]
    return math.fsum(pairs) / len(pairs)


def nonfinite_rows(weights: Mapping[str, Matrix]) -> int:
    return sum(not all(map(math.isfinite, row)) for W in weights.values() for row in W.tolist())


def dead_rows(weights: Mapping[str, Matrix]) -> int:
    return sum(all(x == 0 for x in row) for W in weights.values() for row in W.tolist())


def duplicate_rows(weights: Mapping[str, Matrix]) -> int:
    found = 0
    for W in weights.values():
        seen: list[list[float]] = []
        for row in W.tolist():
            if any(row) and all(map(math.isfinite, row)):
                found += row in seen
                seen.append(row)
    return found


def weight_norm(weights: Mapping[str, Matrix]) -> float:
    return math.sqrt(math.fsum(x * x for W in weights.values() for x in W.ravel().tolist()))


def median_rank_share(weights: Mapping[str, Matrix]) -> float:
    return float(np.median([effective_rank(W) / min(W.shape) for W in weights.values()]))


def median_stable_rank(weights: Mapping[str, Matrix]) -> float:
    return float(np.median([stable_rank(W) for W in weights.values()]))
