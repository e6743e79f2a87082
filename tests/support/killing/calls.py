"""Calls of the program that are killed: at a step of their writing, at a time, or in sight of a temporary file."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from forked import Forks, Kill

MODULES = ("tomllib", "fuzzing.prepared", "killing.often")
SIGHTS = (".labelfree-", ".tmp", ".partial", ".lock")
"""Parts of the names of files that are there only while something is written."""


class Calls:
    """The program in a directory. kills: how many calls were killed, by what said when."""

    def __init__(self, forks: Forks, place: Path, chance: Random) -> None:
        self.place, self.kills = place, Counter[str]()
        self._forks, self._chance, self._typical, self._steps = forks, chance, 0.2, 8.0
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE_", "GITHUB_"))}
        self._env = kept | {"LABELFREE_THREADS": "1", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}

    def whole(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A call that nobody kills; the moments of later kills lie within the time that it took."""
        begin = time.monotonic()
        done = self._forks.run(list(arguments), self.place, self._env, 300)
        self._typical = time.monotonic() - begin
        return done

    def killed(self, *arguments: str, within: str = "") -> subprocess.CompletedProcess[str]:
        """A call that is killed when its moment comes, unless it has ended by then: its code is -9 if so.

        The moment: a step of its writing, a time, or a time after a file came into sight in the directory `within`.
        """
        how = self._chance.choices(("step", "clock", "sight"), (0.6, 0.2, 0.2))[0]
        env, kill = self._env, None
        if how == "step":
            env = env | {"KILL_AT": str(1 + int(self._chance.random() * self._steps))}
        elif how == "clock":
            kill = Kill(self._chance.random() * 1.1 * self._typical)
        else:
            kill = Kill(self._chance.random() * 0.02, self._chance.choice(SIGHTS), str(self.place / within))
        done = self._forks.run(list(arguments), self.place, env, 300, kill)
        if done.returncode == -9:
            self.kills[how] += 1
        if how == "step":  # as many as a call has, learned from those that ended before theirs
            self._steps *= 1.05 if done.returncode == -9 else 0.85
            self._steps = min(max(self._steps, 2.0), 200.0)
        return done


@contextmanager
def started() -> Iterator[list[Forks]]:
    """Where the calls are forked from: two processes, and one that has torch."""
    with Forks(MODULES) as one, Forks(MODULES) as two, Forks(("torch", *MODULES)) as three:
        yield [one, two, three]
