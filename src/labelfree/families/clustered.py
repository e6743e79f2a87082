"""Intervals of metrics of a part of the rows: row groups, not rows, are what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.evidence.clusters import LEAST, Clusters
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.tails import heavy_tails
from labelfree.families.spec import Metric
from labelfree.kernels.threads import spread
from labelfree.results import Result

MEASURED = {
    "rankme": 1.0, "effective_rank": 1.0, "rankme_centered": 1.0, "erank_variance": 1.0, "participation_ratio": 1.0,
    "isoscore": 0.0, "stable_rank": 1.0, "nesum": 1.0, "mean_cosine": -1.0, "self_cluster": -1.0, "std_l2": 0.0,
}  # fmt: skip
"""The metrics whose coverage was measured (benchmarks/row_groups.py), each with its least value."""
_OF_ROWS = ("p_value", "difference_interval")
"""Parts of results that say how surely, by single rows."""
_LEANING, _LARGE = 1.0, 0.01
"""Errors that the value leans, and share of itself, from which both on it is not known how far it leans."""
_WIDER = 1.1
"""What the reach of an interval is multiplied by: errors over few row groups are skewed where files drift."""


def over_row_groups(found: Sequence[tuple[Metric, Result]], e: Evidence) -> list[Result]:
    """The results of metrics with what a part of the rows says of all: intervals over row groups, or none.

    Delete-one jackknife over bins of row groups of unequal size. A value leans with the number of rows and of row
    groups, as far as the jackknife sees it: the interval reaches from the value to what is left when that is taken out,
    and 1.1 t standard errors beyond both ends, so that it holds the value of all rows. p-values are left out.
    """
    behind = None if e.reference is None else e.reference.clusters
    if e.clusters is None and behind is None:
        return [result for _, result in found]
    over = [m for m, r in found if e.clusters is not None and r.value is not None and not _why_not(m, e, e.clusters)]
    values = _deleted(over, e) if over else np.empty((0, 0))
    made = []
    for metric, result in found:
        if metric in over:
            made.append(_with_interval(metric, result, e, values[:, over.index(metric)]))
        elif result.value is None or (e.clusters is None and "source" not in metric.needs):
            made.append(result)
        else:
            clusters = e.clusters or behind
            assert clusters is not None
            made.append(_without(result, _why_not(metric, e, clusters)))
    return made


def _why_not(metric: Metric, e: Evidence, clusters: Clusters) -> str:
    """Why a metric has no interval over row groups, as far as the rows do not decide it; empty where it has one."""
    if metric.name not in MEASURED:
        return "it was not measured for this metric"
    if why := clusters.why_none:
        return why
    own = clusters.unit if "unit" in metric.needs else clusters.moments
    if len(own) < LEAST or ("unit" in metric.needs and e.unit is None):
        return "their sums were not kept for this metric"
    return "" if "unit" in metric.needs else heavy_tails(e).removeprefix("no interval: ")


def _with_interval(metric: Metric, result: Result, e: Evidence, values: Float) -> Result:
    """The result with its interval; values: of all rows, and less each bin."""
    assert e.clusters is not None
    assert result.value is not None
    own = e.clusters.unit if "unit" in metric.needs else e.clusters.moments
    se, lean = jackknife(float(values[0]), values[1:], np.array([one.n for one in own], np.float64))
    size = abs(result.value)
    if not abs(values[0] - result.value) <= 0.1 * se + 1e-9 * size:
        return _without(result, "small directions are lost in rounding")
    if abs(lean) > _LEANING * se and abs(lean) > _LARGE * size:
        said = f"the value still moves with every further one of them, by about {-lean:+.2g} until there are no more"
        return _without(result, said)
    reach, ends = _WIDER * t_975(len(own) - 1) * se, (result.value, result.value - lean)
    least, most = MEASURED[metric.name], float(e.d) if MEASURED[metric.name] == 1.0 else 1.0
    interval = max(min(ends) - reach, min(least, result.value)), min(max(ends) + reach, max(most, result.value))
    bare = _bare(result)
    return replace(bare, se=se, interval=interval, parts={**bare.parts, "row_groups": e.clusters.read, "lean": lean})


def jackknife(whole: float, less: Float, sizes: Float) -> tuple[float, float]:
    """Standard error and bias of a value of all rows, from its values (c,) less each of c bins of these sizes.

    The delete-one-group jackknife. Of groups of unequal size each counts by its share of the rows, as in the linearized
    variance of a ratio, whether or not larger groups vary less.

    >>> jackknife(2.0, np.array([2.5, 2.0, 1.5]), np.ones(3))
    (0.5773502691896257, 0.0)
    """
    moved = (1 - sizes / sizes.sum()) * (less - whole)
    c = len(less)
    return float(np.sqrt(c / (c - 1) * ((moved - moved.mean()) ** 2).sum())), float(moved.sum())


def t_975(df: int) -> float:
    """The 97.5 % point of Student's t, by the expansion of Cornish and Fisher: to .001 from 7 degrees on."""
    z = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / df ** (i + 1) for i, term in enumerate(terms)))


def _deleted(metrics: Sequence[Metric], e: Evidence) -> Float:
    """(1 + c, m) values of metrics on all rows that were read, and less each bin of row groups."""
    clusters = e.clusters
    assert clusters is not None
    own = replace(e, drawn=None, views=None, rescan=None, look=None, clusters=None, values_alone=True, reference=None)

    def without(i: int) -> list[float]:
        moments, unit = e.moments, e.unit
        if moments is not None and i < len(clusters.moments):
            moments = moments.without(clusters.moments[i])
        if unit is not None and i < len(clusters.unit):
            unit = unit.without(clusters.unit[i])
        less = replace(own, n=e.n if moments is None else moments.n, moments=moments, unit=unit)
        return [_value(metric, less) for metric in metrics]

    count = max(len(clusters.moments), len(clusters.unit))
    return np.array([[_value(metric, own) for metric in metrics], *spread(without, range(count))])


def _value(metric: Metric, e: Evidence) -> float:
    value = metric.compute(e).value
    return float("nan") if value is None else value


def _bare(result: Result) -> Result:
    """The result without what rows drawn one by one would say of it."""
    warnings = tuple(one for one in result.warnings if one.code not in ("no_interval", "wide_interval"))
    parts = {name: None if name in _OF_ROWS else value for name, value in result.parts.items()}
    return replace(result, se=None, interval=None, parts=parts, warnings=warnings)


def _without(result: Result, why: str) -> Result:
    """The result without an interval, and why."""
    bare = _bare(result)
    return replace(bare, warnings=(*bare.warnings, Noted("clustered", f"no interval over row groups: {why}")))
