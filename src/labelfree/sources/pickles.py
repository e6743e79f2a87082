"""What a pickle would import, read from its opcodes: nothing in it is run."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_OWN = ("torch.", "collections.")


def foreign_global(path: Path) -> str | None:
    """The first global outside torch that a plain pickle or a PyTorch archive names, if any."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as stream:
                return next((name for name in _globals(stream) if not name.startswith(_OWN)), None)
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(member) as stream:
                return next((name for name in _globals(stream) if not name.startswith(_OWN)), None)
    except (ValueError, OverflowError, StopIteration, zipfile.BadZipFile):  # no pickle, or a damaged one
        return None


def _globals(stream: IO[bytes]) -> Iterator[str]:
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif isinstance(argument, str):
            strings.append(argument)
