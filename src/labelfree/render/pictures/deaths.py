"""The H0 persistence as a picture: the barcode of the largest deaths, and all deaths in order."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.pictures.model import (
    FIRST,
    SECOND,
    Axis,
    Bars,
    Line,
    Panel,
    colors,
    drawn_name,
    drawn_names,
    told,
)
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


def barcode_panel(report: RowsReport) -> Panel:
    """The largest deaths as horizontal bars; those that merge two sides of at least 2 % of the rows in color."""
    series = report.series["deaths"]
    largest, small = series["death"][:_DRAWN], series["smaller"][:_DRAWN]
    wide = [0 <= 0.02 * (len(series["death"]) + 1) <= s for s in small]
    sides = ((SECOND, "at least 2 % of the rows on both sides"), (FIRST, "a small side"))
    return Panel(
        drawn_name(report.input.sources[0]) + _score(report), Axis("death", low=0),
        Axis(f"the {len(largest)} largest of {len(series['death']):,} bars", downwards=True),
        [Bars(largest, [SECOND if w else FIRST for w in wide])], key=sides if any(wide) else (), height=4.2,
    )  # fmt: skip


def deaths_panel(reports: Sequence[RowsReport], best: int | None = None) -> Panel:
    """All deaths, largest first, over the largest, against their rank."""
    names = drawn_names([report.input.sources[0] for report in reports])
    named = told(len(reports), best)
    lines = []
    for i, (report, color) in enumerate(zip(reports, colors(len(reports), best), strict=True)):
        series = report.series["deaths"]
        name = (names[i] if len(reports) > 1 else "") + _score(report)
        y = series["death"] / series["death"][0]
        width = 2.0 if i == best else 1.3
        lines.append(Line(series["index"], y, color, name.removeprefix(", ") if i in named else "", width))
    return Panel("Deaths, largest first", Axis("rank", "log"), Axis("death / largest death", low=0, high=1.02), lines)


def _score(report: RowsReport) -> str:
    entry = report.metrics.get("separability")
    return f", S {entry.value:.3f}" if entry is not None and entry.value is not None else ""
