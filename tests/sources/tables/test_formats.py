"""Arrow IPC, CSV, JSON lines and saved data sets: the rows, ids and numbers that Parquet gives, from real writers."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv, feather

import labelfree
from labelfree.errors import ColumnError, SourceError
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from program import Program
from readers import LAYOUTS, READ_SIZES, damaged, joined

N, D = 300, 8
X = np.random.default_rng(5).normal(size=(N, D))
IDS = [f"row {i}, of {N}" for i in range(N)]
GROUPS = [i % 7 for i in range(N)]
LOGITS = np.random.default_rng(6).normal(size=(N, 3))
LISTS = {"id": IDS, "g": GROUPS, "emb": X.tolist(), "logits": LOGITS.tolist()}
WIDE = {
    "id": IDS,
    "g": GROUPS,
    **{f"e{j}": X[:, j] for j in range(D)},
    **{f"logits_{j}": LOGITS[:, j] for j in range(3)},
}
TABLE = pa.table({**LISTS, "emb": pa.array(X.tolist(), pa.list_(pa.float64()))})


def stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE, 77)


def packed_lines(path: Path) -> None:
    with gzip.open(path, "wt") as lines:
        for i in range(N):
            lines.write(json.dumps({name: values[i] for name, values in LISTS.items()}) + "\n")


def numpy_printed(path: Path) -> None:
    with np.printoptions(floatmode="unique"):
        pd.DataFrame({**LISTS, "emb": list(X), "logits": list(LOGITS)}).to_csv(path, index=False)


def saved(path: Path) -> None:
    datasets.Dataset.from_dict(LISTS).save_to_disk(str(path))
    (path / "cache-0123456789abcdef.arrow").write_bytes(b"what a map of the data set left here")


WRITERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "feather lz4": ("a.feather", lambda path: feather.write_feather(TABLE, path, compression="lz4", chunksize=77)),
    "feather zstd": ("a.feather", lambda path: feather.write_feather(TABLE, path, compression="zstd")),
    "feather plain": ("a.arrow", lambda path: feather.write_feather(TABLE, path, compression="uncompressed")),
    "IPC stream": ("a.arrow", stream),
    "pandas feather": ("a.feather", lambda path: pd.DataFrame(LISTS).to_feather(path)),
    "polars file": ("a.ipc", lambda path: pl.DataFrame(LISTS).write_ipc(path, compression="lz4")),
    "polars array": ("a.arrow", lambda path: pl.DataFrame({**LISTS, "emb": X}).write_ipc(path)),
    "polars stream": ("a.arrow", lambda path: pl.DataFrame(LISTS).write_ipc_stream(path, compression="zstd")),
    "pandas csv": ("a.csv", lambda path: pd.DataFrame(WIDE).to_csv(path, index=False)),
    "pandas csv with an index": ("a.csv", lambda path: pd.DataFrame(WIDE).to_csv(path)),
    "pandas csv.gz": ("a.csv.gz", lambda path: pd.DataFrame(WIDE).to_csv(path, index=False)),
    "pandas tsv": ("a.tsv", lambda path: pd.DataFrame(WIDE).to_csv(path, index=False, sep="\t")),
    "pandas csv with a mark": (
        "a.csv",
        lambda path: pd.DataFrame(WIDE).to_csv(path, index=False, encoding="utf-8-sig"),
    ),
    "pandas csv of Windows": (
        "a.csv",
        lambda path: pd.DataFrame(WIDE).to_csv(path, index=False, lineterminator="\r\n"),
    ),
    "pandas csv of lists": ("a.csv", lambda path: pd.DataFrame(LISTS).to_csv(path, index=False)),
    "pandas csv of arrays": ("a.csv", numpy_printed),
    "polars csv": ("a.csv", lambda path: pl.DataFrame(WIDE).write_csv(path)),
    "pyarrow csv": ("a.csv", lambda path: csv.write_csv(pa.table(WIDE), path)),
    "json.dumps": ("a.jsonl.gz", packed_lines),
    "polars ndjson": ("a.ndjson", lambda path: pl.DataFrame(LISTS).write_ndjson(path)),
    "polars ndjson of columns": ("a.ndjson", lambda path: pl.DataFrame(WIDE).write_ndjson(path)),
    "datasets on disk": ("saved", saved),
}


@pytest.fixture(scope="module", params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, write = WRITERS[request.param]
    path = tmp_path_factory.mktemp("written") / name
    with contextlib.redirect_stderr(io.StringIO()):
        write(path)
    return path


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    pq.write_table(TABLE, path)
    return path


@pytest.mark.parametrize("size", [7, 1000])
def test_every_row_of_every_writer_is_read(written: Path, size: int) -> None:
    outputs = "logits*" if "e0" in written.name else "auto"
    source = open_source(written, Columns(group="g", outputs=outputs))
    read = joined_with_outputs(source, size)
    assert (source.total, source.d, source.dtype) == (N, D, "float64")
    np.testing.assert_array_equal(read["rows"], X)
    np.testing.assert_array_equal(read["outputs"], LOGITS)
    assert read["id"] == IDS
    assert read["group"] == GROUPS


def joined_with_outputs(source: Any, size: int) -> dict[str, Any]:
    blocks = list(source.read(size))
    assert all(len(block.index) == size for block in blocks[:-1])
    assert np.concatenate([block.index for block in blocks]).tolist() == list(range(N))
    return {
        "rows": np.concatenate([block.rows for block in blocks]),
        "outputs": np.concatenate([block.extra["outputs"] for block in blocks]),
        **{role: [v for block in blocks for v in block.extra[role].tolist()] for role in ("id", "group")},
    }


def test_the_metrics_are_those_of_the_same_rows_in_parquet(written: Path, parquet: Path) -> None:
    def metrics(path: Path) -> dict[str, str]:
        return {
            "rank": labelfree.rank(path, sample=100).to_json(),
            "opis": labelfree.opis(path, group="g", only=["opis"]).to_json(),
        }

    for one, other in zip(metrics(written).values(), metrics(parquet).values(), strict=True):
        assert json.dumps(json.loads(one)["metrics"]) == json.dumps(json.loads(other)["metrics"])


@pytest.mark.parametrize("size", READ_SIZES)
@pytest.mark.parametrize("packing", ["uncompressed", "lz4", "zstd", "stream"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_defects_of_arrow_are_those_of_parquet(name: str, packing: str, size: int, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    data = damaged(layout)
    ids = [f"row {i}" for i in range(len(data.rows))]
    table = layout.table(data.rows, id=pa.array(ids).dictionary_encode())
    path = tmp_path / "a.arrow"
    if packing == "stream":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, 5)
    else:
        feather.write_feather(table, path, compression=packing, chunksize=5)
    read = joined(open_source(path), size)
    assert (sorted(read.null), read.ragged, read.index.tolist()) == (sorted(data.null), data.ragged, data.good)
    assert read.extra["id"] == [ids[i] for i in data.good]
    np.testing.assert_array_equal(read.rows, data.X[data.good])


@pytest.mark.parametrize("size", READ_SIZES)
def test_defects_of_text_are_those_of_parquet(size: int, tmp_path: Path) -> None:
    """A null is a field that is empty, a null element an element null; NaN and infinity are numbers."""
    layout = LAYOUTS["list"]
    data = damaged(layout)
    (tmp_path / "a.jsonl").write_text(
        "\n".join(json.dumps({"id": f"row {i}", "emb": row}) for i, row in enumerate(data.rows))
    )
    texts = ["" if row is None else str(row) for row in data.rows]
    texts[5] = "[7, 7]"  # numpy and JSON print no empty list of numbers
    pd.DataFrame({"id": [f"row {i}" for i in range(23)], "emb": texts}).to_csv(tmp_path / "a.csv", index=False)
    for name in ("a.jsonl", "a.csv"):
        read = joined(open_source(tmp_path / name), size)
        assert (sorted(read.null), read.ragged, read.index.tolist()) == (sorted(data.null), data.ragged, data.good)
        assert read.extra["id"] == [f"row {i}" for i in data.good]
        np.testing.assert_array_equal(read.rows, data.X[data.good])


def test_missing_numbers_of_columns_are_null_and_nan_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("e0,e1,id\n1.5,2,a\n,3,b\nnan,4,c\nNA,5,d\n-inf,6,\n1e999,7,007\n")
    read = joined(open_source(tmp_path / "a.csv"))
    assert read.null == [1, 3]
    assert read.extra["id"] == ["a", "c", None, "007"]
    np.testing.assert_array_equal(read.rows, [[1.5, 2], [np.nan, 4], [-np.inf, 6], [np.inf, 7]])


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1", "2", "30"], [1, 2, 30]),
        (["1", "02", "3"], ["1", "02", "3"]),
        (["1", "", "3"], [1, None, 3]),
        (["1", "2.0", "x"], ["1", "2.0", "x"]),
        (["9" * 30, "-1", "+1"], ["9" * 30, "-1", "+1"]),
        (["-9223372036854775808", "9223372036854775807", "0"], [-(2**63), 2**63 - 1, 0]),
    ],
)
def test_ids_of_csv_are_whole_numbers_only_where_nothing_is_lost(
    ids: list[str], expected: list[Any], tmp_path: Path
) -> None:
    rows = "".join(f"{id},{i}.5,{i}.25\n" for i, id in enumerate(ids))
    (tmp_path / "a.csv").write_text("id,e0,e1\n" + rows)
    assert joined(open_source(tmp_path / "a.csv")).extra["id"] == expected


def test_the_same_id_is_the_same_row_whatever_the_format(tmp_path: Path) -> None:
    """Samples are drawn by the hash of ids: whole numbers of CSV must hash as those of Parquet."""
    frame = pd.DataFrame({"id": range(1000, 1000 + N), **{f"e{j}": X[:, j] for j in range(D)}})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True, double_precision=15)
    values = [
        labelfree.rank(tmp_path / name, sample=40, only=["uniformity"])["uniformity"].value
        for name in ("a.parquet", "a.csv", "a.jsonl")
    ]
    assert values[0] == values[1] == pytest.approx(values[2], rel=1e-9)


def test_integers_are_taken_as_an_embedding_only_when_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,e0,e1\na,1,2\nb,3,4\nc,5,7\n")
    with pytest.raises(ColumnError, match="no embedding column; the columns are id: string, e0: int64, e1: int64"):
        open_source(tmp_path / "a.csv")
    assert joined(open_source(tmp_path / "a.csv", Columns("e*"))).rows.tolist() == [[1, 2], [3, 4], [5, 7]]
    (tmp_path / "a.jsonl").write_text('{"tokens": [1, 2]}\n{"tokens": [3, 4]}\n')
    with pytest.raises(ColumnError, match="lists of integers are taken only when named"):
        open_source(tmp_path / "a.jsonl")
    assert joined(open_source(tmp_path / "a.jsonl", Columns("tokens"))).rows.tolist() == [[1, 2], [3, 4]]


def test_a_dimension_that_begins_with_whole_numbers_is_still_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("e0,e1,e2,e3\n1.5,0,2.5,\n2.5,0,1.5,\n1,0.25,2,1.5\n")
    read = joined(open_source(tmp_path / "a.csv"))
    assert read.null == [0, 1]
    assert read.rows.tolist() == [[1, 0.25, 2, 1.5]]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".arrow"])
def test_two_candidates_are_refused_with_the_option(suffix: str, tmp_path: Path) -> None:
    both = {"a": X[:5].tolist(), "b": X[:5].tolist()}
    write: Callable[[Path], Any] = {
        ".csv": lambda path: pd.DataFrame(both).to_csv(path),
        ".jsonl": lambda path: pl.DataFrame(both).write_ndjson(path),
        ".arrow": lambda path: feather.write_feather(pa.table(both), path),
    }[suffix]
    write(tmp_path / f"x{suffix}")
    with pytest.raises(ColumnError, match=r"expected one embedding column, found 2: .* choose with column='a' or"):
        open_source(tmp_path / f"x{suffix}")
    np.testing.assert_array_equal(joined(open_source(tmp_path / f"x{suffix}", Columns("b"))).rows, X[:5])


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl", ".arrow"])
def test_directories_and_globs_are_one_data_set(suffix: str, tmp_path: Path) -> None:
    write: Callable[[Any, Path], Any] = {
        ".csv": lambda frame, path: frame.to_csv(path, index=False),
        ".csv.gz": lambda frame, path: frame.to_csv(path, index=False),
        ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, double_precision=15),
        ".arrow": lambda frame, path: frame.to_feather(path),
    }[suffix]
    frame = pd.DataFrame({"id": IDS, **{f"e{j}": X[:, j] for j in range(D)}})
    for part, rows in ((10, frame[120:]), (2, frame[:120]), (3, frame[:0])):
        if suffix != ".jsonl" or len(rows):
            write(rows.reset_index(drop=True), tmp_path / f"part_{part}{suffix}")
    for named in (tmp_path, str(tmp_path / f"*{suffix}")):
        source = open_source(named)
        assert Path(source.files[0]).name == f"part_2{suffix}"
        assert joined(source, 50).extra["id"] == IDS


def test_tables_of_text_beside_other_rows_are_left_alone(tmp_path: Path) -> None:
    """A log or the results beside the embeddings never change what a directory was."""
    pq.write_table(TABLE, tmp_path / "a.parquet")
    (tmp_path / "results.csv").write_text("step,loss\n1,0.5\n")
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n')
    assert open_source(tmp_path).files == (str(tmp_path / "a.parquet"),)


def test_other_kinds_of_rows_in_one_directory_are_refused(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    feather.write_feather(TABLE, tmp_path / "b.feather")
    with pytest.raises(SourceError, match=r"expected files of one kind, found .feather, .parquet"):
        open_source(tmp_path)


def test_files_of_another_width_or_without_a_column_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"e0": [0.5], "e1": [0.5]}).to_csv(tmp_path / "a.csv")
    pd.DataFrame({"e0": [0.5], "e1": [0.5], "e2": [0.5]}).to_csv(tmp_path / "b.csv")
    with pytest.raises(ColumnError, match="give each file as a source of its own"):
        open_source([tmp_path / "a.csv", tmp_path / "b.csv"])


@pytest.mark.parametrize("name", ["feather lz4", "pandas csv.gz", "polars ndjson", "datasets on disk"])
def test_commands_take_them(name: str, labelfree: Program, tmp_path: Path) -> None:
    written = tmp_path / WRITERS[name][0]
    with contextlib.redirect_stderr(io.StringIO()):
        WRITERS[name][1](written)
    done = labelfree("doctor", written)
    assert done.returncode == 0, done.stderr
    done = labelfree("transfer", written, "--source", written, "--only", "coral", "--json")
    assert json.loads(done.stdout)["reports"][0]["metrics"]["coral"]["value"] == pytest.approx(0, abs=1e-12), (
        done.stderr
    )
