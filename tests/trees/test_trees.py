"""Spanning trees against other programs and against brute force, on clouds where they are easily got wrong."""

from __future__ import annotations

import functools
import json
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles
from clouds import clouds, far_clusters, nested, reference_sets
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.trees import Edges, Merges, merges, spanning_tree
from repository import DATA

CLOUDS = clouds()
EVERY = {**reference_sets(), **CLOUDS}
PEERS = json.loads((DATA / "peer_deaths.json").read_text())
WAYS = {"few": (48, 1_500, 8), "sketched": (2, 20, 8), "sketched of a half": (2, 4, 2), "many waiting": (2, 20, 8)}


def go(way: str, patch: pytest.MonkeyPatch) -> None:
    """Few points go the way of many: no pair is measured unasked, and landmarks have landmarks."""
    small, dense, part = WAYS[way]
    for module in ("proof", "spanning"):
        patch.setattr(f"labelfree.trees.{module}.SMALL", small)
    patch.setattr("labelfree.trees.sketch.DENSE", dense)
    patch.setattr("labelfree.trees.sketch._PART", part)
    if way == "many waiting":
        patch.setattr("labelfree.trees.proof._WAITING", 1)
        patch.setattr("labelfree.kernels.numpy_trees._BLOCK", 64)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    go(request.param, monkeypatch)
    return str(request.param)


def tree(X: NDArray[Any]) -> Edges:
    return spanning_tree(X, numpy_kernels)


def linkage(X: NDArray[Any]) -> NDArray[np.float64]:
    """Deaths by scipy: all distances in float64 from differences, then single linkage."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    return np.sort(linkage(pdist(X.astype(np.float64)), "single")[:, 2])


def assert_a_tree(found: Edges, X: NDArray[Any]) -> None:
    """n - 1 edges that join everything, shortest first, with the lengths of their ends."""
    assert len(found.length) == len(X) - 1
    assert (found.left < found.right).all()
    assert (np.diff(found.length) >= 0).all()
    X = X.astype(np.float64)
    assert np.allclose(found.length, np.linalg.norm(X[found.left] - X[found.right], axis=1), rtol=1e-13, atol=0)
    reached = np.arange(len(X))
    for i, j in zip(found.left, found.right, strict=True):
        reached[reached == reached[j]] = reached[i]
    assert len(set(reached.tolist())) == 1


@pytest.mark.parametrize("name", EVERY)
def test_lengths_are_those_of_single_linkage(name: str) -> None:
    X = EVERY[name]
    found = tree(X)
    assert_a_tree(found, X)
    assert np.allclose(found.length, linkage(X), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["gauss", "duplicates", "float32 ulps", "ten far clusters", "bits"])
def test_float32_rows_are_taken_at_their_value(name: str) -> None:
    X = CLOUDS[name].astype(np.float32)
    found = tree(X)
    assert np.array_equal(found.length, tree(X.astype(np.float64)).length)
    assert np.allclose(found.length, linkage(X), rtol=1e-12, atol=0)


class Watched:
    """The kernels, and what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        def called(left: NDArray[Any], *rest: Any, **named: Any) -> Any:
            self.asked.append((name, str(left.dtype)))
            return getattr(numpy_kernels, name)(left, *rest, **named)

        return called


def asked(X: NDArray[Any]) -> list[tuple[str, str]]:
    watched = Watched()
    spanning_tree(X, cast(Kernels, watched))
    return watched.asked


def test_what_the_clouds_are_for() -> None:
    """One look in float32 where that is enough; clumps from nearby, crowded tiles and long chains in float64."""
    coarse, fine = ("below", "float32"), ("below", "float64")
    for name in ("gauss", "bits", "offset 1e6"):
        assert asked(CLOUDS[name]) == [coarse]
    for name in ("outlier", "line", "a crowded clump at 1e-9"):
        assert asked(CLOUDS[name])[:2] == [coarse, coarse]
    assert asked(np.arange(300.0)[:, None] ** 2 / 7) == [fine]
    even = np.eye(300) @ np.linalg.qr(np.random.default_rng(0).normal(size=(300, 300)))[0]  # equal up to rounding
    assert asked(even) == [coarse, fine]
    many = asked(np.random.default_rng(0).normal(size=(2_000, 4)))
    assert many == [coarse, ("nearest_of", "float32"), coarse]


@pytest.mark.parametrize("rows", [48, 49, 1_500, 1_501])
def test_both_sides_of_the_borders(rows: int) -> None:
    X = np.vstack([nested(3, 11, d=6), np.random.default_rng(0).normal(size=(400, 6))])[-rows:]
    assert np.allclose(tree(X).length, linkage(X), rtol=1e-12, atol=0)


def test_a_tree_of_a_neighbor_graph_loses_what_separates() -> None:
    """Why the lists are proved: the tree of the k-nearest-neighbor graph has no edges between far clusters."""
    from scipy.sparse.csgraph import minimum_spanning_tree
    from sklearn.neighbors import kneighbors_graph

    X = far_clusters()
    exact = linkage(X)
    graph = minimum_spanning_tree(kneighbors_graph(X, 15, mode="distance"))
    assert graph.nnz == len(X) - 10
    assert graph.data.max() < exact[-9:].min()
    ours = tree(X).length
    assert np.allclose(ours[-9:], exact[-9:], rtol=1e-12)
    assert oracles.separability(ours) > 2 * oracles.separability(graph.data)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_rows(way: str, n: int) -> None:
    X = np.array([[0.0, 3.0], [4.0, 0.0], [4.0, 1.0], [4.0, 1.0]])[:n]
    assert tree(X).length.tolist() == [[], [5.0], [1.0, 20**0.5], [0.0, 1.0, 20**0.5]][n - 1]
    assert merges(tree(X)).larger.tolist() == [[], [1], [1, 2], [1, 2, 3]][n - 1]


