"""`labelfree.summarize` and `labelfree.merge`: what was read of rows as a file, and such files as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labelfree.catalog import Command
from labelfree.commands.memory import Work, check_memory
from labelfree.commands.options import Options, checked
from labelfree.commands.several import one_of
from labelfree.commands.unlimited import check_unlimited
from labelfree.documents.files import atomically, check_apart, check_targets
from labelfree.documents.stores.names import shown
from labelfree.errors import UsageError
from labelfree.evidence.evidence import WIDE
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress, silent
from labelfree.sources.block import AUTO, SUMMARY, Source
from labelfree.sources.opening import open_source
from labelfree.sources.summary_files import About
from labelfree.summaries.distinct import LIMIT
from labelfree.summaries.writing import HELD, Writing
from labelfree.survey.summarizing import NEEDS, merged, summarized

SAMPLE = 10_000
"""Rows of the sample, where one is kept: those that `separability` takes."""
_BESIDE = 20_000
"""Bytes of a file in a summary beside its sums: names, tallies, checksums."""
_COMMAND = Command("summarize", options=("logits",), sample=SAMPLE, scores="if_there", document="findings")


@dataclass(frozen=True)
class Summarized:
    """What was written.

    path: the file; rows, d: how many rows were read, and how wide they are; files: how many they came from; sampled:
    whether it holds rows; size: its bytes; movable: whether its sample can be merged behind the rows of another.
    """

    path: str
    rows: int
    d: int
    files: int
    sampled: bool
    size: int
    movable: bool


def summarize(
    source: Any,
    output: str | os.PathLike[str],
    *,
    with_sample: bool = False,
    column: str | None = None,
    id: str | None = None,
    logits: str | None = None,
    on_bad: Literal["error", "drop"] = "error",
    sample: int | Literal["all"] | None = SAMPLE,
    seed: int = 0,
    memory: int | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Summarized:
    """Read a data set once and write what metrics need of it: moments, tallies, hashes, sums of class scores; no rows.

    source: as for `rank`; a list of them is one data set, in this order. output: the file, whose name ends in
    `.summary`. with_sample: keep the sampled rows too (and their class scores), which intervals and metrics of pairs
    of rows need: the file then holds rows. The others are as for `rank`; sample and seed are those of the sample.

    The file is a data set for `rank`, `evaluate`, `separability`, `transfer` and `doctor`, and the reference of
    `drift`; several of consecutive parts are one data set, to the last bit, by `concat=True` or `merge`. It holds two
    matrices of the width squared for every file that was read, and eight bytes a row up to a million rows.

    >>> import labelfree, numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> X = np.random.default_rng(0).normal(size=(300, 4))
    >>> with TemporaryDirectory() as place:
    ...     done = summarize(X, f"{place}/x.summary")
    ...     value = labelfree.rank(f"{place}/x.summary", only="rankme")["rankme"].value
    >>> done.rows, value == labelfree.rank(X, only="rankme")["rankme"].value
    (300, True)
    """
    given = {
        "column": column, "id": id, "logits": logits, "on_bad": on_bad, "sample": sample, "seed": seed,
        "memory": memory, "threads": threads,
    }  # fmt: skip
    chosen = checked(_COMMAND, given)
    whole = one_of(source) if isinstance(source, list | tuple) else source
    opened = open_source(whole, replace(chosen.columns, outputs=chosen.logits or AUTO))
    if opened.summaries:
        raise UsageError(f"{opened.name}: expected rows, found a summary; labelfree merge puts summaries together")
    return _summarized(opened, Path(output), chosen, with_sample, progress)


def _summarized(opened: Source, path: Path, chosen: Options, with_sample: bool, progress: Progress) -> Summarized:
    _check_output(path, opened)
    square = 8 * opened.d**2 * (1 if opened.d > WIDE else 2)
    files, kept = max(len(opened.counts), 1), square + _BESIDE
    drawn = 8 * opened.d * min(opened.total, chosen.sample or opened.total) if with_sample else 0
    waiting = files * kept + drawn + 48 * min(opened.total, LIMIT)
    written = min(waiting, HELD) + 2 * square  # what waits to be written, and the matrices of a file as bytes
    work = Work(replace(opened, buffers=opened.buffers + written), NEEDS, (), chosen.sample, threads=chosen.threads)
    check_memory(work, chosen)
    check_unlimited(work, chosen)
    with closing(Writing()) as writing:
        with limited_threads(chosen.threads):
            said = summarized(
                opened, on_bad=chosen.on_bad, sample=chosen.sample, seed=chosen.seed, threads=chosen.threads,
                progress=progress, with_sample=with_sample, writing=writing,
            )  # fmt: skip
        return _written(path, writing, said)


def merge(sources: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str]) -> Summarized:
    """Put summaries of consecutive parts of a data set together, in the order given, into one file.

    Nothing is added up here: the sums of every file that was read stay as they are, so that a merged summary can be
    merged again and gives what one pass over all rows would have given, to the last bit.
    Raises SummaryError where they do not fit: other widths, columns, samples or versions, or the same rows twice.

    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> X = np.random.default_rng(0).normal(size=(300, 4))
    >>> with TemporaryDirectory() as place:
    ...     parts = [summarize(part, f"{place}/{i}.summary").path for i, part in enumerate((X[:100], X[100:]))]
    ...     done = merge(parts, f"{place}/all.summary")
    >>> done.rows, done.files
    (300, 2)
    """
    names = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not names:
        raise UsageError("expected at least one summary, found none; labelfree summarize writes one")
    opened = open_source(names if len(names) > 1 else names[0])
    if not opened.summaries:
        raise UsageError(
            f"{opened.name}: expected summaries, found {opened.layout}; labelfree summarize SOURCE -o x.summary makes "
            "one of rows"
        )
    path = Path(output)
    _check_output(path, opened)
    with closing(Writing()) as writing:
        return _written(path, writing, merged(opened, writing))


def _check_output(path: Path, opened: Source) -> None:
    check_targets([path], SUMMARY)
    check_apart([path], {"SOURCE": opened.files})


def _written(path: Path, writing: Writing, said: About) -> Summarized:
    atomically(path, lambda temporary: writing.write(temporary, said.told()))
    movable = said.sample is None or said.id is not None or said.total <= (said.sample or said.total)
    return Summarized(shown(path), said.total, said.d, len(said.files), said.sample is not None, writing.size, movable)
