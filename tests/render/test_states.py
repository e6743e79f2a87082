"""The first line of a table says what the embedding is, and the last one what to run next."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import labelfree
from labelfree.commands.report import Report
from labelfree.render.console import console_for
from labelfree.render.states import first_lines
from labelfree.render.tables.table import show
from labelfree.render.tables.text import to_markdown

pytestmark = pytest.mark.once

RNG = np.random.default_rng(5)
SOUND = RNG.normal(size=(200, 16)) * np.arange(1, 17)
POINT = 5 + 0.005 * RNG.normal(size=(200, 16))


@pytest.fixture
def reports(tmp_path: Path) -> list[Report]:
    found = []
    for i, X in enumerate((SOUND, POINT, SOUND[:5], SOUND)):
        np.save(tmp_path / f"epoch_{i}.npy", X)
        found.append(labelfree.rank(tmp_path / f"epoch_{i}.npy", only="effective_rank"))
    return found


def piped(reports: list[Report]) -> list[str]:
    out = io.StringIO()
    show(console_for(out), reports, everything=False)
    return out.getvalue().splitlines()


def test_one_source_begins_with_its_state_and_ends_with_the_next_command(reports: list[Report]) -> None:
    firsts = [piped([report])[0] for report in reports[:3]]
    assert firsts[0].startswith("healthy: the mean row holds ")
    assert firsts[1].startswith("LIKELY COLLAPSED: rows point one way: the mean row holds 99.999")
    assert firsts[2] == "no verdict: too few rows: found 5, needs at least 10"
    for report, after in zip(reports, ("separability", "doctor", "doctor"), strict=False):
        assert piped([report])[-1] == f"next: labelfree {after} {report.input.sources[0]}"


def test_a_terminal_sees_a_collapse_in_red_in_the_same_words(reports: list[Report]) -> None:
    out = io.StringIO()
    show(Console(file=out, force_terminal=True, color_system="standard", width=300), [reports[1]], everything=False)
    assert out.getvalue().startswith("\x1b[1;31mLIKELY COLLAPSED:\x1b[0m rows point one way")


def test_several_sources_begin_with_the_worst_state_and_name_them(reports: list[Report]) -> None:
    assert piped(reports)[:3] == [
        "1 of 4 LIKELY COLLAPSED: epoch_1", "1 of 4 no verdict: epoch_2", "2 of 4 healthy: epoch_0, epoch_3"
    ]  # fmt: skip
    many = first_lines([reports[1]] * 9, [f"epoch_{i}" for i in range(9)])
    assert [line.head + line.rest for line in many] == [
        "9 of 9 LIKELY COLLAPSED: epoch_0, epoch_1, epoch_2, epoch_3, epoch_4, epoch_5 and 3 more"
    ]


def test_markdown_begins_with_it_too(reports: list[Report]) -> None:
    assert "LIKELY COLLAPSED: rows point one way" in to_markdown([reports[1]], everything=False).splitlines()[4]


def test_what_comes_next_of_rows_in_memory_is_an_explanation() -> None:
    found = labelfree.rank(SOUND).state
    assert found is not None
    assert found.next == "labelfree explain state"


def test_a_name_with_blanks_is_quoted(tmp_path: Path) -> None:
    np.save(tmp_path / "my rows.npy", SOUND)
    found = labelfree.separability(tmp_path / "my rows.npy").state
    assert found is not None
    assert found.next == f"labelfree rank '{tmp_path}/my rows.npy' --all"


def test_no_warning_reassures_about_a_narrow_cone(reports: list[Report]) -> None:
    (cone,) = [text for text in reports[1].warnings if "narrow cone" in text]
    assert "rankme_centered" not in cone
    assert "whether it has collapsed, its state says" in cone
