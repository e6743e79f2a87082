"""The kernels in numpy: the default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.numpy_pairs import accepted, tail
from labelfree.kernels.numpy_trees import below, nearest_of
from labelfree.kernels.threads import one_core, spread
from labelfree.progress import Advance, still

__all__ = ["accepted", "below", "nearest", "nearest_of", "over", "potential", "scatter", "tail"]

T = TypeVar("T")
R = TypeVar("R")
_BLOCK_ELEMENTS = 1 << 20  # 4 MB of float32 distances at a time and thread
_STRIP_ELEMENTS = 1 << 19  # 4 MB of float64 rows at a time
WIDE = 1024
"""Width up to which threads take whole blocks of rows, with all of their matrix; beyond, tiles of one matrix."""
_TILE = 512


def scatter(rows: Rows, center: Float, scale: Float | None = None) -> tuple[Float, Float]:
    """See Kernels.scatter. Symmetric products of strips that stay in the cache: d^2 m flop.

    Of wide rows in tiles, which are spread over threads and are the same however many there are.
    """
    m, d = rows.shape
    strip = max(1, min(m, max(_STRIP_ELEMENTS // max(d, 1), 1024)))
    buffer, ones = np.empty((strip, d)), np.ones(strip)
    total, product = np.zeros(d), None
    with one_core():
        for start in range(0, m, strip):
            part = rows[start : start + strip]
            shifted = buffer[: len(part)]
            if scale is None:
                np.subtract(part, center, out=shifted)
            else:
                np.multiply(part, scale[start : start + strip, None], out=shifted)
                shifted -= center
            total += ones[: len(part)] @ shifted
            if d > WIDE:
                product = _with_square(np.zeros((d, d)) if product is None else product, shifted)
            else:
                square = shifted.T @ shifted
                product = square if product is None else np.add(product, square, out=product)
    if product is None:
        return total, np.zeros((d, d))
    return total, _mirrored(product) if d > WIDE else product


def _mirrored(product: Float) -> Float:
    """A matrix whose tiles below the diagonal are those above it."""
    for start in range(0, len(product), _TILE):
        product[start + _TILE :, start : start + _TILE] = product[start : start + _TILE, start + _TILE :].T
    return product


def _with_square(product: Float, rows: Float) -> Float:
    """product + rows^T rows, in its place, in the tiles on and above the diagonal."""
    parts = [slice(start, start + _TILE) for start in range(0, len(product), _TILE)]

    def work(pair: tuple[slice, slice]) -> None:
        one, other = pair
        left = rows[:, one]
        product[one, other] += left.T @ (left if one is other else rows[:, other])

    for _ in spread(work, ((one, other) for i, one in enumerate(parts) for other in parts[i:])):
        pass
    return product


def nearest(rows: Rows, k: int, advance: Advance = still) -> tuple[Float, Index]:
    """See Kernels.nearest. 2 n^2 d flop: float32 proposes a few more than k, differences in float64 decide.

    A row whose k-th distance is so small beside its norm that rounding could have hidden a neighbor is compared
    with all rows that could be one.
    """
    n, d = rows.shape
    mean = rows.mean(axis=0, dtype=np.float64)
    parts = [slice(start, start + 256) for start in range(0, n, 256)]
    scale = max(1e-290, *(float(np.abs(rows[part] - mean).max(initial=0.0)) for part in parts))
    if not 1e-100 < scale < 1e100:  # squares would leave the range of float64
        rows, mean, unit = rows / np.float64(scale), mean / scale, scale
        scale = 1.0
    else:
        unit = 1.0
    coarse = np.empty((n, d), np.float32)
    for part in parts:
        coarse[part] = (rows[part] - mean) / scale
    candidates = min(n - 1, k + max(4, k // 4))
    distance, index = np.empty((n, k)), np.empty((n, k), np.int64)
    step = max(1, min(_BLOCK_ELEMENTS // n, _BLOCK_ELEMENTS // (candidates * d) + 1))

    def work(start: int) -> int:
        block = np.arange(start, min(start + step, n))
        near, beyond = _propose(coarse, block, candidates)
        found, where = _measured(rows, block, near, k)
        unsure = np.flatnonzero((found[:, -1] / scale) ** 2 > beyond)
        if len(unsure) and candidates < n - 1:
            centered = rows - mean
            for row, close in zip(unsure, _within(centered, block[unsure], found[unsure, -1]), strict=True):
                near = close[None, close != block[row]]
                found[row : row + 1], where[row : row + 1] = _measured(rows, block[row : row + 1], near, k)
        distance[block], index[block] = found, where
        return start + len(block)

    for done in spread(work, range(0, n, step)):
        advance(done / n)
    return distance * unit, index


def _scores(points: Rows, block: Index) -> tuple[Rows, Float]:
    """Squared distances (m, n) by a matrix product, and how far rounding may have moved each row of them (m,)."""
    squares = np.einsum("ij,ij->i", points, points)
    score = points[block] @ points.T
    score *= -2.0
    score += squares
    score += squares[block, None]
    rounding = 8 * float(np.finfo(points.dtype).eps) * (float(squares.max()) + squares[block].astype(np.float64))
    return score, rounding


def _propose(points: Rows, block: Index, candidates: int) -> tuple[Index, Float]:
    """Positions (m, candidates) of probable neighbors, and a squared distance (m,) that no other row is below."""
    score, rounding = _scores(points, block)
    score[np.arange(len(block)), block] = np.inf
    near = np.argpartition(score, candidates - 1, axis=1)[:, :candidates]
    return near, np.take_along_axis(score, near, axis=1).max(axis=1) - rounding


def _within(points: Float, block: Index, reach: Float) -> Iterator[Index]:
    """For each row, the positions of all rows that may lie within its reach (m,), itself included."""
    step = max(1, _BLOCK_ELEMENTS // len(points))
    for start in range(0, len(block), step):
        part = slice(start, start + step)
        score, rounding = _scores(points, block[part])
        for row in score <= (reach[part] ** 2 + rounding)[:, None]:
            yield np.flatnonzero(row)


def _measured(points: Rows, block: Index, near: Index, k: int) -> tuple[Float, Index]:
    """The k smallest distances (m, k), ascending, from differences; ties by position."""
    gap = np.subtract(points[near], points[block][:, None, :], dtype=np.float64)
    exact = np.sqrt(np.einsum("ijk,ijk->ij", gap, gap))
    faint = exact < 1e-150  # squares that underflow are taken on their own scale
    if faint.any():
        peak = np.abs(gap[faint]).max(axis=1)
        shape = gap[faint] / np.where(peak > 0, peak, 1.0)[:, None]
        exact[faint] = peak * np.linalg.norm(shape, axis=1)
    order = np.lexsort((near, exact), axis=1)[:, :k]
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(near, order, axis=1)


def potential(unit: Float, t: float, advance: Advance = still) -> Float:
    """See Kernels.potential. n^2 d flop and n^2 / 2 exponentials: each pair once."""
    n = len(unit)
    total = np.zeros(n)
    step = max(1, _BLOCK_ELEMENTS // n)

    def work(start: int) -> tuple[int, Float, Float]:
        block = unit[start : start + step]
        m = len(block)
        weight = block @ unit[start:].T
        weight -= 1.0
        weight *= 2.0 * t
        np.exp(weight, out=weight)
        weight[np.arange(m), np.arange(m)] = 0.0
        return start, weight.sum(axis=1), weight[:, m:].sum(axis=0)

    for start, own, others in spread(work, range(0, n, step)):
        stop = start + len(own)
        total[start:stop] += own
        total[stop:] += others
        advance(1 - (1 - stop / n) ** 2)
    return total


def over(rows: Rows, work: Callable[[Rows, T], R], items: Iterable[T]) -> Iterator[R]:
    """See Kernels.over."""
    return spread(partial(work, rows), items)
