"""New files of a directory: which of them are written completely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from labelfree.errors import UsageError
from labelfree.history.steps import step_of

SETTLED = 2.0
"""Seconds for which a file must not have changed before it counts as written completely."""
_Stamp: TypeAlias = tuple[int, int, int]


class Arrivals:
    """What was seen of the files that are not scored yet: since when each is unchanged, and what failed."""

    def __init__(self, scored: set[str], clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self.scored, self.clock, self.wall = scored, clock, wall
        self.seen: dict[Path, tuple[_Stamp, float]] = {}
        self.failed: dict[Path, _Stamp] = {}
        self.told: set[Path] = set()

    def unnamed(self, there: Sequence[Path]) -> list[Path]:
        """The files without a step in their names, each once."""
        found = [path for path in there if step_named(path) is None and path not in self.told]
        self.told.update(found)
        return found

    def ready(self, there: Sequence[Path]) -> tuple[list[Path], bool]:
        """The files to score now, by their steps, and whether there are others that still change."""
        ready, waiting, now = [], False, self.clock()
        for path in sorted(there, key=lambda p: (step_named(p) or 0, p.name)):
            stamp = None if path.name in self.scored or step_named(path) is None else stamp_of(path)
            if stamp is None or self.failed.get(path) == stamp:
                continue
            if path not in self.seen:  # its age, by the clock of whoever wrote it; from then on only ours counts
                self.seen[path] = stamp, now - max(0.0, self.wall() - stamp[2] / 1e9)
            elif self.seen[path][0] != stamp:
                self.seen[path] = stamp, now
            if now - self.seen[path][1] < SETTLED:
                waiting = True
            else:
                ready.append(path)
        return ready, waiting

    def done(self, path: Path, *, scored: bool) -> bool:
        """Remember that a file was scored, or that it could not be as it was; whether it is another one by now."""
        if scored:
            self.scored.add(path.name)
            return False
        self.failed[path] = self.seen[path][0]
        return stamp_of(path) not in (None, self.failed[path])


def stamp_of(path: Path) -> _Stamp | None:
    """Number of files, bytes, and time of the latest change; None where it vanished."""
    try:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        stats = [file.stat() for file in files]
    except OSError:
        return None
    return (len(stats), sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)) if stats else None


def step_named(path: Path) -> int | None:
    """The step in the name of a file, None where there is none."""
    try:
        return step_of(path.name)
    except UsageError:
        return None
