"""Two checkpoints compared on the same rows: the difference with an interval of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import stdev
from typing import Any

from labelfree.render.order import in_order
from labelfree.render.tables.rows import differences
from labelfree.reports.rows import Report
from labelfree.results import Z95


def change(before: Report, after: Report, name: str) -> dict[str, Any] | None:
    """after - before, its standard error and 95 % interval; None where the two are not comparable, or of other rows.

    Both carry the metric on the same subsamples, so that what moves both alike cancels: the interval is narrower than
    that of either value.
    """
    one, two = before.metrics.get(name), after.metrics.get(name)
    if one is None or two is None or one.value is None or two.value is None:
        return None
    a, b, factor = one.parts.get("replicates"), two.parts.get("replicates"), two.parts.get("replicate_factor")
    same = (
        not differences([before, after])
        and before.settings.get("seed") == after.settings.get("seed")
        and one.params == two.params
    )
    if not (same and a and b and factor and len(a) == len(b)):
        return None
    difference = two.value - one.value
    se = factor * stdev([y - x for x, y in zip(a, b, strict=True)])
    return {
        "metric": name,
        "from": before.input.sources[0],
        "to": after.input.sources[0],
        "difference": difference,
        "se": se,
        "interval": [difference - Z95 * se, difference + Z95 * se],
    }


def changes(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Every change from one source to the next, and from the first to the last where there are more than two."""
    ordered = in_order(reports)
    names = [n for n, e in ordered[0].metrics.items() if e.parts.get("replicates")]
    pairs = list(pairwise(ordered))
    if len(ordered) > 2:
        pairs.append((ordered[0], ordered[-1]))
    found = [change(before, after, name) for name in names for before, after in pairs]
    return [c for c in found if c is not None]
