"""Data in memory: a frame is read as the Parquet file it would write, an array as its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from labelfree.errors import ArrayError, ColumnError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from readers import LAYOUTS, READ_SIZES, damaged, joined

N, D = 11, 12
X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
IDS = [f"row {i}" for i in range(N)]
WIDE = {f"emb_{j}": X[:, j] for j in range(D)}


def duck_relation(kind: str) -> Any:
    arrow = pa.table({"id": IDS, "emb": list(X)})
    return duckdb.from_arrow(arrow).project(f"id, emb::{kind} as emb")


def chunked_table() -> pa.Table:
    parts = [pa.table({"emb": list(X[i:j]), "id": IDS[i:j]}) for i, j in ((0, 2), (2, 9), (9, 11))]
    return pa.concat_tables(parts)


FRAMES: dict[str, Callable[[], Any]] = {
    "pandas list": lambda: pd.DataFrame({"emb": list(X), "id": IDS}),
    "pandas columns": lambda: pd.DataFrame({**WIDE, "id": IDS}),
    "pandas matrix": lambda: pd.DataFrame(X).assign(id=IDS),
    "pandas index": lambda: pd.DataFrame({"emb": list(X)}, index=pd.Index(IDS, name="id")),
    "pandas categories": lambda: pd.DataFrame({"emb": list(X), "id": pd.Categorical(IDS)}),
    "polars list": lambda: pl.DataFrame({"emb": list(X), "id": IDS}),
    "polars array": lambda: pl.DataFrame({"emb": X, "id": IDS}),
    "polars columns": lambda: pl.DataFrame({**WIDE, "id": IDS}),
    "polars categories": lambda: pl.DataFrame({"emb": X, "id": pl.Series(IDS, dtype=pl.Categorical)}),
    "duckdb list": lambda: duck_relation("float[]"),
    "duckdb array": lambda: duck_relation(f"float[{D}]"),
    "pyarrow table": chunked_table,
    "pyarrow batch": lambda: pa.record_batch({"emb": list(X), "id": IDS}),
    "pyarrow reader": lambda: chunked_table().to_reader(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_every_library_are_read(name: str) -> None:
    source = open_source(FRAMES[name]())
    assert (source.total, source.d, source.files) == (N, D, ())
    for size in READ_SIZES:  # a frame can be read again, whatever it came from
        read = joined(source, size)
        assert np.array_equal(read.rows, X)
        assert read.extra["id"] == IDS


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize(("start", "stop"), [(0, 23), (1, 23), (3, 17), (14, 15)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_slices_keep_their_ids(name: str, start: int, stop: int, size: int) -> None:
    """Arrow's `.values` ignores slices, its `.flatten()` drops null rows, and its buffers begin before the slice."""
    layout = LAYOUTS[name]
    data = damaged(layout)
    ids: list[int | None] = [None if i == 6 else 1000 + i for i in range(23)]
    flags = [i % 3 == 0 for i in range(23)]
    table = layout.table(data.rows, id=ids, group=flags).slice(start, stop - start)
    good = [i for i in data.good if start <= i < stop]
    read = joined(open_source(table, Columns(group="group")), size)
    assert read.index.tolist() == [i - start for i in good]
    assert read.extra == {"id": [ids[i] for i in good], "group": [flags[i] for i in good]}
    np.testing.assert_array_equal(read.rows, data.X[good])


@pytest.mark.parametrize("name", LAYOUTS)
def test_chunks_without_rows_change_nothing(name: str) -> None:
    layout = LAYOUTS[name]
    data = damaged(layout)
    table = layout.table(data.rows, id=list(range(23)), group=[True] * 23)
    empty = open_source(table.slice(0, 0), Columns(group="group"))
    assert (empty.total, len(joined(empty).rows)) == (0, 0)
    chunks = pa.concat_tables([table.slice(0, 0), table.slice(0, 3), table.slice(0, 0), table.slice(3)])
    read = joined(open_source(chunks, Columns(group="group")), 7)
    assert read.extra == {"id": data.good, "group": [True] * len(data.good)}
    np.testing.assert_array_equal(read.rows, data.X[data.good])


@pytest.mark.parametrize("size", READ_SIZES)
def test_null_rows_of_every_library_keep_their_place(size: int) -> None:
    rows: list[Any] = X.tolist()
    rows[0] = rows[4] = rows[5] = rows[10] = None
    good = [1, 2, 3, 6, 7, 8, 9]
    frames = (
        pd.DataFrame({"emb": rows, "id": IDS}),
        pl.DataFrame({"emb": rows, "id": IDS}),
        pl.DataFrame({"emb": rows, "id": IDS}, schema={"emb": pl.Array(pl.Float32, D), "id": pl.String}),
        pa.table({"emb": pa.array(rows, pa.list_(pa.float32(), D)), "id": IDS}),
    )
    for frame in frames:
        read = joined(open_source(frame), size)
        assert (read.null, read.extra["id"]) == ([0, 4, 5, 10], [IDS[i] for i in good])
        assert np.array_equal(read.rows, X[good])


def test_a_number_that_pandas_lacks_is_a_bad_row_and_no_zero() -> None:
    frame = pd.DataFrame({**WIDE, "id": IDS})
    frame.loc[[2, 7], "emb_3"] = np.nan
    read = joined(open_source(frame), 3)
    assert read.null == [2, 7]
    assert np.array_equal(read.rows, np.delete(X, [2, 7], axis=0))


def test_a_series_is_a_frame_of_one_column() -> None:
    for series in (pd.Series(list(X), name="emb"), pl.Series("emb", list(X))):
        assert np.array_equal(joined(open_source(series)).rows, X)


