"""Values of moments without one group of rows after another: their jackknife, and maps tried on other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float
from labelfree.results import Plain, Result
from labelfree.summaries.pair_moments import PairMoments

LEAST_IN_GROUP = 5
"""Rows of the smallest group below which there is no interval."""
_T95 = {3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201}
"""Student's 97.5 % quantiles."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the groups: rows, mean (d,), and the scatter about it (d, d)."""

    n: float
    mean: Float
    scatter: Float


def parts(found: PairMoments) -> tuple[Part, Iterator[tuple[Part, Part]]]:
    """All rows, and for each group with rows that group alone and the rest of the rows."""
    n, total = float(found.counts.sum()), found.totals.sum(axis=0)
    scatter = found.scatters[0]
    for one in found.scatters[1:]:
        scatter = scatter + one

    def each() -> Iterator[tuple[Part, Part]]:
        for m, s, own in zip(found.counts, found.totals, found.scatters, strict=True):
            if 0 < m < n:
                yield _part(m, s, own), _part(n - m, total - s, scatter - own)

    return _part(n, total, scatter), each()


def _part(n: float, total: Float, scatter: Float) -> Part:
    return Part(n, total / n, scatter - np.outer(total, total / n))


def jackknifed(found: PairMoments, value: Callable[[Part], float | None]) -> tuple[float | None, float | None, int]:
    """The value of all rows, its delete-group standard error, and the groups less one; no error of groups too small."""
    every, each = parts(found)
    whole = value(every)
    if whole is None or found.counts.min() < LEAST_IN_GROUP or len(found.counts) < 2:
        return whole, None, 0
    left = [value(rest) for _, rest in each]
    known = np.array([one for one in left if one is not None])
    if len(known) < len(left):
        return whole, None, 0
    g = len(known)
    return whole, math.sqrt((g - 1) / g * float(((known - known.mean()) ** 2).sum())), g - 1


def with_student(result: Result, freedom: int, low: float, high: float) -> Result:
    """The result with an interval by Student's quantile for so many degrees of freedom."""
    if result.value is None or result.se is None or freedom < 1:
        return result
    reach = _T95.get(freedom, 2.201 if freedom > 11 else 12.7) * result.se
    ends = (max(result.value - reach, low), min(result.value + reach, high))
    return Result(
        result.value, result.se, ends, result.status, params=result.params, parts=result.parts, warnings=result.warnings
    )


def told(e_sampled: int, n: int) -> dict[str, Plain]:
    """What fixes the meaning of a value of all rows with parts of the sample."""
    return {"rows": n, "sampled": e_sampled}
