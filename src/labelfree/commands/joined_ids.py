"""How two sources are joined: by their ids, or by position where neither has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys, positions
from labelfree.documents.wording import counted
from labelfree.errors import RowsError, UsageError, option, quoted
from labelfree.sources.block import Source
from labelfree.summaries.hashing import hash_ids, present

_NAMED = 3


@dataclass(frozen=True, eq=False)
class Join:
    """How two sources are joined: where row i of the first stands in the second, -1 where it does not."""

    by: Literal["id", "position"]
    keys: Keys | None
    place: Index | None
    left_out: tuple[int, int] = (0, 0)

    @property
    def reordered(self) -> bool:
        """Whether the second source holds its rows in another order."""
        return self.place is not None and bool((np.diff(self.place[self.place >= 0]) < 0).any())


def join_of(one: Source, other: Source, common: bool) -> Join:
    """How two sources are joined, or a refusal that says what differs."""
    named = ["id" in source.roles for source in (one, other)]
    if named[0] != named[1]:
        has, lacks = (one, other) if named[0] else (other, one)
        raise UsageError(
            f"{lacks.name}: expected a column of ids as in {has.name}, found none; name it with {option('id')}, or "
            "write one: rows that are joined by position alone may be the wrong ones"
        )
    if not named[0]:
        if one.total != other.total:
            raise UsageError(
                f"{other.name}: expected {counted(one.total, 'row')} as {one.name} has, found {other.total:,}, and "
                "without ids rows are joined by position; add a column id to both"
            )
        return Join("position", None, None)
    keys, theirs = (_ids(source) for source in (one, other))
    if np.array_equal(keys, theirs):
        return Join("id", keys, None)
    place = positions(keys, theirs)
    missing, extra = np.flatnonzero(place < 0), len(theirs) - int((place >= 0).sum())
    if (len(missing) or extra) and not common:
        raise UsageError(_differ(one, other, keys, theirs, len(missing), extra))
    if len(missing) == len(keys):
        raise UsageError(f"{other.name}: expected rows of {one.name} by their ids, found none of {len(keys):,}")
    return Join("id", keys, place, (len(missing), extra))


def _ids(source: Source) -> Keys:
    """The hashed ids of all rows, each of which must be there once."""
    assert source.values is not None
    column = source.roles["id"]
    parts, read = [], 0
    for values in source.values(column):
        there = present(np.asarray(values))
        if not there.all():
            where = source.place(read + int(np.flatnonzero(~there)[0]))
            raise RowsError(
                f"{source.name}: expected an id in every row, found none in column {column!r} at {where}; fill them "
                f"in, or name another column with {option('id')}"
            )
        parts.append(hash_ids(np.asarray(values)))
        read += len(values)
    keys = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    if (again := len(keys) - len(np.unique(keys))) > 0:
        raise RowsError(
            f"{source.name}: expected each id once in column {column!r}, found {counted(again, 'row')} with an id that "
            "stands before; remove repeated rows, or name another column"
        )
    return keys


def _differ(one: Source, other: Source, keys: Keys, theirs: Keys, missing: int, extra: int) -> str:
    """What to say of two sources that hold other rows."""
    shared = len(keys) - missing
    said = []
    for count, name, lacks, own, rest in (
        (missing, one, other, keys, theirs), (extra, other, one, theirs, keys),
    ):  # fmt: skip
        if count:
            few = _first(name, positions(own, rest) < 0)
            said.append(f"{counted(count, 'row')} of {name.name} are not in {lacks.name} (id {few})")
    way = f"compare the {shared:,} that both hold with {option('common', True)}" if shared else "they share none"
    return f"{other.name}: expected the rows of {one.name}, found others: {'; '.join(said)}; {way}"


def _first(source: Source, which: NDArray[Any]) -> str:
    """The first few ids of these rows, as a message names them."""
    assert source.values is not None
    found: list[str] = []
    read = 0
    for values in source.values(source.roles["id"]):
        part = np.flatnonzero(which[read : read + len(values)])[: _NAMED - len(found)]
        found += [quoted(v.item() if isinstance(v, np.generic) else v) for v in np.asarray(values)[part]]
        read += len(values)
        if len(found) == _NAMED:
            break
    return ", ".join(found) + (", ..." if int(which.sum()) > len(found) else "")
