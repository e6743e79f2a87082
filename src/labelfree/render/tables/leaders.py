"""The first line of a table of several sources: which is highest, and whether the difference is real."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.naming import short_names
from labelfree.render.numbers import decimals, number
from labelfree.reports.leading import Distance, Leading, leading
from labelfree.reports.rows import RowsReport


def led(reports: Sequence[RowsReport], metric: str | None = None) -> str:
    """Which source has the highest or lowest headline (or metric), and by how much the next and the last are behind."""
    found = leading(reports, metric)
    if found.report is None:
        return f"no highest or lowest: {found.reason}"
    names = dict(zip(map(id, reports), short_names([r.input.sources[0] for r in reports]), strict=True))
    told = [f"{found.end} {found.metric}: {names[id(found.report)]}"]
    for other in sorted(found.others, key=lambda one: one.place != "last"):
        told.append(_behind(other, found, names[id(other.report)]))
    return "; ".join(told)


def _behind(other: Distance, found: Leading, name: str) -> str:
    """How far one source is behind, in a clause."""
    worse = "lower" if found.end == "highest" else "higher"
    if other.by == 0:
        return f"{name} has the same"
    width = 0.0 if other.interval is None else (other.interval[1] - other.interval[0]) / 4
    places = decimals(other.by, width or None)
    said = f"{name} is {worse} by {number(other.by, places)}"
    if other.interval is None:
        return f"{said} (no interval)"
    low, high = (number(end, places) for end in other.interval)
    beside = "" if other.noise == "paired" else ", not paired"
    return f"{said} ({low} to {high}{beside})" + ("" if other.real else ", inside the noise")
