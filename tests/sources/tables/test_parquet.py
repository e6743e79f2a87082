"""Parquet: no row ever takes the place of another, whatever the layout, the defects and the size of the blocks."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfree.errors import ColumnError, SourceError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from readers import LAYOUTS, READ_SIZES, column, damaged, joined


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("groups", [1000, 5])
@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_keep_their_ids_whatever_is_wrong_between_them(name: str, groups: int, size: int, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    data = damaged(layout)
    ids = [f"row {i}" for i in range(len(data.rows))]
    pq.write_table(layout.table(data.rows, id=ids), tmp_path / "a.parquet", row_group_size=groups)
    source = open_source(tmp_path / "a.parquet")
    read = joined(source, size)
    assert source.d == layout.width
    assert sorted(read.null) == sorted(data.null)
    assert read.ragged == data.ragged
    assert read.index.tolist() == data.good
    assert read.extra["id"] == [ids[i] for i in data.good]
    np.testing.assert_array_equal(read.rows, data.X[data.good])


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_many_files_are_one_data_set(name: str, size: int, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    data = damaged(layout)
    table = layout.table(data.rows, id=list(range(100, 123)))
    for part, start in ((10, 12), (2, 0)):  # part_2 comes before part_10
        pq.write_table(table.slice(start, 12 if part == 2 else 11), tmp_path / f"part_{part}.parquet", row_group_size=4)
    source = open_source(tmp_path)
    read = joined(source, size)
    assert [Path(file).name for file in source.files] == ["part_2.parquet", "part_10.parquet"]
    assert source.total == 23
    assert read.index.tolist() == data.good
    assert read.extra["id"] == [100 + i for i in data.good]
    assert (sorted(read.null), read.ragged) == (sorted(data.null), data.ragged)
    np.testing.assert_array_equal(read.rows, data.X[data.good])


def test_the_damage_is_not_empty() -> None:
    for name, layout in LAYOUTS.items():
        data = damaged(layout)
        assert len(data.null) >= 5, name
        assert bool(data.ragged) == layout.ragged, name
        assert np.isnan(data.X[data.good]).sum() == 1, name


@pytest.mark.parametrize(
    ("kind", "dtype", "held"),
    [
        (pa.float16(), "float16", np.float32),
        (pa.float32(), "float32", np.float32),
        (pa.float64(), "float64", np.float64),
        (pa.int8(), "int8", np.float32),
    ],
)
@pytest.mark.parametrize("layout", ["list", "large_list", "fixed_size_list", "wide"])
def test_numbers_of_every_width_are_read_exactly(
    layout: str, kind: Any, dtype: str, held: type, tmp_path: Path
) -> None:
    X = np.random.default_rng(0).normal(scale=30, size=(9, 4)).astype(dtype)
    make = {"list": pa.list_(kind), "large_list": pa.large_list(kind), "fixed_size_list": pa.list_(kind, 4)}
    wide = {f"{j}": pa.array(X[:, j], kind) for j in range(4)}
    columns = wide if layout == "wide" else column(make[layout])(list(X))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    read = joined(source)
    assert source.dtype == dtype
    assert read.rows.dtype == held
    assert np.array_equal(read.rows, X.astype(np.float64))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b", "c", "b"], pa.string()),
        (["a", "b", "c", "b"], pa.large_string()),
        (["a", "b", "c", "b"], pa.dictionary(pa.int32(), pa.string())),
        ([3, 1, 2, 3], pa.dictionary(pa.int8(), pa.int64())),
        ([3, -1, 2, 3], pa.int64()),
        ([3, 1, 2, 2**64 - 1], pa.uint64()),
        ([3, 1, 2, 3], pa.int8()),
        ([True, False, True, True], pa.bool_()),
        (["a", None, "c", "b"], pa.string()),
        ([3, None, 2, 3], pa.int64()),
        ([True, None, False, True], pa.bool_()),
        ([None] * 4, pa.null()),
    ],
)
def test_ids_of_every_kind_keep_their_values(values: list[Any], kind: Any, tmp_path: Path) -> None:
    rows = [[1.0, 2.0], None, [5.0, 6.0], [7.0, 8.0]]
    table = pa.table({"emb": pa.array(rows, pa.list_(pa.float32(), 2)), "id": pa.array(values, kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    for size in READ_SIZES:
        assert joined(open_source(tmp_path / "a.parquet"), size).extra["id"] == [values[i] for i in (0, 2, 3)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.5], r"column 'id' is double; expected integers or text there: cast it, or name another one with id"),
        ([[1], [2]], r"column 'id' is list<.*int64>; expected integers or text"),
    ],
)
def test_ids_that_are_no_ids_are_refused(values: list[Any], message: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": [[1.0], [2.0]], "id": values}), tmp_path / "a.parquet")
    with pytest.raises(ColumnError, match=message):
        joined(open_source(tmp_path / "a.parquet"))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    ids = pa.array([b"ok", b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"emb": [[1.0], [2.0]], "id": ids}), tmp_path / "a.parquet")
    with pytest.raises(ColumnError, match=r"column 'id': expected text in UTF-8"):
        joined(open_source(tmp_path / "a.parquet"))


def test_epochs_may_be_fractions_and_are_read_beside_the_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": [[1.0], [2.0]], "id": [7, 7], "epoch": [0.5, 1.0]}), tmp_path / "a.parquet")
    assert joined(open_source(tmp_path / "a.parquet")).extra == {"id": [7, 7], "epoch": [0.5, 1.0]}


LIST = pa.list_(pa.float32())
NO_ROWS = {
    "list": (LIST, 0),
    "large_list": (pa.large_list(pa.float32()), 0),
    "fixed_size_list": (pa.list_(pa.float32(), 3), 3),
}


@pytest.mark.parametrize("name", NO_ROWS)
def test_files_without_rows_and_columns_of_nulls_have_no_rows_to_give(name: str, tmp_path: Path) -> None:
    kind, d = NO_ROWS[name]
    for count in (0, 9):
        pq.write_table(pa.table({"emb": pa.array([None] * count, kind)}), tmp_path / f"{count}.parquet")
        source = open_source(tmp_path / f"{count}.parquet")
        read = joined(source)
        assert (source.total, source.d, len(read.rows), read.null) == (count, d, 0, list(range(count)))


def test_a_part_without_rows_may_lack_the_types(tmp_path: Path) -> None:
    for name, rows in (("a", pa.array([], pa.null())), ("b", pa.array([[1.0, 2.0]])), ("c", pa.array([], LIST))):
        pq.write_table(pa.table({"emb": rows}), tmp_path / f"{name}.parquet")
    source = open_source(tmp_path)
    assert (source.d, source.total, joined(source).rows.tolist()) == (2, 1, [[1.0, 2.0]])


def test_the_width_is_that_of_the_first_row_that_holds_numbers(tmp_path: Path) -> None:
    rows = [None, [], *([None] * 200), [1.0, 2.0, 3.0], [4.0, 5.0]]
    pq.write_table(pa.table({"emb": pa.array(rows, LIST)}), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    read = joined(source)
    assert (source.d, read.ragged, read.index.tolist()) == (3, [1, 203], [202])


def test_rows_of_no_numbers_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": pa.array([None, [], []], LIST)}), tmp_path / "a.parquet")
    with pytest.raises(ColumnError, match=r"a\.parquet: column 'emb': expected rows of numbers, found only empty"):
        open_source(tmp_path / "a.parquet")


TWO = {"emb": pa.array([[1.0, 2.0]], LIST)}
DIFFERENT = [
    (
        TWO,
        {"emb": pa.array([[1.0, 2.0, 3.0]], LIST)},
        r"b\.parquet: expected 2 numbers per row as in .*a\.parquet, found 3",
    ),
    (
        {"emb": pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2))},
        {"emb": pa.array([[1.0, 2.0, 3.0]], pa.list_(pa.float32(), 3))},
        r"b\.parquet: expected 2 numbers per row as in .*a\.parquet, found 3",
    ),
    (
        {"e_0": [1.0], "e_1": [1.0]},
        {"e_0": [1.0], "e_1": [1.0], "e_2": [1.0]},
        r"b\.parquet: the embeddings are in e_\* \(3 columns.*\), but in e_\* \(2 columns.* in .*a\.parquet",
    ),
    (TWO, {"vec": pa.array([[1.0, 2.0]], LIST)}, r"b\.parquet: the embeddings are in vec .* but in emb .*a\.parquet"),
    (
        {"emb": pa.array([None], LIST)},
        {"vec": pa.array([[1.0, 2.0]], LIST)},
        r"b\.parquet: the embeddings are in vec .* but in emb .*a\.parquet",
    ),
    ({**TWO, "id": [1]}, TWO, r"b\.parquet: expected a column 'id' as in .*a\.parquet, found none"),
    (TWO, {**TWO, "id": [1]}, r"a\.parquet: expected a column 'id' as in .*b\.parquet, found none"),
    (TWO, {"text": ["x"]}, r"b\.parquet: no embedding column; the columns are text: string"),
]


@pytest.mark.parametrize(("first", "second", "message"), DIFFERENT)
def test_files_that_differ_are_refused_naming_both(
    first: dict[str, Any], second: dict[str, Any], message: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table(first), tmp_path / "a.parquet")
    pq.write_table(pa.table(second), tmp_path / "b.parquet")
    with pytest.raises(ColumnError, match=message):
        open_source([tmp_path / "a.parquet", tmp_path / "b.parquet"])


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.99])
def test_a_truncated_file_is_refused(kept: float, tmp_path: Path) -> None:
    pq.write_table(pa.table(TWO), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: int(kept if kept >= 1 else kept * len(whole))])
    with pytest.raises(SourceError, match=r"a\.parquet: expected a complete Parquet file.*may be truncated"):
        open_source(tmp_path / "a.parquet")


def test_damage_inside_a_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(500, 8))
    pq.write_table(pa.table({"emb": pa.FixedSizeListArray.from_arrays(X.ravel(), 8)}), tmp_path / "a.parquet")
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    whole[4:60] = b"\xff" * 56  # the header of the first page
    (tmp_path / "a.parquet").write_bytes(whole)
    with pytest.raises(SourceError, match=r"a\.parquet: (expected a complete Parquet file|cannot be read)"):
        joined(open_source(tmp_path / "a.parquet"))


def test_a_column_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table(TWO), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole.replace(b"emb", b"\xff\xfe\xfd"))
    with pytest.raises(SourceError, match=r"a\.parquet: expected a complete Parquet file.*'utf-8' codec"):
        open_source(tmp_path / "a.parquet")


def test_a_footer_that_lies_about_the_rows_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"emb": [[1.0]] * 9}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    forged = [
        whole[:at] + b"\x14" + whole[at + 1 :] for at in range(len(whole) - footer, len(whole) - 8) if whole[at] == 18
    ]
    metadata = [pq.read_metadata(BytesIO(content)) for content in forged]  # 18 is how thrift writes 9, 20 is 10
    (lie,) = [i for i, m in enumerate(metadata) if m.num_rows == 10 and m.row_group(0).num_rows == 9]
    (tmp_path / "a.parquet").write_bytes(forged[lie])
    with pytest.raises(
        SourceError, match=r"a\.parquet: its footer claims 10 rows, and its row groups 9; the file is damaged"
    ):
        list(open_source(tmp_path / "a.parquet").read(7))


def test_one_column_name_twice_is_refused_only_where_it_matters(tmp_path: Path) -> None:
    emb = pa.array([[1.0, 2.0]])
    for names, twice in ((["emb", "emb", "z"], "emb"), (["emb", "id", "id"], "id")):
        arrays = [emb if name == "emb" else pa.array([1]) for name in names]
        pq.write_table(pa.Table.from_arrays(arrays, names), tmp_path / "a.parquet")
        with pytest.raises(ColumnError, match=rf"a\.parquet: expected one column '{twice}', found 2"):
            open_source(tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_arrays([emb, pa.array([1]), pa.array([2])], ["emb", "z", "z"]), tmp_path / "a.parquet")
    assert joined(open_source(tmp_path / "a.parquet")).rows.tolist() == [[1.0, 2.0]]


def test_names_with_dots_are_names(tmp_path: Path) -> None:
    table = pa.table({"e.1": [3.0, 4.0], "e.0": [1.0, 2.0], "e": ["a", "b"]})
    pq.write_table(table, tmp_path / "a.parquet")
    read = joined(open_source(tmp_path / "a.parquet", Columns(id="e")))
    assert (read.rows.tolist(), read.extra["id"]) == ([[1.0, 3.0], [2.0, 4.0]], ["a", "b"])
