"""Compressed copies as a picture: bytes of a vector against the neighbors that are kept."""

from __future__ import annotations

from labelfree.render.pictures.model import FIRST, Axis, Dots, Layer, Panel, drawn_name
from labelfree.reports.compare import CompareReport


def copies_panel(report: CompareReport) -> Panel:
    """The share of kept neighbors of each copy over its bytes, with the interval."""
    known = [
        (one.bytes, one.metrics["neighbors_kept"], one.b)
        for one in report.pairs
        if "neighbors_kept" in one.metrics and one.metrics["neighbors_kept"].value is not None
    ]
    known.sort(key=lambda one: one[0])
    x = [float(size) for size, _, _ in known]
    y = [float(entry) for _, entry, _ in known]
    layers: list[Layer] = [Dots(x, y, [entry.interval for _, entry, _ in known], [FIRST] * len(known))]
    names = ", ".join(f"{name} {size:,}" for size, _, name in known)
    return Panel(
        f"{drawn_name(report.to)}: neighbors kept by compressed copies", Axis("bytes of a vector", "log"),
        Axis("share of the nearest neighbors kept"), layers, note=names,
    )  # fmt: skip
