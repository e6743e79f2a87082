"""Pictures of groups under one threshold."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.notes.opis import WORST_ALL, headline
from labelfree.render.pictures.model import (
    FIRST,
    INK,
    SECOND,
    Axis,
    Line,
    Panel,
    Steps,
    Threads,
    colors,
    drawn_name,
    drawn_names,
    told,
)
from labelfree.reports.rows import RowsReport

DRAWN_ONLY = frozenset(("utilities", "errors", "cosines"))
"""Series for pictures alone."""
_RATES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99)


def utilities_panel(report: RowsReport) -> Panel:
    """The utility of every group over the calibration range, the worst in color, and their mean."""
    series, entry = report.series["utilities"], headline(report)
    threshold, every = series["threshold"], series["all"]
    order = every.mean(axis=0).argsort()
    few = order[: max(1, len(order) // 10)][:WORST_ALL]
    rest = order[len(few) :]
    score = f", opis {entry.value:.4g}" if entry is not None and entry.value is not None else ""
    return Panel(
        drawn_name(report.input.sources[0]) + score,
        Axis("threshold in the calibration range", low=threshold[0], high=threshold[-1]),
        Axis("utility", low=0, high=1.05),
        [
            Threads(threshold, [every[:, i] for i in rest], FIRST),
            Threads(threshold, [every[:, i] for i in few], SECOND, strong=True),
            Line(threshold, series["mean"], INK, "mean of all groups", 2),
        ],
        key=((SECOND, f"the worst {len(few)} of {len(order):,} groups"), (FIRST, "the others")),
    )


def errors_panel(reports: Sequence[RowsReport], best: int | None = None) -> Panel:
    """Detection error trade-off of all groups together, on normal deviates."""
    from scipy.special import ndtri

    names = drawn_names([report.input.sources[0] for report in reports])
    named = told(len(reports), best)
    lines = []
    for i, (report, color) in enumerate(zip(reports, colors(len(reports), best), strict=True)):
        far, frr = report.series["errors"]["far"], report.series["errors"]["frr"]
        there = (far > 0) & (far < 1) & (frr > 0) & (frr < 1)
        name = names[i] if len(reports) > 1 and i in named else ""
        lines.append(Line(ndtri(far[there]), ndtri(frr[there]), color, name))
    ticks = tuple((float(ndtri(rate)), f"{100 * rate:g}") for rate in _RATES)
    return Panel(
        "Errors of one threshold for all", Axis("false accepts, % of pairs of different groups", ticks=ticks),
        Axis("false rejects, % of pairs of one group", ticks=ticks), lines,
    )  # fmt: skip


def cosines_panel(report: RowsReport) -> Panel:
    """The cosines of pairs of one group and of different groups."""
    series = report.series["cosines"]
    edges = [*series["low"], 1.0]
    there = [i for i in range(len(series["low"])) if series["genuine"][i] + series["impostor"][i] > 0]
    pairs = (("impostor", "different groups", FIRST), ("genuine", "one group", SECOND))
    return Panel(
        f"{drawn_name(report.input.sources[0])}, cosines of pairs",
        Axis("cosine of a pair", low=series["low"][there[0]] - 0.02, high=1.0), Axis("share of pairs", low=0),
        [Steps(edges, series[name], color) for name, _, color in pairs],
        key=[(color, label) for _, label, color in pairs],
    )  # fmt: skip
