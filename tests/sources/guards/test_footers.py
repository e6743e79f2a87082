"""What a footer and an archive claim is read as the libraries read it, and bounded where they do not bound it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import hostile_tables
from labelfree.errors import SourceError
from labelfree.sources.guards.archives import members
from labelfree.sources.guards.decoding import check_pages
from labelfree.sources.guards.footers import footer

pytestmark = pytest.mark.once

X = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
TABLES: dict[str, Callable[[], pa.Table]] = {
    "vectors": lambda: pa.table({"id": [f"row {i}" for i in range(500)], "emb": X.tolist(), "n": range(500)}),
    "wide": lambda: pa.table({f"e_{j}": X[:, j % 4] for j in range(40)}),
    "nested": lambda: pa.table({"a": [{"b": [{"c": 1.5, "d": None}], "e": "x"}] * 20, "emb": X[:20].tolist()}),
    "no rows": lambda: pa.table({"emb": pa.array([], pa.list_(pa.float32()))}),
    "maps": lambda: pa.table({"a": pa.array([[("k", 1)]] * 9, pa.map_(pa.string(), pa.int8())), "emb": X[:9].tolist()}),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"compression": "zstd", "row_group_size": 70},
    {"compression": "gzip", "data_page_version": "2.0", "write_page_index": True},
    {"compression": "brotli", "use_dictionary": False, "store_schema": False, "write_statistics": False},
    {"compression": "none", "version": "1.0", "write_page_checksum": True, "sorting_columns": [pq.SortingColumn(0)]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: str(o.get("compression", "default")))
@pytest.mark.parametrize("name", TABLES)
def test_a_footer_is_read_as_pyarrow_reads_it(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    table, path = TABLES[name](), tmp_path / "a.parquet"
    pq.write_table(table.replace_schema_metadata({"much": "x" * 600}), path, **options)
    found, metadata = footer(path), pq.read_metadata(path)
    assert found is not None
    assert found.rows == metadata.num_rows == sum(found.groups)
    assert found.groups == [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    expected: dict[str, list[tuple[int, int]]] = {}
    for group in range(metadata.num_row_groups):
        for i in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(i)
            expected.setdefault(chunk.path_in_schema, []).append((chunk.num_values, chunk.total_compressed_size))
    chunks = [[(c.values, c.held) for c in leaf.chunks] for leaf in found.leaves]
    assert sorted(filter(None, chunks)) == sorted(expected.values())
    assert {leaf.name.decode() for leaf in found.leaves} == set(table.column_names)
    schema = pq.ParquetFile(path).schema
    levels = [
        (schema.column(i).max_repetition_level, schema.column(i).max_definition_level) for i in range(len(schema))
    ]
    assert [(leaf.repeated, leaf.optional) for leaf in found.leaves] == levels
    check_pages(path, found, table.column_names)


def test_the_depth_of_types_is_counted_from_the_root(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for depth in (1, 50, 99):
        path.write_bytes(hostile_tables.nested(depth))
        found = footer(path)
        assert found is not None
        assert found.depth == depth + 1
    path.write_bytes(hostile_tables.nested(100))
    with pytest.raises(SourceError, match="nested more than 100 deep"):
        footer(path)


@pytest.mark.parametrize(
    ("megabytes", "columns", "allowed"), [(256, 1, True), (257, 1, False), (64, 4, True), (65, 4, False)]
)
def test_pages_may_unpack_to_256_megabytes_at_once(megabytes: int, columns: int, allowed: bool, tmp_path: Path) -> None:
    path, nbytes = tmp_path / "a.parquet", megabytes << 20
    packed = hostile_tables.zeros(nbytes)
    path.write_bytes(
        hostile_tables.flat(
            columns=columns, codec=hostile_tables.ZSTD, rows=nbytes // 4, packed=packed, unpacked=nbytes
        )
    )
    found = footer(path)
    assert found is not None
    names = [f"e_{j}" for j in range(columns)]
    if allowed:
        check_pages(path, found, names)
    else:
        with pytest.raises(SourceError, match=rf"would take {columns * nbytes:,} bytes of memory at once"):
            check_pages(path, found, names)
        check_pages(path, found, ["another"])


def test_a_collapsed_model_is_no_bomb(tmp_path: Path) -> None:
    """A million equal rows, in a file of a few kilobytes, as pyarrow writes them."""
    path = tmp_path / "a.parquet"
    column = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(1_000_000 * 16, np.float32)), 16)
    for codec in ("zstd", "snappy", "brotli"):
        pq.write_table(pa.table({"emb": column}), path, compression=codec)
        assert path.stat().st_size < 200_000
        found = footer(path)
        assert found is not None
        check_pages(path, found, ["emb"])


@pytest.mark.parametrize("name", ["stored.npz", "packed.npz", "a.pt"])
def test_members_lie_where_zipfile_finds_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "a.pt":
        torch.save({"w": torch.from_numpy(X), "v": torch.ones(3)}, path)
    else:
        (np.savez if name == "stored.npz" else np.savez_compressed)(path, **{"X": X, "deep/er/y": X[0], "ümläut": X[1]})
    found, whole = members(path, "file"), path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert list(found) == archive.namelist()
        for member in found.values():
            entry = archive.getinfo(member.name)
            assert (member.held, member.size) == (entry.compress_size, entry.file_size)
            if member.stored:
                assert whole[member.start : member.start + member.held] == archive.read(member.name)
    assert all(member.stored for member in found.values()) == (name != "packed.npz")