@pytest.mark.parametrize("d", [1, 5])
def test_equal_rows_are_joined_at_zero(way: str, d: int) -> None:
    found = tree(np.full((7, d), -2.5))
    assert found.length.tolist() == [0.0] * 6
    assert_a_tree(found, np.zeros((7, d)))
    assert merges(found).smaller.tolist() == [1] * 6
    signs = np.array([[0.0] * d, [-0.0] * d, [1.0] * d])
    assert tree(signs).length.tolist() == [0.0, d**0.5]


@pytest.mark.parametrize("exponent", [-160, -30, 30, 150])
def test_lengths_neither_underflow_nor_overflow(way: str, exponent: int) -> None:
    X = reference_sets()["T9"]
    found = tree(X * 10.0**exponent).length / 10.0**exponent
    assert np.allclose(found, linkage(X), rtol=1e-12, atol=0)


SIZED = [*(f"T{i}" for i in range(1, 11)), "lattice", "bits", "duplicates", "one-hot", "gauss", "nested", "one column"]


@functools.cache
def brute_force(name: str) -> list[tuple[float, int, int]]:
    return oracles.single_linkage(EVERY[name][-120:])


@pytest.mark.parametrize("name", SIZED)
def test_merges_are_those_of_brute_force(name: str) -> None:
    found = merges(tree(EVERY[name][-120:]))
    death, smaller, larger = zip(*brute_force(name), strict=True)
    assert np.allclose(found.length, death, rtol=1e-12, atol=0)
    assert found.smaller.tolist() == list(smaller)
    assert found.larger.tolist() == list(larger)


@pytest.mark.once
@pytest.mark.parametrize("name", EVERY)
def test_nothing_depends_on_the_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What holds of the tree of one way holds of that of every other."""
    found: list[tuple[Edges, Merges]] = []
    for way in WAYS:
        go(way, monkeypatch)
        one = tree(EVERY[name])
        found.append((one, merges(one)))
    (first, whole), *others = found
    for other, merged in others:
        for a, b in ((first.left, other.left), (first.right, other.right), (first.length, other.length)):
            assert np.array_equal(a, b)
        assert np.array_equal(whole.smaller, merged.smaller)
        assert np.array_equal(whole.larger, merged.larger)


@pytest.mark.parametrize("name", EVERY)
def test_agreement_with_gudhi_and_ripser(name: str) -> None:
    X, recorded = EVERY[name], PEERS["clouds"][name]
    assert list(X.shape) == recorded["shape"]
    assert X.sum() == pytest.approx(recorded["entries"], rel=1e-13)  # the points they saw are these
    ours = tree(X).length
    theirs = recorded["gudhi"]
    assert theirs["bars"] == len(ours)
    assert ours.sum() == pytest.approx(theirs["sum"], rel=1e-12)
    assert ours[theirs["at"]] == pytest.approx(theirs["deaths"], rel=1e-12, abs=0)
    theirs, bars = recorded["ripser"], ours[ours > 0]
    if theirs["bars"] == len(bars):  # ripser loses bars that float32 rounds to zero
        assert bars[theirs["at"]] == pytest.approx(theirs["deaths"], rel=2e-6, abs=2e-7 * np.abs(X).max())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EVERY)
def test_agreement_with_giotto(name: str) -> None:
    homology = pytest.importorskip("gtda.homology", reason="giotto-tda has no build for this environment")
    backend = pytest.importorskip("gph", reason="giotto-ph has no build for this environment")
    X = EVERY[name]
    X = X - X[0]  # both hold distances in float32
    ours = tree(X).length
    rips = homology.VietorisRipsPersistence(homology_dimensions=(0,)).fit_transform(X[None])[0]
    raw = backend.ripser_parallel(X, maxdim=0)["dgms"][0][:-1]
    for theirs in (rips[rips[:, 1] > 0][:, 1], raw[:, 1]):
        deaths = np.concatenate([np.zeros(len(ours) - len(theirs)), np.sort(theirs)])
        assert np.allclose(deaths, ours, rtol=1e-6, atol=1e-7 * ours.max())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_coarse_tree_is_nearly_the_shortest(scale: float) -> None:
    """Rows of unit length, some of them repeated, some nearly, and clusters that float32 cannot tell apart."""
    random = np.random.default_rng(0)
    spread = random.normal(size=(600, 48))
    tight = spread[:4, None] + 1e-7 * random.normal(size=(4, 100, 48))
    for points in (spread, np.vstack([spread, spread[:50], spread[50:80] * (1 + 1e-6)]), tight.reshape(-1, 48)):
        exact = spanning_tree(scale * points, numpy_kernels).length
        coarse = spanning_tree(scale * points, numpy_kernels, coarse=True).length
        np.testing.assert_allclose(np.sort(coarse), np.sort(exact), rtol=1e-3, atol=0)
