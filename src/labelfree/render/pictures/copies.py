"""Compressed copies as a picture: bytes of a vector against the neighbors that are kept."""

from __future__ import annotations

from labelfree.render.pictures.model import Axis, Band, Layer, Line, Panel, colors, drawn_name
from labelfree.reports.compare import CompareReport


def copies_panel(report: CompareReport) -> Panel:
    """The share of kept neighbors of each copy over its bytes, with the interval."""
    known = [
        (one.bytes, one.metrics["neighbors_kept"], one.b)
        for one in report.pairs
        if "neighbors_kept" in one.metrics and one.metrics["neighbors_kept"].value is not None
    ]
    known.sort(key=lambda one: one[0])
    layers: list[Layer] = []
    for (size, entry, name), color in zip(known, colors(len(known)), strict=True):
        ends = entry.interval
        layers += [] if ends is None else [Band([size], [ends[0]], [ends[1]], color)]
        layers.append(Line([size], [float(entry)], color, f"{name}: {size:,} bytes", marked=True))
    return Panel(
        f"{drawn_name(report.to)}: neighbors kept by compressed copies", Axis("bytes of a vector", "log"),
        Axis("share of the nearest neighbors kept", low=0.0, high=1.05), layers,
    )  # fmt: skip
