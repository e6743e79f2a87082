"""What public programs compute otherwise, restated: each difference is one that we make on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import oracles_drift as oracles
from labelfree import metrics as typed
from labelfree.evidence.targets import beside
from labelfree.families.drift.unusual import scale_of

metrics: Any = typed
RUNS = 20


def mmd_of(K: oracles.Matrix, one: Any, other: Any) -> float:
    """Biased MMD^2 of rows by their numbers in a kernel matrix."""
    return float(K[np.ix_(one, one)].mean() + K[np.ix_(other, other)].mean() - 2 * K[np.ix_(one, other)].mean())


@pytest.mark.parametrize("percentile", [5, 95])
def test_a_limit_at_the_wrong_quantile_of_a_bootstrap(percentile: int) -> None:
    """evidently resamples the reference with replacement and compares with the 5 % quantile: every null run alarms."""
    alarms: Any = 0
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        Z = rng.normal(size=(120, 4))
        squared = ((Z[:, None] - Z[None]) ** 2).sum(axis=2)
        K = np.exp(-squared / np.median(squared[np.triu_indices(120, 1)]))
        n = 60
        null = [
            mmd_of(K, rng.integers(0, n, n), rng.integers(0, n, n)) for _ in range(50)
        ]  # fmt: skip
        alarms += mmd_of(K, np.arange(n), np.arange(n, 120)) > np.percentile(null, percentile)
    assert alarms >= RUNS - 1 if percentile == 5 else alarms == 0


def test_permutations_alarm_as_often_as_they_say() -> None:
    p = []
    for run in range(60):
        rng = np.random.default_rng([run, 1])
        found = metrics.mmd(rng.normal(size=(40, 4)), rng.normal(size=(40, 4)), permutations=19, seed=run)
        p.append(found.parts["p_value"])
    assert min(p) == 1 / 20  # the given division counts: never 0
    assert np.mean(np.array(p) <= 0.05) < 0.15


def test_a_fixed_limit_on_the_area_alarms_by_chance() -> None:
    """An AUC of .55 is passed by chance with 50 rows; the interval leaves out .5 about as seldom as it should."""
    fixed = ours = 0
    for run in range(60):
        rng = np.random.default_rng([run, 2])
        found = metrics.c2st_auc(rng.normal(size=(50, 4)), rng.normal(size=(1000, 4)), seed=run)
        assert found.value is not None
        assert found.interval is not None
        fixed += found.value > 0.55
        ours += found.interval[0] > 0.5
    assert fixed >= 6  # of 60
    assert ours <= 5


def test_limits_of_the_rows_that_a_gaussian_was_fitted_to() -> None:
    """At 300 rows and 64 columns a quantile of the fitted rows, and the chi-square law, let many usual rows beyond."""
    inside, law, ours = [], [], []
    for run in range(10):
        rng = np.random.default_rng([run, 3])
        L = 1 / np.sqrt(np.arange(1, 65))
        X, Y = rng.normal(size=(300, 64)) * L, rng.normal(size=(400, 64)) * L
        fitted, scores = oracles.ledoit_wolf_distance(X, X), oracles.ledoit_wolf_distance(X, Y)
        inside.append((scores > np.quantile(fitted, 0.95)).mean())
        scatter = np.linalg.inv(np.cov(X.T))
        away = Y - X.mean(axis=0)
        law.append((np.einsum("ij,jk,ik->i", away, scatter, away) > chi2.ppf(0.95, 64)).mean())
        e = beside(Y, X, "reference", run)
        assert e.reference is not None
        scale = scale_of(e.reference, "mahalanobis")
        ours.append((scale.p_values(scale.score(Y, None)) <= 0.05).mean())
    assert np.mean(law) > 0.2
    assert np.mean(inside) > 0.2
    assert np.mean(ours) == pytest.approx(0.05, abs=0.03)
