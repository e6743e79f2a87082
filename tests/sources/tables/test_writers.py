"""Files as the real writers leave them: pandas, polars, duckdb, Hugging Face datasets and pyarrow itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from labelfree.errors import ColumnError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from readers import READ_SIZES, joined

N, D = 11, 12
X = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
IDS = [f"row {i}" for i in range(N)]

Writer = Callable[[Path], object]


def hugging_face(features: dict[str, Any], values: NDArray[Any] = X) -> datasets.Dataset:
    columns = {"emb": values, "id": IDS, "label": [0] * N}
    known = {"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["a", "b"]), **features}
    return datasets.Dataset.from_dict(columns, datasets.Features(known) if features else None)


def duck(kind: str) -> Writer:
    def write(path: Path) -> None:
        table = pa.table({"id": IDS, "emb": list(X)})
        with duckdb.connect() as connection:
            connection.register("data", table)
            connection.execute(f"copy (select id, emb::{kind} as emb from data) to '{path}' (format parquet)")

    return write


def pyarrow_tensor(path: Path) -> None:
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(X.reshape(N, 3, 4))
    pq.write_table(pa.table({"emb": tensors, "id": IDS}), path)


def pandas_index(path: Path) -> None:
    pd.DataFrame({"emb": list(X)}, index=pd.Index(IDS, name="id")).to_parquet(path)


WIDE = {f"emb_{j}": X[:, j] for j in range(D)}
WRITERS: dict[str, tuple[Writer, str]] = {
    "pandas arrays": (lambda path: pd.DataFrame({"emb": list(X), "id": IDS}).to_parquet(path), "list<float>"),
    "pandas floats": (lambda path: pd.DataFrame({"emb": X.tolist(), "id": IDS}).to_parquet(path), "list<double>"),
    "pandas index": (pandas_index, "list<float>"),
    "pandas columns": (lambda path: pd.DataFrame({**WIDE, "id": IDS}).to_parquet(path), "12 columns<float32>"),
    "pandas matrix": (
        lambda path: pd.DataFrame(X).rename(columns=str).assign(id=IDS).to_parquet(path),
        "12 columns<float32>",
    ),
    "pandas categories": (
        lambda path: pd.DataFrame({"emb": list(X), "id": pd.Categorical(IDS)}).to_parquet(path),
        "list<float>",
    ),
    "polars list": (
        lambda path: pl.DataFrame({"emb": X.tolist(), "id": IDS}).write_parquet(path),
        "large_list<double>",
    ),
    "polars array": (lambda path: pl.DataFrame({"emb": X, "id": IDS}).write_parquet(path), "fixed_size_list<float>"),
    "polars columns": (lambda path: pl.DataFrame({**WIDE, "id": IDS}).write_parquet(path), "12 columns<float32>"),
    "duckdb list": (duck("float[]"), "list<float>"),
    "duckdb array": (duck(f"float[{D}]"), "list<float>"),
    "datasets default": (lambda path: hugging_face({}).to_parquet(path), "list<float>"),
    "datasets Sequence": (
        lambda path: hugging_face({"emb": datasets.Sequence(datasets.Value("float32"), length=D)}).to_parquet(path),
        "fixed_size_list<float>",
    ),
    "datasets Array2D": (
        lambda path: hugging_face({"emb": datasets.Array2D((4, 3), "float32")}, X.reshape(N, 4, 3)).to_parquet(path),
        "list<list<float>>",
    ),
    "pyarrow tensor": (pyarrow_tensor, "fixed_size_list<float>"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_the_writers_write_is_read(name: str, tmp_path: Path) -> None:
    write, layout = WRITERS[name]
    write(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert source.layout.endswith(layout)
    assert (source.total, source.d) == (N, D)
    for size in READ_SIZES:
        read = joined(source, size)
        assert np.array_equal(read.rows, X)
        assert read.extra["id"] == IDS


def test_array2d_is_read_where_datasets_is_not_loaded(tmp_path: Path) -> None:
    write, _ = WRITERS["datasets Array2D"]
    write(tmp_path / "a.parquet")
    np.save(tmp_path / "X.npy", X)
    program = """
