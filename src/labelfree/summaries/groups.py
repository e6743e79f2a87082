"""A sample of whole groups, and a digest of how the rows fall into groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from labelfree.arrays import Index, Keys, Rows
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields, Value
from labelfree.summaries.hashing import mix
from labelfree.summaries.sample import Sample

_WRAP = 1 << 64


@dataclass(frozen=True, eq=False)
class Groups:
    """sample: the rows of the groups with the lowest keys, mixed with a seed; sums: of hashes of (row, group) over all
    rows with a group, which depend neither on their order nor on the seed; null: rows without one.
    """

    sample: Sample
    seed: int = 0
    sums: tuple[int, int] = (0, 0)
    null: int = 0

    @classmethod
    def empty(cls, limit: int | None, seed: int = 0) -> Self:
        """No rows yet; at most `limit` rows are kept, None for all."""
        return cls(Sample.empty(limit), seed)

    def update(self, rows: Rows, group: Keys, row: Keys, index: Index, read: int) -> Self:
        """This summary with (m, d) more rows of groups (m,), of `read` rows, the others have none; row, index (m,)."""
        sums = _added(self.sums, membership(row, group))
        sample = self.sample.update(rows, mix(group, self.seed), index)
        return type(self)(sample, self.seed, sums, self.null + read - len(rows))

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows."""
        sums = _added(self.sums, other.sums)
        return type(self)(self.sample.merge(other.sample), self.seed, sums, self.null + other.null)

    def packed(self) -> Self:
        """This summary, its sampled rows in one chunk where there are any."""
        return replace(self, sample=self.sample.packed())

    @property
    def digest(self) -> str:
        """What rows and groups there are, as 32 hexadecimal digits."""
        return digest_of(self.sums)

    def fields(self) -> Fields:
        """What this summary is made of."""
        values: dict[str, Value] = {"seed": self.seed, "sums": [*self.sums], "null": self.null}
        return Fields("groups", values, inner={"sample": self.sample.fields()})

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The summary of these fields, checked."""
        found.check_kind("groups")
        one, other = found.numbers("sums", 2)
        return cls(Sample.of_fields(found.part("sample")), found.count("seed"), (one, other), found.count("null"))

    def to_bytes(self) -> bytes:
        """This summary as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "groups"))


def membership(row: Keys, group: Keys) -> tuple[int, int]:
    """Sums of hashes of which row (m,) is in which group (m,), whatever their order."""
    both = mix(row ^ mix(group, 7))
    return int(mix(both, 0).sum(dtype=np.uint64)), int(mix(both, 1).sum(dtype=np.uint64))


def digest_of(sums: tuple[int, int]) -> str:
    """Sums of `membership` as 32 hexadecimal digits."""
    return f"{sums[0]:016x}{sums[1]:016x}"


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return (one[0] + other[0]) % _WRAP, (one[1] + other[1]) % _WRAP
