"""Summaries of a data set as a file: one pass over the rows, the sums of each file kept apart.

Sums are merged in the order of the files by a tree, every four of a level, from the first file on. Which four these are
is not known of a part of a data set that others may precede, so that exact merging needs the sums of every file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelfree.errors import RowsError
from labelfree.evidence.evidence import Need, stored_dtype
from labelfree.kernels import numpy_kernels
from labelfree.progress import Progress
from labelfree.sources.block import Source
from labelfree.sources.summary_files import ROWS, SAMPLED, About, FileRows
from labelfree.summaries import Sample
from labelfree.summaries.fields import Fields
from labelfree.summaries.writing import Writing
from labelfree.survey.found import OnBad
from labelfree.survey.growing import Summaries
from labelfree.survey.kept import Joined, rows_fields
from labelfree.survey.reading import grown
from labelfree.survey.scores import Wanted
from labelfree.survey.states import sums_fields
from labelfree.survey.sums import Sums

NEEDS = frozenset[Need](("moments", "unit", "sample", "outputs"))


def summarized(
    source: Source,
    *,
    on_bad: OnBad,
    sample: int | None,
    seed: int,
    threads: int | None,
    progress: Progress,
    with_sample: bool,
    writing: Writing,
) -> About:
    """Read a source once and hand what is kept of it to `writing`; what its header is to say."""
    made: set[int] = set()

    def each(file: int, sums: Sums) -> None:
        writing.add(f"file-{file}", sums_fields(sums))
        made.add(file)

    def empty() -> Summaries:
        return Summaries(source, NEEDS, numpy_kernels, sample, seed, on_bad, False, Wanted())

    state = grown(source, empty, numpy_kernels, threads, progress, each)
    state.check()
    if state.used == 0:
        raise RowsError(f"{source.name}: expected rows to summarize, found no usable one of {state.tally.read}")
    if with_sample:
        _write_samples(writing, state.sample, None if state.scores is None else state.scores.sample)
    writing.add(ROWS, rows_fields(state))
    drawn = state.sample.drawn()
    return About(
        source.d, source.column, source.roles.get("id"), source.dtype,
        stored_dtype(None if drawn is None else drawn.rows, source.dtype), source.outputs,
        tuple(_files(source, state.tally.read, made)), (sample or 0) if with_sample else None,
        seed if with_sample else 0,
    )  # fmt: skip


def _write_samples(writing: Writing, rows: Sample, logits: Sample | None) -> None:
    """The sampled rows, and their class scores where there are some."""
    inner = {"rows": rows.fields()} | ({} if logits is None else {"logits": logits.fields()})
    writing.add(SAMPLED, Fields(SAMPLED, inner=inner))


def _files(source: Source, read: int, made: set[int]) -> list[FileRows]:
    names = [Path(name).name for name in source.files] or [source.name]
    counts: Sequence[int] = source.counts
    if len(counts) != len(names):
        names, counts = [Path(source.name).name], [read]
    return [
        FileRows(name, rows, f"file-{i}" if i in made else None)
        for i, (name, rows) in enumerate(zip(names, counts, strict=True))
    ]


def merged(source: Source, writing: Writing) -> About:
    """Hand the summaries that a source is made of to `writing`, as one; the sums of the files stay as they are."""
    joined, files = Joined(source), list[FileRows]()
    joined.check_ids()
    for stored, told in zip(source.summaries, joined.told, strict=True):
        for file in told.files:
            record = None
            if file.record is not None:
                record = f"file-{len(files)}"
                writing.copy(record, stored.records[file.record], stored.raw(file.record))
            files.append(FileRows(file.name, file.rows, record))
    first = joined.told[0]
    if first.sample is not None:
        _write_samples(writing, joined.sample, None if first.outputs is None else joined.logits)
    writing.add(ROWS, rows_fields(joined))
    return About(
        first.d, first.column, first.id, source.dtype, joined.narrowest, first.outputs, tuple(files), first.sample,
        first.seed,
    )  # fmt: skip
