"""A further column: read by position and by id, whatever the format, and made into few slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfree.commands.column_values import (
    MISSING,
    MOST_SLICES,
    left_out,
    slices,
    values_at,
    values_by_key,
    with_column,
)
from labelfree.errors import ColumnError, UsageError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from labelfree.summaries.hashing import hash_ids

pytestmark = pytest.mark.once

WORDS = ["de", "en", None, "fr", "en"]


def table(tmp_path: Path) -> str:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(10.0)), 2)
    made = pa.table(
        {"id": [f"r{i}" for i in range(5)], "embedding": rows, "language": WORDS, "length": [9, 3, 5, 1, 7]}
    )
    pq.write_table(made, tmp_path / "a.parquet")
    return str(tmp_path / "a.parquet")


def test_values_are_those_of_the_positions_in_their_order(tmp_path: Path) -> None:
    opened = open_source(table(tmp_path), with_column(Columns(), "language"))
    assert values_at(opened, "language", np.array([4, 0, 2])) == ["en", "de", None]
    assert values_at(opened, "length", np.array([1, 1])) == [3, 3]
    assert values_at(opened, "length", np.empty(0, np.int64)) == []


def test_values_by_id_and_none_where_a_source_lacks_one(tmp_path: Path) -> None:
    opened = open_source(table(tmp_path))
    keys = hash_ids(np.array(["r3", "gone", "r0"], object))
    assert values_by_key(opened, "language", keys) == ["fr", None, "de"]


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="no column 'lang'; the columns are"):
        open_source(table(tmp_path), with_column(Columns(), "lang"))
    bare = open_source(np.eye(3))
    with pytest.raises(UsageError, match="expected a table with a column 'language'"):
        values_at(bare, "language", np.array([0]))
    with pytest.raises(UsageError, match="expected a column of ids, found none"):
        values_by_key(bare, "language", np.array([0], np.uint64))


def test_every_row_is_in_one_slice() -> None:
    found = slices(WORDS)
    assert {name: rows.tolist() for name, rows in found.items()} == {"en": [1, 4], MISSING: [2], "de": [0], "fr": [3]}
    many = slices([f"v{i}" for i in range(60)] + ["v7"])
    assert len(many) == MOST_SLICES
    assert next(iter(many)) == "v7"
    assert left_out(many, 61) == 61 - 51


def test_numbers_are_cut_into_quarters() -> None:
    lengths = list(range(100, 0, -1))
    found = slices(lengths)
    assert list(found) == ["1 to 25", "26 to 50", "51 to 75", "76 to 100"]
    assert [len(rows) for rows in found.values()] == [25] * 4
    assert sorted(i for rows in found.values() for i in rows.tolist()) == list(range(100))
    assert list(slices([3, 1, 2, 1])) == ["1", "2", "3"]
    assert MISSING in slices([*map(float, range(20)), None])
