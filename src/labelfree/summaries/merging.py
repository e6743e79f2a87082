"""The order in which states are merged: a tree that their number alone decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, Self, TypeVar

FAN = 4
"""States that become one of the next level."""


class Mergeable(Protocol):
    """A state of some rows, which merges with that of the rows after them."""

    def merge(self, other: Self) -> Self:
        """The state of both sets of rows."""


S = TypeVar("S", bound=Mergeable)


class Tree(Generic[S]):
    """States merged as they come, in the order of their rows: every FAN of a level become one of the next.

    Sums of floats depend on the order in which they are added. Here it depends on nothing but how many states there
    are, whoever made them and whenever. One state waits on each level: log_4 of their number.
    """

    def __init__(self) -> None:
        self._levels: list[tuple[S | None, int]] = []

    def add(self, state: S) -> None:
        """Take in the state of the next rows."""
        for level, (held, count) in enumerate(self._levels):
            merged = state if held is None else held.merge(state)
            if count + 1 < FAN:
                self._levels[level] = (merged, count + 1)
                return
            self._levels[level] = (None, 0)
            state = merged
        self._levels.append((state, 1))

    def total(self) -> S | None:
        """The state of all rows, None where there was none: what waits is merged from the first rows on."""
        found: S | None = None
        for held, _ in reversed(self._levels):
            if held is not None:
                found = held if found is None else found.merge(held)
        return found


def levels(states: int) -> int:
    """Levels of the tree of so many states, on each of which one may wait.

    >>> [levels(n) for n in (1, 3, 4, 15, 16)]
    [1, 1, 2, 2, 3]
    """
    found = 1
    while states >= FAN:
        states, found = states // FAN, found + 1
    return found


def reduced(states: Iterable[S]) -> S | None:
    """These states, in the order of their rows, as one."""
    tree: Tree[S] = Tree()
    for state in states:
        tree.add(state)
    return tree.total()
