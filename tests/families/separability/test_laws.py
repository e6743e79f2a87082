"""Laws of the separability family: what may not change a number, what must, and how its error is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import oracles
from carrier import Carrier
from clouds import clouds, clumps, reference_sets
from labelfree import metrics
from labelfree.evidence.evidence import evidence
from labelfree.families.separability.scores import METRICS
from labelfree.kernels import numpy_kernels
from labelfree.kernels.paired import PairedKernels
from labelfree.trees import merges, spanning_tree

Matrix = NDArray[np.float64]
NAMES = ("separability", "separability_robust", "persistence_entropy", "total_persistence")
SCORES = NAMES[:3]  # free of units
whole = hnp.arrays(np.float64, st.tuples(st.integers(3, 14), st.integers(1, 4)), elements=st.integers(-9, 9).map(float))
seeds = st.integers(0, 2**31)


def deaths(X: NDArray[Any]) -> Matrix:
    return spanning_tree(X, numpy_kernels).length


def of(name: str, X: NDArray[Any], **options: Any) -> Any:
    return getattr(metrics, name)(X, **{"normalize": "none", **options})


def value(name: str, X: NDArray[Any], **options: Any) -> Any:
    return of(name, X, **options).value


def cloud(seed: int) -> Matrix:
    """Three clumps without ties."""
    return clumps(1.0, k=3, m=12, d=5, seed=seed)


def turned(X: Matrix, seed: int) -> Matrix:
    return np.asarray(X @ np.linalg.qr(np.random.default_rng(seed).normal(size=(X.shape[1],) * 2))[0])


CHANGES: dict[str, Callable[[Matrix, int], Matrix]] = {
    "rotation": turned,
    "order": lambda X, seed: np.random.default_rng(seed).permutation(X),
    "reflection": lambda X, _: -X,
    "translation": lambda X, seed: X + 100 * np.random.default_rng(seed).normal(size=X.shape[1]),
    "more columns": lambda X, _: np.hstack([X, np.full((len(X), 3), 2.5)]),
}


@pytest.mark.parametrize("change", CHANGES)
@given(seed=seeds)
def test_isometries_and_order_do_not_matter(change: str, seed: int) -> None:
    X = cloud(seed)
    Y = CHANGES[change](X, seed)
    assert np.allclose(deaths(Y), deaths(X), rtol=1e-10)
    mine, other = merges(spanning_tree(X, numpy_kernels)), merges(spanning_tree(Y, numpy_kernels))
    assert np.array_equal(mine.smaller, other.smaller)
    assert np.array_equal(mine.larger, other.larger)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", CHANGES)
def test_values_do_not_change(change: str, name: str) -> None:
    X = cloud(5)
    assert value(name, CHANGES[change](X, 6)) == pytest.approx(value(name, X), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_rotations_keep_unit_rows_too(name: str) -> None:
    X = cloud(5)
    for metric in ("euclidean", "cosine"):
        options = {"normalize": "l2", "metric": metric}
        assert value(name, turned(X, 1), **options) == pytest.approx(value(name, X, **options), rel=1e-9)
        stretched = X * np.random.default_rng(0).uniform(0.1, 9, (len(X), 1))
        assert value(name, stretched, **options) == pytest.approx(value(name, X, **options), rel=1e-9)


@given(seed=seeds, exponent=st.floats(-6, 6))
def test_scale(seed: int, exponent: float) -> None:
    X, by = cloud(seed), 10.0**exponent
    assert np.allclose(deaths(by * X), by * deaths(X), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scores_have_no_unit_and_the_total_has_one(scale: float) -> None:
    X = cloud(2)
    for name in SCORES:
        assert value(name, scale * X) == pytest.approx(value(name, X), rel=1e-10)
    assert value("total_persistence", scale * X) == pytest.approx(scale * np.sum(deaths(X)), rel=1e-10)
    for normalize in ("l2", "layernorm", "zscore"):
        options = {"normalize": normalize}
        assert value("separability", scale * X, **options) == pytest.approx(
            value("separability", X, **options), rel=1e-10
        )


@given(X=whole, which=st.integers(0, 13))
def test_a_repeated_row_adds_one_bar_of_length_zero(X: Matrix, which: int) -> None:
    again = np.vstack([X, X[which % len(X)]])
    assert np.array_equal(deaths(again), np.concatenate([[0.0], deaths(X)]))


@given(X=whole)
def test_deaths_and_sizes_are_those_of_brute_force(X: Matrix) -> None:
    found = merges(spanning_tree(X, numpy_kernels))
    expected = oracles.single_linkage(X)
    assert np.allclose(found.length, [death for death, _, _ in expected], rtol=1e-12, atol=0)
    assert found.smaller.tolist() == [smaller for _, smaller, _ in expected]
    assert found.larger.tolist() == [larger for _, _, larger in expected]


@given(X=whole, reach=st.sampled_from([0.0, 1.0, 2.0**0.5, 2.5, 4.0, 20.0]))
def test_components_at_a_scale_are_one_and_the_longer_deaths(X: Matrix, reach: float) -> None:
    label = list(range(len(X)))
    for i in range(len(X)):
        for j in range(i):
            if np.linalg.norm(X[i] - X[j]) <= reach:
                label = [label[i] if name == label[j] else name for name in label]
    assert len(set(label)) == 1 + (deaths(X) > reach).sum()


@given(X=whole)
def test_bounds(X: Matrix) -> None:
    bars = len(X) - 1
    results = {name: getattr(metrics, name)(X + 20.0, normalize="none") for name in NAMES}
    if len(np.unique(X, axis=0)) == 1:
        assert {r.reason_code for r in results.values()} == {"collapsed"}
        return
    score, robust = results["separability"], results["separability_robust"].value
    assert 0 <= score.value <= 1 - 1 / bars
    if score.interval is not None:
        assert 0 <= score.interval[0] <= score.value <= score.interval[1] <= 1 - 1 / bars
    assert robust is None or 0 <= robust < 1
    assert 0 <= results["persistence_entropy"].value <= np.log2(bars)
    assert results["total_persistence"].value > 0


@given(n=st.integers(3, 25), side=st.floats(1e-3, 1e3))
def test_a_simplex_has_nothing_to_separate(n: int, side: float) -> None:
    X = side * np.eye(n)
    assert value("separability", X) == pytest.approx(0.0, abs=1e-12)
    assert value("persistence_entropy", X) == pytest.approx(np.log2(n - 1))


@given(seed=seeds)
def test_a_far_point_raises_the_score(seed: int) -> None:
    X = cloud(seed)
    far = np.vstack([X, np.full(X.shape[1], 1e4)])
    assert oracles.separability(deaths(far)) > oracles.separability(deaths(X))


@pytest.mark.parametrize("name", NAMES)
def test_float32_rows_give_the_value_of_the_same_float64_rows(name: str) -> None:
    X = cloud(4).astype(np.float32)
    assert value(name, X) == value(name, X.astype(np.float64))
    assert value(name, X) == pytest.approx(value(name, cloud(4)), rel=1e-5)


SMALL = {"_BLOCK": 7, "_WIDE": 3, "_LEAF": 5, "_ROOM": 2}


@pytest.mark.parametrize("name", ["gauss", "ten far clusters", "bits", "nested", "duplicates", "clumps at 1e-8"])
def test_block_sizes_and_threads_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_limits

    X = clouds()[name][:120]
    monkeypatch.setattr("labelfree.trees.sketch.DENSE", 10)
    expected = merges(spanning_tree(X, numpy_kernels))
    for threads in (1, 2):
        with threadpool_limits(threads):
            for constant, size in {**SMALL, "threads alone": 0}.items():
                with monkeypatch.context() as patch:
                    if size:
                        patch.setattr(f"labelfree.kernels.numpy_trees.{constant}", size)
                    found = merges(spanning_tree(X, numpy_kernels))
                assert np.array_equal(found.length, expected.length)
                assert np.array_equal(found.smaller, expected.smaller)
                assert np.array_equal(found.larger, expected.larger)


@pytest.mark.parametrize("name", ["T9", "T10", *clouds()])
def test_the_whole_tree_is_the_same_in_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from labelfree.kernels.torch_kernels import TorchKernels

    X = {**reference_sets(), **clouds()}[name]
    monkeypatch.setattr("labelfree.trees.sketch.DENSE", 10)
    ours, theirs = merges(spanning_tree(X, numpy_kernels)), merges(spanning_tree(X, TorchKernels("cpu")))
    assert np.array_equal(ours.length, theirs.length)
    assert np.array_equal(ours.smaller, theirs.smaller)
    assert np.array_equal(ours.larger, theirs.larger)


def test_pairs_of_blocks_change_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole family with an engine that hands out blocks of rows: every number is that of one process."""
    monkeypatch.setattr("labelfree.kernels.paired.ALIGNED", 30)
    X = np.random.default_rng(2).normal(size=(400, 6)) + np.repeat(4 * np.eye(4, 6), 100, axis=0)
    X[7] = X[350]
    alone = evidence(X)
    paired = replace(evidence(X), kernels=PairedKernels(Carrier(), 90))
    for metric in METRICS[:4]:
        assert metric.compute(alone) == metric.compute(paired)
