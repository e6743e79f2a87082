"""How alike representations are as pictures: every two of them, each against the first, and slices of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from labelfree.render.numbers import interval, value
from labelfree.render.pictures.model import FIRST, MUTED, Axis, Dots, Grid, Panel, drawn_name
from labelfree.reports.compare import CompareReport, PairEntry

_MOST = 40
"""Names that a column of dots has room for."""
_BROAD = 6
"""Sources up to which the columns of a matrix have their names below them; more have numbers."""


def matrix_panel(report: CompareReport) -> Panel:
    """The neighbors that every two sources share as shaded cells; another metric where they were not measured."""
    held = report.pairs[0].metrics
    name = "neighbors_kept" if "neighbors_kept" in held else next(iter(held))
    values, words, told = list[list[float]](), list[list[str]](), list[list[str]]()
    for a in report.sources:
        entries = [None if a == b else report.pair(a, b).metrics.get(name) for b in report.sources]
        values.append([_number(entry, alone=a == b) for entry, b in zip(entries, report.sources, strict=True)])
        words.append(["1" if a == b else "-" if entry is None or entry.value is None else f"{entry.value:.2f}"
                      for entry, b in zip(entries, report.sources, strict=True)])  # fmt: skip
        told.append([
            "" if entry is None else f"{a} and {b}: {name} {value(entry)} {interval(entry)}".rstrip()
            for entry, b in zip(entries, report.sources, strict=True)
        ])  # fmt: skip
    count = len(report.sources)
    short = [drawn_name(one) for one in report.sources]
    few = count <= _BROAD and all(len(one) <= 12 for one in short)
    below = tuple((float(i), one if few else str(i + 1)) for i, one in enumerate(short))
    beside = tuple((float(i), one if few else f"{one}  {i + 1}") for i, one in enumerate(short))
    return Panel(
        f"{name} of every two sources", Axis("", low=-0.5, high=count - 0.5, ticks=below),
        Axis("", low=-0.5, high=count - 0.5, ticks=beside, downwards=True), [Grid(values, words, told)],
        height=1.3 + min(5.5, max(1.2, 0.42 * count)),
    )  # fmt: skip


def _number(entry: object, *, alone: bool) -> float:
    found = getattr(entry, "value", None)
    return 1.0 if alone else nan if found is None else float(found)


def kept_panel(pairs: Sequence[PairEntry]) -> Panel | None:
    """The neighbors of the first that each of the others keeps, the most first; None where none was measured."""
    entries = [(one.b, one.metrics["neighbors_kept"]) for one in pairs if "neighbors_kept" in one.metrics]
    known = sorted((one for one in entries if one[1].value is not None), key=lambda one: -float(one[1]))[:_MOST]
    if not known:
        return None
    names = tuple((float(i), drawn_name(name)) for i, (name, _) in enumerate(known))
    dots = Dots([float(entry) for _, entry in known], range(len(known)), [entry.interval for _, entry in known],
                [FIRST] * len(known))  # fmt: skip
    return Panel(
        f"Neighbors of {drawn_name(pairs[0].a)} that each keeps",
        Axis("neighbors_kept, 95 % interval", low=0.0, high=1.0),
        Axis("", low=-0.6, high=len(known) - 0.4, ticks=names, downwards=True), [dots], height=1.5 + 0.24 * len(known),
    )  # fmt: skip


def slices_panel(pair: PairEntry) -> Panel:
    """The neighbors that the rows of each value of a column keep, the fewest first."""
    assert pair.by is not None
    parts = pair.by.slices[:_MOST]
    names = tuple((float(i), drawn_name(one.value)) for i, one in enumerate(parts))
    dots = Dots([one.neighbors_kept for one in parts], range(len(parts)), [one.interval for one in parts],
                [FIRST if one.interval is not None else MUTED for one in parts])  # fmt: skip
    left = len(pair.by.slices) - len(parts)
    return Panel(
        f"{drawn_name(pair.b)}: neighbors kept by {drawn_name(pair.by.column)}",
        Axis("neighbors_kept, 95 % interval"),
        Axis("", low=-0.6, high=len(parts) - 0.4, ticks=names, downwards=True), [dots],
        note=f"{left} values that kept more are not drawn" if left else "", height=1.5 + 0.22 * len(parts),
    )  # fmt: skip
