"""In which columns current and reference rows differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, sampled
from labelfree.families.spec import INVARIANT, Metric
from labelfree.results import Plain, Result, measured

SHARE = 0.05
_NAMED = 20
"""Columns that parts name, of many."""


def _ks_dimensions(e: Evidence) -> Result:
    from scipy.stats import kstwo

    sides = sampled(e, None)
    if isinstance(sides, Result):
        return sides
    current, behind = sides
    m, n, d = len(current), len(behind), e.d
    apart = np.empty(d)
    for column in range(d):
        one, two = np.sort(current[:, column]), np.sort(behind[:, column])
        both = np.concatenate([one, two])
        apart[column] = np.abs(np.searchsorted(one, both, "right") / m - np.searchsorted(two, both, "right") / n).max()
    p = np.clip(kstwo.sf(apart, np.round(m * n / (m + n))), 0.0, 1.0)
    order = np.lexsort((np.arange(d), p))
    below = np.flatnonzero(p[order] <= SHARE * np.arange(1, d + 1) / d)
    count = int(below[-1] + 1) if len(below) else 0
    params: dict[str, Plain] = {"rows": m, "reference_rows": n, "share": SHARE}
    parts: dict[str, Plain] = {
        "of": d, "largest": float(apart.max()), "p_value": min(1.0, d * float(p.min())),
        "columns": [int(c) for c in order[: min(count, _NAMED)]],
    }  # fmt: skip
    return measured(float(count), low=0.0, high=float(d), params=params, parts=parts)


def ks_dimensions(X: Any, reference: Any, *, seed: int = 0) -> Result:
    """How many columns differ between current and reference rows, so that about 5 % of them are false.

    Formula: the Kolmogorov-Smirnov statistic max |F - G| of every column, its p-value by the asymptotic law, and those
    of Benjamini and Hochberg at 5 %. parts.columns: up to 20 of them, the surest first; parts.largest: the greatest
    statistic; parts.p_value: the least p-value times the columns (Bonferroni).
    Input: X (m, d), reference (n, d) finite real numbers, at least 20 rows each.
    Range: 0 to d (parts.of). Invariant to every increasing map of a column; not to rotation: it tells where, not
    whether.
    Undefined: fewer than 20 rows on a side.
    Interval: none: a count of tests.
    Cost: a sort of every column of the sampled rows.
    When it lies: columns of an embedding have no meaning of their own, and it grows with the number of rows. What moves
    in no single column is not seen.
    Source: Benjamini and Hochberg 1995. Deviations: none.

    >>> import numpy as np
    >>> rows = np.stack([np.arange(40.0), np.arange(40.0)[::-1]], axis=1)
    >>> found = ks_dimensions(rows + [0, 100], rows)
    >>> found.value, found.parts["columns"]
    (1.0, [1])
    """
    return _ks_dimensions(beside(X, reference, "reference", seed))


METRICS = (
    Metric(
        ks_dimensions, _ks_dimensions, ("sample", "source"), INVARIANT, NOT_DAMAGE + "; grows with the number of rows",
        "columns whose Kolmogorov-Smirnov test holds by Benjamini and Hochberg at 5 %",
    ),
)  # fmt: skip
