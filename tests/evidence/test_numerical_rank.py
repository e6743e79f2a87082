"""The numerical rank against ranks known by construction: products, constants, tiles, steep and smooth spectra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree import metrics
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.numerical_rank import GAP, numerical_rank
from labelfree.summaries import Moments

Matrix = NDArray[Any]


def rotated(sigma: Any, n: int, d: int, seed: int = 0) -> Matrix:
    """(n, d) with the singular values sigma and random directions."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(m, len(sigma))))[0] for m in (n, d))
    return np.asarray((left * sigma) @ right.T)


def products(count: int) -> Iterator[tuple[int, Matrix, Matrix]]:
    """Factors of random shapes, with and without an offset, with equal and with decaying columns."""
    rng = np.random.default_rng(14)
    for _ in range(count):
        n, d = int(rng.integers(3, 250)), int(rng.integers(2, 80))
        rank = int(rng.integers(1, min(n, d)))
        left = rng.normal(size=(n, rank)) + rng.choice([0.0, 0.0, 3.0])
        yield rank, left, rng.normal(size=(rank, d)) * np.arange(1, d + 1) ** -rng.choice([0.0, 0.5])


def test_products_of_200_shapes_have_the_rank_of_their_factors() -> None:
    for rank, left, right in products(200):
        X = left @ right
        made = {
            "float64": X,
            "stored in float32": X.astype(np.float32),
            "computed in float32": left.astype(np.float32) @ right.astype(np.float32),
        }
        found = {name: metrics.hard_rank(rows).value for name, rows in made.items()}
        assert found == dict.fromkeys(made, rank), X.shape
        assert np.linalg.matrix_rank(X) == rank


def test_the_rank_of_a_product_of_its_issue() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        left, right = rng.normal(size=(1000, 100)), rng.normal(size=(100, 384))
        X = left @ right
        assert metrics.hard_rank(X).value == 100
        true = np.linalg.svd(X, compute_uv=False)[:100]
        assert metrics.condition_number(X).value == pytest.approx(true[0] / true[-1], rel=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_constant_and_tiled_rows_and_exact_quarters(dtype: str) -> None:
    rng = np.random.default_rng(3)
    row = rng.normal(size=(1, 30))
    quarters = (rng.integers(-8, 9, size=(300, 11)) / 4) @ rng.integers(-3, 4, size=(11, 16))
    cases = [
        (np.ones((50, 4)), 1), (np.full((50, 4), 0.1), 1), (np.repeat(row, 40, axis=0), 1),
        (np.tile(rng.normal(size=(7, 30)), (9, 1)), 7), (np.tile(rng.normal(size=(300, 5)), (1, 6)), 5),
        (quarters, 11),
    ]  # fmt: skip
    for X, rank in cases:
        assert metrics.hard_rank(X.astype(dtype)).value == rank
        assert np.linalg.matrix_rank(X) == rank
    assert metrics.condition_number(np.ones((50, 4), dtype)).value == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(("depth", "offset"), [(3, 0.0), (7, 0.0), (10, 0.0), (12, 0.0), (3, 5.0), (7, 5.0), (10, 5.0)])
def test_small_directions_above_rounding_are_counted_in_float64(depth: int, offset: float) -> None:
    X = rotated(10 ** np.linspace(0, -depth, 40), 500, 100) + offset
    assert metrics.hard_rank(X).value == 40 + (offset > 0)
    one_small = rotated(np.append(np.ones(9), 1e-9), 200, 10) + offset  # full rank, moves no effective rank
    assert metrics.hard_rank(one_small).value == 10


@pytest.mark.parametrize("ratio", [0.9, 0.5, 0.2])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_spectrum_that_runs_into_rounding_has_no_rank(ratio: float, dtype: str) -> None:
    X = rotated(ratio ** np.arange(450), 900, 450).astype(dtype)
    for metric in (metrics.hard_rank, metrics.condition_number):
        result = metric(X)
        assert (result.status, result.reason_code, result.interval) == ("undefined", "no_gap", None)
        assert "run into rounding without a gap" in str(result.reason)


def test_the_gap_is_tested_at_equality() -> None:
    def with_second(value: float) -> Evidence:
        e = evidence(np.diag([1.0, value]).astype(np.float32))
        return Evidence(n=2, d=2, moments=e.moments, drawn=e.drawn, stored="float16")

    level = numerical_rank(with_second(1.0), centered=False).level * 2**0.5  # half of 2^-10, times the norm
    assert level == pytest.approx(2**-11 * 2**0.5)
    assert numerical_rank(with_second(2.0**-12), centered=False).count == 1
    found = [numerical_rank(with_second(share), centered=False) for share in (2.0**-10, 2.0**-12)]
    assert [(f.count, f.reason) for f in found] == [(2, None), (1, None)]
    assert found[1].after == pytest.approx(2.0**-12)
    assert GAP == 10


def test_alpha_req_ends_where_rounding_begins() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 128)) * np.arange(1, 129) ** -0.5
    for dtype in (np.float32, np.float64):
        result = metrics.alpha_req(X.astype(dtype))
        assert (result.status, result.reason_code) == ("undefined", "insufficient")
        assert metrics.mp_spikes(X.astype(dtype)).reason_code == "no_bulk"
    power = rotated(np.arange(1.0, 61) ** -0.5, 1000, 128)
    for dtype in (np.float32, np.float64):
        assert metrics.alpha_req(power.astype(dtype)).params["fit_range"] == [11, 60]
    steep = rotated(0.8 ** np.arange(128), 1000, 128)
    assert metrics.alpha_req(steep.astype(np.float32)).reason_code == "no_gap"


def test_float32_values_are_no_more_precise_for_being_held_in_float64() -> None:
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 64))).astype(np.float32).astype(np.float64)
    assert np.linalg.matrix_rank(X) == 64  # what rounding to float32 has left is seen there
    assert (metrics.hard_rank(X).value, metrics.hard_rank(X).parts["stored"]) == (3, "float32")
    assert metrics.alpha_req(X).reason_code == "insufficient"
    X[7, 5] += 1e-12  # one value that float32 cannot hold
    assert metrics.hard_rank(X).parts["stored"] == "float64"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_rounding_of_a_weight_of_low_rank_is_neither_its_tail_nor_its_bulk(dtype: type) -> None:
    rng = np.random.default_rng(0)
    W: Matrix = (rng.normal(size=(300, 15)) @ rng.normal(size=(15, 200))).astype(dtype)
    assert str(metrics.tail_exponent(W).reason).endswith("above rounding, found 15")
    assert metrics.weight_spikes(W).reason_code == "no_bulk"


def test_full_rank_float64_rows_are_not_read_again() -> None:
    X = np.random.default_rng(0).normal(size=(400, 64)) * np.arange(1, 65) ** -2.0 + 3.0

    def again() -> Iterator[Matrix]:
        raise AssertionError("read again")
        yield X

    e = Evidence(n=400, d=64, moments=Moments.empty(64).update(X), rescan=again)
    assert numerical_rank(e, centered=False).count == numerical_rank(e, centered=True).count == 64


def test_a_summary_says_what_it_hides() -> None:
    full, low = np.random.default_rng(0).normal(size=(200, 8)), rotated(np.append(np.ones(7), 1e-11), 200, 8)
    found = [
        numerical_rank(Evidence(n=200, d=8, moments=Moments.empty(8).update(X)), centered=False) for X in (full, low)
    ]
    assert [(f.count, f.seen) for f in found] == [(8, True), (7, False)]
    assert numerical_rank(evidence(low), centered=False).count == 8
