"""What tables say of separability beside its numbers."""

from __future__ import annotations

from collections.abc import Callable

from labelfree.documents.wording import counted
from labelfree.render.numbers import alike, decimals, number, signed
from labelfree.reports.entries import MetricEntry


def _chance(e: MetricEntry) -> str:
    null = e.parts["surrogate"]
    if null is None:
        return "structure-free: none"
    return f"structure-free: {alike(null, e)}"


def _separability(e: MetricEntry) -> str:
    share = e.parts["zero_bar_share"]
    equal = f"; {number(100 * share, 1)} % zero bars" if share else ""
    places = decimals(e.parts["max"] if e.value is None else e.value, e.se)
    excess = "" if e.parts["excess"] is None else f", excess {signed(e.parts['excess'], places)}"
    return f"{_chance(e)}{excess}{equal}"


def _persistence_entropy(e: MetricEntry) -> str:
    return f"{number(100 * e.parts['share_of_maximum'], 1)} % of the maximum"


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "separability": _separability,
    "separability_robust": _chance,
    "persistence_entropy": _persistence_entropy,
    "total_persistence": _chance,
    "h1_total_persistence": lambda e: f"on {counted(e.params['rows'], 'row')}",
}
