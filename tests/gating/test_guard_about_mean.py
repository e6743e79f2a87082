"""Version 2 of the collapse guard on rows: what an offset is, what a collapse, and what old records are judged by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import labelfree
from labelfree.errors import UsageError
from labelfree.gating.guards import CollapseGuard, collapse_guard, sound_steps
from labelfree.history import collapse

pytestmark = pytest.mark.once
Matrix = NDArray[np.float64]
RNG = np.random.default_rng(15)
N, CLASSES = 600, 8
LABELS = RNG.integers(0, CLASSES, N)


def kept(X: Matrix) -> dict[str, float | None]:
    """What a record holds of these rows for the guard."""
    return collapse(json.loads(labelfree.rank(X, only=("effective_rank", "mean_cosine")).to_json()))


def judged(*checks: Matrix, classes: int | None = None) -> CollapseGuard:
    return collapse_guard(list(range(len(checks))), [kept(X) for X in checks], classes)


def classes_of(d: int, within: float = 0.5) -> Matrix:
    """Eight classes that a linear probe tells apart."""
    X: Matrix = 2 * RNG.normal(size=(CLASSES, d))[LABELS] + within * RNG.normal(size=(N, d))
    return X


def probe(X: Matrix) -> float:
    """Accuracy of least squares on centered rows, fitted on even ones and tested on odd ones."""
    A, B = np.hstack([X - X.mean(axis=0), np.ones((N, 1))]), np.eye(CLASSES)[LABELS]
    W = np.linalg.lstsq(A[::2], B[::2], rcond=None)[0]
    return float(((A[1::2] @ W).argmax(axis=1) == LABELS[1::2]).mean())


def far(d: int, length: float) -> Matrix:
    direction = RNG.normal(size=d)
    return np.asarray(length * direction / np.linalg.norm(direction))


def unit(X: Matrix) -> Matrix:
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))


@pytest.mark.parametrize("normalized", [False, True])
def test_eight_classes_and_an_offset_of_all_rows_are_no_collapse(normalized: bool) -> None:
    X = classes_of(64)
    Z = X + far(64, 10 * float(np.sqrt((X**2).sum(axis=1).mean())))
    assert probe(Z) == probe(X) == 1.0
    found = judged(*map(unit, (X, Z))) if normalized else judged(X, Z)
    assert found.version == 2
    assert found.mean_cosine is not None
    assert found.mean_cosine > 0.98
    assert found.rank_share is not None
    assert found.rank_share < 0.25
    assert (found.decision, found.reason) == ("pass", "offset")
    assert "Cosine similarity is hurt: center the rows first; a linear probe is not" in found.message
    old = [{k: v for k, v in kept(M).items() if k not in ("spread", "centered_rank")} for M in (X, Z)]
    assert collapse_guard([0, 1], old).decision == "collapse"  # what version 1 said


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("within", [0.001, 0.01, 0.05])
def test_tight_noise_about_one_point_is_a_collapse(within: float, normalized: bool) -> None:
    X = classes_of(64)
    Z = far(64, 5.0) + within * RNG.normal(size=X.shape)
    assert probe(Z) < 0.3
    assert judged(*map(unit, (X, Z)) if normalized else (X, Z)).decision == "collapse"


def test_noise_that_keeps_some_spread_is_a_collapse_where_there_was_a_structure() -> None:
    X = classes_of(64)
    found = judged(X, far(64, 50.0) + 0.5 * RNG.normal(size=X.shape))
    assert (found.decision, found.reason) == ("collapse", "noise")


@pytest.mark.parametrize("d", [2, 3])
def test_a_point_where_the_highest_effective_rank_is_below_four(d: int) -> None:
    X = classes_of(d)
    found = judged(X, far(d, 2.0) + 0.001 * RNG.normal(size=X.shape))
    assert found.highest_rank is not None
    assert found.highest_rank < 4
    assert (found.decision, found.reason) == ("collapse", "point")
    assert judged(X, X + far(d, 100.0)).decision == "pass"


def test_rows_on_a_line_that_points_one_way() -> None:
    X = classes_of(32)
    line = far(32, 1.0)
    Z = (30 + 3 * RNG.normal(size=(N, 1))) * line + 0.0001 * RNG.normal(size=X.shape)
    found = judged(X, Z)
    assert (found.decision, found.reason) == ("collapse", "line")


@pytest.mark.parametrize("within", [1e-3, 1e-2])
def test_a_few_far_points_are_a_collapse_for_many_more_classes(within: float) -> None:
    X = classes_of(32, within=2.0)
    points = np.linalg.qr(RNG.normal(size=(32, 4)))[0].T * 5
    Z = points[LABELS % 4] + within * RNG.normal(size=X.shape)
    assert judged(X, Z, classes=8).reason == "few_points"
    assert judged(X, Z, classes=8).decision == "collapse"
    assert judged(X, Z, classes=7).decision == "pass"  # three directions are half of the six that seven classes span
    alone = judged(X, Z)
    assert (alone.decision, alone.reason) == ("pass", "few_points")
    assert "as of 4 points: a collapse where there are many more classes" in alone.message
    exactly = judged(X, points[LABELS % 4])  # rows that repeat need no number of classes
    assert (exactly.decision, exactly.reason) == ("collapse", "repeated")


def test_the_classes_that_records_know_of_are_those_of_a_few_points() -> None:
    X = classes_of(32, within=2.0)
    Z = np.linalg.qr(RNG.normal(size=(32, 4)))[0].T[LABELS % 4] * 5 + 1e-3 * RNG.normal(size=X.shape)

    def known(classes: int, told: int | None = None) -> CollapseGuard:
        return collapse_guard([0, 1], [{**kept(of), "classes": classes} for of in (X, Z)], told)

    found = known(8)
    assert (found.decision, found.reason, found.classes) == ("collapse", "few_points", 8)
    assert "for 8 classes" in found.message
    assert "where the rows have fewer, say so with classes" in found.message
    assert known(8, told=5).decision == "pass"
    assert known(5, told=8).decision == "collapse"
    assert "where the rows have fewer" not in known(5, told=8).message
    assert known(1_000).decision == "collapse"
    assert (known(30_000).decision, known(30_000).classes) == ("pass", None)  # words, no classes


def test_rows_that_are_all_equal_need_no_earlier_check() -> None:
    found = judged(np.ones((50, 4)))
    assert (found.decision, found.reason) == ("collapse", "point")


@settings(max_examples=20)
@given(st.floats(1e-3, 1e3), st.integers(0, 3))
def test_the_unit_of_all_rows_decides_nothing(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = 3 * rng.normal(size=(5, 12))[rng.integers(0, 5, 80)] + rng.normal(size=(80, 12))
    runs = [X, X + 40], [X, 4 + 0.01 * rng.normal(size=X.shape)], [X, X / 3]
    for one, two in runs:
        found, scaled = judged(one, two), judged(scale * one, scale * two)
        assert (found.decision, found.reason) == (scaled.decision, scaled.reason)
        alone = judged(one, scale * one)  # nor does that of the latest rows, where they keep their directions
        assert alone.decision == "pass"


def test_a_history_without_the_centered_numbers_is_judged_by_version_1() -> None:
    X = classes_of(64)
    new = [kept(X), kept(X + far(64, 300.0))]
    old = {"effective_rank": 60.0, "mean_cosine": 0.1, "duplicate_share": 0.0, "zero_bar_share": None}
    assert collapse_guard([0, 1], new).version == 2
    for mixed in ([old, *new], [*new, old]):
        found = collapse_guard([0, 1, 2], mixed)
        assert found.version == 1
        assert "judged by version 1: the history lacks the centered numbers" in found.message
        assert found.centered_rank is None
    assert collapse_guard([0, 1, 2], [old, *new]).decision == "collapse"
    assert sound_steps([0, 1, 2], [*new, old]) == {0, 1, 2}


def test_the_gate_takes_the_classes_and_says_which_guard_judged(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    X = classes_of(32, within=2.0)
    Z = 5 * np.eye(4, 32)[LABELS % 4] + 0.01 * RNG.normal(size=X.shape)
    for step, rows in enumerate((X, Z)):
        labelfree.history.append(path, labelfree.rank(rows), step=step)
    asked: dict[str, Any] = {"history": path, "plateau": "rankme"}
    assert labelfree.gate(**asked)["verdict"]["decision"] == "continue"
    document = labelfree.gate(**asked, classes=8)
    assert document["verdict"]["exit_code"] == 12
    assert document["verdict"]["guards"][0]["version"] == document["settings"]["collapse"]["version"] == 2
    assert document["settings"]["collapse"]["classes"] == 8
    assert document["verdict"]["best"]["step"] == 0
    wrong: Any
    for wrong in (1, True, 2.0):
        with pytest.raises(UsageError, match="classes: expected a number of classes of at least 2"):
            labelfree.gate(**asked, classes=wrong)
    with pytest.raises(UsageError, match="classes: has no effect without plateau"):
        labelfree.gate(labelfree.rank(X), require="rankme > 1", classes=3)
