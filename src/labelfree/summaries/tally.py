"""What became of the rows: how many were read, used, or bad in which way, and where the first of each was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, get_args

from labelfree.arrays import Float, Index
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields, Value, hexadecimal

BadRow: TypeAlias = Literal["null", "ragged", "nonfinite", "overflow", "underflow", "zero", "no_id"]
DEFECTS: tuple[BadRow, ...] = get_args(BadRow)


@dataclass(frozen=True)
class Tally:
    """Counts of rows by defect with the position of the first, and the largest row norm with its position."""

    read: int = 0
    counts: Mapping[BadRow, int] = field(default_factory=dict)
    first: Mapping[BadRow, int] = field(default_factory=dict)
    longest: float = 0.0
    longest_at: int = -1

    def update(self, read: int, bad: Mapping[BadRow, Index], norms: Float, index: Index) -> Self:
        """Add a block: rows read, positions of the bad rows by defect, norms and positions of the good ones."""
        counts, first = dict(self.counts), dict(self.first)
        for defect, where in bad.items():
            if len(where):
                counts[defect] = counts.get(defect, 0) + len(where)
                first[defect] = min(first.get(defect, int(where[0])), int(where.min()))
        longest, longest_at = self.longest, self.longest_at
        if len(norms) and norms.max() > longest:
            longest, longest_at = float(norms.max()), int(index[int(norms.argmax())])
        return type(self)(self.read + read, counts, first, longest, longest_at)

    def merge(self, other: Self) -> Self:
        """The tally of both sets of rows."""
        counts = {k: self[k] + other[k] for k in DEFECTS if self[k] + other[k]}
        first = {
            k: min(t.first[k] for t in (self, other) if k in t.first)
            for k in DEFECTS
            if k in self.first or k in other.first
        }
        top = max(self, other, key=lambda t: (t.longest, -t.longest_at))
        return type(self)(self.read + other.read, counts, first, top.longest, top.longest_at)

    def __getitem__(self, defect: BadRow) -> int:
        return self.counts.get(defect, 0)

    def fields(self) -> Fields:
        """What this tally is made of."""
        counts, first = ({str(k): n for k, n in found.items()} for found in (self.counts, self.first))
        values: dict[str, Value] = {"read": self.read, "longest_at": self.longest_at, "counts": counts, "first": first}
        values["longest"] = hexadecimal(self.longest)
        return Fields("tally", values)

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The tally of these fields, checked."""
        found.check_kind("tally")
        counts, first = (_by_defect(found, name) for name in ("counts", "first"))
        if counts.keys() != first.keys() or any(count < 1 for count in counts.values()):
            raise found.wrong("counts", "of every defect how many, and the first", found.value("counts"))
        return cls(found.count("read"), counts, first, found.real("longest"), found.count("longest_at", -1))

    def to_bytes(self) -> bytes:
        """This tally as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "tally"))


def _by_defect(found: Fields, name: str) -> dict[BadRow, int]:
    given = found.value(name)
    if not isinstance(given, dict) or any(type(n) is not int or n < 0 for n in given.values()):
        raise found.wrong(name, "whole numbers by defect", given)
    if odd := sorted(given.keys() - {*DEFECTS}):
        raise found.wrong(name, f"defects among {', '.join(DEFECTS)}", odd[0])
    return {defect: int(given[defect]) for defect in DEFECTS if defect in given}
