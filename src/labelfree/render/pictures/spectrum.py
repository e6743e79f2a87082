"""The spectrum as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelfree.render.pictures.canvas import drawn_name
from labelfree.reports.rows import RowsReport

_ROUNDING = 1e-12


def draw_spectrum(axes: Any, reports: Sequence[RowsReport]) -> None:
    """Singular values against their index on logarithmic axes: of one report in full, of several side by side."""
    if len(reports) == 1:
        _one(axes, reports[0])
    else:
        for report in reports:
            series = report.series["spectrum"]
            axes.plot(series["index"], series["singular_value"], label=_named(report), linewidth=1.4)
    axes.set(xscale="log", yscale="log", xlabel="index", ylabel="singular value")
    axes.set_ylim(bottom=_floor(reports))


def _named(report: RowsReport) -> str:
    name = drawn_name(report.input.sources[0])
    entry = report.metrics.get("rankme")
    return f"{name}, RankMe {entry.value:.4g}" if entry is not None and entry.value is not None else name


def _one(axes: Any, report: RowsReport) -> None:
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
            f"noise edge, {spikes.parts['raw']} directions above", (1, edge), textcoords="offset points", xytext=(2, 3),
            fontsize=8, color="0.35",
        )  # fmt: skip
    axes.set_title(f"{_named(report)}, {report.input.n:,} x {report.input.d:,}", fontsize=11, loc="left")


def _floor(reports: Sequence[RowsReport]) -> float:
    """Where the axis ends: below the smallest value that is not rounding."""
    values = [v for r in reports for v in r.series["spectrum"]["singular_value"] if v > 0]
    top = max(values, default=1.0)
    return float(0.5 * max(min((v for v in values if v > _ROUNDING * top), default=top), _ROUNDING * top))
