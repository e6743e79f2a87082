"""doctor: a row for each file, details for those with findings, an exit code where it is asked to be strict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from program import Program

pytestmark = pytest.mark.once

RNG = np.random.default_rng(5)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Twenty clean files, of steps that sort as text in another order."""
    names = [f"epoch_{i}.npy" for i in range(20)]
    for name in names:
        np.save(tmp_path / name, RNG.normal(size=(120, 6)))
    return names


def test_twenty_clean_files_are_twenty_rows_in_the_order_of_their_steps(labelfree: Program, files: list[str]) -> None:
    done = labelfree("doctor", *sorted(files), "--strict")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "doctor  20 files, nothing wrong"
    assert lines[2].split() == ["file", "rows", "columns", "dtype", "found"]
    assert [line.split() for line in lines[3:]] == [
        [f"epoch_{i}", "120", "6", "float64", "nothing"] for i in range(20)
    ]  # fmt: skip


def test_what_is_wrong_with_some_is_said_below_in_groups(labelfree: Program, files: list[str], tmp_path: Path) -> None:
    for name in files[3:5]:
        X = np.load(tmp_path / name)
        X[7] = np.nan
        np.save(tmp_path / name, X)
    done = labelfree("doctor", *files)
    assert done.returncode == 0
    first, _, *rows = done.stdout.splitlines()
    assert first == "doctor  20 files: 2 with errors"
    assert [row.split()[0] for row in rows if row.endswith("nonfinite")] == ["epoch_3", "epoch_4"]
    said = next(row for row in rows if row.startswith("error: 1 of 120 rows with NaN or infinity"))
    assert "in 2 of 20 sources: epoch_3, epoch_4; leave them out with --on-bad drop [nonfinite]" in said
    assert len(labelfree("doctor", *files, "-q").stdout.splitlines()) == 23
    assert labelfree("doctor", *files, "-v").stdout.count("leave them out with --on-bad drop") == 2


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (lambda X: X, False),
        (lambda X: X + 9, False),
        (lambda X: X * 0 + 1, True),
        (lambda X: np.where(np.arange(len(X))[:, None] == 3, np.nan, X), True),
        (lambda X: np.where(np.arange(len(X))[:, None] == 3, 0.0, X), True),
    ],
    ids=["sound", "offset", "constant", "nan", "zero"],
)
def test_strict_exits_with_10_on_an_error_and_on_what_another_command_refuses(
    labelfree: Program, tmp_path: Path, spoil: object, refused: bool
) -> None:
    assert callable(spoil)
    np.save(tmp_path / "x.npy", spoil(RNG.normal(size=(120, 6))))
    strict = labelfree("doctor", "x.npy", "--strict", "--json", "-q")
    assert strict.returncode == (10 if refused else 0)
    assert labelfree("doctor", "x.npy").returncode == 0
    codes = {one["code"] for one in json.loads(strict.stdout)["reports"][0]["findings"]}
    by_others = any(labelfree(name, "x.npy", "-q").returncode == 2 for name in ("rank", "separability"))
    assert refused == (by_others or "collapsed" in codes)


def test_findings_are_said_once_beside_json_and_not_at_all_under_q(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.normal(size=(120, 6)) + 9)
    done = labelfree("rank", "x.npy", "--json")
    assert done.stderr.startswith("labelfree: warning: x.npy: the mean row holds ")
    assert done.stderr.count("[narrow_cone]") == 1
    quiet = labelfree("rank", "x.npy", "-q")
    assert "warning" not in quiet.stdout + quiet.stderr
    assert quiet.stdout.splitlines()[1] == "rank  x.npy"


def test_what_makes_numbers_incomparable_stands_above_the_table(labelfree: Program, tmp_path: Path) -> None:
    for name, rows in (("a.npy", 120), ("b.npy", 150)):
        np.save(tmp_path / name, RNG.normal(size=(rows, 6)))
    lines = labelfree("rank", "a.npy", "b.npy").stdout.splitlines()
    assert lines.index("error: not comparable: n differs: 120, 150 [not_comparable]") < next(
        i for i, line in enumerate(lines) if line.startswith("source")
    )
    assert "[not_comparable]" not in labelfree("rank", "a.npy", "b.npy", "-q").stdout


def test_files_that_nobody_compares_are_a_note(labelfree: Program, tmp_path: Path) -> None:
    for name, rows in (("a.npy", 120), ("b.npy", 150)):
        np.save(tmp_path / name, RNG.normal(size=(rows, 6)))
    done = labelfree("doctor", "a.npy", "b.npy", "--strict")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "note: not comparable: n differs: 120, 150 [not_comparable]"


@pytest.mark.parametrize(
    ("word", "starts"),
    [
        ("partial", "partial: warning\nA metric is partial."),
        ("zero bars", "zero bars\nMerges at distance zero"),
        ("few_rows", "few_rows: warning\n"),
        ("structure-free", "structure-free\n"),
        ("root", "root\n"),
    ],
)
def test_words_and_codes_are_explained(labelfree: Program, word: str, starts: str) -> None:
    done = labelfree("explain", *word.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(starts)


def test_a_word_that_is_none_is_refused_with_the_nearest(labelfree: Program) -> None:
    done = labelfree("explain", "narow_cone")
    assert done.returncode == 2
    assert done.stderr == "labelfree: no metric, finding, reason or word 'narow_cone'; did you mean 'narrow_cone'?\n"
