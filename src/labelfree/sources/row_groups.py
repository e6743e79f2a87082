"""Some of the row groups of a data set, chosen by the seed: what a first estimate reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from hashlib import blake2b
from itertools import accumulate

from labelfree.errors import UsageError, option

RANGE_ROWS = 4096
"""Rows of a range, where a file or a matrix has no row groups."""
_UNITS = {"": 0, "k": 3, "m": 6, "g": 9}
_AMOUNT = re.compile(r"(\d[\d_,]{0,18})(?:\.(\d{1,9}))?\s*([kKmMgG%]?)")


@dataclass(frozen=True)
class Amount:
    """How much of a data set to read: at least so many rows, or so many hundredths of them; seed: which row groups."""

    rows: int | None
    percent: Decimal | None
    seed: int

    @classmethod
    def checked(cls, given: object, seed: int) -> Amount:
        """An amount as an option gives it: a number of rows, "10k", or "1%".

        >>> Amount.checked("2.5k", 0).rows, Amount.checked("0.5%", 0).percent
        (2500, Decimal('0.5'))
        """
        found = _AMOUNT.fullmatch(str(given)) if isinstance(given, int | str) and given is not True else None
        if found is not None:
            number = Decimal(re.sub("[_,]", "", found[1]) + "." + (found[2] or "0"))
            unit = found[3].lower()
            if unit == "%" and 0 < number <= 100:
                return cls(None, number.normalize(), seed)
            rows = number.scaleb(_UNITS.get(unit, 0))
            if unit != "%" and rows >= 1 and rows == int(rows):
                return cls(int(rows), None, seed)
        raise UsageError(
            f"{option('rows')}: expected a number of rows such as 100k, or a share such as 1%, found {given!r}"
        )

    def of(self, total: int) -> int:
        """The least number of rows to read of so many."""
        if self.percent is None:
            assert self.rows is not None
            return min(self.rows, total)
        return int((total * self.percent / 100).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True)
class ChosenGroups:
    """The row groups that are read of a data set.

    groups: their numbers in each file; spans: the first row of each in the data set and the one after its last, in the
    order of the rows; order: which was chosen first, second, ...; of: how many groups there are, with all of `rows`
    rows; kind: what they are called; seed: that chose them.
    """

    groups: tuple[tuple[int, ...], ...]
    spans: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    of: int
    rows: int
    kind: str
    seed: int

    @property
    def total(self) -> int:
        """Rows that are read."""
        return sum(stop - start for start, stop in self.spans)


def ranges_of(rows: int) -> list[int]:
    """Rows of each range of a file that has no row groups."""
    return [min(RANGE_ROWS, rows - start) for start in range(0, rows, RANGE_ROWS)]


def chosen_ranges(counts: Sequence[int], amount: Amount) -> ChosenGroups | None:
    """The ranges to read of files or matrices of so many rows each; None where these are all of them."""
    return chosen_groups([ranges_of(rows) for rows in counts], amount, f"ranges of {RANGE_ROWS:,} rows")


def chosen_groups(groups: Sequence[Sequence[int]], amount: Amount, kind: str = "row groups") -> ChosenGroups | None:
    """The row groups to read; None where these are all of them.

    groups: rows of each row group of each file. They are taken by the hash of the seed, their file and their number
    until there are enough rows, so that more rows hold the fewer, and files that come later change no hash.
    """
    listed = [(file, group, rows) for file, own in enumerate(groups) for group, rows in enumerate(own)]
    total = sum(rows for _, _, rows in listed)
    least, taken, read = amount.of(total), list[int](), 0
    starts = list(accumulate((rows for _, _, rows in listed), initial=0))
    for i in sorted(range(len(listed)), key=lambda i: _key(amount.seed, *listed[i][:2])):
        if read >= least:
            break
        if listed[i][2] > 0:
            taken.append(i)
            read += listed[i][2]
    if read >= total:
        return None
    places = sorted(taken)
    rank = {i: number for number, i in enumerate(taken)}
    own: list[list[int]] = [[] for _ in groups]
    for i in places:
        own[listed[i][0]].append(listed[i][1])
    return ChosenGroups(
        tuple(map(tuple, own)),
        tuple((starts[i], starts[i + 1]) for i in places),
        tuple(rank[i] for i in places),
        sum(rows > 0 for _, _, rows in listed),
        total,
        kind,
        amount.seed,
    )


def refuse_part(name: str, amount: Amount | None, why: str, way: str) -> None:
    """Refuse to read a part of what can only be read from its start."""
    if amount is not None:
        raise UsageError(f"{name}: {option('rows')}: expected files that hold row groups, found {why}; {way}")


def _key(seed: int, file: int, group: int) -> bytes:
    return blake2b(f"{seed} {file} {group}".encode(), digest_size=8).digest()
