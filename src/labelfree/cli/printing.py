"""What the light commands share: one format, checked outputs, one thing on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from labelfree.documents.stores.names import scrubbed
from labelfree.documents.wording import printable
from labelfree.errors import UsageError


def flag_first(context: typer.Context, value: str) -> str:
    """The value of --format: where it comes from the environment, --json and --value win over it."""
    source = context.get_parameter_source("format")
    if source is None or source.name != "ENVIRONMENT":
        return value
    return "json" if context.params.get("json") else "table" if context.params.get("value") else value


def chosen_format(form: str, json: bool) -> str:
    """The format of stdout from --format and --json."""
    if json and form not in ("table", "json"):
        raise UsageError(f"--json and --format {form} contradict each other; keep one")
    return "json" if json else form


def write_texts(paths: Sequence[Path], texts: Mapping[str, Callable[[Any], str]], document: Any) -> None:
    """Write a document in the format of each file's suffix, whole or not at all."""
    from labelfree.documents.files import atomically

    for path in paths:
        text = texts[path.suffix](document)
        atomically(path, lambda temporary, text=text: temporary.write_text(text, "utf-8", "backslashreplace"))  # type: ignore[misc]


def shown(text: str) -> None:
    """Write a document to stdout; in a terminal without what would steer it."""
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)


def told(message: str) -> None:
    """Write a message to stderr, without what would steer a terminal."""
    print(f"labelfree: {printable(scrubbed(message))}", file=sys.stderr)


def printed(writes: Callable[[], object]) -> None:
    """Write to stdout in one go: a disk that is full is known before there is a verdict."""
    writes()
    sys.stdout.flush()
