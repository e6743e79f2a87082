"""A second look at all rows, along the directions that a spectrum asks for: cut, summed and merged as the first was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelfree.arrays import Float, Rows
from labelfree.progress import Progress, silent
from labelfree.sources.block import Source
from labelfree.summaries import Moments
from labelfree.survey.found import OnBad
from labelfree.survey.parallel import summed, workers_for
from labelfree.survey.projecting import Along, usable_rows
from labelfree.survey.shards import block_rows, parts_of

if TYPE_CHECKING:
    from labelfree.survey.engines.passes import Reducing


@dataclass(frozen=True)
class SecondLook:
    """Reads a source once more each time a spectrum asks; the settings are those of `survey.reading.survey`."""

    source: Source
    on_bad: OnBad
    threads: int | None = None
    progress: Progress = silent
    engine: Reducing | None = None
    work: str | None = None

    def rows(self) -> Iterator[Rows]:
        """The usable rows of all blocks, in order."""
        for _, block in parts_of(self.source, self.source.read(block_rows(self.source.d))):
            yield usable_rows(block, self.on_bad)

    def __call__(self, shift: Float, basis: Float) -> Moments:
        """Moments of all usable rows less `shift` (d,), along `basis` (d, k)."""
        source = self.source
        if self.engine is not None:
            from labelfree.survey.engines.looking import Looking
            from labelfree.survey.engines.passes import summed_by
            from labelfree.survey.small_files import tasks_of

            one = Looking(source, shift, basis, self.on_bad)
            total = summed_by(self.engine, one, tasks_of(source), self.work, self.progress)
            return Moments.empty(basis.shape[1]) if total is None else total
        parts = parts_of(source, source.read(block_rows(source.d)))
        return summed(parts, lambda: Along(shift, basis, self.on_bad), workers_for(source, self.threads)).moments
