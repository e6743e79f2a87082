"""A sign of life on stderr while a watch waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from labelfree.cli.printing import told
from labelfree.documents.wording import counted, printable

EVERY = 60.0
"""Seconds between two signs of life in a pipe."""


@dataclass
class Alive:
    """Sleeps as a watch does, and says that it waits: a line in place in a terminal, one a minute in a pipe.

    where: what is watched; clock, wait: the time, and how it passes.
    """

    where: str
    enabled: bool = True
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    scored: int = 0
    latest: str = ""
    _began: float | None = field(default=None, init=False)
    _told: float | None = field(default=None, init=False)
    _drawn: bool = field(default=False, init=False)

    def __call__(self, seconds: float) -> None:
        """Wait so many seconds, with a sign of life first where one is due."""
        if self.enabled:
            now = self.clock()
            self._began = now if self._began is None else self._began
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\x1b[K{printable(self.line(now))}")
                sys.stderr.flush()
                self._drawn = True
            elif self._told is None or now - self._told >= EVERY:
                self._told = now
                told(self.line(now))
        self.wait(seconds)

    def line(self, now: float) -> str:
        """What is said: what is watched, since when nothing came, and what was scored."""
        waited = int(now - (now if self._began is None else self._began))
        since = f"{waited // 60} min" if waited >= 60 else f"{waited} s"
        done = f"{counted(self.scored, 'file')} scored, the last {self.latest}" if self.scored else "nothing scored yet"
        return f"{self.where}: waiting for new files, for {since} now ({done})"

    def saw(self, name: str) -> None:
        """A file came: count it, and begin to wait anew."""
        self.clear()
        self.scored, self.latest, self._began = self.scored + 1, name, None

    def clear(self) -> None:
        """Remove the line of a terminal, so that text can follow."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False
