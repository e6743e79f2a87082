"""One pass over a data set: blocks in, summaries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from labelfree.evidence.evidence import WIDE, Need
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.progress import Progress, silent
from labelfree.sources.block import Block, Source
from labelfree.survey.clusters import Gathering
from labelfree.survey.found import OnBad, Survey
from labelfree.survey.growing import Summaries
from labelfree.survey.parallel import summed, workers_for
from labelfree.survey.scores import Wanted
from labelfree.survey.second_look import SecondLook
from labelfree.survey.shards import Part, block_rows, parts_of
from labelfree.survey.sums import Sums

if TYPE_CHECKING:
    from labelfree.survey.engines.passes import Reducing


def survey(
    source: Source,
    needs: frozenset[Need],
    *,
    kernels: Kernels,
    on_bad: OnBad = "error",
    refuse_zero: bool = False,
    sample: int | None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = silent,
    wanted: Wanted | None = None,
    group_rows: int | None = None,
    engine: Reducing | None = None,
    work: str | None = None,
) -> Survey:
    """Read the source once into the summaries that `needs` names; with `refuse_zero` zero rows are bad rows.

    wanted: what to keep of class scores and labels, where the source has them; group_rows: most rows of the sample of
    whole groups, None for all; engine: who sums in place of the threads of this process; work: a directory for the
    states of its pieces, where a run that was killed is resumed.
    """

    def empty() -> Summaries:
        return Summaries(source, needs, kernels, sample, seed, on_bad, refuse_zero, wanted, group_rows)

    matrices = ("moments" in needs) + ("unit" in needs and source.d <= WIDE)
    gathering = None if source.part is None else Gathering(source, matrices)
    if engine is None:
        state = grown(source, empty, kernels, threads, progress, shard=None if gathering is None else gathering.add)
    else:
        from labelfree.survey.engines.passes import summed_by
        from labelfree.survey.engines.summing import Pass, at_home
        from labelfree.survey.small_files import tasks_of

        one = Pass(source, tuple(sorted(needs)), sample, seed, on_bad, refuse_zero, wanted, group_rows, likely=True)
        pieces = tasks_of(source)
        total = summed_by(engine, one, pieces, work, progress)
        if total is not None and one.refused_too_many(total):
            one = replace(one, likely=False)
            total = summed_by(engine, one, pieces, work, progress)
        state = empty() if total is None else at_home(total, one, kernels)
    state.check()

    look = SecondLook(source, on_bad, threads, progress, engine, work)
    found = state.finished(look.rows, progress)
    clusters = None if gathering is None else gathering.found
    return replace(found, evidence=replace(found.evidence, look=look, clusters=clusters))


def grown(
    source: Source,
    empty: Callable[[], Summaries],
    kernels: Kernels,
    threads: int | None,
    progress: Progress,
    each: Callable[[int, Sums], None] | None = None,
    shard: Callable[[tuple[int, int], Sums], None] | None = None,
) -> Summaries:
    """What a pass over a source leaves behind; empty: makes a state that has seen nothing; each, shard: as `summed`."""

    def blocks() -> Iterator[tuple[Part, Block]]:
        read = 0
        for part, block in parts_of(source, source.read(block_rows(source.d))):
            yield part, block
            read += len(block.index) + len(block.null) + len(block.ragged)
            progress("reading", min(1.0, read / max(source.total, 1)))

    return summed(blocks(), empty, workers_for(source, threads) if kernels is numpy_kernels else 1, each, shard)