def test_a_frame_says_what_it_left_alone() -> None:
    source = open_source(pd.DataFrame({"emb": list(X), "label": 0, "y": 1.5}))
    assert source.notes == tuple(f"column {c!r} was not read: no metric here uses labels" for c in ("label", "y"))
    assert joined(source).extra == {}


BAD_FRAMES: list[tuple[Callable[[], Any], str]] = [
    (lambda: pd.DataFrame({"emb": list(X), "z": [1, "a"] + [2] * 9}), r"one type each, found .*column z .* keep only"),
    (lambda: pd.DataFrame({"emb": [X, X]}), r"frame: expected columns of one type each, found .*1-dimensional"),
    (lambda: pd.DataFrame(X[:, :2], columns=["a", "a"]), r"frame: .* found Duplicate column names"),
    (lambda: pl.DataFrame({"text": ["[1, 2]"]}), r"no embedding column; the columns are text: .*json\.loads"),
    (lambda: pl.DataFrame({"blob": [b"1234"]}), r"no embedding column; .* bytes carry no dtype.*np\.frombuffer"),
    (lambda: pa.chunked_array([[1.0, 2.0]]), r"frame: expected columns"),
    (lambda: pa.table({"emb": pa.array([[], []], pa.list_(pa.int8()))}), r"frame: column 'emb': .* only empty lists"),
    (lambda: pd.DataFrame({"emb": list(X), "vec": list(X)}), r"frame: .* column='emb' or column='vec'"),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "message"), BAD_FRAMES)
def test_frames_that_cannot_be_read_say_why(frame: Callable[[], Any], message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        open_source(frame())


EXACT_IN_FLOAT32 = ["float16", "float32", ">f4", "int8", "uint8"]


@pytest.mark.parametrize("dtype", [*EXACT_IN_FLOAT32, "float64", "int32", "int64", ">i8", "longdouble"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_number_are_read(dtype: str, order: Any) -> None:
    values = np.array(np.random.default_rng(1).integers(0, 100, size=(N, D)), dtype=dtype, order=order)
    source = open_source(values)
    assert (source.d, source.total, source.layout) == (D, N, f"matrix<{values.dtype}>")
    for size in READ_SIZES:
        read = joined(source, size)
        assert read.rows.dtype == (np.float32 if dtype in EXACT_IN_FLOAT32 else np.float64)
        assert np.array_equal(read.rows, values.astype(np.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8])
def test_tensors_of_every_number_are_read(dtype: torch.dtype) -> None:
    tensor = (torch.from_numpy(X) * 20).to(dtype)
    expected = tensor.double().numpy()
    assert np.array_equal(joined(open_source(tensor)).rows, expected)
    assert np.array_equal(joined(open_source(tensor.T)).rows, expected.T)
    if dtype.is_floating_point:
        assert np.array_equal(joined(open_source(tensor.requires_grad_())).rows, expected)


def test_nested_lists_and_views_are_arrays() -> None:
    assert np.array_equal(joined(open_source(X.tolist())).rows, X)
    assert np.array_equal(joined(open_source(X[::-2, 3:])).rows, X[::-2, 3:])


def test_masked_numbers_are_missing_and_not_what_lies_under_the_mask() -> None:
    mask = np.zeros((N, D), bool)
    mask[3, 4] = mask[8] = True
    masked: Any = np.ma
    rows = joined(open_source(masked.masked_array(X, mask))).rows
    assert np.isnan(rows[mask]).all()
    assert np.array_equal(rows[~mask], X[~mask])
    integers = masked.masked_array(np.arange(6).reshape(3, 2), [[0, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(joined(open_source(integers)).rows, [[0.0, 1.0], [np.nan, 3.0], [4.0, 5.0]])


def test_a_map_in_memory_keeps_what_was_changed_in_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    changed = np.load(tmp_path / "a.npy", mmap_mode="c")
    changed[2] = 7
    assert joined(open_source(changed), 3).rows[2].tolist() == [7.0] * D
    assert changed[2].tolist() == [7.0] * D


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"array: expected an \(n, d\) matrix, one row per item, found shape \(3,\)"),
        (np.ones((2, 3, 4)), r"found shape \(2, 3, 4\); .*pool token embeddings"),
        (np.ones((3, 0)), r"found shape \(3, 0\)"),
        (np.ones((2, 2), complex), r"array: expected real numbers, found dtype complex128"),
        (np.ones((2, 2), bool), r"array: expected real numbers, found dtype bool"),
        (np.array([["a", "b"]]), r"array: expected real numbers, found dtype <U1"),
        (np.array([[1, "b"]], dtype=object), r"array: expected real numbers, found dtype object"),
        ([[1.0, 2.0], [3.0]], r"array: expected an \(n, d\) matrix, rows of one length, found .*inhomogeneous"),
        ([], r"found shape \(0,\)"),
        (None, r"array: expected a path, an \(n, d\) array or a data frame, found an object of type NoneType"),
        (pl.LazyFrame({"emb": [1.0]}), r"found a LazyFrame, which has no rows yet; give its \.collect\(\)"),
        (
            torch.ones(2, 2).to_sparse(),
            r"array: expected dense numbers, found a tensor of layout sparse_coo; give its ",
        ),
        (5, r"found shape \(\)"),
    ],
)
def test_arrays_that_are_no_matrix_say_what_they_are(array: Any, message: str) -> None:
    with pytest.raises(ArrayError, match=message):
        open_source(array)


@pytest.mark.parametrize("columns", [Columns(embedding="emb"), Columns(id="emb"), Columns(others=("emb",))])
def test_an_array_has_no_columns_to_name(columns: Columns) -> None:
    with pytest.raises(ColumnError, match=r"array: a plain matrix has no columns by name, but 'emb' was asked for"):
        open_source(X, columns)
