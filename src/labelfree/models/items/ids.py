"""The ids of rows: each is there, and there once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import RowsError, option, quoted
from labelfree.summaries import Distinct
from labelfree.summaries.hashing import hash_ids, present


class Identities:
    """The ids seen so far, by their hashes: exact for a million rows, a sketch beyond."""

    def __init__(self) -> None:
        self._seen = Distinct.empty()
        self._rows = self._missing = 0
        self._first = -1

    def add(self, ids: NDArray[Any]) -> None:
        """Take in ids (m,); None where a row has none."""
        there = present(ids)
        if self._first < 0 and not there.all():
            self._first = self._rows + int(np.argmin(there))
        self._missing += int((~there).sum())
        self._rows += len(ids)
        self._seen = self._seen.update(hash_ids(ids[there]))

    def check(self, name: str, column: str, again: Callable[[], Iterable[Any]]) -> None:
        """Refuse missing and repeated ids; again: yields the ids once more, to find the repetition."""
        if self._missing:
            raise RowsError(
                f"{name}: {self._missing} of {self._rows} rows have no id in column {column!r}, first at row "
                f"{self._first}; fill them in, or name another column with {option('id')}"
            )
        if not self._seen.duplicates:
            return
        seen: dict[object, int] = {}
        for row, value in enumerate(again()):
            if (first := seen.setdefault(value, row)) != row:
                raise RowsError(
                    f"{name}: expected each id once, found {quoted(value)} in column {column!r} at row {first} and at "
                    f"row {row}; remove the repetitions, or name another column with {option('id')}"
                )
