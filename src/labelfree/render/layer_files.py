"""Reports on weights as files: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from labelfree.documents.files import atomically, check_targets
from labelfree.errors import OutputError
from labelfree.render.tables import layers
from labelfree.reports.weights import WeightsReport

TEXT_SUFFIXES = (".json", ".ndjson", ".csv", ".md", ".html")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet")


def texts(*, everything: bool) -> dict[str, Callable[[Sequence[WeightsReport]], str]]:
    """What writes the reports as text, by the suffix; everything: each layer in Markdown."""
    made = (
        layers.to_json, layers.to_ndjson, layers.to_csv, partial(layers.to_markdown, everything=everything),
        partial(_to_html, everything=everything),
    )  # fmt: skip
    return dict(zip(TEXT_SUFFIXES, made, strict=True))


def _to_html(reports: Sequence[WeightsReport], *, everything: bool) -> str:
    from labelfree.render.pages.page import page
    from labelfree.render.pages.weights import weights_section

    return page([weights_section(reports, everything=everything)])


def write(reports: Sequence[WeightsReport], path: Path, *, everything: bool) -> None:
    """Write the reports in the format that the suffix names."""
    if path.suffix == ".parquet":
        atomically(path, lambda temporary: layers.to_parquet(reports, temporary))
        return
    text = texts(everything=everything)[path.suffix](reports)
    atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))


def save(reports: Sequence[WeightsReport], path: Path) -> None:
    """Write reports from Python: what cannot be written is refused, and a file that is there is replaced."""
    if not reports:
        raise OutputError(f"{path}: expected reports to write, found none")
    check_targets([path], SUFFIXES, "path")
    write(reports, path, everything=False)
