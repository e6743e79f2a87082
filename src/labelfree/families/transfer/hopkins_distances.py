"""Nearest distances of rows and of points thrown into their box: what a Hopkins statistic is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index, Rows, blocks_of
from labelfree.evidence.evidence import Evidence
from labelfree.kernels.numpy_queries import Queries
from labelfree.kernels.threads import ahead

REPEATS = 10
LEAST_REPEATS, ENOUGH_POINTS = 3, 7_500
"""Repeats end once so many points were thrown in all: the interval is then about as wide as the digits of a table."""
LEAST_POINTS, MOST_POINTS = 50, 2_500
SHARE = 0.05
GROUPS = 10
"""Groups of rows of the jackknife of the box."""
MUTUAL = 1.5
"""Variance of a mean of nearest distances over that of as many alone: rows that are nearest to each other share one."""
STREAM = 0x7453
"""Private key of the random stream: data drawn with the same seed can never meet the points thrown."""
_QUERY_NUMBERS = 1 << 25

Scan = Callable[[], Iterable[Rows]]
"""Yields all rows, block by block, each time it is called."""


@dataclass(frozen=True, eq=False)
class Box:
    """What one pass over n rows of width d finds beside the rows it picks.

    low, high: (groups, d) range of the columns among the rows of each group, row i in group i mod groups; mean,
    deviation: (d,) of the columns; picked: (q, d) the rows asked for.
    """

    low: Float
    high: Float
    mean: Float
    deviation: Float
    picked: Rows

    def edges(self, without: int | None = None) -> tuple[Float, Float]:
        """Lowest and highest corner (d,), of all rows or of those outside one group."""
        kept = np.arange(len(self.low)) != without
        return self.low[kept].min(axis=0), self.high[kept].max(axis=0)


@dataclass(frozen=True, eq=False)
class Tendency:
    """Nearest distances behind a Hopkins statistic: u (repeats, m) of the points thrown, w (repeats, m) of the rows.

    shifts: by how much the mean of u changes where the box is that of the rows without one group, group by group;
    shift_noise: variance of a shift by the points thrown for it.
    """

    u: Float
    w: Float
    shifts: Float
    shift_noise: float
    box: Box

    @property
    def values(self) -> Float:
        """The statistic of each repeat, exponent 1."""
        up, down = self.u.sum(axis=1), self.w.sum(axis=1)
        return np.asarray(up / (up + down))

    @property
    def value(self) -> float:
        """Mean over the repeats."""
        return float(self.values.mean())

    def standard_error(self, n: int) -> float | None:
        """Standard error of the mean over the repeats, by the delta method.

        It holds fresh points, n rows (drawn once or several times), and a box that other rows would have stretched
        otherwise (jackknife over groups of rows).
        """
        if self.u.size < 2:
            return None
        up, down = float(self.u.mean()), float(self.w.mean())
        slope = 1 / (up + down) ** 2
        groups = len(self.shifts)
        box = (groups - 1) * max(float(self.shifts.var()) - self.shift_noise, 0.0) if groups else 0.0
        thrown = (down * slope) ** 2 * (float(self.u.var(ddof=1)) / self.u.size + box)
        drawn = (up * slope) ** 2 * MUTUAL * float(self.w.var(ddof=1)) / min(self.w.size, n)
        return float((thrown + drawn) ** 0.5)


def points_for(n: int, d: int) -> int:
    """Points per repeat: 5 % of the rows, at least 50, at most 2,500, all rows, and some 270 MB of queries."""
    wide = max(LEAST_POINTS, _QUERY_NUMBERS // (2 * REPEATS * max(d, 1)))
    return min(n, max(min(n, LEAST_POINTS), int(SHARE * n)), MOST_POINTS, wide)


def repeats_for(m: int) -> int:
    """Repeats of m points each: at most 10, and no more than throw 7,500 points, but for 3."""
    return max(LEAST_REPEATS, min(REPEATS, -(-ENOUGH_POINTS // max(m, 1))))


def statistic(u: Float, w: Float, power: float = 1.0) -> float:
    """sum u^p / (sum u^p + sum w^p) in log space: finite for any power; nan where all distances are zero."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        up, down = (_log_sum(power * np.log(x)) for x in (u, w))
        return float(1 / (1 + np.exp(down - up)))


