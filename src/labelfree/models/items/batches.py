"""What goes into a model: batches of items that never lose track of which row is which, and the rows that are bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from labelfree.arrays import Index
from labelfree.errors import RowsError, option
from labelfree.models.items.kinds import ItemKind

Items: TypeAlias = Any
"""list[str], list[PIL.Image.Image] in RGB, or (m, ...) float32."""


@dataclass(frozen=True, eq=False)
class Wish:
    """What the options ask for: the column of items, the ids, the columns to carry along, and in how much memory."""

    kind: ItemKind | None = None
    column: str | None = None
    id: str | None = None
    keep: tuple[str, ...] = ()
    memory: int | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that an option names, each once."""
        return tuple(dict.fromkeys(name for name in (self.column, self.id, *self.keep) if name))


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive good rows of the data: what the model takes, and what is written beside its embeddings.

    items: list of m str, of m PIL images in RGB, or (m, ...) float32; ids: Arrow array of m ids, None where the data
    have none; kept: the columns carried along, m values each; start, stop: the rows of the data that it covers, bad
    rows included, so that a run that is resumed goes on at `stop`; index: (m,) positions of the items in the data.
    """

    items: Items
    ids: Any
    kept: dict[str, Any]
    start: int
    stop: int
    index: Index


@dataclass(frozen=True)
class Bad:
    """Rows that cannot be embedded: what is wrong with them, how many, the first one and more about it."""

    what: str
    count: int
    first: int
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Chunk:
    """`count` consecutive rows as they were read, from row `start` on.

    items: those of the good rows; index: (m,) positions of the good rows in the data; beside: Arrow table of m rows,
    the ids as column "id" and the columns carried along, None where there are none; bad: the other rows.
    """

    start: int
    count: int
    items: Items
    index: Index
    beside: Any = None
    bad: tuple[Bad, ...] = ()

    def cut(self, at: int) -> tuple[Chunk, Chunk]:
        """The first `at` good rows, one or more, and the others; bad rows between go with the others."""
        rows = int(self.index[at - 1]) + 1 - self.start
        first, rest = (None, None) if self.beside is None else (self.beside.slice(0, at), self.beside.slice(at))
        return (
            Chunk(self.start, rows, self.items[:at], self.index[:at], first),
            Chunk(self.start + rows, self.count - rows, self.items[at:], self.index[at:], rest),
        )


@dataclass(frozen=True, eq=False)
class Data:
    """What a model is to embed: what it is, and how to read it, from any row on.

    name: what to call it in a message; files: what it is read from; kind: of the items; column: that holds them;
    total: rows, bad ones included, counted without reading the items; ids: whether rows have ids, which were found to
    differ; kept: columns carried along; fingerprint: of contents, sizes and what is read of them, the same wherever
    the files lie; notes: what a user should be told; dropped: rows left out by the latest `batches`, by reason.
    """

    name: str
    files: tuple[str, ...]
    kind: ItemKind
    column: str
    total: int
    ids: bool
    kept: tuple[str, ...]
    fingerprint: str
    chunks: Callable[[int], Iterator[Chunk]]
    on_bad: Literal["error", "drop"] = "error"
    notes: tuple[str, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)

    def batches(self, size: int, start: int = 0) -> Iterator[Batch]:
        """Batches of `size` good rows, the last one of what is left, from row `start` of the data on.

        From the `stop` of an earlier batch on, the batches are the same as if they had been read from the start.
        Raises RowsError at a bad row where the policy is "error", and where no row is good.
        """
        self.dropped.clear()
        held: list[Chunk] = []
        waiting = found = 0
        for chunk in self.chunks(start):
            self._judge(chunk)
            held.append(chunk)
            waiting += len(chunk.index)
            found += len(chunk.index)
            while waiting >= size:
                first, rest = _joined(held).cut(size)
                held, waiting = [rest], waiting - size
                yield _batch(first)
        if waiting:
            yield _batch(_joined(held))
        if start == 0 and not found:
            reasons = ", ".join(f"{count} {what}" for what, count in self.dropped.items())
            raise RowsError(f"{self.where}: no usable row is left of {self.total} ({reasons}): nothing to embed")

    @property
    def where(self) -> str:
        """What the items are called in a message."""
        return f"{self.name}: {self.column}" if self.column else self.name

    def _judge(self, chunk: Chunk) -> None:
        """Count the bad rows of a chunk, or refuse them."""
        for bad in chunk.bad:
            self.dropped[bad.what] = self.dropped.get(bad.what, 0) + bad.count
        if chunk.bad and self.on_bad == "error":
            raise RowsError(refused(self.where, chunk.bad, chunk.start + chunk.count, so_far=True))


def refused(where: str, bad: Sequence[Bad], rows: int, *, so_far: bool = False) -> str:
    """What to say of bad rows among `rows` rows."""
    among = f"of the first {rows} rows" if so_far else f"of {rows} rows"
    told = "; ".join(f"{b.count} {among} {b.what}, first at row {b.first}{b.detail}" for b in bad)
    return f"{where}: {told}; mend them, or drop them with {option('on_bad', 'drop')}"


def _joined(chunks: list[Chunk]) -> Chunk:
    import pyarrow as pa

    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]
    vectors = isinstance(first.items, np.ndarray)
    return replace(
        first,
        count=sum(chunk.count for chunk in chunks),
        items=np.concatenate([c.items for c in chunks]) if vectors else [item for c in chunks for item in c.items],
        index=np.concatenate([chunk.index for chunk in chunks]),
        beside=None if first.beside is None else pa.concat_tables([chunk.beside for chunk in chunks]),
        bad=(),
    )


def _batch(chunk: Chunk) -> Batch:
    import pyarrow as pa

    beside: dict[str, Any] = {}
    if chunk.beside is not None:
        for name in chunk.beside.column_names:
            column = chunk.beside.column(name)
            column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
            beside[name] = column.combine_chunks()
    ids = beside.pop("id", None)
    return Batch(chunk.items, ids, beside, chunk.start, chunk.start + chunk.count, chunk.index)
