"""Laws of the metrics of arrays: invariant where they say so, and within their bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from labelfree import metrics
from labelfree.metrics import METRICS

Matrix = NDArray[np.float64]
BOUNDED = [m.name for m in METRICS if m.needs != ("views",) and m.family == "rank"]
clouds = hnp.arrays(np.float64, st.tuples(st.integers(2, 12), st.integers(1, 6)), elements=st.floats(-10, 10, width=32))


@pytest.mark.parametrize("name", BOUNDED)
@given(X=clouds)
def test_values_stay_within_their_bounds(name: str, X: Matrix) -> None:
    result = getattr(metrics, name)(X)
    n, d = X.shape
    if result.value is None:
        assert result.status == "undefined"
        assert result.reason
        assert result.reason_code
        return
    low, high = {
        "rankme": (1 - 1e-6, min(n, d) + 1e-4), "effective_rank": (1, min(n, d)),
        "rankme_centered": (1 - 1e-6, min(n - 1, d) + 1e-4),
        "erank_variance": (1, min(n - 1, d)), "participation_ratio": (1, min(n - 1, d)), "stable_rank": (1, min(n, d)),
        "nesum": (1, min(n - 1, d)), "isoscore": (0, 1), "self_cluster": (-1, 1), "mean_cosine": (-1, 1),
        "std_l2": (0, (n / (n - 1) / d) ** 0.5 + 1), "uniformity": (-8, 0), "hard_rank": (0, min(n, d)),
        "mp_spikes": (0, min(n - 1, d)), "condition_number": (1, np.inf), "coding_rate": (0, np.inf),
        "twonn": (0, np.inf), "id_mle": (0, np.inf), "alpha_req": (-np.inf, np.inf),
    }[name]  # fmt: skip
    assert low <= result.value <= high
    if result.interval is not None:
        assert low <= result.interval[0] <= result.value <= result.interval[1]


@given(X=clouds)
def test_the_chain_of_ranks(X: Matrix) -> None:
    """stable <= participation <= variance rank <= effective rank <= rank, on the same rows."""
    Z = X - X.mean(axis=0)
    names = ("nesum", "participation_ratio", "erank_variance")
    values = [getattr(metrics, name)(Z).value for name in names]
    values.append(metrics.effective_rank(Z).value)
    values.append(float(np.linalg.matrix_rank(Z)))
    if any(v is None for v in values):
        return
    assert all(a <= b * (1 + 1e-6) for a, b in itertools.pairwise(values))


SPECTRAL_NAMES = ("rankme", "effective_rank", "stable_rank", "erank_variance", "participation_ratio", "nesum")


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 7.0, 1e30])
@pytest.mark.parametrize("name", [*SPECTRAL_NAMES, "self_cluster", "mean_cosine", "std_l2", "uniformity", "twonn"])
def test_scale_does_not_matter(name: str, scale: float) -> None:
    X = np.random.default_rng(0).normal(size=(60, 7)) + 0.4
    metric = getattr(metrics, name)
    assert metric(X * scale).value == pytest.approx(metric(X).value, rel=1e-9)


@pytest.mark.parametrize(
    "name", [*SPECTRAL_NAMES, "self_cluster", "mean_cosine", "uniformity", "coding_rate", "id_mle"]
)
def test_rotation_and_order_do_not_matter(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 7)) + 0.4
    turned = X[rng.permutation(60)] @ np.linalg.qr(rng.normal(size=(7, 7)))[0]
    metric = getattr(metrics, name)
    assert metric(turned).value == pytest.approx(metric(X).value, rel=1e-9)


@pytest.mark.parametrize("name", ["rankme", "effective_rank", "stable_rank"])
def test_repeating_all_rows_or_adding_zeros_does_not_matter(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(40, 7)) + 0.4
    metric = getattr(metrics, name)
    for same in (np.vstack([X, X]), np.vstack([X, np.zeros((9, 7))])):
        assert metric(same).value == pytest.approx(metric(X).value, rel=1e-9)


@pytest.mark.parametrize("name", ["rankme_centered", "erank_variance", "participation_ratio", "nesum", "isoscore"])
def test_an_offset_does_not_matter_to_centered_metrics(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 7))
    metric = getattr(metrics, name)
    assert metric(X + 1e4).value == pytest.approx(metric(X).value, rel=1e-7)
