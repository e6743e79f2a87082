"""Rows of two spaces in one file: told where there are two, where they begin, and never of topics of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import labelfree
from labelfree.reports.entries import FindingEntry
from labelfree.survey.mixed_findings import where
from labelfree.survey.mixed_spaces import LEAST, LEAST_COLUMNS, alikeness, mixed_lengths, parted

Matrix = NDArray[np.float64]
WIDTH = 160


def network(seed: int) -> Matrix:
    """Images of digits by a network with random weights, in the order of their classes."""
    rng = np.random.default_rng(seed)
    digits = load_digits()
    pixels = digits.data[np.argsort(digits.target, kind="stable")] / 16
    hidden = np.maximum(pixels @ rng.normal(size=(64, 400)) / 8, 0)
    return np.asarray(np.tanh(hidden @ rng.normal(size=(400, WIDTH)) / 20))


def turn(seed: int, d: int = WIDTH) -> Matrix:
    """A random orthogonal basis."""
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0])


def two_models(share: float) -> tuple[Matrix, NDArray[np.bool_]]:
    """Real images in any order, the last ones of the file by another network."""
    order = np.random.default_rng(3).permutation(1797)
    second = np.arange(1797) >= round((1 - share) * 1797)
    return np.where(second[:, None], network(1)[order], network(0)[order]), second


def told(X: object) -> FindingEntry | None:
    return next((one for one in labelfree.doctor(X).findings if one.code == "mixed_spaces"), None)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_file_that_another_model_went_on_with(share: float) -> None:
    X, second = two_models(share)
    one = told(X)
    assert one is not None
    assert one.severity == "warning"
    begins = int(np.argmax(second))
    assert one.first == pytest.approx(begins, abs=12)  # among 1,500 of the 1,797 rows, few on the wrong side
    assert one.rows == pytest.approx(second.sum(), rel=0.05)
    assert f"from about row {one.first} on" in one.message


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_rows_of_two_models_in_any_order(share: float) -> None:
    X, second = two_models(share)
    order = np.random.default_rng(4).permutation(len(X))
    one = told(X[order])
    assert one is not None
    assert "spread over the file" in one.message
    assert one.rows == pytest.approx(second.sum(), rel=0.05)
    assert one.first is not None
    assert one.first < 40


def test_a_turned_copy_is_another_space() -> None:
    X = network(0)[np.random.default_rng(5).permutation(1797)]
    X[1000:] = X[1000:] @ turn(0)
    assert told(X) is not None


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_classes_of_one_model_are_no_spaces(seed: int, ordered: bool) -> None:
    X = network(seed)
    assert told(X if ordered else X[np.random.default_rng(seed).permutation(len(X))]) is None
    assert told(X / np.linalg.norm(X, axis=1, keepdims=True)) is None
    assert told(X[:700]) is None


def test_near_duplicates_are_no_space() -> None:
    rng = np.random.default_rng(6)
    X = network(0)
    again = X[:1][rng.integers(0, 1, 300)] + 1e-3 * X.std() * rng.normal(size=(300, WIDTH)) * X.std(axis=0)
    assert told(np.vstack([X, again])) is None


def test_rows_without_directions_of_their_own_say_nothing() -> None:
    assert parted(np.random.default_rng(7).normal(size=(1500, WIDTH))) is None
    assert parted(np.zeros((1500, WIDTH))) is None


def test_fewer_rows_or_columns_than_were_measured_are_not_judged() -> None:
    X, _ = two_models(0.5)
    middle = slice(898 - LEAST // 2, 898 + LEAST // 2)
    assert parted(X[middle][:-1]) is None
    assert parted(X[:, : LEAST_COLUMNS - 1]) is None


def test_a_turn_and_a_unit_of_all_rows_change_nothing() -> None:
    X, _ = two_models(0.25)
    one, turned, long = parted(X), parted(X @ turn(1)), parted(1e6 * X)
    assert one is not None
    assert turned is not None
    assert long is not None
    np.testing.assert_array_equal(one.second, turned.second)
    np.testing.assert_array_equal(one.second, long.second)


def test_alikeness_by_hand() -> None:
    """Variances in the same order, in the opposite one, and in turned columns by chance."""
    rng = np.random.default_rng(8)
    d, sd = 64, 1.1 ** -np.arange(64.0)
    one, two = rng.normal(size=(4000, d)) * sd, rng.normal(size=(4000, d)) * sd
    assert alikeness(one, two) > 0.99
    assert alikeness(one, two[:, ::-1]) < -0.99
    assert abs(alikeness(one, two @ turn(2, d))) < 4 / d**0.5
    assert alikeness(np.zeros((40, d)), two) == 1.0


def test_rows_of_length_one_among_others() -> None:
    X = 3 * network(0)
    X[1200:] /= np.linalg.norm(X[1200:], axis=1, keepdims=True)
    one = told(X)
    assert one is not None
    assert one.first == pytest.approx(1200, abs=2)
    assert "length 1" in one.message
    assert mixed_lengths(X[:1200]) is None
    assert mixed_lengths(X[1200:].astype(np.float16).astype(np.float64)) is None
    near = X[1200:] * (1 + 2e-3 * np.random.default_rng(9).normal(size=(597, 1)))
    assert mixed_lengths(near) is None  # lengths that scatter about 1


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([0, 0, 0, 1, 1], (3, True)),
        ([1, 1, 0, 0, 0], (2, True)),
        ([0, 1, 0, 1, 0, 1, 0], (1, False)),
        ([0] * 50 + [1] + [0] * 9 + [1] * 40, (60, True)),
    ],
)
def test_where_the_second_space_begins(second: list[int], expected: tuple[int, bool]) -> None:
    assert where(np.array(second, bool)) == expected


def test_only_doctor_looks(tmp_path: Path) -> None:
    X, _ = two_models(0.5)
    np.save(tmp_path / "x.npy", X)
    assert told(tmp_path / "x.npy") is not None
    assert "mixed_spaces" not in {one.code for one in labelfree.rank(tmp_path / "x.npy").findings}
