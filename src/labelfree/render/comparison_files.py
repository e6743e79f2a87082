"""A comparison as a file: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from labelfree.documents.files import atomically, check_targets
from labelfree.render.tables import comparisons
from labelfree.reports.compare import CompareReport

PAGE = ".html"
SUFFIXES = (*comparisons.TEXTS, PAGE, *comparisons.PICTURES)


def write(report: CompareReport, path: Path, *, everything: bool = False, name: str = "path") -> None:
    """Write a comparison in the format that the suffix names; name: of the option that names the path."""
    check_targets([path], SUFFIXES, name)
    if path.suffix != PAGE:
        comparisons.write(report, path, everything=everything, name=name)
        return
    from labelfree.render.pages.comparisons import comparison_section
    from labelfree.render.pages.page import page

    text = page([comparison_section(report, everything=everything)])
    atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
