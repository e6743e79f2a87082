"""Small Parquet files that decode to gigabytes are refused before Arrow decodes them: in little memory and time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import parquet_bombs
from labelfree.sources.block import Columns
from labelfree.sources.opening import open_source
from parquet_bombs import NAMES
from readers import joined
from repository import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

MOST_PEAK, MOST_SECONDS = 300, 5
"""Megabytes of the whole process, and seconds of work on a file."""
FOUND = sorted((ROOT.parent / "shared" / "hostile").glob("*.parquet"))
"""Files that were found on version 0.1.0, where they lie beside the repository."""
Told = dict[str, dict[str, Any]]


def told_of(lines: list[tuple[str, Path]]) -> list[dict[str, Any]]:
    """What became of files that were opened by their commands, all in one process."""
    given = "".join(f"{command}\t{path}\n" for command, path in lines)
    program = [sys.executable, parquet_bombs.__file__]
    done = subprocess.run(program, input=given, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What became of every variant, by its name, and what its message must match."""
    place, lines, expected = tmp_path_factory.mktemp("bombs"), [], {}
    for name, command, content, says in parquet_bombs.variants():
        lines.append((command, place / f"{name.replace(' ', '-')}.parquet"))
        lines[-1][1].write_bytes(content)
        expected[name] = says
    found = told_of(lines)
    return {name: one | {"says": expected[name]} for name, one in zip(expected, found, strict=True)}


def check(one: dict[str, Any]) -> None:
    """Refused, in a few words, in bounded memory and time."""
    assert one["kind"] == "LabelfreeError", one
    assert Path(one["path"]).name in one["said"]
    assert len(one["said"]) < 1000
    assert one["peak"] < MOST_PEAK, one
    assert one["seconds"] < MOST_SECONDS, one


@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_is_refused_before_it_is_decoded(name: str, told: Told) -> None:
    check(told[name])
    assert re.search(told[name]["says"], told[name]["said"]), told[name]["said"]


def test_there_are_two_hundred_bombs_and_they_are_small(told: Told) -> None:
    assert len(told) == len(NAMES) == 200
    sizes = [Path(one["path"]).stat().st_size for one in told.values()]
    assert np.median(sizes) < 100_000
    assert max(sizes) < 5_000_000


@pytest.mark.skipif(not FOUND, reason="the files that were found lie beside the repository")
@pytest.mark.parametrize("command", ["rank", "doctor", "opis", "embed"])
def test_what_was_found_is_refused(command: str) -> None:
    for one in told_of([(command, path) for path in FOUND]):
        check(one)


def as_found(path: Path) -> None:
    """2,000 narrow rows and a wide one, as a library writes them: a dictionary, and zstd."""
    lengths = np.array([4] * 2_000 + [4_000_000])
    values = pa.array(np.ones(lengths.sum(), np.float32))
    rows = pa.ListArray.from_arrays(np.concatenate([[0], lengths.cumsum()]).astype(np.int32), values)
    pq.write_table(pa.table({"emb": rows}), path, compression="zstd")


def test_a_wide_row_among_narrow_ones_as_pyarrow_writes_it(tmp_path: Path) -> None:
    as_found(tmp_path / "a.parquet")
    (one,) = told_of([("rank", tmp_path / "a.parquet")])
    check(one)
    assert re.search(r"column 'emb' holds a row of 4,000,\d\d\d numbers or more", one["said"])


@pytest.mark.parametrize("rows", [-1, 4], ids=["first version", "second version"])
@pytest.mark.parametrize("codec", parquet_bombs.CODECS)
def test_lists_as_bombs_are_made_of_them_are_sound(codec: str, rows: int, tmp_path: Path) -> None:
    """The same writers write files that are read where they are small: their size alone is refused."""
    path, run = tmp_path / "a.parquet", parquet_bombs.run
    kept = parquet_bombs.dictionary(np.float32(3).tobytes(), 1, codec)
    page = parquet_bombs.data(16, b"\x01" + run(0, 16), codec, 8, (parquet_bombs.narrow(2), run(1, 16)), rows)
    column = parquet_bombs.Column("emb", parquet_bombs.FLOAT, codec, lists=True).add(kept + page, 16, len(kept))
    path.write_bytes(parquet_bombs.file([column], [4]))
    assert joined(open_source(path)).rows.tolist() == [[3.0] * 4] * 4


def test_texts_as_bombs_are_made_of_them_are_sound(tmp_path: Path) -> None:
    path, made = tmp_path / "a.parquet", parquet_bombs
    prefixes, suffixes = np.array([0, 3, 1, 5]), np.array([3, 0, 4, 1])
    held = made.deltas(prefixes) + made.deltas(suffixes) + b"abcdefgh"
    texts = made.Column("id", made.TEXT, "none").add(made.data(4, held, "none", made.DELTA_TEXT), 4)
    path.write_bytes(made.file([made.honest(4, np.random.default_rng(0)), texts], [4]))
    found = joined(open_source(path, Columns(id="id"))).extra["id"]
    assert list(found) == ["abc", "abc", "adefg", "adefgh"]
