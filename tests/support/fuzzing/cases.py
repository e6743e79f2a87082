"""A case of the campaign: files, and the commands that are given them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

REQUIRED = ("--require", "rankme >= 1")
ONLY = ("--only", "rankme,mean_cosine")
NETWORK = b"from torch import nn\ndef make():\n    return nn.Linear(6, 3)\n"


@dataclass
class Case:
    """Files by name, the commands in order, what was done to the files, and whether what a command writes must be read.

    read_back: the first command may refuse; if it does not, no other may, for they read what it wrote.
    """

    kind: str
    files: dict[str, bytes]
    steps: list[list[str]]
    done: str = ""
    read_back: bool = False

    def write(self, place: Path) -> None:
        """Make its files in a directory."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name, content in self.files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
