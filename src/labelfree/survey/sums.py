"""Sums over rows: the part of a survey whose last digits depend on the order in which it is added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from labelfree.summaries import Moments, Predictions
from labelfree.summaries.merging import Mergeable, Tree
from labelfree.summaries.regression import Regression
from labelfree.survey.shards import Part

S = TypeVar("S", bound=Mergeable)


@dataclass(frozen=True, eq=False)
class Sums:
    """Moments of the rows, and of the rows at length one; of class scores their sums, and what regresses them."""

    moments: Moments
    unit: Moments
    predictions: Predictions | None = None
    regression: Regression | None = None

    def merge(self, other: Self) -> Self:
        """The sums of both sets of rows."""
        a, b, one, two = self.predictions, other.predictions, self.regression, other.regression
        return type(self)(
            self.moments.merge(other.moments),
            self.unit.merge(other.unit),
            a if a is None or b is None else a.merge(b),
            one if one is None or two is None else one.merge(two),
        )


class Ordered(Generic[S]):
    """States of parts of a data set, given in the order of the parts: one of each shard, of each file, of all.

    Each of them by a tree, so that a shard, or a file, that was summed elsewhere merges to the same digits.
    """

    def __init__(
        self,
        each: Callable[[int, S], None] | None = None,
        shard: Callable[[tuple[int, int], S], None] | None = None,
    ) -> None:
        """each: told of the state of every file, by its number, as soon as the file is read; shard: of that of every
        shard, by its file and its number there.
        """
        self._each, self._told = each, shard
        self._at: Part | None = None
        self._parts: Tree[S] = Tree()
        self._shards: Tree[S] = Tree()
        self._files: Tree[S] = Tree()

    def add(self, part: Part, state: S) -> None:
        """Take in the state of the next part."""
        if self._at is not None and self._at[:2] != part[:2]:
            self._end_shard()
            if self._at[0] != part[0]:
                self._end_file()
        self._at = part
        self._parts.add(state)

    def total(self) -> S | None:
        """The state of all parts, None where there was none."""
        self._end_shard()
        self._end_file()
        return self._files.total()

    def _end_shard(self) -> None:
        if (state := self._parts.total()) is not None:
            if self._told is not None and self._at is not None:
                self._told(self._at[:2], state)
            self._shards.add(state)
        self._parts = Tree()

    def _end_file(self) -> None:
        if (state := self._shards.total()) is not None:
            assert self._at is not None
            if self._each is not None:
                self._each(self._at[0], state)
            self._files.add(state)
        self._shards = Tree()
