"""How many rows repeat an earlier one: exact for a million rows, a sketch beyond."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from labelfree.arrays import Index, Keys
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields

LIMIT = 1_000_000
_ALL = 1 << 64


def _none() -> Keys:
    return np.empty(0, np.uint64)


def _no_counts() -> Index:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Distinct:
    """The lowest distinct hashes, at most `limit` of them, and those that were seen again, with how often.

    While nothing has been cut the count of repeated rows is exact (two different rows share a 64-bit hash with
    probability 3e-8 among a million). Beyond, the hashes below the cut are a uniform sample of the distinct
    rows, with all their repetitions, so that data without duplicates are still reported without any.
    """

    n: int = 0
    limit: int = LIMIT
    cut: int = _ALL
    hashes: Keys = field(default_factory=_none)
    repeated: Keys = field(default_factory=_none)
    times: Index = field(default_factory=_no_counts)
    pending: tuple[Keys, ...] = ()

    @classmethod
    def empty(cls, limit: int = LIMIT) -> Self:
        """No rows yet."""
        return cls(limit=limit)

    def update(self, hashes: Keys) -> Self:
        """The summary of these hashed rows (m,) and all before them."""
        kept = hashes if self.cut == _ALL else hashes[hashes < np.uint64(self.cut)]
        pending = (*self.pending, kept)
        grown = type(self)(self.n + len(hashes), self.limit, self.cut, self.hashes, self.repeated, self.times, pending)
        waiting = sum(len(chunk) for chunk in pending)
        return grown.settled() if waiting > max(len(self.hashes) // 2, 1 << 16) else grown

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows."""
        a, b = self.settled(), other.settled()
        repeated = np.concatenate([a.repeated, b.repeated])
        times = np.concatenate([a.times, b.times])
        return a._joined(a.n + b.n, min(a.cut, b.cut), (b.hashes,), repeated, times)

    def settled(self) -> Self:
        """This summary with no chunk waiting to be counted."""
        if not self.pending:
            return self
        return self._joined(self.n, self.cut, self.pending, self.repeated, self.times)

    def _joined(self, n: int, cut: int, chunks: tuple[Keys, ...], repeated: Keys, times: Index) -> Self:
        merged = np.concatenate([self.hashes, *chunks])
        merged.sort()
        again = merged[1:] == merged[:-1]
        if again.any():
            repeated = np.concatenate([repeated, merged[1:][again]])
            times = np.concatenate([times, np.ones(int(again.sum()), np.int64)])
            merged = merged[np.concatenate([[True], ~again])]
        if len(merged) > self.limit:
            cut = min(cut, int(merged[self.limit]))
        if cut < _ALL:
            merged = merged[: int(np.searchsorted(merged, np.uint64(cut)))].copy()
            below = repeated < np.uint64(cut)
            repeated, times = repeated[below], times[below]
        if len(repeated):
            repeated, where = np.unique(repeated, return_inverse=True)
            times = np.bincount(where, weights=times).astype(np.int64)
        return type(self)(n, self.limit, cut, merged, repeated, times)

    @property
    def exact(self) -> bool:
        """Whether every distinct row was kept."""
        return self.settled().cut == _ALL

    @property
    def duplicates(self) -> int:
        """Rows that repeat an earlier row: n minus the number of distinct rows."""
        state = self.settled()
        again = int(state.times.sum())
        seen = len(state.hashes) + again
        return round(state.n * again / seen) if seen else 0

    def fields(self) -> Fields:
        """What this summary is made of, no chunk of it waiting."""
        state = self.settled()
        arrays = {"hashes": state.hashes, "repeated": state.repeated, "times": state.times}
        return Fields("distinct", {"n": state.n, "limit": state.limit, "cut": state.cut}, arrays)

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The summary of these fields, checked."""
        found.check_kind("distinct")
        n, limit, cut = found.count("n"), found.count("limit"), found.count("cut", most=_ALL)
        hashes, repeated = (found.array(name, np.uint64, (None,)) for name in ("hashes", "repeated"))
        times = found.array("times", np.int64, (len(repeated),))
        ordered = all((one[1:] > one[:-1]).all() and (not len(one) or int(one[-1]) < cut) for one in (hashes, repeated))
        if not ordered or len(hashes) > min(limit, n) or (times < 1).any():
            raise found.wrong("hashes", f"at most {min(limit, n)} ordered hashes below {cut}", len(hashes))
        return cls(n, limit, cut, hashes, repeated, times)

    def to_bytes(self) -> bytes:
        """This summary as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "distinct"))
