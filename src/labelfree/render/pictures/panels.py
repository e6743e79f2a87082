"""The picture of reports: a panel for everything they allow to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from labelfree.errors import UsageError
from labelfree.render.pictures.canvas import picture, shown
from labelfree.render.pictures.deaths import draw_barcode, draw_deaths
from labelfree.render.pictures.groups import draw_cosines, draw_errors, draw_utilities
from labelfree.render.pictures.spectrum import draw_spectrum
from labelfree.reports.rows import RowsReport

_BARCODES = 6
"""Reports up to which each has panels of its own; what is one curve a report stands in one panel for all."""


def draw(reports: Sequence[RowsReport], path: Path) -> None:
    """Draw the panels of reports with a spectrum, deaths or groups one under another; the suffix decides the format."""
    panels = _panels(reports)
    with picture(path, rows=len(panels)) as grid:
        _draw(panels, grid)


def drawn(reports: Sequence[RowsReport]) -> Any:
    """The same panels as a figure of matplotlib."""
    panels = _panels(reports)
    if not panels:
        raise UsageError(
            "there is nothing to draw: measure a spectral metric or separability; a report that was read from a file "
            "holds no long results"
        )
    with shown(rows=len(panels)) as (figure, grid):
        _draw(panels, grid)
    return figure


def _draw(panels: Sequence[Callable[[Any], None]], grid: Sequence[Any]) -> None:
    for panel, axes in zip(panels, grid, strict=True):
        panel(axes)
        axes.grid(True, which="major", alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)


def _panels(reports: Sequence[RowsReport]) -> list[Callable[[Any], None]]:
    spectra = [r for r in reports if "spectrum" in r.series]
    deaths = [r for r in reports if "deaths" in r.series]
    judged = [r for r in reports if "utilities" in r.series]
    panels: list[Callable[[Any], None]] = []
    if spectra:
        panels.append(partial(draw_spectrum, reports=spectra))
    if len(deaths) <= _BARCODES:
        panels += [partial(draw_barcode, report=report) for report in deaths]
    if deaths:
        panels.append(partial(draw_deaths, reports=deaths))
    if len(judged) <= _BARCODES:
        panels += [partial(draw_utilities, report=report) for report in judged]
    if judged:
        panels.append(partial(draw_errors, reports=judged))
    if len(judged) <= _BARCODES:
        panels += [partial(draw_cosines, report=report) for report in judged]
    return panels
