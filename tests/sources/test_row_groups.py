"""Row groups chosen by the seed: how many, which, and that what is read of them is theirs in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labelfree
from labelfree.errors import RowsError, UsageError
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.row_groups import RANGE_ROWS, Amount, chosen_groups

ROWS = np.random.default_rng(0).normal(size=(10_000, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "rows", "percent"),
    [
        (7, 7, None), ("7", 7, None), ("100k", 100_000, None), ("1.5M", 1_500_000, None), ("1_000", 1_000, None),
        ("2,000", 2_000, None), ("1%", None, Decimal(1)), ("0.25%", None, Decimal("0.25")),
        ("100%", None, Decimal(100)),
    ],
)  # fmt: skip
def test_amounts(given: object, rows: int | None, percent: Decimal | None) -> None:
    found = Amount.checked(given, 3)
    assert (found.rows, found.percent, found.seed) == (rows, percent, 3)


@pytest.mark.parametrize("given", [0, -1, "0", "0%", "101%", "1.5", "k", "", "1%%", 2.5, True, "1e3", "all", None])
def test_what_is_no_amount(given: object) -> None:
    with pytest.raises(UsageError, match="expected a number of rows such as 100k, or a share such as 1%, found"):
        Amount.checked(given, 0)


@pytest.mark.parametrize(
    ("given", "total", "rows"),
    [("1%", 1000, 10), ("1%", 1001, 11), ("100%", 7, 7), (9, 7, 7), (7, 7, 7), ("50%", 0, 0)],
)
def test_a_share_is_rounded_up_and_never_above_all(given: object, total: int, rows: int) -> None:
    assert Amount.checked(given, 0).of(total) == rows


FILES = st.lists(st.lists(st.integers(0, 50), max_size=12), min_size=1, max_size=4)


@given(FILES, st.integers(1, 300), st.integers(1, 300), st.integers(0, 5))
def test_more_rows_hold_the_fewer_and_no_group_is_read_in_vain(
    files: list[list[int]], fewer: int, more: int, seed: int
) -> None:
    fewer, more = sorted((fewer, more))
    total = sum(map(sum, files))
    few, many = (chosen_groups(files, Amount(rows, None, seed)) for rows in (fewer, more))
    if many is None:
        assert total - max((n for own in files for n in own), default=0) < more
    if few is None or many is None:
        assert few is not None or many is None
        return
    assert {*few.spans} <= {*many.spans}
    for one, least in ((few, fewer), (many, more)):
        assert least <= one.total < total
        assert one.total == sum(files[f][g] for f, own in enumerate(one.groups) for g in own)
        last = one.spans[one.order.index(max(one.order))]
        assert one.total - (last[1] - last[0]) < least  # without the one that was chosen last there are too few
        assert sorted(one.spans) == list(one.spans)
        assert sorted(one.order) == list(range(len(one.spans)))
        assert one.of == sum(n > 0 for own in files for n in own)


def test_a_file_that_comes_later_changes_no_choice_among_the_earlier_ones() -> None:
    files = [[10] * 20, [10] * 20]
    before, after = (chosen_groups(held, Amount(100, None, 4)) for held in (files, [*files, [10] * 5]))
    assert before is not None
    assert after is not None
    kept = {(f, g) for f, own in enumerate(after.groups[:2]) for g in own}
    assert kept <= {(f, g) for f, own in enumerate(before.groups) for g in own}


def test_every_group_is_chosen_as_often_as_another() -> None:
    seen: Counter[int] = Counter()
    for seed in range(4000):
        found = chosen_groups([[1] * 6, [1] * 4], Amount(3, None, seed))
        assert found is not None
        seen.update(start for start, _ in found.spans)
    expected = 4000 * 3 / 10
    spread = (4000 * 0.3 * 0.7) ** 0.5
    assert all(abs(seen[group] - expected) < 4.5 * spread for group in range(10))


def parquet(place: Path) -> str:
    for file in range(4):
        own = slice(file * 2500, (file + 1) * 2500)
        pq.write_table(table(own), place / f"p{file}.parquet", row_group_size=300)
    return f"{place}/p*.parquet"


def table(own: slice) -> pa.Table:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(ROWS[own].ravel()), ROWS.shape[1])
    return pa.table({"id": [f"r{i}" for i in range(own.start, own.stop)], "embedding": lists})


def arrow(place: Path, opened: Callable[..., Any] = pa.ipc.new_file) -> str:
    for file in range(4):
        held = table(slice(file * 2500, (file + 1) * 2500))
        with opened(place / f"a{file}.arrow", held.schema) as writer:
            writer.write_table(held, max_chunksize=300)
    return f"{place}/a*.arrow"


def npy(place: Path) -> str:
    np.save(place / "one.npy", ROWS[:9000])
    np.save(place / "two.npy", ROWS[9000:])
    return f"{place}/*.npy"


SOURCES: dict[str, Callable[[Path], Any]] = {
    "parquet": parquet, "arrow": arrow, "stream": lambda place: arrow(place, pa.ipc.new_stream), "npy": npy,
    "array": lambda place: ROWS, "arrow table": lambda place: table(slice(0, 10_000)),
    "pandas": lambda place: table(slice(0, 10_000)).to_pandas(), "columns": lambda place: np.asfortranarray(ROWS),
}  # fmt: skip


def opened(given: Any, rows: object, seed: int = 0) -> Source:
    return open_source(given, Columns(amount=Amount.checked(rows, seed)))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("step", [1_000_000, 70])
def test_rows_are_those_of_their_positions_in_the_whole(name: str, step: int, tmp_path: Path) -> None:
    source = opened(SOURCES[name](tmp_path), 3000)
    assert source.part is not None
    blocks = list(source.read(step))
    index = np.concatenate([block.index for block in blocks])
    assert np.array_equal(np.concatenate([block.rows for block in blocks]), ROWS[index])
    assert np.array_equal(index, np.concatenate([np.arange(*span) for span in source.part.spans]))
    assert source.total == len(index) >= 3000
    assert np.array_equal(source.among(index), np.arange(len(index)))
    if source.values is not None:
        ids = np.concatenate([np.asarray(v) for v in source.values("id")])
        assert ids.tolist() == [f"r{i}" for i in index]


@pytest.mark.parametrize("name", SOURCES)
def test_all_rows_are_a_full_pass(name: str, tmp_path: Path) -> None:
    given = SOURCES[name](tmp_path)
    assert opened(given, "100%").part is None
    assert labelfree.rank(given, rows=10_000).metrics == labelfree.rank(given).metrics


@pytest.mark.parametrize("name", ["npy", "array", "arrow table"])
def test_without_row_groups_ranges_of_a_stated_size_are_read(name: str, tmp_path: Path) -> None:
    part = opened(SOURCES[name](tmp_path), 1).part
    assert part is not None
    assert part.kind == f"ranges of {RANGE_ROWS:,} rows"
    assert all((stop - start == RANGE_ROWS) or stop in (9000, 10_000) for start, stop in part.spans)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.npz"])
def test_what_is_read_from_its_start_is_refused(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    if name.endswith("npz"):
        np.savez(place, rows=ROWS)
    else:
        frame = pd.DataFrame(ROWS[:100], columns=[f"e{i}" for i in range(6)])
        frame.to_json(place, orient="records", lines=True) if "json" in name else frame.to_csv(place, index=False)
    with pytest.raises(
        UsageError, match=r"rows: expected files that hold row groups, found .*read from its start; (write|save)"
    ):
        labelfree.rank(place, rows=10)


def test_messages_name_rows_of_the_whole_data_set(tmp_path: Path) -> None:
    bad = table(slice(0, 10_000)).set_column(1, "embedding", pa.array([[1.0] * 6] * 9_999 + [[float("nan")] * 6]))
    for file in range(2):
        pq.write_table(bad.slice(file * 5000, 5000), tmp_path / f"{file}.parquet", row_group_size=1000)
    seed = next(s for s in range(99) if opened(f"{tmp_path}/*.parquet", 1, s).part.spans == ((9000, 10_000),))  # type: ignore[union-attr]
    with pytest.raises(
        RowsError, match=r"1 of 1000 rows hold NaN or infinity, first at row 9999 \(row 4999 of .*1\.parquet"
    ):
        labelfree.rank(f"{tmp_path}/*.parquet", rows=1, seed=seed)
