"""The law of summaries for moments of pairs: any split, any order, merged or updated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelfree.arrays import Rows
from labelfree.summaries.hashing import hash_ids
from labelfree.summaries.pair_moments import LEAST_GROUPS, MOST_GROUPS, PairMoments, groups_for

KEYS = hash_ids(np.arange(200))


def rows(seed: int, n: int, a: int, b: int) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, a)) + 3, rng.normal(size=(n, b)).astype(np.float32)


def same(one: PairMoments, other: PairMoments) -> None:
    assert one.n == other.n
    for name in ("counts", "totals", "thirds", "fourths"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-10, abs=1e-9)
    for mine, theirs in zip(one.scatters, other.scatters, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40), st.integers(1, 4), st.integers(1, 4))
def test_parts_merge_to_the_whole_in_any_order(seed: int, n: int, m: int, a: int, b: int) -> None:
    X, Y = rows(seed, n + m, a, b)
    empty = PairMoments.empty(a, np.full(a + b, 0.5))
    keys = KEYS[: n + m]
    whole = empty.update(X, Y, keys)
    one, other = empty.update(X[:n], Y[:n], keys[:n]), empty.update(X[n:], Y[n:], keys[n:])
    same(one.merge(other), whole)
    same(other.merge(one), whole)
    same(one.update(X[n:], Y[n:], keys[n:]), whole)
    same(whole.merge(empty), whole)
    order = np.random.default_rng(seed).permutation(n + m)
    same(empty.update(X[order], Y[order], keys[order]), whole)


def test_the_sums_are_the_sums() -> None:
    X, Y = rows(0, 60, 3, 2)
    pivot = np.arange(5.0)
    found = PairMoments.empty(3, pivot).update(X, Y, KEYS[:60])
    z = np.hstack([X, Y]) - pivot
    x, y = (z[:, :3] ** 2).sum(axis=1), (z[:, 3:] ** 2).sum(axis=1)
    assert sum(found.scatters) == pytest.approx(sum(np.outer(row, row) for row in z))
    assert found.totals.sum(axis=0) == pytest.approx(z.sum(axis=0))
    assert found.thirds == pytest.approx(np.array([(z * x[:, None]).sum(axis=0), (z * y[:, None]).sum(axis=0)]))
    assert found.fourths == pytest.approx(np.array([(x * x).sum(), (x * y).sum(), (y * y).sum()]))
    assert (found.n, found.b, len(found.counts)) == (60, 2, MOST_GROUPS)


def test_parts_about_other_pivots_are_not_merged() -> None:
    with pytest.raises(AssertionError, match="one pivot"):
        PairMoments.empty(1, np.zeros(2)).merge(PairMoments.empty(1, np.ones(2)))


def test_wide_rows_have_fewer_groups() -> None:
    assert [groups_for(d) for d in (2, 1536, 3072, 8192)] == [MOST_GROUPS, MOST_GROUPS, LEAST_GROUPS, LEAST_GROUPS]
