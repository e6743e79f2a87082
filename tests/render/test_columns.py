"""Values under one another, their marks and their course; the table of several sources in natural order."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import labelfree
from labelfree.commands.reports import Reports
from labelfree.render.console import console_for
from labelfree.render.tables.columns import MARK, aligned, sparkline
from labelfree.render.tables.table import show
from program import Program

pytestmark = pytest.mark.once

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
BLOCKS = "▁▂▃▄▅▆▇█"
RNG = np.random.default_rng(0)


@given(st.lists(st.sampled_from(["0.155", "-12.5", "1,234", "-", "0.8*", "12*", "3.2e-09", "1.5e+10"]), min_size=1))
def test_decimal_points_stand_under_one_another(cells: list[str]) -> None:
    found = aligned(cells)
    assert [text.strip() for text in found] == cells  # no digit is lost or made up
    assert len({len(text) for text in found}) == 1
    points = {text.index(".") for text in found if "." in text}
    assert len(points) <= 1
    for text, cell in zip(found, cells, strict=True):
        if points and "." not in cell:
            assert len(text.rstrip().rstrip(MARK)) == min(points)


@given(st.lists(NUMBERS, min_size=1, max_size=16))
def test_a_course_keeps_the_order_of_its_values(values: list[float]) -> None:
    found = sparkline(values)
    assert len(found) == len(values)
    levels = [BLOCKS.index(mark) for mark in found]
    if min(values) < max(values):
        assert (levels[values.index(min(values))], levels[values.index(max(values))]) == (0, 7)
    order = np.argsort(values, kind="stable")
    assert sorted(levels) == [levels[i] for i in order]


def test_a_course_of_many_is_of_means_of_neighbors() -> None:
    assert sparkline([*range(8)]) == BLOCKS
    assert len(sparkline([*map(float, range(100))])) == 16
    assert sparkline([float(i // 4) for i in range(32)]) == "".join(2 * mark for mark in BLOCKS)
    assert sparkline([1.0, None, 1.0]) == "▄·▄"
    assert sparkline([None, None]) == "··"
    assert sparkline([0.0, None, 1.0], blocks=False).isascii()
    assert sparkline([-1.7e308, 1.7e308]) == "▁█"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Checkpoints 0, 1, 2 and 10 of one run of the same rows: ever more even directions, the last one less."""
    place, X = tmp_path_factory.mktemp("run"), RNG.normal(size=(200, 8))
    found = []
    for step, spread in ((0, 0.2), (1, 0.4), (2, 1.0), (10, 0.5)):
        found.append(place / f"epoch_{step}.npy")
        np.save(found[-1], X * np.array([1.0, *[spread] * 7]))
    return found


def seen(reports: Reports, *, everything: bool = False) -> list[str]:
    console = Console(width=120, force_terminal=True, color_system=None, file=io.StringIO(), highlight=False)
    show(console, reports, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().split("\n")]


@pytest.mark.parametrize("everything", [False, True])
def test_the_table_is_in_the_order_of_the_steps(steps: list[Path], everything: bool) -> None:
    lines = seen(labelfree.rank([steps[i] for i in (3, 1, 0, 2)]), everything=everything)
    assert lines[0].startswith("highest rankme: epoch_2; epoch_10 is lower by ")
    names = [f"epoch_{i}" for i in (0, 1, 2, 10)]
    if everything:
        heading = next(line.split() for line in lines if line.startswith("metric "))
        assert heading[1:] == [*names, "course"]
        row = next(line.split() for line in lines if line.startswith("rankme "))
        assert [cell.endswith(MARK) for cell in row[1:5]] == [False, False, True, False]
        assert (row[-1][0], row[-1][2]) == ("▁", "█")
    else:
        start = next(i for i, line in enumerate(lines) if line.startswith("source "))
        rows = [line.split() for line in lines[start + 1 : start + 6]]
        assert [row[0] for row in rows] == [*names, "course"]
        assert [row[1].endswith(MARK) for row in rows[:4]] == [False, False, True, False]
        assert not any(row[4].endswith(MARK) for row in rows[:4])  # no direction is known for mean_cosine
        assert rows[4][1][0] == "▁"
        assert rows[4][1][2] == "█"
        points = {line.index(".") for line in lines[start + 1 : start + 5]}
        assert len(points) == 1
    assert any(line.startswith(f"{MARK} highest") for line in lines)
    assert "keep" not in "\n".join(lines)


def test_nothing_is_marked_where_nothing_compares() -> None:
    lines = seen(labelfree.rank([RNG.normal(size=(60, 4)), RNG.normal(size=(60, 5)), RNG.normal(size=(60, 6))]))
    assert lines[0] == "no highest or lowest: not comparable: d differs: 4, 5, 6"
    assert not any(re.search(rf"\d\{MARK}", line) or line.startswith("course") for line in lines)


def test_a_stream_that_cannot_hold_blocks_gets_ascii(steps: list[Path], labelfree: Program) -> None:
    for encoding, plain in (("ascii", True), ("utf-8", False), ("latin-1", True)):
        done = labelfree("rank", *steps, "-q", env={"PYTHONIOENCODING": encoding})
        assert done.returncode == 0, done.stderr
        course = next(line for line in done.stdout.splitlines() if line.startswith("course"))
        assert course.isascii() == plain


def test_a_pipe_keeps_its_encoding() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert console_for(stream).encoding == "latin-1"
