"""Files from a stranger, made when the tests run: what each must be told, and that nothing in it is run.

As a program it reads them all, from the nth on, in one process of bounded memory, and prints what became of each.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOM = 3 << 30
"""Bytes of address space that reading may take beyond what the libraries take."""
SECONDS = 60


@dataclass(frozen=True)
class Hostile:
    """A file or directory that is written when it is needed.

    name: of the file; write: makes it at a path, with a directory that its code would make if it were run; says: what
    the message must match; read: which reader gets it; suffix: what is added to its path, such as ::w.
    """

    name: str
    write: Callable[[Path, Path], object]
    says: str
    read: str = "rank"
    suffix: str = ""
    about: str = ""

    @property
    def label(self) -> str:
        """What tests call it."""
        return f"{self.about} ({self.name})" if self.about else self.name


def groups() -> dict[str, list[Hostile]]:
    """All hostile files, by the module that makes them."""
    import hostile_archives
    import hostile_arrays
    import hostile_directories
    import hostile_documents
    import hostile_pickles
    import hostile_tables

    return {
        "pickles": hostile_pickles.FILES,
        "archives": hostile_archives.FILES,
        "arrays": hostile_arrays.FILES,
        "tables": hostile_tables.FILES,
        "directories": hostile_directories.FILES,
        "documents": hostile_documents.FILES,
    }


CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")


def cases(how: str) -> list[tuple[str, Hostile]]:
    """All files with their groups; to be run, those that a model could be in."""
    found = [(group, one) for group, files in groups().items() for one in files]
    if how == "read":
        return found
    models = ("pickles", "archives", "arrays", "directories")
    return [(g, one) for g, one in found if g in models and one.read == "rank" and _model(one)]


def _model(one: Hostile) -> bool:
    return Path(one.name).suffix in (*CHECKPOINTS, "")


def written(one: Hostile, place: Path) -> tuple[Path, Path]:
    """The file and the directory that its code would make."""
    place.mkdir(parents=True)
    canary, path = place / "canary", place / one.name
    one.write(path, canary)
    return path, canary


def network() -> object:
    """What the weights of an honest file would belong to."""
    from torch import nn

    return nn.Linear(4, 3)


def opened(one: Hostile, path: Path, how: str) -> str:
    """Reads it as its reader does, or (how "run") as a model that is to be run over data; returns what was read."""
    import labelfree

    if how == "run":
        from labelfree.models.networks.opening import open_network

        return str(open_network(str(path), model=None if path.is_dir() else network))
    name = f"{path}{one.suffix}"
    if one.read == "rank":
        return str(labelfree.rank(name)["rankme"].value)
    if one.read == "head":
        from labelfree.sources.checkpoints.heads import find_head

        return str(find_head(name, d=4).weight.shape)
    if one.read == "groups":
        from labelfree.sources.tables.group_files import read_groups

        return str(read_groups(path))
    if one.read == "history":
        return str(labelfree.gate(history=path, plateau="rankme"))
    return str(labelfree.gate(name, require="rankme >= 1"))


def _expired(*_: object) -> None:
    raise TimeoutError(f"still reading after {SECONDS} s")


def main(place: Path, first: int, how: str) -> None:
    """Read every file from the first on; a line of JSON for each, before and after."""
    import faulthandler
    import warnings

    import pyarrow.parquet  # noqa: F401
    import sklearn.decomposition  # noqa: F401
    import torch  # noqa: F401

    import labelfree

    faulthandler.enable()
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", labelfree.FindingWarning)
    signal.signal(signal.SIGALRM, _expired)
    room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    for i, (group, one) in list(enumerate(cases(how)))[first:]:
        path, canary = written(one, place / str(i))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"group": group, "name": one.label}), flush=True)
        signal.alarm(SECONDS)
        try:
            kind, said = "read", opened(one, path, how)
        except labelfree.LabelfreeError as error:
            kind, said = "LabelfreeError", str(error)
        except Exception as error:
            import traceback

            kind, said = type(error).__name__, "".join(traceback.format_exception(error))
        signal.alarm(0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        found = {"kind": kind, "said": said, "ran": canary.exists(), "grown": grown}
        print(json.dumps({"group": group, "name": one.label, **found}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
