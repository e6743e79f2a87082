"""Pictures of groups under one threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelfree.render.notes.opis import WORST_ALL, headline
from labelfree.render.pictures.canvas import drawn_name
from labelfree.reports.rows import RowsReport

DRAWN_ONLY = frozenset(("utilities", "errors", "cosines"))
"""Series for pictures alone."""


def draw_utilities(axes: Any, report: RowsReport) -> None:
    """The utility of every group over the calibration range, the worst in color, and their mean."""
    series, entry = report.series["utilities"], headline(report)
    threshold, every = series["threshold"], series["all"]
    from matplotlib.collections import LineCollection

    average = every.mean(axis=0)
    order = average.argsort()
    few = order[: max(1, len(order) // 10)][:WORST_ALL]
    rest = order[len(few) :]
    lines = [list(zip(threshold, every[:, i], strict=True)) for i in rest]
    axes.add_collection(
        LineCollection(
            lines,
            colors="#1f5fa8",
            alpha=max(0.03, min(0.4, 20 / max(1, len(rest)))),
            linewidths=0.7,
            rasterized=len(rest) > 200,
        )
    )
    for i in few:
        axes.plot(threshold, every[:, i], color="#c8642b", linewidth=0.9, alpha=0.8)
    axes.plot([], [], color="#c8642b", label=f"the worst {len(few)} of {len(order):,} groups")
    axes.plot(threshold, series["mean"], color="black", linewidth=2, label="mean of all groups")
    axes.set(
        xlim=(threshold[0], threshold[-1]),
        ylim=(0, 1.15),
        xlabel="threshold in the calibration range",
        ylabel="utility",
    )
    axes.set_title(
        f"{drawn_name(report.input.sources[0])}, opis {entry.value:.4g}" if entry else "", fontsize=11, loc="left"
    )


def draw_errors(axes: Any, reports: Sequence[RowsReport]) -> None:
    """Detection error trade-off of all groups together, on normal deviates."""
    from scipy.special import ndtri

    ticks = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99)
    for report in reports:
        far, frr = report.series["errors"]["far"], report.series["errors"]["frr"]
        there = (far > 0) & (far < 1) & (frr > 0) & (frr < 1)
        axes.plot(ndtri(far[there]), ndtri(frr[there]), linewidth=1.4, label=drawn_name(report.input.sources[0]))
    marks = [ndtri(t) for t in ticks]
    names = [f"{100 * t:g}" for t in ticks]
    axes.set(xlabel="false accepts, % of pairs of different groups", ylabel="false rejects, % of pairs of one group")
    axes.set_xticks(marks, names)
    axes.set_yticks(marks, names)


def draw_cosines(axes: Any, report: RowsReport) -> None:
    """The cosines of pairs of one group and of different groups."""
    series = report.series["cosines"]
    for name, label, color in (("impostor", "different groups", "#1f5fa8"), ("genuine", "one group", "#c8642b")):
        axes.stairs(series[name], [*series["low"], 1.0], fill=True, alpha=0.45, color=color, label=label)
    there = [i for i in range(len(series["low"])) if series["genuine"][i] + series["impostor"][i] > 0]
    axes.set(xlabel="cosine of a pair", ylabel="share of pairs", xlim=(series["low"][there[0]] - 0.02, 1.0))
