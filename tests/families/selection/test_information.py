"""Mutual information against scikit-learn, closed forms, and half-samples from nothing."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

import oracles_selection as oracle
from drawn_candidates import bare, drawn
from labelfree.families.selection.choice import PLAUSIBLE, TIED, differences
from labelfree.families.selection.choosing import choose
from labelfree.families.selection.consensus import HALVES, agreement, evenness, heard, samples, vote_contrast
from labelfree.families.selection.information import Information, contrasts, joint_counts, sizes
from labelfree.families.selection.spaces import likeness, vote_weights, weights_of_others
from labelfree.families.selection.walk import Walk
from labelfree.kernels import numpy_kernels


def both(one: NDArray[np.int64], other: NDArray[np.int64], k: int) -> tuple[float, float]:
    """Mutual information and its adjusted form."""
    shared = Information(len(one))
    mutual = shared.mutual(joint_counts(one, other[None], k))
    return float(mutual[0]), float(shared.adjusted(mutual[None], sizes(one[None], k), sizes(other[None], k))[0, 0])


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 5))
def test_contrasts_are_those_of_their_definition(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    one, others = rng.integers(0, k, n), rng.integers(0, k, (2, n))
    found = contrasts(joint_counts(one, others, k))
    for other, values in zip(others, found, strict=True):
        expected = [oracle.contrast(one.tolist(), other.tolist(), c) for c in range(k)]
        assert values.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_noisy_copy_of_the_truth_is_met_best_by_the_truth_however_rare_a_class_is() -> None:
    """Expected counts by hand: 90 rows of class 0 and 10 of class 1, told rightly in 8 of 10 of each. By the truth
    class 1 is said in .8 of its rows and .2 of others: contrast .6. A labeling that splits class 0 and is as large as
    half of the rows says it in (8 + .2 * 40) / 50 = .32 and .2: .12."""
    truth = np.array([[72, 18], [2, 8]])
    split = np.array([[40, 10], [34, 16]])
    assert contrasts(truth[None])[0].tolist() == pytest.approx([0.6, 0.6])
    assert contrasts(split[None])[0].tolist() == pytest.approx([0.12, 0.12])


@given(st.integers(0, 10_000), st.integers(2, 200), st.integers(2, 9), st.floats(0, 1))
def test_it_is_that_of_scikit_learn(seed: int, n: int, k: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(0, k, n)
    other = np.where(rng.random(n) < noise, rng.integers(0, k, n), (one + 1) % k)
    mutual, adjusted = both(one, other, k)
    assert mutual == pytest.approx(mutual_info_score(one, other), abs=1e-10)
    apart = min(len(np.unique(one)), len(np.unique(other)))
    if max(len(np.unique(one)), len(np.unique(other))) > 1 and apart < n:  # 0 / 0 there, on which its versions differ
        assert adjusted == pytest.approx(adjusted_mutual_info_score(one, other), abs=1e-7)


def test_it_is_that_of_scikit_learn_for_many_rows() -> None:
    rng = np.random.default_rng(0)
    one = rng.choice(3, 20_000, p=[0.9, 0.08, 0.02])
    other = np.where(rng.random(20_000) < 0.7, rng.integers(0, 3, 20_000), one)
    assert both(one, other, 3)[1] == pytest.approx(adjusted_mutual_info_score(one, other), abs=1e-9)


def test_chance_is_the_mean_over_every_order_of_the_rows() -> None:
    one, other = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 0, 2, 2])
    shared = Information(6)
    found = shared.by_chance(sizes(one[None], 3), sizes(other[None], 3))
    every = [mutual_info_score(one, other[list(order)]) for order in permutations(range(6))]
    assert float(found[0, 0]) == pytest.approx(sum(every) / math.factorial(6), abs=1e-12)


def test_closed_forms() -> None:
    one = np.array([0, 0, 1, 1])
    assert both(one, 1 - one, 2) == pytest.approx((math.log(2), 1.0))
    assert both(one, np.array([0, 1, 0, 1]), 2)[0] == 0.0
    # Of the six orders of two pairs two agree wholly and four not at all: a third of log 2 by chance.
    shared = Information(4)
    assert float(shared.by_chance(sizes(one[None], 2), sizes(one[None], 2))[0, 0]) == pytest.approx(math.log(2) / 3)
    assert both(one, np.zeros(4, np.int64), 2) == (0.0, 0.0)


def test_half_samples_are_halves_without_repetition() -> None:
    whole, *rows = samples(101, 0)
    assert whole.tolist() == list(range(101))
    assert [len(r) for r in rows] == [50] * HALVES
    assert all(len(set(r.tolist())) == 50 for r in rows)
    assert np.bincount(np.concatenate(rows), minlength=101).min() > HALVES / 4
    assert all((a == b).all() for a, b in zip(samples(101, 0)[1:], rows, strict=True))
    assert (samples(101, 1)[1] != rows[0]).any()


def test_tied_sets_are_those_of_half_samples_from_nothing() -> None:
    """Adjusted mutual information of every half-sample by scikit-learn: the same scores, errors and statuses."""
    candidates = bare(drawn((1.3, 1.3, 1.3, 1.8, 6.0), n=300).candidates)
    walk = Walk(False, 0, numpy_kernels)
    for c in candidates:
        walk.take(c)
    y, z = (np.stack([getattr(c, field) for c in walk.kept]) for field in ("predictions", "clusters"))
    rows = samples(300, 0)
    found = agreement(y, z, None, [c.neighbors for c in walk.kept], 4, rows)
    slow = np.array([[[adjusted_mutual_info_score(a[r], b[r]) for b in z] for a in y] for r in rows])
    assert found.others == pytest.approx(slow, abs=1e-7)
    weights = vote_weights(likeness([c.neighbors for c in walk.kept]))
    listened = weights_of_others(weights, np.ones(5, bool))
    soft = np.stack([np.asarray(c.information) for c in walk.kept], axis=1)
    scores = np.sqrt(np.maximum(np.einsum("hij,ij->hi", slow, listened), 0)) * soft**0.25 * found.own
    scores *= heard(found.contrast, listened) * evenness(y, 4, rows) ** (-1 / 6)
    scores *= vote_contrast(y, weights * scores[0], 4, rows)
    best = int(scores[0].argmax())
    gap, error = differences(scores, best)
    choice = choose(candidates)
    assert choice.best == best
    assert [j.se for j in choice.judged] == pytest.approx(error, abs=1e-7)
    for i, j in enumerate(choice.judged):
        within = sum(gap[i] <= limit * error[i] for limit in (TIED, PLAUSIBLE["logits"]))
        expected = ("worse", "plausible", "tied")[within]
        assert j.status == ("best" if i == best else expected)
    assert "tied" in [j.status for j in choice.judged]
    assert "worse" in [j.status for j in choice.judged]


def test_the_chance_part_is_worked_out_once_for_each_pair_of_sizes() -> None:
    shared, rng, worked_out = Information(100), np.random.default_rng(0), []
    drawn_sizes = [[sizes(rng.integers(0, 4, (10, 100)), 4) for _ in range(2)] for _ in range(20)]
    for ones, others in drawn_sizes:
        before = len(shared.keys)
        shared.by_chance(ones, others)
        worked_out.append(len(shared.keys) - before)
    assert worked_out[0] > 5 * worked_out[-1]
    assert len(shared.keys) == len(np.unique(shared.keys)) < 20 * 40 * 40 / 20
