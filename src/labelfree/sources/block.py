"""What every source yields: blocks of rows that never lose track of which row is which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from glob import has_magic
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Rows
from labelfree.documents.stores.names import is_remote
from labelfree.errors import option
from labelfree.sources.row_groups import Amount, ChosenGroups
from labelfree.summaries.encoding import Stored

Values: TypeAlias = NDArray[Any]
PARQUET = (".parquet", ".pq", ".parq")
"""How the names of Parquet files end."""
ARROW = (".arrow", ".feather", ".ipc")
"""How the names of Arrow IPC files end."""
SEPARATED = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
"""How the names of text files with a column between separators end."""
LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""How the names of files of JSON lines end."""
TORCH = (".pt", ".pth", ".ckpt", ".bin")
"""How the names of PyTorch files end."""
CHECKPOINT = (".safetensors", *TORCH)
"""How the names of checkpoint files end."""
SUMMARY = (".summary",)
"""How the names of summaries end."""


def _nowhere() -> Index:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows of a data set.

    rows: (m, d) float32 or float64, the rows that could be read as d numbers (NaN and infinity included);
    index: (m,) their positions in the data set; extra: columns read beside them, (m,) each, by the role they were
    asked for ("id", "group", "epoch", "label", "domain"), and (m, K) class scores as "outputs"; null, ragged:
    positions of the rows that are missing from `rows` because they, their class scores or one of their elements are
    null, or because they have another length.
    """

    rows: Rows
    index: Index
    extra: dict[str, Values] = field(default_factory=dict)
    null: Index = field(default_factory=_nowhere)
    ragged: Index = field(default_factory=_nowhere)

    @property
    def empty(self) -> bool:
        """Whether no row is there, not even a bad one."""
        return not (len(self.index) or len(self.null) or len(self.ragged))

    def cut(self, stop: int) -> tuple[Block | None, Block | None]:
        """The rows before row `stop` of the data set, and those from it on; None where there are none."""
        at, null, ragged = (int(np.searchsorted(where, stop)) for where in (self.index, self.null, self.ragged))
        if (at, null, ragged) == (len(self.index), len(self.null), len(self.ragged)):
            return self, None
        if not (at or null or ragged):
            return None, self

        def part(which: slice, null: slice, ragged: slice) -> Block:
            extra = {role: values[which] for role, values in self.extra.items()}
            return Block(self.rows[which], self.index[which], extra, self.null[null], self.ragged[ragged])

        return (
            part(slice(at), slice(null), slice(ragged)),
            part(slice(at, None), slice(null, None), slice(ragged, None)),
        )


@dataclass(frozen=True)
class OutputColumn:
    """Class scores beside the embeddings: K logits or probabilities a row."""

    name: str
    kind: Literal["logits", "probabilities"]
    classes: int


@dataclass(frozen=True, eq=False)
class Source:
    """A data set: what it is, and how to read it, as often as needed.

    name: what to call it in a table; files: what it was read from; column, layout, dtype: of the embeddings as
    stored; d: width of a row; total: number of rows, counted without reading them; size: bytes of the files;
    roles: which columns are read beside the embeddings, by role; notes: what a reader should be told;
    counts: rows of each file, where they are known; groups: rows of each row group (or batch) of all files, in their
    order, where they have some;
    read: given a number of rows, yields blocks of about that many; span: given a number of rows, a first row and the
    one after the last, yields blocks of those between, reading no row group that holds none of them, None where all
    rows before are read too; in_order: whether that holds inside each file; outputs: the column of class scores, where
    one is read; values: yields a column beside the embeddings alone, given its name; beside: labelled rows of the
    source domain in the same file; buffers: bytes that reading holds beside its blocks, where they are many; part: the
    row groups that are read, where they are not all: total counts their rows, and positions stay those of the whole;
    summaries: what was read of the rows elsewhere, in their order, where there are no rows to read.
    """

    name: str
    files: tuple[str, ...]
    column: str
    layout: str
    dtype: str
    d: int
    total: int
    size: int
    read: Callable[[int], Iterator[Block]]
    roles: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    outputs: OutputColumn | None = None
    values: Callable[[str], Iterator[Values]] | None = None
    counts: tuple[int, ...] = ()
    beside: Source | None = None
    buffers: int = 0
    groups: tuple[int, ...] = ()
    part: ChosenGroups | None = None
    span: Callable[[int, int, int], Iterator[Block]] | None = None
    in_order: bool = False
    summaries: tuple[Stored, ...] = ()

    def between(self, rows: int, start: int, stop: int) -> Iterator[Block]:
        """Blocks of about so many rows: those from row `start` of the data set to the one before `stop`."""
        return within(self.read(rows), start, stop) if self.span is None else self.span(rows, start, stop)

    def among(self, index: Index) -> Index:
        """Which of the rows that are read those at these positions are."""
        if self.part is None:
            return index
        starts, stops = np.asarray(self.part.spans, np.int64).reshape(-1, 2).T
        group = np.searchsorted(stops, index, side="right")
        before = np.concatenate([[0], np.cumsum(stops - starts)])
        return np.asarray(before[group] + index - starts[group])

    def located(self, row: int) -> tuple[str, int]:
        """The file that a row of the data set lies in, and which of its rows it is."""
        if len(self.counts) < 2:
            return self.name, row
        ends = np.cumsum(self.counts)
        i = int(np.searchsorted(ends, row, side="right"))
        return self.files[i], row - int(ends[i] - self.counts[i])

    def place(self, row: int) -> str:
        """Where a row is, in words: its number, and in a data set of many files the file too."""
        file, inside = self.located(row)
        return f"row {row}" if file == self.name else f"row {row} (row {inside} of {file})"

    def every(self, role: str) -> Values:
        """A column beside the embeddings, by its role, of every row of the data set."""
        assert self.values is not None
        return np.concatenate([np.asarray(values) for values in self.values(self.roles[role])])

    @property
    def apart(self) -> str:
        """What to do where the files of this data set were meant to be one data set each."""
        if is_remote(self.name):
            return "to measure every file on its own, name each of them"
        if " + " in self.name:
            return f"to measure every source on its own, leave {option('concat')} out"
        if has_magic(self.name):
            return "to measure every file on its own, leave the quotes around the pattern out"
        return f"to measure every file on its own, name them: {self.name.rstrip('/')}/* without quotes"


AUTO = "auto"
"""In place of a column's name: the one with a usual name, where there is one."""


