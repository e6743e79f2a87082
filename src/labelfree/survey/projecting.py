"""Usable rows along directions, and their moments while they grow."""

from __future__ import annotations

from typing import Self

from labelfree.arrays import Float, Rows
from labelfree.evidence.scaling import measurable
from labelfree.evidence.spectrum import projected
from labelfree.sources.block import Block
from labelfree.summaries import Moments
from labelfree.survey.found import OnBad
from labelfree.survey.repetitions import finite
from labelfree.survey.sums import Sums


def usable_rows(block: Block, on_bad: OnBad) -> Rows:
    """The rows of a block that a pass has summed."""
    usable = block.rows[finite(block)]
    return usable[measurable(usable)] if on_bad == "count" else usable


class Along:
    """Grows with blocks of rows: moments of those that can be used, less `shift` (d,), along `basis` (d, k)."""

    def __init__(self, shift: Float, basis: Float, on_bad: OnBad) -> None:
        self.shift, self.basis, self.on_bad = shift, basis, on_bad
        self.moments = Moments.empty(basis.shape[1])

    def add(self, block: Block) -> None:
        """Take in one block."""
        self.moments = self.moments.update(projected(usable_rows(block, self.on_bad), self.shift, self.basis))

    def taken(self) -> Sums:
        """The sums of the blocks since they were taken last."""
        found, self.moments = self.moments, Moments.empty(self.basis.shape[1])
        return Sums(found, Moments.empty(0))

    def give(self, sums: Sums) -> None:
        """Put back sums that were taken."""
        self.moments = sums.moments

    def merge(self, other: Self) -> None:
        """Take in what another has seen."""
        self.moments = self.moments.merge(other.moments)
