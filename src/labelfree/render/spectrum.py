"""The spectrum as a picture: small and log-log in the terminal, in full by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelfree.errors import OutputError
from labelfree.render.pictures import picture
from labelfree.report import Report

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def braille(values: Sequence[float], width: int = 56, height: int = 8) -> list[str]:
    """Positive values against their index on logarithmic axes, drawn in braille dots, with labels at both axes."""
    points = [(math.log10(i), math.log10(v)) for i, v in enumerate(values, 1) if v > 0]
    if len(points) < 2:
        return []
    right = points[-1][0]
    top = max(y for _, y in points)
    bottom = max(min(y for _, y in points), top - 8)
    span = max(top - bottom, 1e-9)
    cells = [[0] * width for _ in range(height)]
    columns = 2 * width - 1
    at = 0
    for column in range(columns + 1):
        x = right * column / columns
        while at + 1 < len(points) and points[at + 1][0] <= x:
            at += 1
        y = points[at][1]
        if at + 1 < len(points):
            (x0, y0), (x1, y1) = points[at], points[at + 1]
            y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        row = round((4 * height - 1) * (top - y) / span)
        if row < 4 * height:
            cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
    lines = ["".join(chr(0x2800 + cell) for cell in line) for line in cells]
    labels = [f"{10**top:8.3g} ", *[" " * 9] * (height - 2), f"{10**bottom:8.3g} "]
    scale = "1" + f"{len(values):,}".rjust(width - 1)
    return [label + line for label, line in zip(labels, lines, strict=True)] + [" " * 9 + scale]


def draw(reports: Sequence[Report], path: Path) -> None:
    """All spectra in one picture; the suffix of the path decides the format."""
    shown = [r for r in reports if "spectrum" in r.series]
    if not shown:
        raise OutputError(
            f"{path}: there is no spectrum to draw: ask for a spectral metric, for instance --only rankme"
        )
    with picture(path) as (axes,):
        if len(shown) == 1:
            _one(axes, shown[0])
        else:
            for report in shown:
                series = report.series["spectrum"]
                axes.plot(series["index"], series["singular_value"], label=_named(report), linewidth=1.4)
        axes.set(xscale="log", yscale="log", xlabel="index", ylabel="singular value")
        axes.set_ylim(bottom=_floor(shown))
        axes.grid(True, which="major", alpha=0.25)
        axes.legend(frameon=False, fontsize=9)


def _named(report: Report) -> str:
    name = Path(report.input.sources[0]).name
    entry = report.metrics.get("rankme")
    return f"{name}, RankMe {entry.value:.4g}" if entry is not None and entry.value is not None else name


def _one(axes: Any, report: Report) -> None:
    series = report.series["spectrum"]
    axes.plot(series["index"], series["singular_value"], color="#1f5fa8", linewidth=1.6, label="rows as they are")
    axes.plot(
        series["index"], series["singular_value_centered"], color="#c8642b", linewidth=1.2, linestyle="--",
        label="rows about their mean",
    )  # fmt: skip
    spikes = report.metrics.get("mp_spikes")
    if spikes is not None and spikes.value is not None:
        edge = (spikes.parts["edge"] * (report.input.n - 1)) ** 0.5
        axes.axhline(edge, color="0.5", linewidth=0.9, linestyle=":")
        axes.annotate(
            f"noise edge, {spikes.value:.0f} directions above", (1, edge), textcoords="offset points", xytext=(2, 3),
            fontsize=8, color="0.35",
        )  # fmt: skip
    axes.set_title(f"{_named(report)}, {report.input.n:,} x {report.input.d:,}", fontsize=11, loc="left")


def _floor(reports: Sequence[Report]) -> float:
    """Where the axis ends: below the smallest value that is not rounding."""
    values = [v for r in reports for v in r.series["spectrum"]["singular_value"] if v > 0]
    top = max(values, default=1.0)
    return float(0.5 * max(min((v for v in values if v > 1e-12 * top), default=top), 1e-12 * top))
