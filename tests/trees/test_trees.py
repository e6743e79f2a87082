"""Spanning trees against other programs and against brute force, on clouds where they are easily got wrong."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles
from clouds import clouds, far_clusters, nested, reference_sets
from labelfree.kernels import numpy_kernels
from labelfree.trees import Merges, Tree, merges, spanning_tree
from repository import DATA

CLOUDS = clouds()
EVERY = {**reference_sets(), **CLOUDS}
PEERS = json.loads((DATA / "peer_deaths.json").read_text())
WAYS = {"dense": (10**6, 8), "sparse": (1, 8), "sparse, always joining": (1, 10**6), "sparse, always looking": (1, 1)}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    dense, few = WAYS[request.param]
    monkeypatch.setattr("labelfree.trees.spanning.DENSE", dense)
    monkeypatch.setattr("labelfree.trees.boruvka._FEW", few)
    return str(request.param)


def tree(X: NDArray[Any], told: list[str] | None = None) -> Tree:
    return spanning_tree(X, numpy_kernels, lambda stage, _: told.append(stage) if told is not None else None)


def linkage(X: NDArray[Any]) -> NDArray[np.float64]:
    """Deaths by scipy: all distances in float64 from differences, then single linkage."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    return np.sort(linkage(pdist(X.astype(np.float64)), "single")[:, 2])


def assert_a_tree(found: Tree, X: NDArray[Any]) -> None:
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
def test_lengths_are_those_of_single_linkage(way: str, name: str) -> None:
    X = EVERY[name]
    found = tree(X)
    assert_a_tree(found, X)
    assert np.allclose(found.length, linkage(X), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["gauss", "duplicates", "float32 ulps", "ten far clusters", "bits"])
def test_float32_rows_are_taken_at_their_value(way: str, name: str) -> None:
    X = CLOUDS[name].astype(np.float32)
    found = tree(X)
    assert np.array_equal(found.length, tree(X.astype(np.float64)).length)
    assert np.allclose(found.length, linkage(X), rtol=1e-12, atol=0)


def test_each_way_of_the_sparse_tree_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the clouds are for: a list that is spent sends few rows to look again and many to the joining pass."""
    monkeypatch.setattr("labelfree.trees.spanning.DENSE", 1)
    stages = {name: set(_told(X)) for name, X in CLOUDS.items()}
    assert stages["gauss"] == {"finding neighbors"}
    assert stages["bits"] == {"finding neighbors", "looking again"}
    assert stages["nested"] == stages["ten far clusters"] == {"finding neighbors", "joining components"}
    assert stages["two far lattices"] == {"finding neighbors", "looking again", "joining components"}
    monkeypatch.setattr("labelfree.trees.boruvka._FEW", 1)
    assert set(_told(CLOUDS["deeply nested"])) == {"finding neighbors", "looking again"}
    monkeypatch.setattr("labelfree.trees.spanning.DENSE", 10**6)
    assert _told(CLOUDS["nested"]) == []


def _told(X: NDArray[Any]) -> list[str]:
    told: list[str] = []
    tree(X, told)
    return told


def test_a_crowded_clump_leaves_the_dense_way() -> None:
    """A matrix product cannot order pairs at 1e-9; few are measured one by one, many take the sparse way."""
    assert _told(CLOUDS["clumps at 1e-9"]) == []
    assert "finding neighbors" in _told(CLOUDS["a crowded clump at 1e-9"])


@pytest.mark.parametrize("rows", [2_999, 3_000, 3_001])
def test_both_sides_of_the_border_between_the_two(rows: int) -> None:
    X = np.vstack([nested(3, 14, d=6), np.random.default_rng(0).normal(size=(400, 6))])[:rows]
    told: list[str] = []
    assert np.allclose(tree(X, told).length, linkage(X), rtol=1e-12, atol=0)
    assert bool(told) == (rows > 3_000)


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
def test_merges_are_those_of_brute_force(way: str, name: str) -> None:
    found = merges(tree(EVERY[name][-120:]))
    death, smaller, larger = zip(*brute_force(name), strict=True)
    assert np.allclose(found.length, death, rtol=1e-12, atol=0)
    assert found.smaller.tolist() == list(smaller)
    assert found.larger.tolist() == list(larger)


@pytest.mark.parametrize("name", CLOUDS)
def test_merges_do_not_depend_on_the_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found: list[Merges] = []
    for dense, few in list(WAYS.values())[:3]:
        monkeypatch.setattr("labelfree.trees.spanning.DENSE", dense)
        monkeypatch.setattr("labelfree.trees.boruvka._FEW", few)
        found.append(merges(tree(CLOUDS[name])))
    for other in found[1:]:
        assert np.array_equal(found[0].length, other.length)
        assert np.array_equal(found[0].smaller, other.smaller)
        assert np.array_equal(found[0].larger, other.larger)


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
        np.testing.assert_allclose(np.sort(coarse), np.sort(exact), rtol=1e-4, atol=0)
