"""What a Parquet file will decode to is counted as it is, and honest files are read as they were written."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelfree.errors import SourceError
from labelfree.sources.block import Columns
from labelfree.sources.guards import decoding
from labelfree.sources.guards.decoding import BATCH, check_pages, rows_at_once
from labelfree.sources.guards.footers import Footer, footer
from labelfree.sources.guards.pages import DELTA_TEXT, DICTIONARY, Page, pages
from labelfree.sources.guards.unpacking import RowWidths, delta_lengths, widest_entry
from labelfree.sources.opening import open_source
from labelfree.sources.tables.parquet import batches
from readers import joined

pytestmark = pytest.mark.once

CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
VERSIONS = ["1.0", "2.0"]


def claimed(path: Path) -> Footer:
    """The footer of a file that has one."""
    found = footer(path)
    assert found is not None
    return found


def listed(path: Path, which: int = 0) -> list[tuple[Page, int]]:
    """All pages of a leaf, each with its codec."""
    found = claimed(path)
    with path.open("rb") as stream:
        return [
            (page, chunk.codec)
            for chunk in found.leaves[which].chunks
            for page in pages(stream, path, chunk, found.size, "")
        ]


def lists_of(lengths: list[int]) -> pa.Array:
    """A column of lists so long, of numbers that differ."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(ends, pa.array(np.arange(ends[-1], dtype=np.float32)))


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9) | st.integers(0, 2000), min_size=1, max_size=60),
    codec=st.sampled_from(CODECS),
    version=st.sampled_from(VERSIONS),
    small=st.booleans(),
)
def test_rows_are_as_wide_as_their_levels_say(
    lengths: list[int], codec: str, version: str, small: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("levels") / "a.parquet"
    options: dict[str, Any] = {"data_page_size": 64, "write_batch_size": 7} if small else {}
    pq.write_table(pa.table({"emb": lists_of(lengths)}), path, compression=codec, data_page_version=version, **options)
    widths = RowWidths(1)
    with path.open("rb") as stream:
        for page, kind in listed(path):
            if page.kind != DICTIONARY:
                widths.add(stream, page, kind)
    assert widths.rows == len(lengths)
    assert max(1, *lengths) <= widths.widest <= max(lengths) + 128


def test_matrices_are_as_wide_as_all_their_numbers(tmp_path: Path) -> None:
    rows = [[[1.0, 2.0], [3.0]], [[4.0]], [[5.0] * 90] * 3, [[]], [], [[6.0]] * 7]
    for version in VERSIONS:
        pq.write_table(pa.table({"emb": rows}), tmp_path / "a.parquet", data_page_version=version)
        widths = RowWidths(2)
        with (tmp_path / "a.parquet").open("rb") as stream:
            for page, kind in listed(tmp_path / "a.parquet"):
                if page.kind != DICTIONARY:
                    widths.add(stream, page, kind)
        assert (widths.rows, widths.widest) == (6, 270)


@pytest.mark.parametrize("texts", [["a", "bcd", "", "ef" * 40], ["abcd", "efgh"], [""], ["ä", "bb"]])
def test_the_longest_text_of_a_dictionary(texts: list[str], tmp_path: Path) -> None:
    for codec in CODECS:
        pq.write_table(pa.table({"id": texts * 9}), tmp_path / "a.parquet", compression=codec)
        ((page, kind),) = [(page, kind) for page, kind in listed(tmp_path / "a.parquet") if page.kind == DICTIONARY]
        with (tmp_path / "a.parquet").open("rb") as stream:
            assert widest_entry(stream, page, kind) == max(len(text.encode()) for text in texts)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=40) | st.none(), min_size=1, max_size=400), version=st.sampled_from(VERSIONS))
def test_texts_that_continue_each_other(
    texts: list[str | None], version: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.parquet"
    options: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY"}}
    table = pa.table({"id": pa.array(texts, pa.string())})
    pq.write_table(table, path, data_page_version=version, compression="zstd", **options)
    lengths = [len(text.encode()) for text in texts if text is not None]
    ((page, kind),) = listed(path)
    assert page.encoding == DELTA_TEXT
    with path.open("rb") as stream:
        assert delta_lengths(stream, page, kind, 0, 1) == (max(lengths, default=0), sum(lengths))


N, D = 3_000, 16
DRAW = np.random.default_rng(0)
ROWS: dict[str, Any] = {
    "random": DRAW.normal(size=(N, D)).astype(np.float32),
    "equal": np.ones((N, D), np.float32),
    "few values": np.round(DRAW.normal(size=(N, D)).astype(np.float32)),
}
LAYOUTS: dict[str, Callable[[Any], pa.Array]] = {
    "list": lambda X: pa.array(list(X)),
    "large_list": lambda X: pa.LargeListArray.from_arrays(np.arange(0, X.size + 1, D), pa.array(X.ravel())),
    "fixed_size_list": lambda X: pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), D),
}
IDS = [sha256(str(i).encode()).hexdigest() for i in range(N)]
NAMES = [f"group {i % 7}" for i in range(N)]


