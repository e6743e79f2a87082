"""The law of summaries, summary(A + B) = merge(summary(A), summary(B)), and what each keeps exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import oracles
from labelfree.summaries import Distinct, Groups, Moments, Predictions, Sample, Tally
from labelfree.summaries.hashing import hash_ids, hash_rows, mix

Matrix = NDArray[np.float64]
numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)
matrices = hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.just(3)), elements=numbers)
cuts = st.lists(st.integers(0, 30), max_size=4)


def parts(X: NDArray[Any], where: list[int]) -> list[NDArray[Any]]:
    return np.split(X, sorted(min(c, len(X)) for c in where))


def moments(X: Matrix) -> Moments:
    return Moments.empty(3).update(X)


def sample(X: Matrix, limit: int | None = 7, first: int = 0) -> Sample:
    index = np.arange(first, first + len(X))
    return Sample.empty(limit).update(X, mix(hash_ids(index), 5), index)


def groups(X: Matrix, first: int = 0) -> Sample:
    """Keys shared by whole groups of five consecutive rows."""
    index = np.arange(first, first + len(X))
    return Sample.empty(8).update(X, mix(hash_ids(index // 5), 5), index)


def named_groups(X: Matrix, first: int = 0) -> Groups:
    """Groups of five rows that lie apart, and every seventh row in none."""
    index = np.arange(first, first + len(X))
    there = index % 7 != 3
    group, row = hash_ids(index % 6), hash_ids(index)
    return Groups.empty(8, 5).update(X[there], group[there], row[there], index[there], len(X))


def distinct(X: Matrix) -> Distinct:
    return Distinct.empty(6).update(hash_rows(X))


def tally(X: Matrix, first: int = 0) -> Tally:
    norms, index = np.linalg.norm(X, axis=1), np.arange(first, first + len(X))
    return Tally().update(len(X), {"zero": index[norms == 0], "null": index[norms > 1e5]}, norms, index)


def predictions(X: Matrix) -> Predictions:
    return Predictions.empty(3, thresholds=(0.6, -0.3)).update(X)


def same_predictions(a: Predictions, b: Predictions) -> bool:
    sums = (f.name for f in dataclasses.fields(a) if f.name not in ("n", "classes", "predicted", "thresholds", "above"))
    close = all(np.allclose(getattr(a, f), getattr(b, f), rtol=1e-11, atol=1e-300) for f in sums)
    return a.n == b.n and a.above == b.above and np.array_equal(a.predicted, b.predicted) and close


def same_moments(a: Moments, b: Moments) -> bool:
    scale = max(np.abs(a.scatter).max(), np.abs(b.scatter).max(), (1e-6 * np.abs(a.mean).max()) ** 2 * max(a.n, 1))
    close = np.allclose(a.scatter, b.scatter, rtol=0, atol=1e-9 * scale + 1e-30)
    return a.n == b.n and close and np.allclose(a.mean, b.mean, rtol=1e-9, atol=1e-9)


def same_sample(a: Sample, b: Sample) -> bool:
    left, right = a.drawn(), b.drawn()
    if left is None or right is None:
        return left is right and a.cut == b.cut
    return a.cut == b.cut and np.array_equal(left.index, right.index) and np.array_equal(left.rows, right.rows)


def same_groups(a: Groups, b: Groups) -> bool:
    return (a.digest, a.null) == (b.digest, b.null) and same_sample(a.sample, b.sample)


def same_distinct(a: Distinct, b: Distinct) -> bool:
    a, b = a.settled(), b.settled()
    fields = ("hashes", "repeated", "times")
    return (a.n, a.cut) == (b.n, b.cut) and all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


def placed(kind: Callable[..., Any]) -> Callable[[list[Matrix]], list[Any]]:
    """Summaries of consecutive parts that know where each part begins."""

    def make(pieces: list[Matrix]) -> list[Any]:
        starts = np.cumsum([0, *[len(p) for p in pieces]])
        return [kind(piece, first=int(start)) for piece, start in zip(pieces, starts, strict=False)]

    return make


SUMMARIES: dict[str, tuple[Callable[[list[Matrix]], list[Any]], Callable[[Any, Any], bool], Any]] = {
    "moments": (lambda pieces: [moments(p) for p in pieces], same_moments, Moments.empty(3)),
    "sample": (placed(sample), same_sample, Sample.empty(7)),
    "groups": (placed(groups), same_sample, Sample.empty(8)),
    "named groups": (placed(named_groups), same_groups, Groups.empty(8, 5)),
    "distinct": (lambda pieces: [distinct(p) for p in pieces], same_distinct, Distinct.empty(6)),
    "predictions": (
        lambda pieces: [predictions(p) for p in pieces],
        same_predictions,
        Predictions.empty(3, thresholds=(0.6, -0.3)),
    ),
    "tally": (placed(tally), lambda a, b: bool(a == b), Tally()),
}


@pytest.mark.parametrize("name", SUMMARIES)
@given(X=matrices, where=cuts)
def test_a_summary_of_parts_is_the_merge_of_their_summaries(name: str, X: Matrix, where: list[int]) -> None:
    make, same, empty = SUMMARIES[name]
    whole = make([X])[0]
    pieces = make(parts(X, where))
    merged = empty
    for piece in pieces:
        merged = merged.merge(piece)
    backwards = empty
    for piece in reversed(pieces):
        backwards = piece.merge(backwards)
    shuffled = empty
    for piece in reversed(pieces):
        shuffled = shuffled.merge(piece)
    assert same(merged, whole)
    assert same(backwards, whole)  # associative
    assert same(shuffled, whole)  # commutative
    assert same(whole.merge(empty), whole)  # the empty summary is the identity
    assert same(empty.merge(whole), whole)


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_law_is_not_vacuous(name: str) -> None:
    make, same, _ = SUMMARIES[name]
    X = np.random.default_rng(0).normal(size=(30, 3))
    whole, other = make([X])[0], make([X[:29] * 1.5])[0]
    assert not same(whole, other)


@given(X=matrices, where=cuts)
def test_updates_in_parts_are_one_update(X: Matrix, where: list[int]) -> None:
    state = Moments.empty(3)
    for piece in parts(X, where):
        state = state.update(piece)
    assert same_moments(state, moments(X))


@given(X=matrices.filter(lambda X: len(X) > 0))
def test_moments_are_the_textbook_ones(X: Matrix) -> None:
    mean, scatter = oracles.scatter(X)
    assert same_moments(moments(X), Moments(len(X), mean, scatter))


def test_scaled_rows_are_summed_as_if_they_were_scaled_first() -> None:
    rng = np.random.default_rng(0)
    X, scale = rng.normal(size=(50, 3)), rng.uniform(0.1, 3, 50)
    state = Moments.empty(3)
    for i in range(0, 50, 9):
        state = state.update(X[i : i + 9], scale=scale[i : i + 9])
    assert same_moments(state, moments(X * scale[:, None]))


def test_a_far_block_after_a_near_one_costs_no_digits() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(1, 3)), rng.normal(size=(5000, 3)) + 1e7
    state = moments(near).update(far)
    _, scatter = oracles.scatter(np.vstack([near, far]))
    assert np.allclose(state.scatter, scatter, rtol=1e-9)


def test_the_sample_is_uniform() -> None:
    seen = np.zeros(40)
    for seed in range(2000):
        index = np.arange(40)
        drawn = Sample.empty(10).update(np.zeros((40, 1)), mix(hash_ids(index), seed), index).drawn()
        assert drawn is not None
        seen[drawn.index] += 1
    assert abs(seen - 500).max() < 5 * (2000 * 0.25 * 0.75) ** 0.5


def test_groups_are_sampled_whole() -> None:
    X = np.arange(90.0).reshape(30, 3)
    drawn = groups(X).drawn()
    assert drawn is not None
    _, sizes = np.unique(drawn.index // 5, return_counts=True)
    assert set(sizes) == {5}
    assert len(drawn.index) <= 8


@given(X=matrices)
def test_duplicates_are_exact_up_to_the_limit(X: Matrix) -> None:
    state = Distinct.empty().update(hash_rows(np.vstack([X, X[: len(X) // 2]])))
    assert state.exact
    assert state.duplicates == len(X) + len(X) // 2 - len({row.tobytes() for row in X})


def test_duplicates_beyond_the_limit_are_estimated_and_never_invented() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2))
    state = Distinct.empty(1000)
    for i in range(0, len(X), 3000):
        state = state.update(hash_rows(X[i : i + 3000]))
    assert not state.exact
    assert state.duplicates == 0
    state = state.update(hash_rows(np.repeat(X[:5000], 2, axis=0)))
    assert state.duplicates == pytest.approx(10_000, rel=0.1)


def test_hashes_tell_rows_apart() -> None:
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(20_000, 24)).astype(np.float32)
    for X in (signs, rng.integers(0, 2, (20_000, 31)).astype(np.float32), rng.normal(size=(20_000, 1))):
        assert len(np.unique(hash_rows(X))) == len(np.unique(X, axis=0))
    assert hash_rows(np.array([[1.0, 2.0]])) != hash_rows(np.array([[2.0, 1.0]]))


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), min_size=1)
)
def test_a_hash_of_an_id_does_not_depend_on_its_neighbors(texts: list[str]) -> None:
    together = hash_ids(np.array(texts, dtype=object))
    alone = [hash_ids(np.array([text], dtype=object))[0] for text in texts]
    assert together.tolist() == alone
    assert len(set(together.tolist())) == len(set(texts))


def test_integer_ids_are_hashed_by_value() -> None:
    wide, narrow = np.arange(-5, 5, dtype=np.int64), np.arange(-5, 5, dtype=np.int16)
    assert np.array_equal(hash_ids(wide), hash_ids(narrow))
