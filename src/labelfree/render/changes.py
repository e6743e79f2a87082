"""Two checkpoints compared on the same rows: the difference with an interval of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import stdev
from typing import Any, Literal

from labelfree.errors import UsageError
from labelfree.history.steps import step_of
from labelfree.report import Report
from labelfree.results import Z95


def change(before: Report, after: Report, name: str) -> dict[str, Any] | None:
    """after - before, its standard error and 95 % interval; None where the two were not measured on the same rows.

    Both carry the metric on the same subsamples, so that what moves both alike cancels: the interval is narrower than
    that of either value.
    """
    one, two = before.metrics.get(name), after.metrics.get(name)
    if one is None or two is None or one.value is None or two.value is None:
        return None
    a, b, factor = one.parts.get("replicates"), two.parts.get("replicates"), two.parts.get("replicate_factor")
    same = (
        before.input.rows_hash == after.input.rows_hash
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


def in_order(reports: Sequence[Report]) -> list[Report]:
    """The reports by the steps in their sources' names (epoch_2 before epoch_10), else as they were given."""
    return ordered(reports)[0]


def ordered(reports: Sequence[Report]) -> tuple[list[Report], Literal["step", "given"]]:
    """The reports in order, and by what: the steps in the names where each has one of its own, else as given."""
    try:
        steps = [step_of(report.input.sources[0]) for report in reports]
    except UsageError:
        return list(reports), "given"
    if len(set(steps)) < len(steps):
        return list(reports), "given"
    return [report for _, report in sorted(zip(steps, reports, strict=True), key=lambda pair: pair[0])], "step"


def changes(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Every change from one source to the next, and from the first to the last where there are more than two."""
    ordered = in_order(reports)
    names = [n for n, e in ordered[0].metrics.items() if e.parts.get("replicates")]
    pairs = list(pairwise(ordered))
    if len(ordered) > 2:
        pairs.append((ordered[0], ordered[-1]))
    found = [change(before, after, name) for name in names for before, after in pairs]
    return [c for c in found if c is not None]