def table(rows: str = "random", layout: str = "list") -> pa.Table:
    """Embeddings with long ids and few groups."""
    return pa.table({"emb": LAYOUTS[layout](ROWS[rows]), "id": IDS, "name": NAMES})


def check_honest(path: Path, rows: str = "random") -> None:
    """A batch may hold all rows, and they are read as they were written."""
    assert rows_at_once(path, claimed(path), ["emb", "id", "name"], 1 << 16) == 1 << 16
    found = joined(open_source(path, Columns("emb", id="id", group="name")), 500)
    assert np.array_equal(found.rows, ROWS[rows])
    assert list(found.extra["id"]) == IDS
    assert list(found.extra["group"]) == NAMES


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", ROWS)
def test_what_is_honest_is_read(rows: str, layout: str, codec: str, version: str, tmp_path: Path) -> None:
    pq.write_table(table(rows, layout), tmp_path / "a.parquet", compression=codec, data_page_version=version)
    check_honest(tmp_path / "a.parquet", rows)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
@pytest.mark.parametrize("numbers", ["PLAIN", "BYTE_STREAM_SPLIT"])
def test_every_encoding_is_read(numbers: str, text: str, version: str, tmp_path: Path) -> None:
    encodings = {"emb.list.element": numbers, "id": text, "name": text}
    options: dict[str, Any] = {"use_dictionary": False, "column_encoding": encodings, "row_group_size": 700}
    pq.write_table(table(), tmp_path / "a.parquet", data_page_version=version, **options)
    check_honest(tmp_path / "a.parquet")


def test_every_writer_is_read(tmp_path: Path) -> None:
    honest, path = table(), tmp_path / "a.parquet"
    honest.to_pandas().to_parquet(path)
    check_honest(path)
    for codec in ("zstd", "lz4", "uncompressed"):
        pl.from_arrow(honest).write_parquet(path, compression=codec)  # type: ignore[union-attr]
        check_honest(path)
    for options in ("", ", parquet_version v2", ", codec zstd", ", row_group_size 2048"):
        duckdb.sql(f"copy honest to '{path}' (format parquet{options})")
        check_honest(path)


def sized(path: Path, rows: int, length: int) -> Path:
    """A file of text in which one long text is repeated."""
    text = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array(["a" * length]))
    pq.write_table(pa.table({"emb": np.arange(rows) / 7, "id": text.cast(pa.string())}), path)
    return path


def test_a_batch_of_text_is_as_short_as_it_must_be(tmp_path: Path) -> None:
    path = sized(tmp_path / "a.parquet", 1_000, 200_000)
    rows = [batch.num_rows for batch in batches(path, [], ["id"], 1 << 16)]
    assert sum(rows) == 1_000
    assert BATCH / 8 < max(rows) * 200_000 <= BATCH


def test_all_text_of_a_column_must_fit_into_what_reading_may_take(tmp_path: Path) -> None:
    path = sized(tmp_path / "a.parquet", 400, 200_000)
    found, total = claimed(path), 400 * 200_000
    assert rows_at_once(path, found, ["id"], 8, total) == 8
    with pytest.raises(SourceError, match=rf"column 'id' would decode to {total:,} bytes .* may take {total - 1:,}"):
        rows_at_once(path, found, ["id"], 8, total - 1)


def test_a_row_may_be_larger_than_a_batch_where_the_limit_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "BATCH", 1 << 16)
    path, width = tmp_path / "a.parquet", 1 << 17
    pq.write_table(pa.table({"emb": list(DRAW.normal(size=(5, width)))}), path, compression="none")
    found, need = claimed(path), 4 * 8 * width
    assert rows_at_once(path, found, ["emb"], 100, need) == 1
    with pytest.raises(SourceError, match=rf"one row .* column 'emb' would decode to {8 * width:,} bytes .* memory"):
        rows_at_once(path, found, ["emb"], 100, need - 1)
    assert rows_at_once(path, found, ["emb"], 100) == 1


def test_wide_rows_make_short_batches(tmp_path: Path) -> None:
    columns = {f"e_{j}": np.arange(4.0) for j in range(300)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = claimed(tmp_path / "a.parquet")
    most = BATCH // (8 * 300)
    assert rows_at_once(tmp_path / "a.parquet", found, columns, most) == most
    assert rows_at_once(tmp_path / "a.parquet", found, columns, most + 1) == (most + 1) // 2
    assert rows_at_once(tmp_path / "a.parquet", found, ["e_0"], BATCH // 8) == BATCH // 8


def test_pages_may_take_what_a_limit_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BATCH", 1)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": DRAW.normal(size=10_000)}), path, use_dictionary=False, compression="none")
    found, held = claimed(path), max(page.unpacked for page, _ in listed(path))
    check_pages(path, found, ["a"], held)
    with pytest.raises(SourceError, match=rf"its pages take {held:,} bytes of memory at once"):
        check_pages(path, found, ["a"], held - 1)


def test_columns_that_are_not_read_are_not_looked_at(tmp_path: Path) -> None:
    path = sized(tmp_path / "a.parquet", 300, 200_000)
    assert rows_at_once(path, claimed(path), ["emb"], 300, 1 << 20) == 300
