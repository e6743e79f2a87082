"""A uniform sample of rows that is the same however the data are split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys, Rows
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields

OPEN = np.uint64(0xFFFFFFFFFFFFFFFF)
"""The cut of a sample that has refused nothing."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A chunk of drawn rows: hash keys (m,), positions in the data set (m,), rows (m, d)."""

    keys: Keys
    index: Index
    rows: Rows

    def take(self, which: NDArray[Any]) -> Drawn:
        """The chosen entries, in the order given."""
        return Drawn(self.keys[which], self.index[which], self.rows[which])


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows with the lowest keys, at most `limit` of them; rows of equal key stay or go together.

    With a key per row (hash of seed and row id) this is a uniform sample without replacement. With a key per
    group it is a uniform sample of whole groups. limit=None keeps every row. The key of the first row that was
    refused is remembered (`cut`), which makes the sample independent of order and of splitting.
    """

    limit: int | None
    cut: np.uint64 = OPEN
    chunks: tuple[Drawn, ...] = ()

    @classmethod
    def empty(cls, limit: int | None) -> Self:
        """No rows yet."""
        return cls(limit)

    @classmethod
    def likely(cls, limit: int | None, total: int) -> Self:
        """No rows yet, of a sample of so many rows that keeps few which the sample of all will refuse.

        Its cut is a guess from their number, eight deviations above what is needed: a sample whose cut is the guess in
        the end has refused too many, and must be drawn again from `empty`.
        """
        if limit is None or (needed := limit + 8 * limit**0.5 + 64) * 2 > total:
            return cls(limit)
        return cls(limit, np.uint64(int(needed / total * float(OPEN))))

    def update(self, rows: Rows, keys: Keys, index: Index) -> Self:
        """The sample of these rows and all before them. rows (m, d), keys (m,), index (m,) positions."""
        kept = np.flatnonzero(keys < self.cut)
        if len(kept) == 0:
            return self
        drawn = Drawn(keys, index, rows) if len(kept) == len(keys) else Drawn(keys, index, rows).take(kept)
        return type(self)(self.limit, self.cut, (*self.chunks, drawn))._trimmed()

    def merge(self, other: Self) -> Self:
        """The sample of both sets of rows."""
        cut = min(self.cut, other.cut)
        return type(self)(self.limit, cut, self.chunks + other.chunks)._trimmed()

    def _trimmed(self) -> Self:
        """This sample with a lower cut where there are too many rows; rows are moved only now and then."""
        keys = np.concatenate([chunk.keys for chunk in self.chunks] or [np.empty(0, np.uint64)])
        below = keys[keys < self.cut]
        cut = self.cut
        if self.limit is not None and len(below) > self.limit:
            cut = np.partition(below, self.limit)[self.limit]
        stored, kept = len(keys), int((keys < cut).sum())
        if stored <= 2 * kept and len(self.chunks) < 64:
            return type(self)(self.limit, cut, self.chunks)
        return type(self)(self.limit, cut, _packed(self.chunks, cut))

    def packed(self) -> Self:
        """This sample, its rows in one chunk where there are any."""
        return type(self)(self.limit, self.cut, _packed(self.chunks, self.cut))

    def drawn(self) -> Drawn | None:
        """The sampled rows in the order of their keys (then positions); None when there are none."""
        packed = _packed(self.chunks, self.cut)
        if not packed:
            return None
        return packed[0].take(np.lexsort((packed[0].index, packed[0].keys)))

    def fields(self) -> Fields:
        """What this sample is made of, its rows in one chunk."""
        chunks = _packed(self.chunks, self.cut)
        arrays = {"keys": chunks[0].keys, "index": chunks[0].index, "rows": chunks[0].rows} if chunks else {}
        return Fields("sample", {"limit": self.limit, "cut": int(self.cut)}, arrays)

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The sample of these fields, checked."""
        found.check_kind("sample")
        limit = None if found.value("limit") is None else found.count("limit")
        cut = np.uint64(found.count("cut", most=int(OPEN)))
        if not found.arrays:
            return cls(limit, cut)
        keys = found.array("keys", np.uint64, (None,))
        index = found.array("index", np.int64, (len(keys),))
        rows = found.array("rows", (np.float32, np.float64), (len(keys), None))
        if (keys >= cut).any() or (limit is not None and len(keys) > limit):
            raise found.wrong("keys", f"at most {limit} keys below {cut}", len(keys))
        return cls(limit, cut, (Drawn(keys, index, rows),))

    def to_bytes(self) -> bytes:
        """This sample as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "sample"))


def _packed(chunks: tuple[Drawn, ...], cut: np.uint64) -> tuple[Drawn, ...]:
    """The chunks as one, without the entries at or above the cut; rows are copied once, to their place in it."""
    kept = [(chunk, chunk.keys < cut) for chunk in chunks]
    kept = [(chunk, which) for chunk, which in kept if which.any()]
    if not kept or (len(kept) == 1 and kept[0][1].all()):
        return tuple(chunk for chunk, _ in kept)
    keys = np.concatenate([chunk.keys[which] for chunk, which in kept])
    index = np.concatenate([chunk.index[which] for chunk, which in kept])
    kind = np.result_type(*(chunk.rows.dtype for chunk, _ in kept))
    rows, end = np.empty((len(keys), kept[0][0].rows.shape[1]), kind), 0
    for chunk, which in kept:
        part = rows[end : end + int(which.sum())]
        np.compress(which, chunk.rows.astype(kind, copy=False), axis=0, out=part)
        end += len(part)
    return (Drawn(keys, index, rows),)