def _log_sum(logs: Float) -> float:
    top = float(logs.max())
    return top if np.isinf(top) else top + float(np.log(np.exp(logs - top).sum()))


def random_stream(seed: int) -> np.random.Generator:
    """The private stream of the seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))


def gathered(scan: Scan, chosen: Index) -> Box:
    """One pass: the range and the moments of the columns, and the rows at the positions `chosen` (q,)."""
    order = np.argsort(chosen, kind="stable")
    first, at = 0, 0
    low = high = start = total = squares = np.empty(0)
    picked: Rows = np.empty((0, 0))
    for block in scan():
        if len(block) == 0:
            continue
        if first == 0:
            d = block.shape[1]
            picked = np.empty((len(chosen), d), block.dtype)
            start, total, squares = block[0].astype(np.float64), np.zeros(d), np.zeros(d)
            low, high = np.full((GROUPS, d), np.inf), np.full((GROUPS, d), -np.inf)
        for g in range(min(GROUPS, len(block))):
            group = (first + g) % GROUPS
            np.minimum(low[group], block[g::GROUPS].min(axis=0), out=low[group])
            np.maximum(high[group], block[g::GROUPS].max(axis=0), out=high[group])
        shifted = block - start
        total += np.ones(len(block)) @ shifted
        squares += np.einsum("ij,ij->j", shifted, shifted)
        end = at + int(np.searchsorted(chosen[order[at:]], first + len(block)))
        picked[order[at:end]] = block[chosen[order[at:end]] - first]
        first, at = first + len(block), end
    shift = total / first
    deviation = np.sqrt(np.maximum(squares / first - shift**2, 0.0))
    return Box(low, high, start + shift, deviation, picked)


def tendency(
    scan: Scan, chosen: Index, unit: Callable[[], Float], advance: Callable[[float], None], n: int, moved: int = 0
) -> Tendency | None:
    """Nearest distances of the rows `chosen` (repeats, m) and of points thrown into the box of all rows.

    unit: gives (m, d) numbers uniform in [0, 1) for each repeat; moved: how many points are also thrown into the box
    without one group, for each of ten, at most m over the groups of a repeat. None where all rows are equal. Two passes
    over n rows; 4 n repeats m d flop.
    """
    box = gathered(scan, chosen.ravel())
    low, high = box.edges()
    if not (high > low).any():
        return None
    repeats, m = chosen.shape
    groups = GROUPS if moved and n > 2 * GROUPS else 0
    slots = [(g % repeats, slice(g // repeats * moved, (g // repeats + 1) * moved)) for g in range(groups)]
    points = np.empty((chosen.size * 2 + groups * moved, len(low)), box.picked.dtype)
    points[: chosen.size] = box.picked
    for r in range(repeats):
        inside = unit()
        points[chosen.size + r * m :][:m] = low + inside * (high - low)
        for g in range(r, groups, repeats):
            least, most = box.edges(without=g)
            points[2 * chosen.size + g * moved :][:moved] = least + inside[slots[g][1]] * (most - least)
    own = np.full(len(points), -1)
    own[: chosen.size] = chosen.ravel()
    reach = float(np.maximum(high - box.mean, box.mean - low).max())
    queries = Queries(points, own, box.mean, 2.0 ** np.ceil(np.log2(reach)))
    first = 0
    for block in scan():
        queries.update(block, first)
        first += len(block)
        advance(first / n)
    w, u, other = np.split(queries.distance, [chosen.size, 2 * chosen.size])
    u = u.reshape(repeats, m)
    apart = other.reshape(groups, -1) - np.stack([u[slot] for slot in slots]) if groups else np.empty((0, 2))
    noise = float(apart.var(axis=1, ddof=1).mean()) / moved if groups and moved > 1 else 0.0
    return Tendency(u, w.reshape(repeats, m), apart.mean(axis=1), noise, box)


def scan_of(e: Evidence) -> Scan | None:
    """All rows in their order, or None where they cannot be had again."""
    if (again := e.rescan) is not None:
        return lambda: ahead(again())
    if e.drawn is not None and len(e.drawn.rows) == e.n:
        rows = e.drawn.rows
        return lambda: blocks_of(rows)
    return None
