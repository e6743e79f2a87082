"""The picture of reports: a panel for everything they allow to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelfree.errors import UnknownName, UsageError
from labelfree.render.pictures import canvas, svg
from labelfree.render.pictures.deaths import barcode_panel, deaths_panel
from labelfree.render.pictures.groups import cosines_panel, errors_panel, utilities_panel
from labelfree.render.pictures.model import Panel
from labelfree.render.pictures.scores import best_of, estimates_panel, scores_panel, subjects
from labelfree.render.pictures.spectrum import spectrum_panel
from labelfree.reports.across import in_order
from labelfree.reports.leading import headline
from labelfree.reports.rows import RowsReport

_BARCODES = 6
"""Reports up to which each has panels of its own; what is one curve a report stands in one panel for all."""


def draw(reports: Sequence[RowsReport], path: Path) -> None:
    """Draw the panels of reports one under another; the suffix of the path decides the format."""
    write(panels(reports), path)


def write(panels: Sequence[Panel], path: Path) -> None:
    """Draw panels: SVG by ourselves, PNG and PDF by matplotlib."""
    if path.suffix == ".svg":
        svg.write(panels, path)
    else:
        canvas.write(panels, path)


def drawn(reports: Sequence[RowsReport]) -> Any:
    """A figure of matplotlib with the panels of reports one under another."""
    found = panels(reports)
    if not found:
        raise UsageError(
            "there is nothing to draw: measure a spectral metric or separability; a report that was read from a file "
            "holds no long results"
        )
    return canvas.figure_of(found)


def scores_drawn(reports: Sequence[RowsReport], metrics: Sequence[str]) -> Any:
    """Metrics over several sources as a figure of matplotlib; the headline where none is named."""
    names = list(metrics) or ([name] if reports and (name := headline(reports)) else [])
    held = list(dict.fromkeys(name for report in reports for name in report.metrics))
    for name in names:
        if name not in held:
            raise UnknownName(name, held, f"measured are {', '.join(held)}")
    if not names:
        raise UsageError("expected the name of a metric to draw, found none, and no headline; name one")
    return canvas.figure_of([scores_panel(reports, name) for name in names])


def panels(reports: Sequence[RowsReport]) -> list[Panel]:
    """What the reports are about first (a metric against step, estimates of a target), then what stands behind it."""
    reports = in_order(reports)
    names = subjects(reports) if len(reports) > 1 else []
    found = [scores_panel(reports, name) for name in names]
    if len(reports) == 1 and (estimates := estimates_panel(reports[0])) is not None:
        found.append(estimates)
    best = best_of(reports, names[0]) if names else None

    def curves(series: str) -> tuple[list[RowsReport], int | None]:
        there = [i for i, report in enumerate(reports) if series in report.series]
        return [reports[i] for i in there], there.index(best) if best in there else None

    spectra, of_spectra = curves("spectrum")
    deaths, of_deaths = curves("deaths")
    judged, of_judged = curves("utilities")
    if spectra:
        found.append(spectrum_panel(spectra, of_spectra))
    if len(deaths) <= _BARCODES:
        found += [barcode_panel(report) for report in deaths]
    if deaths:
        found.append(deaths_panel(deaths, of_deaths))
    if len(judged) <= _BARCODES:
        found += [utilities_panel(report) for report in judged]
    if judged:
        found.append(errors_panel(judged, of_judged))
    if len(judged) <= _BARCODES:
        found += [cosines_panel(report) for report in judged]
    return found
