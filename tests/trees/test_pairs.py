"""The tree over pairs of blocks is that of all rows, bit for bit; and both are the one that the definition picks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from carrier import Carrier
from clouds import clouds, reference_sets
from labelfree.kernels import numpy_kernels
from labelfree.kernels.engines import threads
from labelfree.trees import Edges, merges, spanning_tree
from labelfree.trees.pairs import cut, paired_tree

CLOUDS = {**reference_sets(), **clouds()}


def unique_tree(X: NDArray[Any]) -> list[tuple[float, int, int]]:
    """Kruskal over all pairs in the order of length, lower row, higher row."""
    X = X.astype(np.float64)
    left, right = np.triu_indices(len(X), 1)
    gap = X[left] - X[right]
    peak = np.abs(gap).max(axis=1, initial=0.0)
    length = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    faint = (length < 1e-150) & (peak > 0)
    length[faint] = peak[faint] * np.linalg.norm(gap[faint] / peak[faint, None], axis=1)
    label, found = list(range(len(X))), []
    for w, i, j in sorted(zip(length.tolist(), left.tolist(), right.tolist(), strict=True)):
        if label[i] != label[j]:
            old = label[j]
            label = [label[i] if one == old else one for one in label]
            found.append((w, i, j))
    return found


def held(blocks: list[NDArray[Any]]) -> list[Any]:
    return [threads.put(block) for block in blocks]


def assert_same(one: Edges, other: Edges) -> None:
    assert np.array_equal(one.length, other.length)
    assert np.array_equal(one.left, other.left)
    assert np.array_equal(one.right, other.right)
    first, second = merges(one), merges(other)
    assert np.array_equal(first.smaller, second.smaller)
    assert np.array_equal(first.larger, second.larger)


@pytest.fixture(params=["as it is", "nothing small"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "nothing small":
        small(monkeypatch)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few points go the way of many."""
    for module in ("proof", "spanning", "pairs"):
        monkeypatch.setattr(f"labelfree.trees.{module}.SMALL", 3)
    monkeypatch.setattr("labelfree.trees.sketch.DENSE", 6)
    monkeypatch.setattr("labelfree.trees.sketch._LEAST", 2)
    monkeypatch.setattr("labelfree.trees.proof._WAITING", 200)
    monkeypatch.setattr("labelfree.kernels.numpy_trees._BLOCK", 32)
    monkeypatch.setattr("labelfree.kernels.numpy_trees._WIDE", 24)
    monkeypatch.setattr("labelfree.kernels.numpy_trees._LEAF", 16)


@pytest.mark.parametrize("name", CLOUDS)
def test_the_tree_is_the_one_that_the_definition_picks(sizes: None, name: str) -> None:
    X = CLOUDS[name][-200:]
    found = spanning_tree(X, numpy_kernels)
    assert list(zip(found.length.tolist(), found.left.tolist(), found.right.tolist(), strict=True)) == unique_tree(X)


@pytest.mark.once
@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("rows", [1, 7, 100])
def test_blocks_change_no_bit(sizes: None, name: str, rows: int) -> None:
    for dtype in (np.float64, np.float32):
        blocks = cut(CLOUDS[name][: max(12, min(250, 10 * rows))].astype(dtype), rows)
        assert_same(paired_tree(held(blocks)), spanning_tree(np.concatenate(blocks), numpy_kernels))


@st.composite
def tied(draw: st.DrawFn) -> NDArray[Any]:
    """Rows with duplicates and ties: whole numbers, scaled, moved or made unit, some with noise in the last bits."""
    n, d = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    whole = draw(arrays(np.int8, (n, d), elements=st.integers(-2, 2))).astype(np.float64)
    X = whole * draw(st.sampled_from([1.0, 0.1, 2.0**-30, 1e150, 1e-160])) + draw(st.sampled_from([0.0, 0.3, 1e3]))
    if draw(st.booleans()):
        X = np.repeat(X, 2, axis=0)
    how = draw(st.sampled_from(["plain", "unit", "ulps"]))
    if how == "unit":
        norm = np.linalg.norm(X, axis=1, keepdims=True)
        X = X / np.where(norm > 0, norm, 1.0)
    elif how == "ulps":
        X = np.where(draw(arrays(bool, X.shape)), np.nextafter(X, np.inf), X)
    return X.astype(np.float32) if draw(st.booleans()) and np.abs(X).max() < 1e30 else X


@settings(max_examples=150, deadline=None)
@given(tied(), st.data())
def test_any_blocks_change_no_bit(X: NDArray[Any], data: st.DataObject) -> None:
    ends = sorted(data.draw(st.lists(st.integers(0, len(X)), max_size=6)))
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            small(patch)
        whole = spanning_tree(X, numpy_kernels)
        assert_same(paired_tree(held(np.split(X, ends))), whole)
    found = list(zip(whole.length.tolist(), whole.left.tolist(), whole.right.tolist(), strict=True))
    assert found == unique_tree(X)


@pytest.mark.parametrize("n", [500, 4_000])
def test_many_rows_in_blocks_and_by_scipy(n: int) -> None:
    from scipy.cluster.hierarchy import linkage

    rng = np.random.default_rng(n)
    X = rng.normal(size=(20, 16))[rng.integers(0, 20, n)] + rng.standard_t(3, (n, 16))
    X[:: n // 40] = X[3]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    found = paired_tree(held(cut(X, n // 4 + 1)))
    assert_same(found, spanning_tree(X, numpy_kernels))
    np.testing.assert_allclose(found.length, np.sort(linkage(X, "single")[:, 2]), rtol=1e-12, atol=1e-15)


def test_pieces_travel_by_name() -> None:
    X = np.random.default_rng(0).normal(size=(300, 40))
    carrier, told = Carrier(most=60_000), list[float]()  # all rows have 96,000 bytes
    blocks = [carrier.put(block) for block in cut(X, 30)]
    assert_same(paired_tree(blocks, carrier, told.append), spanning_tree(X, numpy_kernels))
    assert told == [(i + 1) / 45 for i in range(45)]


def test_no_rows_at_all() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        paired_tree(held([np.empty((0, 3))]))
