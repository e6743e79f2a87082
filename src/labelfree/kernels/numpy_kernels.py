"""The kernels in numpy: the default."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from labelfree.arrays import Float, Index, Rows

_BLOCK_ELEMENTS = 1 << 21  # 8 MB of float32 distances at a time
_STRIP_ELEMENTS = 1 << 19  # 4 MB of float64 rows at a time


def _silent(_: float) -> None:
    pass


def scatter(rows: Rows, center: Float, scale: Float | None = None) -> tuple[Float, Float]:
    """See Kernels.scatter. Symmetric products of strips that stay in the cache: d^2 m flop."""
    m, d = rows.shape
    strip = max(1, min(m, max(_STRIP_ELEMENTS // max(d, 1), 1024)))
    buffer, ones = np.empty((strip, d)), np.ones(strip)
    total, product = np.zeros(d), None
    for start in range(0, m, strip):
        part = rows[start : start + strip]
        shifted = buffer[: len(part)]
        if scale is None:
            np.subtract(part, center, out=shifted)
        else:
            np.multiply(part, scale[start : start + strip, None], out=shifted)
            shifted -= center
        total += ones[: len(part)] @ shifted
        square = shifted.T @ shifted
        product = square if product is None else np.add(product, square, out=product)
    return total, np.zeros((d, d)) if product is None else product


def nearest(rows: Rows, k: int, advance: Callable[[float], None] = _silent) -> tuple[Float, Index]:
    """See Kernels.nearest. 2 n^2 d flop: float32 proposes a few more than k, float64 measures and orders them.

    A row whose k-th distance is so small beside its norm that float32 could have missed a neighbor is looked up
    again in float64.
    """
    n, d = rows.shape
    centered = np.subtract(rows, rows.mean(axis=0, dtype=np.float64), dtype=np.float64)
    scale = float(np.abs(centered).max(initial=0.0)) or 1.0
    centered /= scale
    coarse = centered.astype(np.float32)
    candidates = min(n - 1, k + max(4, k // 4))
    distance, index = np.empty((n, k)), np.empty((n, k), np.int64)
    step = max(1, min(_BLOCK_ELEMENTS // n, _BLOCK_ELEMENTS // (candidates * d) + 1))
    for start in range(0, n, step):
        block = np.arange(start, min(start + step, n))
        near, margin = _propose(coarse, block, candidates)
        found, where = _measure(centered, block, near, k)
        unsure = np.flatnonzero(found[:, -1] > margin)
        if len(unsure) and candidates < n - 1:
            near, _ = _propose(centered, block[unsure], candidates)
            found[unsure], where[unsure] = _measure(centered, block[unsure], near, k)
        distance[block], index[block] = np.sqrt(found), where
        advance((start + len(block)) / n)
    return distance * scale, index


def _propose(points: Rows, block: Index, candidates: int) -> tuple[Index, Float]:
    """Positions (m, candidates) of probable neighbors, and what no other squared distance is below, (m,)."""
    squares = np.einsum("ij,ij->i", points, points)
    score = points[block] @ points.T
    score *= -2.0
    score += squares
    score[np.arange(len(block)), block] = np.inf
    near = np.argpartition(score, candidates - 1, axis=1)[:, :candidates]
    worst = np.take_along_axis(score, near, axis=1).max(axis=1).astype(np.float64) + squares[block]
    rounding = 8 * float(np.finfo(points.dtype).eps) * (float(squares.max()) + squares[block])
    return near, worst - rounding


def _measure(points: Float, block: Index, near: Index, k: int) -> tuple[Float, Index]:
    """The k smallest squared distances (m, k), ascending, from differences; ties by position."""
    gap = points[near] - points[block][:, None, :]
    exact = np.einsum("ijk,ijk->ij", gap, gap)
    order = np.lexsort((near, exact), axis=1)[:, :k]
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(near, order, axis=1)


def potential(unit: Float, t: float, advance: Callable[[float], None] = _silent) -> Float:
    """See Kernels.potential. n^2 d flop and n^2 / 2 exponentials: each pair once."""
    n = len(unit)
    total = np.zeros(n)
    step = max(1, _BLOCK_ELEMENTS // n)
    for start in range(0, n, step):
        block = unit[start : start + step]
        m = len(block)
        weight = block @ unit[start:].T
        weight -= 1.0
        weight *= 2.0 * t
        np.exp(weight, out=weight)
        weight[np.arange(m), np.arange(m)] = 0.0
        total[start : start + m] += weight.sum(axis=1)
        total[start + m :] += weight[:, m:].sum(axis=0)
        advance(1 - (1 - (start + m) / n) ** 2)
    return total
