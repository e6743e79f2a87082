"""The H0 persistence as a picture: the barcode of the largest deaths, and all deaths in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelfree.render.pictures.canvas import drawn_name
from labelfree.reports.rows import RowsReport

_BARS = 10
_DRAWN = 50


def barcode(report: RowsReport, width: int) -> list[str]:
    """The largest deaths as bars of text, each with the rows on both sides of its merge."""
    series = report.series["deaths"]
    largest = [float(v) for v in series["death"][:_BARS]]
    sides = [
        f"{small:,} | {large:,}" if small >= 0 else ""
        for small, large in zip(series["smaller"][:_BARS], series["larger"][:_BARS], strict=True)
    ]
    numbers = [f"{v:.4g}" for v in largest]
    left, right = max(map(len, numbers)), max(map(len, sides))
    room = max(8, width - left - right - 4)
    return [
        f"{number:>{left}}  {'━' * max(1, round(room * value / largest[0])) if value else '':<{room}}  {side:>{right}}"
        for number, value, side in zip(numbers, largest, sides, strict=True)
    ]


def draw_barcode(axes: Any, report: RowsReport) -> None:
    """The largest deaths as horizontal bars; those that merge two sides of at least 2 % of the rows in color."""
    series = report.series["deaths"]
    largest, small = series["death"][:_DRAWN], series["smaller"][:_DRAWN]
    wide = [0 <= 0.02 * (len(series["death"]) + 1) <= s for s in small]
    colors = ["#c8642b" if w else "#1f5fa8" for w in wide]
    axes.barh(range(1, len(largest) + 1), largest, color=colors, height=0.7)
    axes.invert_yaxis()
    axes.set(xlabel="death", ylabel=f"the {len(largest)} largest of {len(series['death']):,} bars")
    if any(wide):
        axes.plot([], [], color="#c8642b", linewidth=5, label="at least 2 % of the rows on both sides")
        axes.plot([], [], color="#1f5fa8", linewidth=5, label="a small side")
    axes.set_title(_named(report), fontsize=11, loc="left")


def draw_deaths(axes: Any, reports: Sequence[RowsReport]) -> None:
    """All deaths, largest first, over the largest, against their rank."""
    for report in reports:
        series = report.series["deaths"]
        axes.plot(series["index"], series["death"] / series["death"][0], label=_named(report), linewidth=1.4)
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="rank", ylabel="death / largest death")


def _named(report: RowsReport) -> str:
    name = drawn_name(report.input.sources[0])
    entry = report.metrics.get("separability")
    return f"{name}, S {entry.value:.3f}" if entry is not None and entry.value is not None else name
