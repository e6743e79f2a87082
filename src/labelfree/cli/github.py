"""What GitHub Actions is told of a verdict: through stderr, and the two files whose paths it hands to a step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelfree.cli.printing import told
from labelfree.render.verdicts.github import commands, outputs, refusal, summary


def tell(document: Mapping[str, Any], *, quiet: bool) -> None:
    """Annotations on stderr, Markdown into $GITHUB_STEP_SUMMARY, `verdict=` into $GITHUB_OUTPUT, where they are set.

    A file that cannot be written changes no verdict: stderr says so.
    """
    for line in commands(document, warnings=not quiet):
        print(line, file=sys.stderr)
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        _append("GITHUB_STEP_SUMMARY", place, summary(document, _size(place)))
    if place := os.environ.get("GITHUB_OUTPUT"):
        _append("GITHUB_OUTPUT", place, outputs(document))


def refuse(message: str) -> None:
    """One annotation on stderr for what was refused, of which there is no verdict."""
    print(refusal(message), file=sys.stderr)


def _size(place: str) -> int:
    try:
        return Path(place).stat().st_size
    except OSError:
        return 0


def _append(name: str, place: str, text: str) -> None:
    try:
        with Path(place).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        told(f"warning: {name} {place}: cannot be written ({error.strerror or error})")
