"""The tree of merges over states that are elsewhere: only their names are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from labelfree.summaries.merging import FAN

S = TypeVar("S")


class RemoteTree(Generic[S]):
    """As `summaries.merging.Tree`, with whole nodes of any level given in order, and each merged where `merged` says.

    merged: one state of several, those of the first rows first.
    """

    def __init__(self, merged: Callable[[Sequence[S]], S]) -> None:
        self._merged = merged
        self._levels: list[list[S]] = []

    def add(self, state: S, level: int = 0) -> None:
        """Take in a node of this level; all before it are nodes of this level and of higher ones."""
        while len(self._levels) <= level:
            self._levels.append([])
        self._levels[level].append(state)
        if len(self._levels[level]) == FAN:
            whole, self._levels[level] = self._levels[level], []
            self.add(self._merged(whole), level + 1)

    def total(self) -> S | None:
        """The state of all rows, None where there was none."""
        waiting = [self._one(states) for states in reversed(self._levels) if states]
        return self._one(waiting) if waiting else None

    def _one(self, states: Sequence[S]) -> S:
        return states[0] if len(states) == 1 else self._merged(states)


class Files(Generic[S]):
    """Nodes of the shards of files, given in the order of the rows, as one state: a tree a file, a tree of files."""

    def __init__(self, merged: Callable[[Sequence[S]], S]) -> None:
        self._merged = merged
        self._file: int | None = None
        self._shards: RemoteTree[S] = RemoteTree(merged)
        self._files: RemoteTree[S] = RemoteTree(merged)

    def add(self, file: int, state: S, level: int, *, whole: bool = False) -> None:
        """Take in the next node of this file; whole: of the tree of files, from this one on."""
        if whole:
            self._end()
            self._files.add(state, level)
            return
        if self._file not in (None, file):
            self._end()
        self._file = file
        self._shards.add(state, level)

    def total(self) -> S | None:
        """The state of all rows, None where there was none."""
        self._end()
        return self._files.total()

    def _end(self) -> None:
        if (state := self._shards.total()) is not None:
            self._files.add(state)
        self._shards = RemoteTree(self._merged)
