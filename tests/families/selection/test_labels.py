"""Which rows to label, and what labels say: exact probabilities, unbiased differences, sound intervals."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from labelfree.families.selection.labels import (
    apart,
    compared,
    detectable,
    difference,
    drawn,
    probabilities,
    reach,
    rows_to_label,
)

votes_of = st.integers(2, 5).flatmap(
    lambda c: st.lists(st.lists(st.integers(0, 3), min_size=c, max_size=c), min_size=2, max_size=30)
)


@given(votes_of)
def test_pairs_apart_are_counted_one_by_one(columns: list[list[int]]) -> None:
    found = apart(np.array(columns).T)
    assert found.tolist() == [sum(a != b for a, b in itertools.combinations(column, 2)) for column in columns]


sizes = st.lists(st.integers(0, 9), min_size=2, max_size=12).filter(lambda s: sum(map(bool, s)) > 0)


@given(sizes, st.integers(1, 12))
def test_probabilities_sum_to_the_rows_and_follow_the_sizes(size: list[int], rows: int) -> None:
    p = probabilities(np.array(size, float), rows)
    there = sum(map(bool, size))
    assert math.fsum(p) == pytest.approx(min(rows, there))
    assert (p <= 1).all()
    assert all((a > 0) == (b > 0) for a, b in zip(p, size, strict=True))
    free = [(a, b) for a, b in zip(p, size, strict=True) if 0 < a < 1]
    assert all(a * free[0][1] == pytest.approx(free[0][0] * b) for a, b in free)
    assert all(a >= b - 1e-12 for (a, s), (b, t) in itertools.product(zip(p, size, strict=True), repeat=2) if s >= t)


def test_probabilities_by_hand() -> None:
    assert probabilities(np.array([1.0, 1.0, 2.0]), 2).tolist() == [0.5, 0.5, 1.0]
    assert probabilities(np.array([0.0, 1.0, 3.0]), 5).tolist() == [0.0, 1.0, 1.0]
    assert probabilities(np.array([1.0, 2.0, 3.0, 4.0]), 1).tolist() == [0.1, 0.2, 0.3, 0.4]


@given(sizes, st.integers(1, 11), st.randoms(use_true_random=False))
def test_each_row_is_drawn_with_exactly_its_probability(size: list[int], rows: int, chance: object) -> None:
    """Over every start: between two of its values at which the drawn rows change, their length is the probability."""
    p = probabilities(np.array(size, float), rows)
    order = list(range(len(size)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    ends, sum_ = {0.0, 1.0}, 0.0
    for i in order:
        if 0 < p[i] < 1:
            sum_ += p[i]
            ends.add(sum_ % 1)
    edges = sorted(ends)
    met: Counter[int] = Counter()
    for low, high in itertools.pairwise(edges):
        found = drawn(p, (low + high) / 2, np.array(order))
        if high - low > 1e-9:
            assert len(set(found.tolist())) == len(found) == min(rows, sum(map(bool, size)))
        for i in found.tolist():
            met[i] += high - low  # type: ignore[assignment]
    assert [met[i] for i in range(len(size))] == pytest.approx(p.tolist(), abs=1e-6)


def test_differences_are_unbiased_under_simulation() -> None:
    chance = np.random.default_rng(0)
    n, k = 400, 3
    label = chance.integers(0, k, n)
    votes = np.where(
        chance.random((4, n)) < np.array([[0.9], [0.8], [0.75], [0.5]]), label, chance.integers(0, k, (4, n))
    )
    right = (votes == label).mean(axis=1)
    estimates, within = [], 0
    for seed in range(3000):
        rows = rows_to_label(votes, 60, seed)
        found = difference(votes[0][rows.rows], votes[1][rows.rows], label[rows.rows], rows.weight, n)
        estimates.append(found.value)
        within += found.interval[0] <= right[0] - right[1] <= found.interval[1]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - (right[0] - right[1])) < 4 * error
    assert within / 3000 > 0.95  # of these rows; of all rows of their kind it is to hold 95 %
    d = (votes[0] == label).astype(float) - (votes[1] == label)
    assert np.std(estimates) < 0.9 * d.std() / math.sqrt(60)  # of as many uniformly drawn rows


def test_all_labels_give_the_difference_itself() -> None:
    votes, label = np.array([[0, 1, 2, 0, 1], [0, 2, 2, 1, 0]]), np.array([0, 1, 0, 1, 1])
    rows = rows_to_label(votes, 5)
    assert (rows.rows.tolist(), rows.probability.tolist(), rows.apart, rows.of) == ([1, 3, 4], [1.0] * 3, 3, 5)
    found = difference(votes[0][rows.rows], votes[1][rows.rows], label[rows.rows], rows.weight, 5)
    assert Fraction(found.value).limit_denominator(100) == Fraction(1, 5)  # 2 rows for the first, 1 for the second
    assert found.se == pytest.approx(math.sqrt(3 + 2) / 5)
    assert found.labelled == 3


def test_it_decides_nearly_as_the_exact_test_of_mcnemar() -> None:
    """b rows for the one, c for the other: the interval leaves out 0 where the two-sided binomial test is below 5 %."""
    differ = []
    for b, c in itertools.product(range(25), range(25)):
        if b + c == 0:
            continue
        first, second = np.zeros(b + c, int), np.ones(b + c, int)
        label = np.repeat([0, 1], [b, c])
        found = difference(first, second, label, np.full(b + c, 7.0), 1000)
        out = found.interval[0] > 0 or found.interval[1] < 0
        exact = stats.binomtest(b, b + c).pvalue
        if out != (exact < 0.05):
            differ.append((b, c, exact))
    assert all(0.02 < p < 0.08 for *_, p in differ)
    assert len(differ) < 0.03 * 624


def test_it_seldom_decides_between_candidates_that_are_equally_good() -> None:
    chance = np.random.default_rng(1)
    wrong = 0
    for _ in range(2000):
        votes = np.stack([np.zeros(500, int), chance.integers(0, 2, 500)])
        label = chance.integers(0, 2, 500)  # where they are apart, either is right as often
        rows = rows_to_label(votes, 40, int(chance.integers(1 << 30)))
        found = compared(votes[:, rows.rows], (0, 1), label[rows.rows], rows.weight, 500, 0)
        wrong += len(found.left) == 1
    assert wrong / 2000 < 0.06


def test_the_detectable_difference_is_found_nine_times_of_ten() -> None:
    chance = np.random.default_rng(2)
    n, rows = 4000, 300
    votes = np.stack([np.zeros(n, int), (np.arange(n) < 1600).astype(int)])
    told = reach(votes, 0, rows)
    assert told.possible == pytest.approx(0.4)
    share = 0.5 + told.detectable / 0.4 / 2  # of the rows apart on which the first is right, by so much the better
    found = 0
    for seed in range(1000):
        label = (chance.random(n) > share).astype(int)
        at = rows_to_label(votes, rows, seed)
        said = difference(votes[0][at.rows], votes[1][at.rows], label[at.rows], at.weight, n)
        found += said.interval[0] > 0
    assert 0.85 < found / 1000 < 0.95
    assert told.uniform == pytest.approx(rows * n / 1600, abs=1)  # rows on which they agree tell nothing


def test_more_labels_tell_more_and_a_point_takes_as_many_as_said() -> None:
    chance = np.random.default_rng(3)
    votes = np.where(chance.random((3, 20_000)) < 0.95, 0, chance.integers(0, 4, (3, 20_000)))
    told = [reach(votes, 0, rows) for rows in (50, 100, 200)]
    assert told[0].detectable > told[1].detectable > told[2].detectable
    point = told[0].for_a_point
    assert point is not None
    assert reach(votes, 0, point).detectable <= 0.01 < reach(votes, 0, point - 1).detectable
    same = reach(np.zeros((2, 10), int), 0, 3)
    assert (same.detectable, same.possible, same.uniform, same.for_a_point) == (0.0, 0.0, 0, 0)
    assert reach(votes[:, :100], 0, 5).for_a_point is None


def test_the_one_that_is_right_most_often_leads_and_the_first_of_equals() -> None:
    votes = np.array([[0] * 30, [1] * 30, [0] * 30])
    label = np.zeros(30, int)
    found = compared(votes, (0, 1, 2), label, np.ones(30), 30, 2)
    assert (found.leader, found.left) == (2, (2, 0))
    assert found.differences[1].interval[0] > 0
    two, three = (difference(votes[0], votes[1], label, np.ones(30), 30, c) for c in (1, 2))
    assert three.interval[1] - three.interval[0] >= two.interval[1] - two.interval[0]


def test_a_single_label_decides_nothing() -> None:
    found = compared(np.array([[0], [1]]), (0, 1), np.array([0]), np.array([1.0]), 100, 0)
    assert (found.leader, found.left) == (0, (0, 1))
    assert detectable(0.0, 0.0, 10) == 0.0
