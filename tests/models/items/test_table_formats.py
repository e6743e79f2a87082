"""What is embedded from Arrow IPC, from data sets on disk and from arrays in text is what it is from Parquet."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import feather

from labelfree.errors import ColumnError, RowsError, SourceError
from labelfree.models.items.opening import Data, open_data

N = 1234


def _stream(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, 100)


def _polars(table: pa.Table, path: Path) -> None:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    frame.write_ipc(path)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "file.arrow": lambda table, path: feather.write_feather(table, path, "uncompressed", chunksize=100),
    "lz4.feather": lambda table, path: feather.write_feather(table, path, "lz4", chunksize=100),
    "zstd.ipc": lambda table, path: feather.write_feather(table, path, "zstd", chunksize=77),
    "stream.arrow": _stream,
    "polars.arrow": _polars,
    "pandas.feather": lambda table, path: table.to_pandas().to_feather(path),
    "saved": lambda table, path: datasets.Dataset(pa.table(table)).save_to_disk(path, num_shards=3),
}


def listed(data: Data, size: int, start: int = 0) -> list[tuple[int, Any, Any, tuple[Any, ...]]]:
    """Every item with its position, its id and what is carried along."""
    found: list[tuple[int, Any, Any, tuple[Any, ...]]] = []
    for batch in data.batches(size, start):
        ids = [None] * len(batch.items) if batch.ids is None else batch.ids.to_pylist()
        kept = list(zip(*(column.to_pylist() for column in batch.kept.values()), strict=True)) or [()] * len(ids)
        items = [item.tolist() if isinstance(item, np.ndarray) else item for item in batch.items]
        found += zip(batch.index.tolist(), items, ids, kept, strict=True)
    return found


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table of texts with ids, categories and a null in thirteen, by each writer and as Parquet."""
    path = tmp_path_factory.mktemp("texts")
    table = pa.table({
        "text": [None if i % 13 == 5 else f"text {i}, ünï" for i in range(N)],
        "id": [f"row {i}" for i in range(N)],
        "kind": pa.array(["ab"[i % 2] for i in range(N)]),
    })  # fmt: skip
    pq.write_table(table, path / "a.parquet", row_group_size=321)
    for name, write in WRITERS.items():
        write(table, path / name)
    return path


@pytest.mark.parametrize("name", WRITERS)
def test_texts_are_those_of_parquet(name: str, texts: Path) -> None:
    ours, theirs = (open_data(texts / n, column="text", keep=["kind"], on_bad="drop") for n in (name, "a.parquet"))
    assert (ours.kind, ours.total, ours.ids, ours.kept) == ("text", N, True, ("kind",))
    found = listed(ours, 100)
    assert found == listed(theirs, 100)
    assert len(found) == N - ours.dropped["have no text"] == N - len(range(5, N, 13))


@pytest.mark.parametrize("name", WRITERS)
def test_texts_that_are_missing_are_refused_before_the_run(name: str, texts: Path) -> None:
    with pytest.raises(RowsError, match=r"text: 95 of 1234 rows have no text, first at row 5; "):
        open_data(texts / name, column="text")


@given(
    size=st.integers(1, 500), start=st.integers(0, N), name=st.sampled_from(["lz4.feather", "stream.arrow", "saved"])
)
def test_any_size_and_any_start_give_the_same_rows(size: int, start: int, name: str, texts: Path) -> None:
    found = listed(open_data(texts / name, column="text", on_bad="drop"), max(size, 7), start)
    assert [(i, text, id) for i, text, id, _ in found] == [
        (i, f"text {i}, ünï", f"row {i}") for i in range(start, N) if i % 13 != 5
    ]


