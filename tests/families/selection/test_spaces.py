"""Neighbors, likeness and votes: closed forms, and the definitions in loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles_selection as oracle
from labelfree.families.selection.consensus import weighted_plurality
from labelfree.families.selection.refits import ridge
from labelfree.families.selection.spaces import (
    likeness,
    neighbor_lists,
    neighbor_plurality,
    unit_rows,
    vote_weights,
    weights_of_others,
)


def test_neighbors_are_the_rows_of_the_highest_cosine() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 5))
    assert neighbor_lists(unit_rows(rows)).tolist() == oracle.nearest(rows)


@given(st.integers(0, 1000), st.integers(2, 6))
def test_the_plurality_is_that_of_a_count(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    rows, labels = rng.normal(size=(30, 3)), rng.integers(0, k, 30)
    lists = neighbor_lists(unit_rows(rows))
    assert neighbor_plurality(labels, lists).tolist() == oracle.plurality(labels.tolist(), lists.tolist())


def test_of_equal_counts_the_nearer_neighbors_decide_whatever_the_names() -> None:
    near = np.array([[1, 2, 3, 4]])
    assert neighbor_plurality(np.array([9, 5, 3, 3, 5]), np.repeat(near, 5, axis=0))[0] == 5
    assert neighbor_plurality(np.array([9, 3, 5, 5, 3]), np.repeat(near, 5, axis=0))[0] == 3


def test_likeness_of_a_space_with_itself_is_one_and_of_noise_nothing() -> None:
    rng = np.random.default_rng(0)
    one, other = (neighbor_lists(unit_rows(rng.normal(size=(400, 6)))) for _ in range(2))
    alike = likeness([one, one, other])
    assert alike[0, 1] == 1.0
    assert alike[0, 2] == pytest.approx(oracle.likeness(one.tolist(), other.tolist()), abs=1e-12)
    assert alike[0, 2] < 0.02
    assert (alike == alike.T).all()


def test_nobody_hears_itself_or_who_does_not_vote() -> None:
    heard = weights_of_others(np.array([1.0, 3.0, 1.0]), np.array([True, True, False]))
    assert heard.tolist() == [[0, 1, 0], [1, 0, 0], [0.25, 0.75, 0]]
    assert weights_of_others(np.ones(1), np.ones(1, bool)).tolist() == [[0.0]]
    assert vote_weights(np.ones((4, 4))).tolist() == [0.25] * 4


@pytest.mark.parametrize("d", [3, 40])
def test_the_refit_is_kernel_ridge_in_either_form(d: int) -> None:
    rng = np.random.default_rng(d)
    rows, source, labels = rng.normal(size=(20, d)), rng.normal(size=(15, d)) + 2, rng.integers(0, 3, 15)
    found = ridge(rows, source, labels, 3)
    assert found.scores == pytest.approx(oracle.ridge(rows, source, labels, 3), abs=1e-9)
    assert found.source_accuracy == oracle.left_out_accuracy(rows, source, labels, 3)


def test_the_plurality_of_refits_by_weight() -> None:
    said = np.array([[0, 0, 2], [1, 1, 2], [1, 2, 0]])
    assert weighted_plurality(said, np.array([1.0, 1.0, 1.0]), 3)[[0, 2]].tolist() == [1, 2]
    assert weighted_plurality(said, np.array([3.0, 1.0, 1.5]), 3).tolist() == [0, 0, 2]
    assert weighted_plurality(said, np.array([1.0, 1.0, 2.5]), 3).tolist() == [1, 2, 0]


def test_rows_all_equal_have_no_direction() -> None:
    assert not unit_rows(np.full((5, 3), 0.1)).any()