@dataclass(frozen=True)
class Columns:
    """Which columns to read: the options column, id, group, and others that a command names.

    outputs: the column of class scores; label, domain: columns read for their roles; AUTO takes the one of a usual
    name (logits before probabilities), where there is one; others: columns that are not embeddings; memory: bytes that
    reading them may take; amount: how much of the data set to read, None for all.
    """

    embedding: str | None = None
    id: str | None = None
    group: str | None = None
    outputs: str | None = None
    label: str | None = None
    domain: str | None = None
    others: tuple[str, ...] = ()
    memory: int | None = None
    amount: Amount | None = None

    @property
    def named(self) -> frozenset[str]:
        """Every column that an option names beside the embeddings and the class scores."""
        return frozenset(
            name for name in (self.id, self.group, self.label, self.domain, *self.others) if name and name != AUTO
        )


def within(blocks: Iterable[Block], start: int, stop: int) -> Iterator[Block]:
    """The rows of consecutive blocks from row `start` of the data set to the one before `stop`."""
    for block in blocks:
        _, left = (None, block) if block.empty else block.cut(start)
        if left is None:
            continue
        inside, after = left.cut(stop)
        if inside is not None:
            yield inside
        if after is not None:
            return


def part_of(source: Source, part: ChosenGroups | None, counts: tuple[int, ...], groups: tuple[int, ...]) -> Source:
    """A source that reads a part of its rows one after another, with their positions in the whole.

    counts, groups: rows of all files and row groups.
    """
    if part is None:
        return source
    starts, stops = np.asarray(part.spans, np.int64).reshape(-1, 2).T
    ends = np.cumsum(stops - starts)

    def whole(index: Index) -> Index:
        group = np.searchsorted(ends, index, side="right")
        return np.asarray(stops[group] - (ends[group] - index))

    def read(rows: int) -> Iterator[Block]:
        for block in source.read(rows):
            yield replace(block, index=whole(block.index), null=whole(block.null), ragged=whole(block.ragged))

    return replace(source, read=read, span=None, total=part.total, counts=counts, groups=groups, part=part)


def dtype_of(dtypes: Iterable[str]) -> str:
    """What to call the dtype of a data set in many files: each of theirs once, the coarsest float first."""

    def fineness(name: str) -> tuple[bool, int, str]:
        return "float" not in name, int("".join(filter(str.isdigit, name)) or 0), name

    return ", ".join(sorted(set(dtypes), key=fineness))