import sys, numpy as np
from labelfree.sources.opening import open_source
source = open_source("a.parquet")
assert np.array_equal(np.concatenate([block.rows for block in source.read(3)]), np.load("X.npy"))
assert "datasets" not in sys.modules and "pandas" not in sys.modules
print(source.layout)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("list<list<float>>\n", "")


def test_array2d_of_unknown_length_is_refused(tmp_path: Path) -> None:
    ragged = [np.ones((1 + i % 3, 4), np.float32) for i in range(N)]
    dataset = datasets.Dataset.from_dict(
        {"emb": ragged}, datasets.Features({"emb": datasets.Array2D((None, 4), "float32")})
    )
    dataset.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ColumnError, match=r"column 'emb' is .*list<list<float>>: .* no shape is recorded.*pool it"):
        open_source(tmp_path / "a.parquet")


def test_a_label_column_is_left_alone_with_one_note(tmp_path: Path) -> None:
    hugging_face({}).to_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert source.notes == ("column 'label' was not read: no metric here uses labels",)
    assert joined(source).extra.keys() == {"id"}
    grouped = open_source(tmp_path / "a.parquet", Columns(group="label"))
    assert grouped.notes == ()
    assert joined(grouped).extra["group"] == [0] * N


@pytest.mark.parametrize("kind", ["list", "array"])
@pytest.mark.parametrize("size", READ_SIZES)
def test_null_rows_of_polars_keep_their_place(kind: str, size: int, tmp_path: Path) -> None:
    rows: list[list[float] | None] = [row.tolist() for row in X]
    rows[0] = rows[4] = rows[5] = rows[10] = None
    inner = pl.List(pl.Float32) if kind == "list" else pl.Array(pl.Float32, D)
    frame = pl.DataFrame({"emb": rows, "id": IDS}, schema={"emb": inner, "id": pl.String})
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=4)
    read = joined(open_source(tmp_path / "a.parquet"), size)
    good = [1, 2, 3, 6, 7, 8, 9]
    assert (read.null, read.extra["id"]) == ([0, 4, 5, 10], [IDS[i] for i in good])
    assert np.array_equal(read.rows, X[good])


def test_missing_numbers_of_pandas_are_nulls(tmp_path: Path) -> None:
    frame = pd.DataFrame({**WIDE, "id": IDS})
    frame.loc[[2, 7], "emb_3"] = np.nan  # which pandas writes as null
    frame.to_parquet(tmp_path / "a.parquet")
    read = joined(open_source(tmp_path / "a.parquet"), 3)
    assert read.null == [2, 7]
    assert read.extra["id"] == [IDS[i] for i in range(N) if i not in (2, 7)]
    assert np.array_equal(read.rows, np.delete(X, [2, 7], axis=0))


def test_files_of_several_writers_are_one_data_set(tmp_path: Path) -> None:
    names = ["pandas arrays", "polars array", "duckdb list", "datasets default"]
    for k, name in enumerate(names):
        WRITERS[name][0](tmp_path / f"{k}.parquet")
    read = joined(open_source(tmp_path), 7)
    assert np.array_equal(read.rows, np.tile(X, (len(names), 1)))
    assert read.extra["id"] == IDS * len(names)


def test_partitioned_directories_are_read_with_what_writers_leave_beside(tmp_path: Path) -> None:
    pd.DataFrame({"emb": list(X), "id": IDS, "year": [2024] * 5 + [2025] * 6}).to_parquet(
        tmp_path / "data", partition_cols=["year"]
    )
    (tmp_path / "data" / "_SUCCESS").touch()
    (tmp_path / "data" / "_metadata").write_bytes(b"PAR1")
    (tmp_path / "data" / "year=2024" / ".part.parquet.crc").write_bytes(b"crc")
    (tmp_path / "data" / ".hidden").mkdir()
    (tmp_path / "data" / ".hidden" / "old.parquet").write_bytes(b"junk")
    (tmp_path / "data" / "_temporary").mkdir()
    (tmp_path / "data" / "_temporary" / "half.parquet").write_bytes(b"junk")
    read = joined(open_source(tmp_path / "data"), 3)
    assert np.array_equal(read.rows, X)
    assert read.extra["id"] == IDS
