"""Every picture that the reports allow, in one file; the suffix decides the format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from labelfree.errors import MissingExtra, OutputError
from labelfree.render.deaths import draw_barcode, draw_deaths
from labelfree.render.spectrum import draw_spectrum
from labelfree.report import Report

_STYLE = {"svg.hashsalt": "labelfree", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}


def draw(reports: Sequence[Report], path: Path) -> None:
    """Draw the panels one under another."""
    try:
        import matplotlib as mpl

        mpl.use("agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtra(f"drawing {path.name}", "plot") from error
    panels = _panels(reports)
    if not panels:
        raise OutputError(
            f"{path}: there is nothing to draw: ask for a spectral metric or for separability, "
            "for instance --only rankme"
        )
    with mpl.rc_context(_STYLE):
        size = (7.2, 4.6 * len(panels))
        figure, grid = plt.subplots(len(panels), 1, figsize=size, layout="constrained", squeeze=False)
        for panel, axes in zip(panels, grid[:, 0], strict=True):
            panel(axes)
            axes.grid(True, which="major", alpha=0.25)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(frameon=False, fontsize=9)
        metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        figure.savefig(path, dpi=150, metadata=metadata)
        plt.close(figure)


def _panels(reports: Sequence[Report]) -> list[Callable[[Any], None]]:
    spectra = [r for r in reports if "spectrum" in r.series]
    deaths = [r for r in reports if "deaths" in r.series]
    panels: list[Callable[[Any], None]] = []
    if spectra:
        panels.append(partial(draw_spectrum, reports=spectra))
    if len(deaths) == 1:
        panels.append(partial(draw_barcode, report=deaths[0]))
    if deaths:
        panels.append(partial(draw_deaths, reports=deaths))
    return panels