@pytest.mark.parametrize("name", ["file.arrow", "lz4.feather", "stream.arrow", "saved"])
@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32(), 6), pa.list_(pa.float64()), pa.list_(pa.float16())], ids=["fixed", "list", "half"]
)
def test_vectors_are_those_of_parquet(name: str, kind: Any, tmp_path: Path) -> None:
    X = np.arange(60, dtype=np.float64).reshape(10, 6)
    rows: list[Any] = X.tolist()
    rows[4], rows[7] = None, [np.nan] * 6
    if kind.value_type == pa.float16():
        rows = [row and [np.float16(v) for v in row] for row in rows]
    table = pa.table({"x": pa.array(rows, kind), "id": [f"r{i}" for i in range(10)]})
    WRITERS[name](table, tmp_path / name)
    pq.write_table(table, tmp_path / "a.parquet")
    ours = open_data(tmp_path / name, on_bad="drop")
    for size in (1, 3, 20):
        assert listed(ours, size) == listed(open_data(tmp_path / "a.parquet", on_bad="drop"), size)
    assert [i for i, _, _, _ in listed(ours, 3)] == [0, 1, 2, 3, 5, 6, 8, 9]
    assert ours.dropped == {"are null or hold a null": 1, "hold NaN or infinity": 1}
    with pytest.raises(RowsError, match=r"1 of the first (7|10) rows are null or hold a null, first at row 4"):
        list(open_data(tmp_path / name).batches(2))


def _png(red: int) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (4, 3), (red, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("name", ["lz4.feather", "stream.arrow", "saved"])
def test_images_in_the_layout_of_datasets(name: str, tmp_path: Path) -> None:
    stored = [None if i == 2 else {"bytes": _png(i), "path": "x.png"} for i in range(40)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    WRITERS[name](pa.table({"image": pa.array(stored, kind), "label": list(range(40))}), tmp_path / name)
    data = open_data(tmp_path / name, kind="image", keep=["label"], on_bad="drop")
    found = [(i, np.asarray(item)[0, 0, 0], kept) for i, item, _, kept in listed(data, 7)]
    assert found == [(i, i, (i,)) for i in range(40) if i != 2]
    with pytest.raises(RowsError, match="image: 1 of 40 rows have no image, first at row 2"):
        open_data(tmp_path / name, keep=["label"])


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv.gz", "jsonl.gz"])
def test_arrays_in_text_where_the_model_takes_arrays(suffix: str, tmp_path: Path) -> None:
    import pandas as pd

    rows = [[float(i), i / 3, -1e-7 * i] for i in range(50)]
    frame = pd.DataFrame({"id": [f"r{i}" for i in range(50)], "emb": rows, "n": range(50)})
    path = tmp_path / f"a.{suffix}"
    if "jsonl" in suffix:
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    data = open_data(path, kind="array", keep=["n"], column="emb")
    expected = [(i, np.asarray(row, np.float32).tolist(), f"r{i}", (i,)) for i, row in enumerate(rows)]
    assert listed(data, 7) == expected
    assert listed(data, 7, start=33) == expected[33:]


def test_files_of_one_kind_are_one_data_set_and_others_are_not(tmp_path: Path) -> None:
    for i, name in enumerate(("part_2.arrow", "part_10.feather")):
        feather.write_feather(pa.table({"text": [f"{i} a", f"{i} b"]}), tmp_path / name)
    assert [item for _, item, _, _ in listed(open_data(tmp_path), 3)] == ["0 a", "0 b", "1 a", "1 b"]
    pq.write_table(pa.table({"text": ["c"]}), tmp_path / "part_11.parquet")
    with pytest.raises(SourceError, match="expected files of one kind, found Arrow, Parquet"):
        open_data(tmp_path)


def test_the_fingerprint_is_of_the_contents(texts: Path) -> None:
    prints = {open_data(texts / name, column="text", on_bad="drop").fingerprint for name in WRITERS}
    assert len(prints) == len(WRITERS)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "id": ["x", "x"]})
    feather.write_feather(table, tmp_path / "a.arrow")
    with pytest.raises(RowsError, match="expected each id once, found 'x' in column 'id' at row 0 and"):
        open_data(tmp_path / "a.arrow", column="text")
    feather.write_feather(table.slice(0, 0), tmp_path / "none.arrow")
    with pytest.raises(SourceError, match="expected rows to embed, found none in 1 file"):
        open_data(tmp_path / "none.arrow", column="text")
    feather.write_feather(pa.table({"n": [1]}), tmp_path / "n.arrow")
    with pytest.raises(ColumnError):
        open_data(tmp_path / "n.arrow")
    (tmp_path / "cut.arrow").write_bytes((tmp_path / "a.arrow").read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"cut\.arrow"):
        open_data(tmp_path / "cut.arrow", column="text")
    halves = datasets.DatasetDict({"train": datasets.Dataset(table), "test": datasets.Dataset(table)})
    halves.save_to_disk(tmp_path / "halves")
    with pytest.raises(SourceError, match=r"found the splits .*name one: "):
        open_data(tmp_path / "halves")
