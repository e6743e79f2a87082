"""What was found once: cases in `tests/data/corpus/`, each a file of its own, for ever."""

from __future__ import annotations

import base64
import json
import os
import zlib
from pathlib import Path

from fuzzing.cases import Case
from repository import ROOT

CORPUS = ROOT / "tests" / "data" / "corpus"


def kept(case: Case, name: str) -> Path:
    """Write a case into the corpus."""
    files = {ascii_name(key): base64.b85encode(zlib.compress(held, 9)).decode() for key, held in case.files.items()}
    steps = [[ascii_name(word) for word in command] for command in case.steps]
    said = {"found": case.done, "kind": case.kind, "read_back": case.read_back, "files": files, "steps": steps}
    path = CORPUS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said, indent=1) + "\n")
    return path


def loaded(path: Path) -> Case:
    """A case of the corpus."""
    said = json.loads(path.read_text())
    files = {true_name(key): zlib.decompress(base64.b85decode(held)) for key, held in said["files"].items()}
    steps = [[true_name(word) for word in command] for command in said["steps"]]
    return Case(said["kind"], files, steps, said["found"], said["read_back"])


def ascii_name(name: str) -> str:
    """A name or argument whose bytes may be no text, as a text."""
    return os.fsencode(name).decode("latin-1") if not name.isascii() else name


def true_name(name: str) -> str:
    """What `ascii_name` was given."""
    return os.fsdecode(name.encode("latin-1")) if not name.isascii() else name
