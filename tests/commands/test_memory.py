"""What --memory promises is kept: the peak of the program, measured, is at most the estimate, and not far below it."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from labelfree.cli.main import run
from labelfree.commands.process_memory import give_back, held
from labelfree.errors import ResourceError
from repository import ROOT

BENCHMARKS = ROOT / "benchmarks"
PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
LOOSEST = 2.0
"""Largest estimate over the peak: a bound that is further away helps nobody."""


def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    """benchmarks/memory.py as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("memory")


def kept() -> list[dict[str, Any]]:
    """The committed cases."""
    rows: list[dict[str, Any]] = json.loads((BENCHMARKS / "results" / "memory.json").read_text())["rows"]
    return rows


@PROC
@pytest.mark.slow
@pytest.mark.parametrize(("n", "d", "count", "sourced"), [(600, 32, 4, False), (3_000, 256, 5, True)])
def test_a_limit_is_kept_among_candidates(
    n: int, d: int, count: int, sourced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = study(monkeypatch)
    path = memory.made(memory.Case("select", n, d, "float32", 2, "parquet"), tmp_path)
    behind = (tmp_path / "source.parquet").rename(tmp_path / "kept_source.parquet")
    names = [tmp_path / f"candidate_{i}.parquet" for i in range(count)]
    for name in names:
        name.hardlink_to(path)
        if sourced:
            name.with_suffix(".source.parquet").hardlink_to(behind)
    estimate, peak = memory.numbers(["select", *map(str, names), "--threads", "2", "-q"])
    assert peak <= estimate <= LOOSEST * peak


@PROC
@pytest.mark.parametrize(
    ("command", "n", "d", "dtype", "threads", "suffix", "options"),
    [
        ("rank", 200, 16, "float32", 2, "npy", ()),
        ("rank", 100_000, 64, "float32", 2, "parquet", ("--only", "rankme")),
        ("rank", 2_000, 256, "float64", 1, "npy", ()),
        ("rank", 100_000, 256, "float32", 2, "npy", ("--rows", "60%")),
        ("separability", 3_000, 32, "float32", 2, "npy", ()),
        ("doctor", 2_000, 1280, "float64", 2, "npy", ()),
        ("transfer", 2_000, 128, "float32", 2, "parquet", ("--source", "source.parquet")),
        ("opis", 5_000, 64, "float32", 2, "parquet", ("--group", "item")),
        ("evaluate", 1_000, 64, "float64", 2, "parquet", ("--group", "item")),
        ("summarize", 5_000, 256, "float32", 2, "npy", ("-o", "out.summary")),
        ("rank", 5_000, 256, "float32", 1, "summary", ()),
        pytest.param("rank", 2_000, 1280, "float32", 2, "npy", (), marks=[pytest.mark.slow, pytest.mark.once]),
        pytest.param("separability", 2_000, 1280, "float64", 2, "npy", (), marks=[pytest.mark.slow, pytest.mark.once]),
    ],
)
def test_a_limit_is_kept(
    command: str, n: int, d: int, dtype: str, threads: int, suffix: str, options: tuple[str, ...], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    memory = study(monkeypatch)
    row = memory.measured(memory.Case(command, n, d, dtype, threads, suffix, options), tmp_path)
    assert row["peak"] <= row["estimate"] <= LOOSEST * row["peak"]


@pytest.mark.once
def test_every_committed_peak_is_below_its_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of docs/memory.md: every command and width, and one and two threads with float32 and float64."""
    memory, rows = study(monkeypatch), kept()
    for command, suffix, _ in memory.COMMANDS:
        own = memory.own(rows, command, of_summary=suffix == "summary")
        assert {row["d"] for row in own} == {*memory.WIDTHS}
        assert {(row["dtype"], row["threads"]) for row in own} == {*memory.SETTINGS}
    for row in rows:
        assert 0 < row["peak"] <= row["estimate"] <= LOOSEST * row["peak"], row
    assert (ROOT / "docs" / "memory.md").read_text() == memory.page(rows)


@PROC
def test_memory_is_seen_and_given_back() -> None:
    give_back()
    before = held()
    rows = np.ones((1000, 8000))  # 64 MB, of which numpy touches every page
    assert held() - before > 0.9 * rows.nbytes
    pieces = [row.copy() for row in rows]  # below the size that is mapped on its own
    del rows, pieces
    give_back()
    assert held() - before < 16_000_000


def test_what_the_program_holds_is_in_the_estimate() -> None:
    """Rows in memory count, whoever made them: the limit is on the process."""
    X = np.random.default_rng(0).standard_normal((100, 16))

    def promised() -> tuple[int, int]:
        with pytest.raises(ResourceError) as told:
            labelfree.doctor(X, memory=1)
        found = re.search(r"need about (\d+) MB .* (\d+) MB of which the program holds already", str(told.value))
        assert found is not None
        return int(found[1]), int(found[2])

    need, there = promised()
    assert need > there > 20
    ballast = np.ones(10_000_000)
    more, held_then = promised()
    if Path("/proc/self/status").exists():
        assert held_then - there > 60
        assert more - need > 60
    del ballast


def test_what_would_help_is_said() -> None:
    X = np.ones((2000, 64))
    with pytest.raises(ResourceError, match="raise the limit, or lower sample"):
        labelfree.separability(X, memory=10**6, threads=2)
    with pytest.raises(ResourceError, match="raise the limit, or name fewer metrics with only"):
        labelfree.rank(np.ones((20, 2000)), memory=10**6)
    with pytest.raises(ResourceError, match=r"raise the limit$"):
        labelfree.doctor(X, memory=10**6)


def test_a_refusal_ends_with_two_and_both_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", np.ones((200, 16)))
    monkeypatch.setattr(sys, "argv", ["labelfree", "rank", str(tmp_path / "x.npy"), "--memory", "5MB"])
    assert run() == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert re.search(r"--memory 5MB: 200 rows of width 16 need about \d+ MB .*; raise the limit", told)
