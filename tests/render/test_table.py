"""Tables in a terminal of 80 columns: every name and number is there in full."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import labelfree
from labelfree.commands.report import Report
from labelfree.gating.curves import curves
from labelfree.render.numbers import interval, value
from labelfree.render.pictures.histories import show as show_curves
from labelfree.render.tables.blocks import Column, blocks
from labelfree.render.tables.columns import MARK
from labelfree.render.tables.rows import remarks, shown
from labelfree.render.tables.table import show
from labelfree.render.verdicts.verdict import show as show_verdict
from repository import ROOT

pytestmark = pytest.mark.once

FINETUNE = ROOT / "fixtures" / "finetune"


@pytest.fixture(scope="module")
def epochs() -> list[Report]:
    return [labelfree.evaluate(FINETUNE / f"epoch_{i:02d}.parquet", sample=100) for i in range(6)]


def seen(reports: Sequence[Report], *, everything: bool = False, width: int = 80) -> list[str]:
    """The lines of the table on a terminal."""
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO(), highlight=False)
    show(console, reports, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().split("\n")]


def tables(lines: Sequence[str], first: str) -> list[list[str]]:
    """The blocks that begin with a heading in whose last line this word comes first."""
    starts = [i for i, line in enumerate(lines) if line.split()[:1] == [first]]
    return [lines[i : i + [*lines[i:], ""].index("")] for i in starts]  # type: ignore[misc]


def as_command(reports: Sequence[Report], command: str) -> list[Report]:
    return [report.model_copy(update={"command": command}) for report in reports]


@pytest.mark.parametrize("command", ["evaluate", "rank", "separability"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_source_and_every_number_is_there_in_full(epochs: list[Report], command: str, width: int) -> None:
    reports = as_command(epochs, command)
    lines = seen(reports, width=width)
    found = tables(lines, "source")
    assert all(cell_len(line) <= width for line in lines)
    for i, report in enumerate(reports):
        cells = [block[1 + i].split() for block in found]
        assert {row[0] for row in cells} == {f"epoch_{i:02d}"}
        expected = [value(report.metrics[name]) for name in shown(report, False)]
        assert [cell.removesuffix(MARK) for row in cells for cell in row[1:]] == expected
    assert "…" not in "".join(lines)
    assert len(found) == 1 or width < 200


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_narrow_terminal_cuts_no_value(epochs: list[Report], width: int) -> None:
    for one in (*as_command(epochs[:1], "rank"), *as_command(epochs[:1], "separability"), labelfree.doctor(np.eye(9))):
        said = "\n".join(seen([one], width=width))
        assert "…" not in said
        for name in shown(one, False) if one.metrics else ():
            assert {name, value(one[name])} <= set(said.split())
            for end in interval(one[name]).split(" to "):
                assert end in said


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_cuts_no_verdict_and_no_history(epochs: list[Report], tmp_path: Path, width: int) -> None:
    history = tmp_path / "h.jsonl"
    for step, one in enumerate(epochs):
        labelfree.history.append(history, one, step=step)
    verdict = labelfree.gate(history=history, plateau="rankme", warmup=0, window=3, require="effective_rank > 1.23456")
    console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO(), highlight=False)
    show_verdict(console, verdict)
    found = curves(history, run="default", only=["rankme"], everything=True, min_delta=None)
    show_curves(console, found, everything=True)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "…" not in said
    assert {value(one["rankme"]) for one in epochs} <= set(said.split())


def test_the_gravest_warning_is_told_first(epochs: list[Report]) -> None:
    """Many sources, each with remarks of its own on intervals: a collapse in the last of them is not among the rest."""

    def marked(i: int, warning: str, code: str) -> Report:
        entry = epochs[0]["rankme"].model_copy(update={"warnings": [warning], "codes": [code]})
        source = epochs[0].input.model_copy(update={"sources": [f"s{i}.npy"]})
        return epochs[0].model_copy(
            update={"command": "rank", "metrics": {"rankme": entry}, "findings": [], "warnings": [], "input": source}
        )

    few = "n = {} is below 2 d = 9: the interval can be too narrow"
    slight = [marked(i, few.format(i), "wide_interval") for i in range(12)]
    grave = marked(12, "possible collapse: a test", "possible_collapse")
    lines = seen([*slight, grave, marked(13, "another", "unnamed")], width=200)
    told = [line for line in lines if line.startswith(("error: ", "warning: ", "note: "))]
    assert told == [
        "error: s12: rankme: possible collapse: a test [possible_collapse]",
        "warning: s13: rankme: another [unnamed]",
        "note: rankme: the interval can be too wide in 12 of 14 sources: s0, s1, s2 and 9 more [wide_interval]",
    ]


def test_a_warning_of_several_metrics_is_said_once(epochs: list[Report]) -> None:
    X = np.random.default_rng(0).normal(size=(30, 20)) + 3
    found = labelfree.rank(X)
    (said,) = [w for w in remarks(found, list(found.metrics)) if "and the value grows with n" in w]
    assert said.startswith("rankme, effective_rank, rankme_centered and ")
    assert "narrow cone" in remarks(found, list(found.metrics))[0]


def test_families_stand_one_after_another(epochs: list[Report]) -> None:
    lines = seen(epochs)
    heads = [
        " ".join(lines[lines.index(block[0]) - 1 : lines.index(block[0]) + 1]) for block in tables(lines, "source")
    ]
    assert ["rankme" in head for head in heads] == [True, False, False]
    assert ["separability" in head for head in heads] == [False, True, False]
    assert ["hopkins" in head for head in heads] == [False, False, True]


@pytest.mark.parametrize("count", [2, 6])
def test_all_has_a_column_with_a_name_for_each_source(epochs: list[Report], count: int) -> None:
    reports = epochs[:count]
    found = tables(seen(reports, everything=True), "metric")
    course = ["course"] if count > 2 else []
    headings = [name for block in found for name in block[0].split()[1:]]
    assert headings == [f"epoch_{i:02d}" for i in range(count)] + course
    for k, name in enumerate(reports[0].metrics):
        rows = [block[1 + k].split() for block in found]
        assert {row[0] for row in rows} == {name}
        cells = [cell.removesuffix(MARK) for row in rows for cell in row[1:]]
        assert cells[:count] == [value(r.metrics[name]) for r in reports]
        assert [len(cell) for cell in cells[count:]] == [count] * len(course)


def test_only_a_very_long_source_is_broken_over_lines(epochs: list[Report]) -> None:
    long = "a" * 100
    named = [epochs[0], epochs[1].model_copy(update={"input": epochs[1].input.model_copy(update={"sources": [long]})})]
    lines = seen(named)
    assert all(cell_len(line) <= 80 for line in lines)
    assert any(line.startswith("a" * 48 + " ") or line == "a" * 48 for line in lines)
    numbers = [value(named[1].metrics[name]) for name in shown(named[1], False)]
    assert set(numbers) <= {word.removesuffix(MARK) for word in " ".join(lines).split()}


def test_blocks_are_few_and_even() -> None:
    columns = [Column("x" * 8, ["1"]) for _ in range(6)]
    first = Column("source", ["a"])
    assert [len(block) for block in blocks(first, columns, 80, 40)] == [6]
    assert [len(block) for block in blocks(first, columns, 6 + 50, 40)] == [3, 3]
    assert [len(block) for block in blocks(first, columns, 6 + 60, 40)] == [6]  # at equality
    assert [len(block) for block in blocks(first, columns, 5, 40)] == [1] * 6  # none fits: one each, in full


def test_what_differs_takes_the_heading_and_leaves_no_gap(epochs: list[Report]) -> None:
    fewer = epochs[1].model_copy(update={"input": epochs[1].input.model_copy(update={"n": 500})})
    lines = seen([epochs[0], fewer])
    assert lines[:3] == [
        "1 of 2 suspicious: epoch_00", "1 of 2 healthy: epoch_01",
        "no highest or lowest: evaluate has no single headline; name one metric with only",
    ]  # fmt: skip
    assert lines[3:6] == ["evaluate  2 sources", "error: not comparable: n differs: 600, 500 [not_comparable]", ""]
    assert lines[6].strip()
    assert seen(epochs)[4] == "600 rows x 32 float16, column embedding"


def test_names_asked_for_come_first_in_the_order_asked() -> None:
    path = FINETUNE / "epoch_00.parquet"
    report = labelfree.rank(path, only=("mean_cosine", "effective_rank"), sample=100)
    assert shown(report, False) == ["mean_cosine", "effective_rank"]
    assert shown(report, True) == ["mean_cosine", "effective_rank"]
    rows = [line.split()[0] for line in seen([report]) if line.startswith(("mean_cosine ", "effective_rank "))]
    assert rows == ["mean_cosine", "effective_rank"]


@pytest.mark.parametrize("width", [80, 100, 400])
def test_a_long_reason_stands_below_the_table_where_its_column_is_narrow(width: int) -> None:
    r = np.random.default_rng(0)
    X = r.normal(size=(40, 6))
    report = labelfree.transfer({"embedding": X, "logits": np.tanh(X) @ r.normal(size=(6, 3))})
    reason = report["transfer_score"].reason
    assert reason is not None
    found = seen([report], width=width)
    table = found[: found.index("", 5)]
    assert all(cell_len(line) <= width for line in found)
    assert sum(line.split()[:1] == ["transfer_score"] for line in table) == 1
    at = next(i for i, line in enumerate(table) if line.startswith("transfer_score"))
    assert table[at + 1].startswith("classifier_nonuniformity")  # the row is one line
    assert f"partial: {reason}" in " ".join(found)
    assert (f"transfer_score: partial: {reason}" in " ".join(found)) == (width < 400)


def test_sources_of_which_one_alone_has_class_scores_are_shown_beside_each_other() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4)) + 3
    plain = labelfree.evaluate({"embedding": rows}, only=["rankme"])
    scored = labelfree.evaluate({"embedding": rows, "logits": rows[:, :3]}, only=["rankme", "entropy"])
    for pair in ((plain, scored), (scored, plain)):
        cells = [line.split()[1:] for line in seen(pair, everything=True) if line.startswith("entropy ")]
        assert [sorted(cell == "-" for cell in one) for one in cells] == [[False, True]]
