"""Numbers for people: as many digits as are known, no more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labelfree.reports.entries import MetricEntry

_SIGNIFICANT = 5


def decimals(value: float, se: float | None) -> int:
    """Places after the point: two digits of the standard error, at most five significant digits without one."""
    if se is not None and se > 0:
        return min(max(0, 1 - math.floor(math.log10(se))), 6)
    if value == 0 or (value == round(value) and abs(value) < 10**_SIGNIFICANT):
        return 0
    return max(0, min(6, _SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))))


def number(value: float | None, places: int) -> str:
    """A number with thousands separated, or a dash where there is none."""
    if value is None:
        return "-"
    if abs(value) >= 1e9 or (value != 0 and abs(value) < 10.0 ** -(places + 1) and places >= 6):
        return f"{value:.3g}"
    text = f"{value:,.{places}f}"
    return text[1:] if text.startswith("-") and float(text.replace(",", "")) == 0 else text


def alike(other: float, entry: MetricEntry) -> str:
    """A number to compare the value of a metric with, at as many places."""
    return number(other, decimals(other if entry.value is None else entry.value, entry.se))


def signed(value: float, places: int) -> str:
    """A difference with its sign, and with + where it rounds to zero."""
    if abs(value) >= 1e9:
        return f"{value:+.3g}"
    text = f"{value:+,.{places}f}"
    return f"+{text[1:]}" if float(text.replace(",", "")) == 0 else text


def value(entry: MetricEntry) -> str:
    """The value of a metric."""
    return "-" if entry.value is None else number(entry.value, decimals(entry.value, entry.se))


def interval(entry: MetricEntry) -> str:
    """The 95 % interval of a metric."""
    if entry.interval is None or entry.value is None:
        return ""
    places = decimals(entry.value, entry.se)
    return f"{number(entry.interval[0], places)} to {number(entry.interval[1], places)}"


def direction(entry: MetricEntry) -> str:
    """Which way is better, in a word."""
    target = entry.params.get("target")
    return {
        "higher": "higher",
        "lower": "lower",
        "target": f"target {target:g}" if target is not None else "target",
    }.get(entry.direction, "")
