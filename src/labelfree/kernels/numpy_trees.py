"""The heavy loops of spanning trees in numpy: nearest rows outside a component, nearest pairs between components."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.threads import spread
from labelfree.progress import Advance, still

_BLOCK = 512
_FIRST, _WIDE = 1024, 2048  # columns looked at before there is a threshold; columns of a tile
_PENDING = 64  # candidates per row that wait to be merged
_STRIP = 1024


def lifted(points: Rows) -> Rows:
    """(n, d + 2) matrix R with (L R^T)_ij = |x_i - x_j|^2, L = facing(R): one matrix product is all there is to do."""
    n, d = points.shape
    right = np.empty((n, d + 2), points.dtype)
    right[:, :d] = points
    right[:, d] = np.einsum("ij,ij->i", points, points, dtype=np.float64)
    right[:, d + 1] = 1.0
    return right


def facing(right: Rows) -> Rows:
    """The left side for some rows of a lifted matrix."""
    left = right * right.dtype.type(-2)
    left[:, -2], left[:, -1] = 1.0, right[:, -2]
    return left


def closest(points: Rows, rows: Index, k: int, labels: Index | None, advance: Advance = still) -> tuple[Rows, Index]:
    """See Kernels.closest. 2 m n d flop, then one comparison per pair: a row's threshold is the k-th best so far.

    The columns are taken in doubling groups, so that about k log2(n / 1024) of them pass the threshold of a row
    when their order is random.
    """
    right = lifted(points)
    m = len(rows)
    score, index = np.empty((m, k), points.dtype), np.empty((m, k), np.int64)

    def work(start: int) -> int:
        block = rows[start : start + _BLOCK]
        score[start : start + len(block)], index[start : start + len(block)] = _closest(right, block, k, labels)
        return start + len(block)

    for done in spread(work, range(0, m, _BLOCK)):
        advance(done / m)
    return score, index


def _closest(right: Rows, block: Index, k: int, labels: Index | None) -> tuple[Rows, Index]:
    n, m = len(right), len(block)
    mine = facing(right[block])
    score, index = np.full((m, k), np.inf, right.dtype), np.full((m, k), -1, np.int64)
    threshold = np.full((m, 1), np.inf, right.dtype)
    place = np.full(n, -1, np.int64)
    place[block] = np.arange(m)
    seen = 0
    while seen < n:
        end = min(n, max(2 * seen, _FIRST))
        waiting: list[tuple[Index, Index, Rows]] = []
        count = 0
        for start in range(seen, end, _WIDE):
            columns = slice(start, min(start + _WIDE, end))
            tile = mine @ right[columns].T
            own = np.flatnonzero(place[columns] >= 0)
            tile[place[columns][own], own] = np.inf
            if labels is not None:
                np.copyto(tile, np.inf, where=labels[block, None] == labels[None, columns])
            hits = _passing(tile, threshold) if start else _lowest(tile, k)
            waiting.append((hits // tile.shape[1], hits % tile.shape[1] + start, tile.ravel()[hits]))
            count += len(hits)
            if count > _PENDING * m or columns.stop == end:
                score, index = _merged(score, index, waiting)
                threshold = score.max(axis=1, keepdims=True)
                waiting, count = [], 0
        seen = end
    index[np.isinf(score)] = -1
    return score, index


def _lowest(tile: Rows, k: int) -> Index:
    """Flat positions of the k lowest entries of each row."""
    m, width = tile.shape
    if width <= k:
        return np.arange(m * width)
    part = np.argpartition(tile, k - 1, axis=1)[:, :k]
    return np.asarray((part + np.arange(m)[:, None] * width).ravel())


def _passing(tile: Rows, threshold: Rows) -> Index:
    """Flat positions of the entries below the threshold of their row; few, so they are looked for in words of 8."""
    mask = tile < threshold
    if mask.size % 8:
        return np.flatnonzero(mask)
    bits = mask.reshape(-1, 8)
    words = np.flatnonzero(bits.view(np.uint64))
    which, inside = np.nonzero(bits[words])
    return np.asarray(words[which] * 8 + inside)


def _merged(score: Rows, index: Index, waiting: list[tuple[Index, Index, Rows]]) -> tuple[Rows, Index]:
    """The k lowest of what each row had and what waits for it."""
    row, column, value = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
    if len(row) == 0:
        return score, index
    m, k = score.shape
    order = np.argsort(row.astype(np.uint16), kind="stable")
    row, column, value = row[order], column[order], value[order]
    counts = np.bincount(row, minlength=m)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + k
    scores = np.full((m, k + int(counts.max())), np.inf, score.dtype)
    columns = np.full(scores.shape, -1, np.int64)
    scores[:, :k], columns[:, :k] = score, index
    scores[row, slot], columns[row, slot] = value, column
    part = np.argpartition(scores, k - 1, axis=1)[:, :k]
    return np.take_along_axis(scores, part, axis=1), np.take_along_axis(columns, part, axis=1)


def between(points: Rows, starts: Index, advance: Advance = still) -> Float:
    """See Kernels.between. n^2 d flop: each pair of strips once."""
    right = lifted(points)
    n, count = len(points), len(starts)
    label = np.repeat(np.arange(count), np.diff(np.append(starts, n)))
    lowest = np.full((count, count), np.inf, points.dtype)
    strips = [slice(s, min(s + _STRIP, n)) for s in range(0, n, _STRIP)]

    def work(i: int) -> int:
        mine = facing(right[strips[i]])
        for j in range(i, len(strips)):
            tile = mine @ right[strips[j]].T
            rows, columns = label[strips[i]], label[strips[j]]
            tile = np.minimum.reduceat(tile, _firsts(rows), axis=0)
            tile = np.minimum.reduceat(tile, _firsts(columns), axis=1)
            found.append((rows[0], columns[0], tile))
        return i

    found: list[tuple[np.int64, np.int64, Rows]] = []
    total = len(strips) * (len(strips) + 1) / 2
    for i in spread(work, range(len(strips))):
        while found:
            a, b, tile = found.pop()
            part = lowest[a : a + tile.shape[0], b : b + tile.shape[1]]
            np.minimum(part, tile, out=part)
        left_over = len(strips) - 1 - i
        advance(1 - left_over * (left_over + 1) / 2 / total)
    return np.minimum(lowest, lowest.T).astype(np.float64)


def _firsts(label: Index) -> Index:
    """Where each run of equal labels begins."""
    return np.flatnonzero(np.diff(label, prepend=label[:1] - 1))
