"""What the light commands share: one format, checked outputs, one thing on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labelfree.errors import UsageError


def chosen_format(form: str, json: bool) -> str:
    """The format of stdout from --format and --json."""
    if json and form not in ("table", "json"):
        raise UsageError(f"--json and --format {form} contradict each other; keep one")
    return "json" if json else form


def write_texts(paths: Sequence[Path], texts: Mapping[str, Callable[[Any], str]], document: Any) -> None:
    """Write a document in the format of each file's suffix, whole or not at all."""
    from labelfree.storage import atomically

    for path in paths:
        text = texts[path.suffix](document)
        atomically(path, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))  # type: ignore[misc]


def printed(writes: Callable[[], object]) -> None:
    """Write to stdout in one go; a reader that has gone is no error, and changes no exit code."""
    try:
        writes()
        sys.stdout.flush()
    except BrokenPipeError:
        from labelfree.cli.main import pipe_closed

        pipe_closed()
