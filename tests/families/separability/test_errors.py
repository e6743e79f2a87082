"""The error of separability and what it is compared with: paired subsamples, the surrogate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import labelfree
import oracles
from clouds import clumps, nested
from labelfree import metrics
from labelfree.evidence.evidence import evidence
from labelfree.evidence.scaling import Topology
from labelfree.evidence.surrogate import gaussian_like
from labelfree.families.separability.persistence import Persistence, persistence
from labelfree.families.separability.scores import score
from labelfree.families.separability.subsamples import sharing, standard_error, unfit
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


STUDENT = stats.t.ppf(0.975, 19) / 1.96
"""What a deviation of twenty values costs."""
FEW = (200 / 300) ** 0.1
"""Halves of 200 rows vary more than the rows do."""


def _deviations(X: Matrix, name: str) -> list[float]:
    """Deviation of a score over the larger and over the smaller subsamples, from their deaths."""
    found = _persistence(X)
    deaths = [[m.length for m in several] for several in (found.replicates, found.smaller)]
    assert [{len(one) + 1 for one in several} for several in deaths] == [{100}, {50}]
    if name == "separability":
        values = [[oracles.separability(one) for one in several] for several in deaths]
    else:
        values = [[1 - np.median(m.length) / m.length[m.smaller >= 0.02 * (len(m.length) + 1)].max() for m in several]
                  for several in (found.replicates, found.smaller)]  # fmt: skip
    return [float(np.std(several, ddof=1)) for several in values]


@pytest.mark.parametrize("name", NAMES[:2])
def test_where_one_death_stands_out_the_error_is_the_spread_of_small_subsamples(name: str) -> None:
    X = clumps(1.0, k=4, m=50, d=6)
    largest = labelfree.separability(X, normalize="none")["separability"].parts["largest"]
    assert largest[0]["death"] > 1.1 * largest[1]["death"]
    result = getattr(metrics, name)(X, normalize="none")
    half, quarter = _deviations(X, name)
    assert np.std(result.parts["replicates"], ddof=1) == pytest.approx(half)
    assert result.se == pytest.approx(STUDENT * FEW * max(half, quarter), rel=1e-4)
    assert result.params["replicate_rows"] == 100
    assert result.parts["replicate_factor"] == 1
    assert result.interval[1] <= 1
    assert result.interval[0] == pytest.approx(result.value - 1.96 * result.se)


@pytest.mark.parametrize("name", NAMES[:2])
def test_beside_a_death_of_the_same_length_it_is_that_of_halves(name: str) -> None:
    """Four equal clumps at equal distances: three largest deaths of one length."""
    one = np.random.default_rng(4).normal(size=(50, 3))
    X = np.concatenate([one + np.array([30 * i, 0, 0]) for i in range(4)])
    result = getattr(metrics, name)(X, normalize="none")
    half, quarter = _deviations(X, name)
    assert quarter != pytest.approx(half, rel=0.05)
    assert result.se == pytest.approx(STUDENT * FEW * half, rel=1e-4)


def test_many_rows_ask_for_small_subsamples_too() -> None:
    """Between 300 and 4,000 rows the weight of quarters grows with the logarithm of the rows."""
    assert [sharing(n) for n in (3, 300, 4_000, 10_000)] == [0, 0, 1, 1]
    assert sharing(round((300 * 4_000) ** 0.5)) == pytest.approx(0.5, abs=1e-3)
    found = _persistence(np.random.default_rng(0).normal(size=(400, 16)))
    values = [[oracles.separability(m.length) for m in several] for several in (found.replicates, found.smaller)]
    half, quarter = (float(np.std(several, ddof=1)) for several in values)
    top = found.merges.length[-2:]
    w = max(10 * (top[1] / top[0] - 1), np.log(4 / 3) / np.log(40 / 3))
    assert 0 < w < 1
    expected = STUDENT * half ** (1 - w) * max(half, quarter) ** w
    value = oracles.separability(found.merges.length)
    assert standard_error(found, score, value, found.merges.length) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("deviations", "less"), [(0.0, 0.0), (0.7, 0.0), (1.2, 0.1), (1.7, 0.2), (9.0, 0.2)])
def test_halves_far_above_the_value_vary_more_than_it_does(deviations: float, less: float) -> None:
    found = _persistence(np.random.default_rng(0).normal(size=(400, 16)))
    values = [oracles.separability(m.length) for m in found.replicates]
    below = float(np.mean(values)) - deviations * float(np.std(values, ddof=1))
    plain = standard_error(found, score, float(np.mean(values)), found.merges.length)
    assert plain is not None
    assert standard_error(found, score, below, found.merges.length) == pytest.approx((1 - less) * plain)


def test_a_subsample_without_a_value_leaves_no_error() -> None:
    found = _persistence(np.random.default_rng(0).normal(size=(60, 3)))
    assert standard_error(found, lambda m: None if len(m.length) < 20 else 1.0, 1.0, found.merges.length) is None
    assert standard_error(replace(found, replicates=(), smaller=()), score, 0.5, found.merges.length) is None


def test_the_twin_has_no_interval_where_subsamples_lie_at_its_bound() -> None:
    """Without classes its value is 0 or hardly more: a spread about a bound is no standard error."""
    result = metrics.separability_robust(np.random.default_rng(0).normal(size=(400, 16)), normalize="none")
    values: Any = result.parts["replicates"]
    assert min(values) == 0
    assert result.se is None is result.interval
    assert "at the bound 0" in result.warnings[0]


def test_the_twin_has_no_interval_where_halves_lose_the_near_copies_that_make_it() -> None:
    """Each row beside two near copies: the median death is of copies, and of other rows in halves."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(200, 8)) + np.repeat([[0.0], [12.0]], 100, axis=0)
    result = metrics.separability_robust(np.concatenate([once, once + 0.01, once - 0.01]), normalize="none")
    halves: Any = result.parts["replicates"]
    assert result.value - np.mean(halves) > 5 * np.std(halves, ddof=1)
    assert result.se is None is result.interval
    assert "near copies" in result.warnings[0]
    assert metrics.separability_robust(once, normalize="none").interval is not None


def test_what_leaves_the_twin_without_an_interval() -> None:
    halves = [0.4, 0.5, 0.6]  # mean 0.5, deviation 0.1
    assert unfit(199, 0.5, halves) == "no interval: 199 rows, expected at least 200"
    assert "at the bound 0" in unfit(200, 0.5, [0.0, 0.5])
    assert "at the bound 0" in unfit(200, 0.0, halves)
    assert unfit(200, 0.5 + 0.499, halves) == ""
    assert "0.5 less" in unfit(200, 0.5 + 0.501, halves)


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
