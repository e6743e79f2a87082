"""The spectrum as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.pictures.model import FIRST, SECOND, Axis, Layer, Line, Panel, Rule, colors, drawn_names, told
from labelfree.reports.rows import RowsReport

_ROUNDING, _GAP = 1e-12, 30.0
"""Below this share of the largest all is rounding; a fall by this factor from one value to the next is a gap."""


def spectrum_panel(reports: Sequence[RowsReport], best: int | None = None) -> Panel:
    """Singular values against their index on logarithmic axes: of one report in full, of several side by side."""
    names = drawn_names([report.input.sources[0] for report in reports])
    alive = [_alive(report.series["spectrum"]["singular_value"]) for report in reports]
    layers: list[Layer] = []
    if len(reports) == 1:
        layers, title = _one(reports[0], alive[0]), f"{names[0]}{_rankme(reports[0])}, {_shape(reports[0])}"
    else:
        title = f"Spectra of {len(reports)} sources"
        named = told(len(reports), best)
        for i, (report, color) in enumerate(zip(reports, colors(len(reports), best), strict=True)):
            series = report.series["spectrum"]
            x, y = series["index"][: alive[i]], series["singular_value"][: alive[i]]
            name = names[i] + _rankme(report) if i in named else ""
            layers.append(Line(x, y, color, name, 2.0 if i == best else 1.2))
    return Panel(title, Axis("index", "log"), Axis("singular value", "log"), layers, note=_dead(reports, names, alive))


def _rankme(report: RowsReport) -> str:
    entry = report.metrics.get("rankme")
    return f", RankMe {entry.value:.4g}" if entry is not None and entry.value is not None else ""


def _shape(report: RowsReport) -> str:
    return f"{report.input.n:,} x {report.input.d:,}"


def _one(report: RowsReport, alive: int) -> list[Layer]:
    series = report.series["spectrum"]
    centered = series["singular_value_centered"]
    index = series["index"]
    found: list[Layer] = [
        Line(index[:alive], series["singular_value"][:alive], FIRST, "rows as they are", 1.8),
        Line(index[: _alive(centered)], centered[: _alive(centered)], SECOND, "about their mean", 1.2, dashed=True),
    ]
    spikes = report.metrics.get("mp_spikes")
    if spikes is not None and spikes.value is not None:
        edge = (spikes.parts["edge"] * (report.input.n - 1)) ** 0.5
        found.append(Rule(edge, f"noise edge, {spikes.parts['raw']} directions above"))
    return found


def _alive(values: Sequence[float]) -> int:
    """How many values are drawn: up to the gap that leads to dead units or to rounding."""
    top = max(values, default=0.0)
    count = next((i for i, value in enumerate(values) if value <= _ROUNDING * top), len(values))
    for i in range(1, count):
        if values[i] * _GAP < values[i - 1] and values[i] < 1e-3 * top:
            return i
    return count


def _dead(reports: Sequence[RowsReport], names: Sequence[str], alive: Sequence[int]) -> str:
    """Which directions are left out, since they would rule the axis."""
    found = []
    for report, name, count in zip(reports, names, alive, strict=True):
        values = report.series["spectrum"]["singular_value"]
        if count < len(values):
            of = f"{name}: " if len(reports) > 1 else ""
            share = values[count] / values[0]
            found.append(f"{of}{len(values) - count} of {len(values)} directions at most {share:.0e} of the largest")
    told = "; ".join(found[:2]) + (f" and {len(found) - 2} more" if len(found) > 2 else "")
    return f"not drawn: {told}" if found else ""
