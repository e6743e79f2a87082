"""A further column by whose values results are sliced: read for the rows compared, and made into few slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from labelfree.arrays import Index, Keys, positions
from labelfree.errors import UsageError, option
from labelfree.sources.block import Columns, Source, Values
from labelfree.summaries.hashing import hash_ids, present

MOST_SLICES = 50
"""Values of a column that make a slice each; of more the most frequent ones do."""
_FEW_NUMBERS = 12
_QUARTERS = 4
MISSING = "(none)"
"""The slice of rows without a value."""


def with_column(columns: Columns, by: str | None) -> Columns:
    """The columns to open a source with, so that it is refused where it has no column `by`."""
    return columns if by is None else replace(columns, others=(*columns.others, by))


def values_at(opened: Source, column: str, index: Index) -> list[object]:
    """The values of a column at these positions (m,) of a source, None where there is none."""
    return _values_of(opened, column, opened.among(index))


def _values_of(opened: Source, column: str, index: Index) -> list[object]:
    """The values of a column of these of the rows that are read."""
    found: list[object] = [None] * len(index)
    order = np.argsort(index, kind="stable")
    at, offset = 0, 0
    for values in _streamed(opened, column):
        end = offset + len(values)
        while at < len(order) and index[order[at]] < end:
            found[order[at]] = _plain(values[int(index[order[at]]) - offset])
            at += 1
        offset = end
        if at == len(order):
            break
    return found


def values_by_key(opened: Source, column: str, keys: Keys) -> list[object]:
    """The values of a column for the rows whose hashed ids (m,) are given, None for those that the source lacks."""
    if "id" not in opened.roles:
        raise UsageError(f"{opened.name}: expected a column of ids, found none; name it with {option('id')}")
    ids = np.concatenate([hash_ids(v[present(v)]) for v in _streamed(opened, opened.roles["id"])])
    place = positions(keys, ids)
    there = np.flatnonzero(place >= 0)
    found: list[object] = [None] * len(keys)
    for i, value in zip(there, _values_of(opened, column, place[there]), strict=True):
        found[i] = value
    return found


def slices(values: Sequence[object]) -> dict[str, Index]:
    """Which rows (positions in `values`) hold each value, by the value as text, the most frequent first.

    Numbers of more than twelve values are cut into four quarters of about as many rows, in their order.

    >>> {name: rows.tolist() for name, rows in slices(["de", "en", "en", None]).items()}
    {'en': [1, 2], '(none)': [3], 'de': [0]}
    """
    held = [value for value in values if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in held)
    if held and numbers and len(set(held)) > _FEW_NUMBERS:
        return _quarters(values)
    counts = Counter(MISSING if value is None else str(value) for value in values)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_SLICES]
    rows: dict[str, list[int]] = {name: [] for name in names}
    for i, value in enumerate(values):
        name = MISSING if value is None else str(value)
        if name in rows:
            rows[name].append(i)
    return {name: np.array(where, np.int64) for name, where in rows.items()}


def _quarters(values: Sequence[object]) -> dict[str, Index]:
    """The rows of each quarter of a column of numbers, from the lowest to the highest, and those without a number."""
    numbers = np.array([np.nan if value is None else float(value) for value in values])  # type: ignore[arg-type]
    there = np.flatnonzero(np.isfinite(numbers))
    ends = np.unique(np.quantile(numbers[there], np.arange(1, _QUARTERS) / _QUARTERS, method="lower"))
    part = np.searchsorted(ends, numbers[there], side="left")
    found: dict[str, Index] = {}
    for which in np.unique(part):
        rows = there[part == which]
        found[f"{numbers[rows].min():g} to {numbers[rows].max():g}"] = rows.astype(np.int64)
    rest = np.flatnonzero(~np.isfinite(numbers)).astype(np.int64)
    return found | ({MISSING: rest} if len(rest) else {})


def left_out(found: Mapping[str, Index], total: int) -> int:
    """How many of `total` rows are in no slice, because their value is too rare."""
    return total - sum(len(rows) for rows in found.values())


def _streamed(opened: Source, column: str) -> list[Values] | map[Values]:
    if opened.values is None:
        raise UsageError(f"{opened.name}: expected a table with a column {column!r}, found rows without columns")
    return map(np.asarray, opened.values(column))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
