"""Metrics over several sources as a picture: values with their intervals, the highest or lowest marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelfree.errors import UnknownName, UsageError
from labelfree.history.steps import step_of
from labelfree.render.naming import short_names
from labelfree.render.pictures.canvas import drawn_name, shown
from labelfree.reports.across import ordered
from labelfree.reports.leading import headline, leading
from labelfree.reports.rows import RowsReport

_NAMED = 12
"""Sources up to which each has its name on the axis."""


def drawn(reports: Sequence[RowsReport], metrics: Sequence[str]) -> Any:
    """A figure of matplotlib with a panel for each metric; of the headline where none is named."""
    names = list(metrics) or [name for name in [headline(reports) if reports else None] if name]
    held = list(dict.fromkeys(name for report in reports for name in report.metrics))
    for name in names:
        if name not in held:
            raise UnknownName(name, held, f"measured are {', '.join(held)}")
    if not names:
        raise UsageError("expected the name of a metric to draw, found none, and no headline; name one")
    with shown(rows=len(names), height=2.8) as (figure, grid):
        for axes, name in zip(grid, names, strict=True):
            _draw(axes, reports, name)
    return figure


def _draw(axes: Any, reports: Sequence[RowsReport], name: str) -> None:
    found, order = ordered(reports)
    sources = [report.input.sources[0] for report in found]
    at = [float(step_of(s)) for s in sources] if order == "step" else [float(i) for i in range(len(found))]
    points = [(x, r.metrics[name]) for x, r in zip(at, found, strict=True) if name in r.metrics]
    known = [(x, e.value, e.interval) for x, e in points if e.value is not None]
    axes.plot(
        [x for x, _, _ in known], [v for _, v, _ in known], color="#1f5fa8", marker="o", markersize=4, linewidth=1.2,
        linestyle="-" if order == "step" else "none",
    )  # fmt: skip
    for x, _, ends in known:
        if ends is not None:
            axes.vlines(x, *ends, color="#1f5fa8", linewidth=1.2, alpha=0.6)
    first = leading(reports, name)
    for x, report in zip(at, found, strict=True):
        if report is first.report:
            axes.plot([x], [report.metrics[name].value], marker="*", markersize=12, color="#c8642b")
            axes.set_title(f"{first.end}: {drawn_name(report.input.sources[0])}", fontsize=10, loc="left")
    if order == "given" and len(found) <= _NAMED:
        axes.set_xticks(at, [drawn_name(one) for one in short_names(sources)], rotation=20, ha="right")
    axes.set(xlabel="step" if order == "step" else "source", ylabel=name)
    axes.grid(True, alpha=0.25)
