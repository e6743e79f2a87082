"""The error of separability and what it is compared with: paired subsamples, the surrogate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree
import oracles
from clouds import clumps, nested
from labelfree import metrics
from labelfree.evidence.evidence import evidence
from labelfree.evidence.scaling import Topology
from labelfree.evidence.surrogate import gaussian_like
from labelfree.families.separability.persistence import Persistence, persistence
from labelfree.kernels import numpy_kernels
from labelfree.trees import spanning_tree

Matrix = NDArray[np.float64]
NAMES = ("separability", "separability_robust", "persistence_entropy", "total_persistence")


def of(name: str, X: NDArray[Any]) -> Any:
    return getattr(metrics, name)(X, normalize="none")


def cloud(seed: int) -> Matrix:
    return clumps(1.0, k=3, m=12, d=5, seed=seed)


def turned(X: Matrix, seed: int) -> Matrix:
    return np.asarray(X @ np.linalg.qr(np.random.default_rng(seed).normal(size=(X.shape[1],) * 2))[0])


def frame(X: Matrix, ids: NDArray[Any]) -> Any:
    import pandas as pd

    return pd.DataFrame({"embedding": list(X), "id": ids})


def test_the_order_of_the_file_does_not_matter_where_rows_have_ids() -> None:
    X, ids = nested(3, 6), np.array([f"row {i}" for i in range(216)])
    order = np.random.default_rng(0).permutation(len(X))
    for sample in (None, 100):
        one = labelfree.separability(frame(X, ids), sample=sample)
        other = labelfree.separability(frame(X[order], ids[order]), sample=sample)
        assert one.input.rows_hash == other.input.rows_hash
        assert {n: one.metrics[n] for n in NAMES} == {n: other.metrics[n] for n in NAMES}
    renamed = labelfree.separability(frame(X, ids[order]))
    assert renamed["separability"].value == pytest.approx(labelfree.separability(frame(X, ids))["separability"].value)
    assert renamed["separability"].se != one["separability"].se  # other ids, other subsamples


def test_rows_that_leave_do_not_move_the_others() -> None:
    """Paired subsamples: of two checkpoints with the same ids, replicate b holds the same rows."""
    X = cloud(0)
    one, other = labelfree.separability(X), labelfree.separability(turned(X, 3) * 7)
    assert one["separability"].parts["replicates"] == pytest.approx(other["separability"].parts["replicates"], rel=1e-8)
    assert labelfree.separability(X, seed=1)["separability"].se != one["separability"].se


def _persistence(X: Matrix, **how: Any) -> Persistence:
    e = replace(evidence(X), topology=Topology.checked(**{"normalize": "none", **how}))
    found = persistence(e)
    assert isinstance(found, Persistence)
    return found


@pytest.mark.parametrize("name", NAMES[:2])
def test_the_error_is_the_spread_of_subsamples_times_the_factor(name: str) -> None:
    X = clumps(1.0, k=4, m=50, d=6)
    result = getattr(metrics, name)(X, normalize="none")
    values = result.parts["replicates"]
    assert len(values) == 20 == result.params["replicates"]
    m = result.params["replicate_rows"]
    assert m == 100
    assert result.parts["replicate_factor"] == 1
    mean = sum(values) / 20
    spread = (sum((v - mean) ** 2 for v in values) / 19) ** 0.5
    assert result.se == pytest.approx(result.parts["replicate_factor"] * spread, rel=1e-12)
    assert result.interval[1] <= 1
    assert result.interval[0] == pytest.approx(result.value - 1.96 * result.se)


def test_the_twin_has_no_interval_where_subsamples_lie_at_its_bound() -> None:
    """Without classes its value is 0 or hardly more: a spread about a bound is no standard error."""
    result = metrics.separability_robust(np.random.default_rng(0).normal(size=(400, 16)), normalize="none")
    values: Any = result.parts["replicates"]
    assert min(values) == 0
    assert result.se is None is result.interval
    assert "at the bound 0" in result.warnings[0]


def test_beyond_the_most_rows_of_a_subsample_the_error_falls_slowly() -> None:
    found = _persistence(np.random.default_rng(0).normal(size=(60, 3)))
    assert replace(found, replicate_rows=15).factor == pytest.approx(0.5**0.125)
    assert found.factor == 1


def test_subsamples_are_drawn_without_replacement() -> None:
    """With replacement more than a third of the rows repeat, whose bars of zero nearly double the score."""
    X = np.random.default_rng(0).normal(size=(400, 16))
    found = _persistence(X)
    assert all((m.length > 0).all() and len(m.length) == 199 for m in found.replicates)
    assert len({float(m.length.sum()) for m in found.replicates}) == 20
    result = of("separability", X)
    rng = np.random.default_rng(0)
    naive = [oracles.separability(spanning_tree(X[rng.integers(0, 400, 400)], numpy_kernels).length) for _ in range(10)]
    assert min(naive) > result.value + 3 * result.se
    assert np.mean(result.parts["replicates"]) == pytest.approx(result.value, abs=2 * result.se)  # of half the rows


def test_the_error_covers_fresh_draws() -> None:
    """The standard error is of the size of what other rows of the same law give: within a factor of two."""
    draws = [np.random.default_rng(seed).normal(size=(200, 8)) for seed in range(20)]
    results = [of("separability", X) for X in draws]
    spread = np.std([r.value for r in results], ddof=1)
    assert spread / 2 < np.mean([r.se for r in results]) < 2 * spread


def test_few_rows_have_no_error() -> None:
    assert metrics.separability(np.eye(3), normalize="none").se is None
    result = metrics.separability(cloud(0)[:4], normalize="none")
    assert result.params["replicate_rows"] == 3
    assert result.se is not None


@pytest.mark.parametrize("shape", [(500, 6), (20, 40), (9, 4)])
def test_the_surrogate_has_the_moments_of_the_rows(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    X: NDArray[Any] = rng.normal(size=shape) @ rng.normal(size=(shape[1],) * 2) + 3
    many = [gaussian_like(X, seed) for seed in range(400)]
    assert many[0].shape == shape
    spread = np.cov(np.vstack(many).T)
    assert np.allclose(np.vstack(many).mean(axis=0), X.mean(axis=0), atol=5 * X.std() / (400 * len(X)) ** 0.5)
    assert np.linalg.norm(spread - np.cov(X.T)) < 0.1 * np.linalg.norm(np.cov(X.T))
    assert np.array_equal(gaussian_like(X, 7), many[7])
