"""Drift as pictures: the headline by source in order, slices beyond the reference, class shares."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.pictures.model import FIRST, MUTED, SECOND, Axis, Dots, Layer, Panel, Span, drawn_name
from labelfree.reports.drift import Slices
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport

_MOST, _FIRST = 40, 20
"""Names that a column of dots has room for, and of those in the order of their size."""
_DRAWN = ("energy_ratio", "share_beyond_95", "c2st_auc")
"""What is drawn by source."""


def sources_panels(reports: Sequence[RowsReport], names: Sequence[str]) -> list[Panel]:
    """What tells of drift with its interval, by source in order; in color where random divisions differ less."""
    return [panel for name in _DRAWN if (panel := _sources(reports, names, name)) is not None]


def _sources(reports: Sequence[RowsReport], names: Sequence[str], metric: str) -> Panel | None:
    held = [
        (name, report, entry)
        for report, name in zip(reports, names, strict=True)
        if (entry := report.metrics.get(metric)) is not None and entry.value is not None
    ][-_MOST:]
    if not held:
        return None
    moved = [r.drift is not None and r.drift.size not in ("none", "hardly", None) for _, r, _ in held]
    colors = [SECOND if one else FIRST for one in moved]
    dots = Dots([float(e) for *_, e in held], range(len(held)), [e.interval for *_, e in held], colors)
    layers: list[Layer] = [*_by_chance(metric, held[0][2]), dots]
    key = [(SECOND, "drift"), (FIRST, "no or hardly any")]
    left = len(reports) - len(held)
    return Panel(
        f"{metric} by source", Axis(f"{metric}, 95 % interval"), _names([name for name, *_ in held]), layers,
        key=[one for one in key if one[0] in colors], height=1.6 + 0.24 * len(held),
        note=f"{left} earlier sources, or ones without a value, are not drawn" if left else "",
    )  # fmt: skip


def _by_chance(metric: str, entry: MetricEntry) -> list[Layer]:
    """The values that chance alone gives."""
    if metric.startswith("share_beyond"):
        expected, spread = float(entry.parts["expected"]), 2 * float(entry.parts["null_sd"])
        return [Span(max(0.0, expected - spread), expected + spread, "by chance")]
    level = 0.5 if metric == "c2st_auc" else 0.0
    return [Span(level, level, "by chance")]


def _names(names: Sequence[str]) -> Axis:
    ticks = tuple((float(i), drawn_name(name)) for i, name in enumerate(names))
    return Axis("", low=-0.6, high=len(names) - 0.4, ticks=ticks, downwards=True)


def beyond_panel(by: Slices, source: str) -> Panel:
    """The share of rows beyond the reference of each value of a column, the most first."""
    parts = [one for one in by.slices if one.beyond is not None][:_FIRST]
    colors = [SECOND if one.beyond_interval is not None and one.beyond_interval[0] > 0.05 else FIRST for one in parts]
    dots = Dots([one.beyond or 0.0 for one in parts], range(len(parts)), [one.beyond_interval for one in parts], colors)
    left = len(by.slices) - len(parts)
    return Panel(
        f"{drawn_name(source) + ': ' if source else ''}rows beyond the reference by {drawn_name(by.column)}",
        Axis("share beyond 95 %, 95 % interval", low=0.0), _names([one.value for one in parts]),
        [Span(0.05, 0.05, "5 % by chance"), dots], height=1.6 + 0.24 * len(parts),
        key=[one for one in ((SECOND, "surely above 5 %"), (FIRST, "not surely")) if one[0] in colors],
        note=f"{left} other values are not drawn: too few rows, or fewer beyond" if left else "",
    )  # fmt: skip


def classes_panel(entry: MetricEntry, title: str) -> Panel:
    """The share of each class in the reference and now."""
    usual, now = entry.parts["reference"], entry.parts["shares"]
    order = sorted(range(len(usual)), key=lambda i: -abs(now[i] - usual[i]))[:_FIRST]
    left = len(usual) - len(order)
    layers: list[Layer] = [
        Dots([usual[i] for i in order], range(len(order)), [None] * len(order), [MUTED] * len(order)),
        Dots([now[i] for i in order], range(len(order)), [None] * len(order), [SECOND] * len(order)),
    ]
    return Panel(
        title, Axis("share of the rows", low=0.0), _names([f"class {i}" for i in order]), layers,
        key=((SECOND, "now"), (MUTED, "in the reference")), height=1.6 + 0.22 * len(order),
        note=f"{left} classes that moved less are not drawn" if left else "",
    )  # fmt: skip
