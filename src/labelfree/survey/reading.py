"""One pass over a data set: blocks in, summaries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labelfree.arrays import Rows
from labelfree.evidence.evidence import WIDE, Need
from labelfree.evidence.scaling import measurable
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.progress import Progress, silent
from labelfree.sources.block import Block, Source
from labelfree.survey.found import OnBad, Survey
from labelfree.survey.growing import Summaries
from labelfree.survey.parallel import available_cores, summed
from labelfree.survey.repetitions import finite
from labelfree.survey.scores import Wanted
from labelfree.survey.shards import Part, block_rows, parts_of
from labelfree.survey.sums import Sums

_MOST_WORKERS = 8


def workers_for(source: Source, threads: int | None) -> int:
    """Threads that sum the blocks of a source; a wide one has a matrix too large to hold it for each of them."""
    workers = 1 if source.d > WIDE else min(threads or available_cores(), _MOST_WORKERS)
    return min(workers, -(-source.total // block_rows(source.d)))


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
) -> Survey:
    """Read the source once into the summaries that `needs` names; with `refuse_zero` zero rows are bad rows.

    wanted: what to keep of class scores and labels, where the source has them; group_rows: most rows of the sample of
    whole groups, None for all.
    """
    rows = block_rows(source.d)

    def empty() -> Summaries:
        return Summaries(source, needs, kernels, sample, seed, on_bad, refuse_zero, wanted, group_rows)

    state = grown(source, empty, kernels, threads, progress)
    state.check()

    def rescan() -> Iterator[Rows]:
        for _, block in parts_of(source, source.read(rows)):
            usable = block.rows[finite(block)]
            yield usable[measurable(usable)] if on_bad == "count" else usable

    return state.finished(rescan, progress)


def grown(
    source: Source,
    empty: Callable[[], Summaries],
    kernels: Kernels,
    threads: int | None,
    progress: Progress,
    each: Callable[[int, Sums], None] | None = None,
) -> Summaries:
    """What one pass over a source leaves behind; empty: makes a state that has seen nothing; each: as for `summed`."""

    def blocks() -> Iterator[tuple[Part, Block]]:
        read = 0
        for part, block in parts_of(source, source.read(block_rows(source.d))):
            yield part, block
            read += len(block.index) + len(block.null) + len(block.ragged)
            progress("reading", min(1.0, read / max(source.total, 1)))

    return summed(blocks(), empty, workers_for(source, threads) if kernels is numpy_kernels else 1, each)
