"""Metrics of several sources against their step, or beside their names; estimates of one target."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from labelfree.catalog import CATALOG, command, headlines
from labelfree.render.numbers import value as shown
from labelfree.render.pictures.model import (
    FIRST,
    SECOND,
    Axis,
    Band,
    Dots,
    Layer,
    Line,
    Panel,
    Star,
    drawn_name,
    drawn_names,
)
from labelfree.reports.across import in_order, steps_of
from labelfree.reports.entries import MetricEntry
from labelfree.reports.leading import leading
from labelfree.reports.rows import RowsReport
from labelfree.results import Z95

_MOST = 40
"""Names that a column of dots has room for."""


def subjects(reports: Sequence[RowsReport]) -> list[str]:
    """The metrics that a picture of several reports is about: what their command answers with, one a family."""
    known = (
        [name for name in headlines(family) if any(_value(report, name) is not None for report in reports)]
        for family in command(reports[0].command).families
    )
    return [names[0] for names in known if names]


def best_of(reports: Sequence[RowsReport], name: str) -> int | None:
    """The place of the highest or lowest value where that is known to be better and the sources can be compared."""
    first = leading(reports, name).report
    return next((i for i, report in enumerate(reports) if report is first), None)


def scores_panel(reports: Sequence[RowsReport], name: str) -> Panel:
    """A metric with its intervals: against the step where the names hold steps, else beside the names."""
    reports = in_order(reports)
    steps = steps_of(reports)
    best = best_of(reports, name)
    names = drawn_names([report.input.sources[0] for report in reports])
    entries = [report.metrics.get(name) for report in reports]
    if best is None:
        title = name
    else:
        entry = reports[best].metrics[name]
        title = f"{name}: {leading(reports, name).end} {shown(entry)} in {names[best]}"
    if steps is not None:
        return _against_steps(name, title, steps, entries, best, names)
    return _beside_names(name, title, entries, best, names)


def estimates_panel(report: RowsReport) -> Panel | None:
    """What a report says of one target between 0 and 1, with intervals: estimates of accuracy, and its audit."""
    wanted = [entry.name for entry in CATALOG if entry.kind == "estimate"]
    entries = {name: report.metrics[name] for name in wanted if _value(report, name) is not None}
    if not entries:
        return None
    names = list(entries)
    audited = [] if report.audit is None else [report.audit]
    rows = [*names, *(f"audit ({one.column})" for one in audited)]
    values = [*(float(entries[name].value or 0.0) for name in names), *(one.accuracy for one in audited)]
    spans: list[Sequence[float] | None] = [entries[name].interval for name in names]
    spans += [(one.accuracy - Z95 * one.se, one.accuracy + Z95 * one.se) for one in audited]
    colors = [FIRST] * len(names) + [SECOND] * len(audited)
    low = min(min(values), *(span[0] for span in spans if span is not None), 1.0)
    return Panel(
        f"{drawn_name(report.input.sources[0])}: estimates of accuracy",
        Axis("accuracy, 95 % interval", low=max(0.0, low - 0.05), high=1.0), _names_axis(rows),
        [Dots(values, range(len(rows)), spans, colors)], height=1.3 + 0.28 * len(rows),
    )  # fmt: skip


def _value(report: RowsReport, name: str) -> float | None:
    entry = report.metrics.get(name)
    return None if entry is None else entry.value


def _against_steps(
    name: str,
    title: str,
    steps: Sequence[int],
    entries: Sequence[MetricEntry | None],
    best: int | None,
    names: Sequence[str],
) -> Panel:
    known = [(step, e) for step, e in zip(steps, entries, strict=True) if e is not None and e.value is not None]
    spans = [(nan, nan) if e.interval is None else e.interval for _, e in known]
    layers: list[Layer] = []
    if any(e.interval is not None for _, e in known):
        layers.append(Band([s for s, _ in known], [low for low, _ in spans], [high for _, high in spans]))
    layers.append(Line([s for s, _ in known], [float(e.value or 0.0) for _, e in known], marked=True))
    if best is not None and (entry := entries[best]) is not None and entry.value is not None:
        layers.append(Star(steps[best], entry.value, names[best]))
    missing = len(entries) - len(known)
    note = f"{missing} of {len(entries)} sources have no value" if missing else ""
    return Panel(title, Axis("step"), Axis(name), layers, note=note, height=2.9)


def _beside_names(
    name: str, title: str, entries: Sequence[MetricEntry | None], best: int | None, names: Sequence[str]
) -> Panel:
    places = list(range(len(names)))
    if len(places) > _MOST:
        order = sorted(places, key=lambda i: -(one.value or 0.0) if (one := entries[i]) is not None else 0.0)
        places = sorted(order[: _MOST // 2] + order[-_MOST // 2 :])
    rows = [(i, names[i], entries[i]) for i in places]
    known = [(y, i, e) for y, (i, _, e) in enumerate(rows) if e is not None and e.value is not None]
    colors = [SECOND if i == best else FIRST for _, i, _ in known]
    dots = Dots(
        [float(e.value or 0.0) for _, _, e in known],
        [y for y, _, _ in known],
        [e.interval for _, _, e in known],
        colors,
    )
    left = len(names) - len(places)
    note = f"{left} sources between the highest and the lowest are not drawn" if left else ""
    return Panel(
        title, Axis(f"{name}, 95 % interval"), _names_axis([n for _, n, _ in rows]), [dots], note=note,
        height=1.3 + 0.22 * len(rows),
    )  # fmt: skip


def _names_axis(names: Sequence[str]) -> Axis:
    return Axis("", low=-0.6, high=len(names) - 0.4, ticks=tuple(enumerate(names)), downwards=True)
