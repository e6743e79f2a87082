"""A choice among candidates as a file: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from labelfree.documents.files import atomically, check_targets
from labelfree.render.pages.choices import choice_section
from labelfree.render.pages.page import page
from labelfree.render.tables import choices
from labelfree.reports.select import SelectReport

SUFFIXES = (*choices.TEXTS, ".html")


def write(report: SelectReport, path: Path, *, everything: bool = False, name: str = "path") -> None:
    """Write a choice in the format that the suffix names; name: of the option that names the path."""
    check_targets([path], SUFFIXES, name)
    if path.suffix == ".html":
        text = page([choice_section(report, everything=everything)])
        atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
    else:
        choices.write(report, path, everything=everything, name=name)
