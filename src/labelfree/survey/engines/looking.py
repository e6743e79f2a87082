"""What a worker does of a second look: the rows of its piece along the directions that a spectrum asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from labelfree.arrays import Float
from labelfree.errors import SummaryError
from labelfree.sources.block import Source
from labelfree.summaries import Moments
from labelfree.summaries.fields import Fields
from labelfree.survey.engines.summing import nodes_of
from labelfree.survey.found import OnBad
from labelfree.survey.pieces import Piece
from labelfree.survey.projecting import Along


@dataclass(frozen=True, eq=False)
class Looking:
    """A pass over a source that sums its usable rows less `shift` (d,), along `basis` (d, k)."""

    source: Source
    shift: Float
    basis: Float
    on_bad: OnBad

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is read."""
        return (self.source,)

    def states(self, piece: Piece) -> list[Moments | None]:
        """The moments of the nodes of a piece, None of one without rows."""
        found = nodes_of(self.source, piece, lambda: Along(self.shift, self.basis, self.on_bad))
        return [None if state is None else state.moments for state in found]

    def merged(self, states: Sequence[Moments]) -> Moments:
        """Moments of several, those of the first rows first."""
        return reduce(Moments.merge, states)

    def fields(self, state: Moments) -> Fields:
        """What moments are made of."""
        return state.fields()

    def filled(self, found: Fields) -> Moments:
        """The moments of these fields, checked."""
        moments = Moments.of_fields(found)
        if moments.d != self.basis.shape[1]:
            raise SummaryError(f"expected moments along {self.basis.shape[1]} directions, found {moments.d}")
        return moments
