"""Sums over class probabilities: all that the scores of predictions need, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from labelfree.arrays import Rows


@dataclass(frozen=True, eq=False)
class Predictions:
    """n rows of K class probabilities by their sums, float64."""

    n: int
    classes: int

    @classmethod
    def empty(cls, classes: int) -> Self:
        """No rows yet."""
        raise NotImplementedError

    def update(self, logits: Rows) -> Self:
        """The summary of these rows and all before them. logits: (m, K) finite."""
        raise NotImplementedError

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows."""
        raise NotImplementedError
