"""Laws of the transfer family, and what it says of inputs that it cannot or should not measure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import oracles_transfer as oracles
from clouds import clouds
from labelfree import metrics
from labelfree.errors import ArrayError, UsageError
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.targets import target
from labelfree.families import metric
from labelfree.families.transfer.hopkins_distances import points_for, statistic
from labelfree.kernels.numpy_queries import Queries
from labelfree.metrics import METRICS
from labelfree.summaries import Predictions

Matrix = NDArray[np.float64]
SCORES = ("entropy", "diversity", "infomax", "nuclear_norm", "softmax_corr", "mcc", "mano", "average_confidence", "snd")
SHIFT_FREE = tuple(name for name in SCORES if name != "mano")


def of(name: str, *arrays: Any, **options: Any) -> Any:
    return getattr(metrics, name)(*arrays, **options)


def case() -> tuple[Matrix, Matrix, Matrix]:
    W, X, L, _ = oracles.make_case(200, 6, 4, 3)
    return W, X, L


numbers = st.floats(-30, 30, allow_nan=False, width=32)
logits = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=numbers)


@pytest.mark.parametrize("name", SCORES)
@given(L=logits)
def test_scores_stay_within_their_bounds(name: str, L: Matrix) -> None:
    result = of(name, L)
    n, k = len(L), max(L.shape[1], 2)
    if result.value is None:
        assert result.status == "undefined"
        assert (name, result.reason_code) == ("snd", "insufficient")
        return
    low, high = {
        "entropy": (0, np.log(k)), "diversity": (0, np.log(k)), "infomax": (0, np.log(k)), "nuclear_norm": (0, 1),
        "softmax_corr": (k**-0.5, 1), "mcc": (0, 1 - 1 / k), "mano": (0, k**-0.25), "average_confidence": (1 / k, 1),
        "snd": (0, np.log(max(n - 1, 1))),
    }[name]  # fmt: skip
    assert low <= result.value <= high
    if result.interval is not None:
        assert low <= result.interval[0] <= result.value <= result.interval[1] <= high


@pytest.mark.parametrize("name", SCORES)
def test_the_order_of_rows_and_classes_does_not_matter(name: str) -> None:
    _, _, L = case()
    rng = np.random.default_rng(0)
    turned = L[rng.permutation(len(L))][:, rng.permutation(4)]
    assert of(name, turned).value == pytest.approx(of(name, L).value, rel=1e-12)
    assert of(name, turned).se == pytest.approx(of(name, L).se, rel=1e-9)


@pytest.mark.parametrize("name", SHIFT_FREE)
def test_a_constant_added_to_a_row_of_logits_does_not_matter(name: str) -> None:
    _, _, L = case()
    shifted = L + 50 * np.random.default_rng(0).normal(size=(200, 1))
    assert of(name, shifted).value == pytest.approx(of(name, L).value, rel=1e-11)
    assert of(name, np.log(oracles.probabilities(L))).value == pytest.approx(of(name, L).value, rel=1e-11)


@pytest.mark.parametrize("name", SCORES)
def test_one_logit_is_two_classes(name: str) -> None:
    z = 2 * np.random.default_rng(0).normal(size=(50, 1))
    one, two = of(name, z), of(name, np.hstack([np.zeros_like(z), z]))
    assert (one.value, one.se) == (two.value, two.se)


@pytest.mark.parametrize("name", SCORES)
def test_huge_logits(name: str) -> None:
    L = 1e4 * np.eye(3)[np.arange(30) % 3]
    expected = {
        "entropy": 0, "diversity": np.log(3), "infomax": np.log(3), "nuclear_norm": 1, "softmax_corr": 1, "mcc": 0,
        "mano": 3**-0.25, "average_confidence": 1, "snd": oracles.neighborhood_density(np.eye(3)[np.arange(30) % 3]),
    }[name]  # fmt: skip
    for same in (L, -L[:, ::-1] @ (1 - np.eye(3)), L.astype(np.float32)):
        if not np.allclose(oracles.probabilities(same), oracles.probabilities(L)):
            same = L
        assert of(name, same).value == pytest.approx(expected, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", SCORES)
def test_uniform_predictions(name: str) -> None:
    result = of(name, np.zeros((30, 4)))
    expected = {
        "entropy": np.log(4), "diversity": np.log(4), "infomax": 0, "nuclear_norm": 0.25, "softmax_corr": 0.5,
        "mcc": 0.75, "mano": 0.0, "average_confidence": 0.25, "snd": np.log(29),
    }[name]  # fmt: skip
    assert result.value == pytest.approx(expected, abs=1e-12)
    if name == "snd":
        assert "giant cluster" in result.warnings[0]


def test_rows_are_counted_above_thresholds_equality_included() -> None:
    L = np.log([[0.5, 0.5], [0.75, 0.25], [0.9, 0.1]])
    assert Predictions.empty(2, (0.7, -0.4)).update(L).above == (2, 1)
    exact = Predictions.empty(2, (0.5, -1.0)).update(np.zeros((7, 2)))
    assert exact.above == (7, 7)
    assert Predictions.empty(2, (np.nextafter(0.5, 1), 0.0)).update(np.zeros((7, 2))).above == (0, 0)
    with pytest.raises(ValueError, match="thresholds"):
        exact.merge(Predictions.empty(2))


@given(L=hnp.arrays(np.float64, st.tuples(st.integers(0, 9), st.just(3)), elements=numbers))
def test_sums_are_the_textbook_ones(L: Matrix) -> None:
    found = Predictions.empty(3).update(L)
    P = np.array(oracles.probabilities(L)).reshape(-1, 3)
    h = np.array([oracles.entropy_of(p) for p in P.tolist()])
    w = 1 + np.exp(-h)
    for mine, theirs in (
        (found.total, P.sum(0)), (found.entropy, h.sum()), (found.entropy_square, h @ h), (found.entropy_total, h @ P),
        (found.confidence, P.max(1, initial=0).sum()), (found.gram, P.T @ P), (found.weight, w.sum()),
        (found.weighted, P.T @ (w[:, None] * P)), (found.softmax4, (P**4).mean(1).sum() if len(P) else 0.0),
        (found.predicted, np.bincount(L.argmax(1) if len(L) else [], minlength=3)),
    ):  # fmt: skip
        assert np.allclose(mine, theirs, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", clouds())
@pytest.mark.parametrize("step", [37, 1000])
def test_nearest_rows_by_brute_force(name: str, step: int) -> None:
    X = clouds()[name]
    rng = np.random.default_rng(1)
    index = rng.choice(len(X), 60, replace=False)
    thrown = rng.uniform(X.min(0), X.max(0), (20, X.shape[1]))
    own = np.concatenate([index, np.full(20, -1)])
    points = np.vstack([X[index], thrown])
    queries = Queries(points, own, X.mean(axis=0), 2.0 ** np.ceil(np.log2(np.ptp(X, axis=0).max())))
    for start in range(0, len(X), step):
        queries.update(X[start : start + step], start)
    gap = np.sqrt(((points[:, None] - X) ** 2).sum(axis=2))
    gap[np.arange(60), index] = np.inf
    crowded = name == "a crowded clump at 1e-9"  # hundreds of rows nearer to each other than a product can tell
    apart = 1e-8 * float(np.linalg.norm(X - X.mean(axis=0), axis=1).max()) if crowded else 0.0
    assert queries.distance == pytest.approx(gap.min(axis=1), rel=1e-12, abs=apart)


def test_nearest_rows_of_float32_are_exact() -> None:
    X = (np.random.default_rng(0).normal(size=(3000, 24)) + 1e3).astype(np.float32)
    index = np.arange(0, 3000, 10)
    queries = Queries(X[index], index, X.mean(axis=0, dtype=np.float64), 8.0)
    for start in range(0, 3000, 1111):
        queries.update(X[start : start + 1111], start)
    exact = np.sqrt(((X[index, None].astype(np.float64) - X.astype(np.float64)) ** 2).sum(axis=2))
    exact[np.arange(300), index] = np.inf
    assert queries.distance == pytest.approx(exact.min(axis=1), rel=1e-13)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 7.0, 1e30])
def test_hopkins_does_not_know_scale_or_place(scale: float) -> None:
    _, X, _ = case()
    value = of("hopkins", X).value
    assert of("hopkins", X * scale).value == pytest.approx(value, rel=1e-9)
    assert of("hopkins", X + 1e5).value == pytest.approx(value, rel=1e-6)
    null = of("hopkins", X).parts["null"]
    assert of("hopkins", X * scale).parts["null"] == pytest.approx(null, rel=1e-5)


def test_hopkins_does_not_depend_on_blocks() -> None:
    X = np.random.default_rng(4).normal(size=(500, 10))
    whole = of("hopkins", X)
    assert whole.se is not None
    for step in (1, 7, 64):
        e = replace(evidence(X), rescan=lambda step=step: (X[i : i + step] for i in range(0, len(X), step)))  # type: ignore[misc]
        result = metric("hopkins").compute(e)
        assert result.value == pytest.approx(whole.value, rel=1e-12)
        assert result.se == pytest.approx(whole.se, rel=1e-9)
    narrow = of("hopkins", X.astype(np.float32))
    assert narrow.value == pytest.approx(whole.value, abs=1e-6)
    assert of("hopkins", X) == whole
    assert of("hopkins", X, seed=1).value != whole.value


def test_hopkins_never_meets_the_stream_of_the_data() -> None:
    X = np.random.default_rng(1).uniform(size=(500, 8))
    assert 0.4 < of("hopkins", X, seed=1).value < 0.6  # points thrown by default_rng(1) itself would fall on rows


def test_points_drawn() -> None:
    assert [points_for(n, 8) for n in (2, 19, 50, 1000, 1020, 50_000, 10**6)] == [2, 19, 50, 50, 51, 2500, 2500]
    assert points_for(10**6, 671) == 2500
    assert points_for(10**6, 4096) == 409
    assert points_for(10**6, 10**6) == 50


def test_the_statistic_is_finite_at_any_power() -> None:
    u, w = np.array([2.0, 3.0]), np.array([1.0, 1.0])
    assert statistic(u, w) == pytest.approx(5 / 7)
    assert statistic(u, w, power=2) == pytest.approx(13 / 15)
    assert statistic(1e-5 * u, 1e-5 * w, power=4096) == 1.0
    assert statistic(w, w, power=4096) == 0.5
    assert statistic(u, 0.0 * w) == 1.0
    assert statistic(0.0 * u, w) == 0.0
    assert np.isnan(statistic(0.0 * u, 0.0 * w))


def test_the_head_by_row_scale_and_rotation() -> None:
    W, _, _ = case()
    rng = np.random.default_rng(0)
    value = of("classifier_nonuniformity", W).value
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    for same in (W * rng.uniform(1e-200, 1e-3, (4, 1)), W * 1e200, W @ turn, W[::-1]):
        assert of("classifier_nonuniformity", same).value == pytest.approx(value, rel=1e-10)


def test_parallel_rows_of_a_head_are_fine() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        W = rng.normal(size=(5, 16)).astype(np.float32)
        W[3] = W[1] * rng.uniform(0.1, 9)
        result = of("classifier_nonuniformity", W)
        assert result.value == pytest.approx(oracles.classifier_nonuniformity(W.astype(np.float64)), abs=1e-6)
        assert result.parts["smallest_angle"] < 1e-3


def test_heads_that_have_no_angles() -> None:
    W = np.eye(4)
    W[2] = 0
    result = of("classifier_nonuniformity", W)
    assert (result.value, result.reason_code) == (None, "zero_row")
    assert "class 2" in result.reason
    _, X, L = case()
    whole = of("transfer_score", X[:, :4], L, W)
    assert (whole.value, whole.status, whole.reason_code) == (None, "undefined", "zero_row")
    assert whole.parts["h"] is not None


def test_a_head_of_one_logit_says_nothing() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(80, 5)), rng.normal(size=(1, 5))
    head = of("classifier_nonuniformity", w)
    assert head.value == 0
    assert head.parts["informative"] is False
    assert "says nothing" in head.warnings[0]
    one = of("transfer_score", X, X @ w.T, w)
    two = of("transfer_score", X, np.hstack([np.zeros((80, 1)), X @ w.T]), np.vstack([-w / 2, w / 2]))
    assert one.value == pytest.approx(two.value, abs=1e-12)
    assert one.parts["classes"] == 2


def test_more_classes_than_directions_are_warned_about() -> None:
    W = np.random.default_rng(0).normal(size=(6, 3))
    assert "no 6 directions" in of("classifier_nonuniformity", W).warnings[0]
    assert of("classifier_nonuniformity", W[:4]).warnings == ()
    X = np.random.default_rng(0).normal(size=(60, 3))
    assert any("no 6 directions" in note for note in of("transfer_score", X, X @ W.T, W).warnings)


def test_without_a_head_the_score_is_partial() -> None:
    _, X, L = case()
    result = of("transfer_score", X, L, None)
    assert (result.value, result.status, result.reason_code) == (None, "partial", "no_head")
    assert result.parts["u"] is None
    assert result.parts["h"] == of("hopkins", X).value
    assert result.parts["m"] == of("infomax", L).value
    assert of("transfer_score", X, None, np.eye(4, 6)).reason_code == "no_logits"


def test_a_head_of_other_classes_is_no_head_of_these_logits() -> None:
    _, X, L = case()
    result = of("transfer_score", X, L, np.eye(3, 6))
    assert (result.value, result.reason_code) == (None, "head_shape")
    assert "3 classes" in result.reason


@pytest.mark.parametrize("variant", ["standard", "literal", "official"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 19, 20, 31, 32])
def test_few_rows(variant: str, n: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    result = of("transfer_score", X, X, np.eye(3), variant=variant)
    least = {"standard": 2, "literal": 2, "official": 32}[variant]
    assert (result.value is not None) == (n >= least)
    if n < least:
        assert result.reason_code == "insufficient"
        assert str(n) in result.reason
    else:
        assert np.isfinite(result.value)
        assert result.parts["points"] == (1 if variant == "official" else min(n, 50))


@pytest.mark.parametrize("variant", ["standard", "literal", "official"])
def test_rows_that_are_all_equal(variant: str) -> None:
    X = np.full((64, 3), 1 / 3)
    result = of("transfer_score", X, X, np.eye(3), variant=variant)
    assert (result.value, result.status, result.reason_code) == (None, "undefined", "collapsed")
    assert of("hopkins", X).reason_code == "collapsed"


def test_duplicates_and_far_rows_are_warned_about() -> None:
    X = np.random.default_rng(0).normal(size=(1000, 16))
    assert of("hopkins", X).warnings == ()
    twice = of("hopkins", np.repeat(X, 2, axis=0))
    assert twice.value == 1
    assert "100 %" in twice.warnings[0]
    far = X.copy()
    far[5] *= 10
    stretched = of("hopkins", far)
    assert stretched.value > of("hopkins", X).value + 0.05
    assert "a few far rows" in stretched.warnings[0]
    (note,) = of("hopkins", np.maximum(X, 0)).warnings  # half of a normal law reaches farther for its spread
    assert "no interval: a few far rows decide the box" in note


def test_class_ami_says_where_it_is_undefined() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    one = np.tile([9.0, 0.0, 0.0], (40, 1))
    assert of("class_ami", X, one).reason_code == "collapsed"
    assert of("class_ami", X[:2], X[:2]).reason_code == "insufficient"
    absent = of("class_ami", X, np.hstack([X, np.full((40, 2), -9.0)]))
    assert "2 of 5 classes are never predicted" in absent.warnings[0]
    assert of("class_ami", X * 7, X).value == of("class_ami", X, X).value


def test_the_switch_of_mano_is_warned_about() -> None:
    z = 10.0 * np.eye(2)[np.arange(10) % 2]
    assert of("mano", z).warnings
    assert of("mano", z).parts["normalization"] == "softmax"
    assert of("mano", 0.9 * z).parts["normalization"] == "taylor"


@pytest.mark.parametrize("name", [m.name for m in METRICS if m.family == "transfer"])
def test_missing_inputs_are_a_reason(name: str) -> None:
    metric = {m.name: m for m in METRICS}[name]
    result = metric.compute(Evidence(n=10, d=3))
    assert result.value is None
    assert result.reason
    assert result.reason_code in (
        "no_logits", "no_head", "no_source", "no_labels", "insufficient", "one_candidate",
    )  # fmt: skip


def test_bad_arguments() -> None:
    _, X, L = case()
    with pytest.raises(UsageError, match="standard, literal, official"):
        of("transfer_score", X, L, None, variant="paper")
    with pytest.raises(ArrayError, match="expected 200 rows as in X, found 199"):
        of("transfer_score", X, L[1:], None)


def test_official_needs_rows_in_order() -> None:
    W, X, L = case()
    e = target(X, L, W, variant="official")
    assert e.outputs is not None
    e = replace(e, outputs=replace(e.outputs, again=None))
    assert metric("transfer_score").compute(e).reason_code == "no_logits"


def test_the_interval_holds_both_parts() -> None:
    W, X, L, _ = oracles.make_case(500, 12, 4, 3)
    result = of("transfer_score", X, L, W)
    h, m = of("hopkins", X).se, of("infomax", L).se / np.log(4)
    assert result.se == pytest.approx((h**2 + m**2) ** 0.5, rel=1e-12)
    for variant in ("literal", "official"):
        assert of("transfer_score", X, L, W, variant=variant).se is None
