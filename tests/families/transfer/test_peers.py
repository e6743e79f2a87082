"""Accuracy estimates from a source, domain distances, several candidates: values, laws, errors, coverage, peers."""

from __future__ import annotations

import doctest
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

import labelfree.metrics
import oracles_peers as oracles
from labelfree.errors import ArrayError, UsageError
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.labels import labelled, threshold, thresholds
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.targets import target
from labelfree.families import metric
from labelfree.families.transfer import accuracy, candidates, distances
from labelfree.families.transfer.candidates import Agreement, agreement, ensv_of, gde_of, of_samples
from labelfree.families.transfer.transport import integer_share, transport
from labelfree.families.transfer.two_samples import area, regression
from labelfree.summaries.predictions import Predictions
from make_transfer_peers import CASES, SCALES, case
from repository import DATA

metrics: Any = labelfree.metrics
PEERS = json.loads((DATA / "transfer_peers.json").read_text())
Matrix = NDArray[np.float64]
ESTIMATES = ("doc", "atc_mc", "atc_ne", "cot")
DISTANCES = ("mmd", "coral", "frechet", "c2st")


@pytest.fixture(scope="module")
def a() -> Any:
    return case(*CASES["A"])


def small(seed: int, n: int = 40, m: int = 30, k: int = 4) -> tuple[Matrix, Matrix, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, m)
    source = rng.normal(size=(m, k)) + 1.5 * np.eye(k)[labels]
    return 2 * rng.normal(size=(n, k)), source, labels


def test_the_cases_are_those_that_were_measured() -> None:
    for name, shape in CASES.items():
        c = case(*shape)
        assert PEERS["cases"][name]["first"] == pytest.approx([c.X[0, 0], c.L[0, 0]], abs=0)


# Numbers of the public code of each method, run unmodified or by its formula, on case A.
def test_reference_values(a: Any) -> None:
    assert metrics.source_accuracy(a.SL, a.labels).value == 0.16015625
    assert metrics.doc(a.L, a.SL, a.labels).value == pytest.approx(0.058999714119375546, abs=1e-12)
    even = np.repeat(np.arange(5), [103, 103, 102, 102, 102])
    assert metrics.cot(a.L, a.L, even).parts["error"] == pytest.approx(0.5138002495229006, abs=1e-12)
    one = metrics.mmd(a.X, a.source, scales=[1.0])
    assert one.value == pytest.approx(0.009053859358251204, abs=1e-12)
    assert one.parts["biased"] == pytest.approx(0.012221253863146986, abs=1e-12)
    assert one.parts["median_squared_distance"] == pytest.approx(298.0000485276215, rel=1e-12)
    assert metrics.coral(a.X, a.source).value == pytest.approx(0.01891674718070346, rel=1e-12)
    assert metrics.frechet(a.X, a.source).value == pytest.approx(4.67157195279, abs=1e-10)


@pytest.mark.parametrize(
    ("kind", "metric", "released"),
    [("mc", "atc_mc", (0.977932113444357, 4.4921875)), ("ne", "atc_ne", (-0.1217427392916516, 4.296875))],
)
def test_atc_is_one_rank_above_the_released_code(a: Any, kind: str, metric: str, released: tuple[float, float]) -> None:
    t, share = oracles.atc_released(a.L, a.SL, a.labels, kind)
    assert (t, 100 * share) == pytest.approx(released, abs=1e-12)
    result = getattr(metrics, metric)(a.L, a.SL, a.labels)
    source = sorted(oracles.scores(a.SL, kind))
    assert result.parts["source_errors"] == result.parts["below"] == 215
    assert t == pytest.approx(source[214], abs=1e-15)
    assert result.parts["threshold"] == pytest.approx(source[215], abs=1e-12)
    between = sum(source[214] <= s < source[215] for s in oracles.scores(a.L, kind))
    assert result.value == pytest.approx(share - between / 512, abs=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_estimates_agree_with_the_definitions(seed: int) -> None:
    L, S, y = small(seed)
    assert metrics.source_accuracy(S, y).value == oracles.source_accuracy(S, y)
    assert metrics.doc(L, S, y).value == pytest.approx(min(max(oracles.doc(L, S, y), 0), 1), abs=1e-12)
    assert metrics.atc_mc(L, S, y).value == pytest.approx(oracles.atc(L, S, y, "mc"), abs=1e-15)
    assert metrics.atc_ne(L, S, y).value == pytest.approx(oracles.atc(L, S, y, "ne"), abs=1e-15)
    sizes = integer_share(np.bincount(y, minlength=4), len(L))
    assert metrics.cot(L, S, y).parts["error"] == pytest.approx(oracles.cot_error(L, sizes.tolist()), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_distances_agree_with_the_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(17, 3)) * [1, 2, 5], rng.normal(size=(12, 3)) + 0.5
    result = metrics.mmd(X, Y)
    assert (result.value, result.parts["biased"]) == pytest.approx(oracles.mmd(X, Y, SCALES), abs=1e-12)
    odd = (3.0, 0.2)
    assert metrics.mmd(X, Y, scales=odd).value == pytest.approx(oracles.mmd(X, Y, odd)[0], abs=1e-12)
    assert metrics.coral(X, Y).value == pytest.approx(oracles.coral(X, Y), rel=1e-12)
    assert metrics.frechet(X, Y).value == pytest.approx(oracles.frechet(X, Y), rel=1e-9)


# Agreement with other programs, which tests/data/make_transfer_peers.py ran.
@pytest.mark.parametrize("name", CASES)
def test_pytorch_adapt_agrees(name: str) -> None:
    c, peer = case(*CASES[name]), PEERS["cases"][name]["pytorch_adapt"]
    n = len(c.L)
    assert metrics.entropy(c.L).value == pytest.approx(-peer["entropy"], abs=1e-10)
    assert metrics.diversity(c.L).value == pytest.approx(peer["diversity"], abs=1e-10)
    assert metrics.infomax(c.L).value == pytest.approx(peer["im"], abs=1e-10)
    bnm = metrics.nuclear_norm(c.L).value * math.sqrt(min(c.L.shape) * n) / n  # theirs is the norm over n
    assert bnm == pytest.approx(peer["bnm"], abs=1e-10)
    assert metrics.snd(c.L, sample=None).value == pytest.approx(peer["snd_preds"], abs=1e-9)
    assert metrics.mcc(c.L).value == pytest.approx(peer["mcc"], abs=1e-10)
    # Ours clusters unit rows; theirs does so only when it is given a normalizer.
    assert metrics.class_ami(c.X, c.L, sample=None).value == pytest.approx(peer["class_ami_l2"], abs=1e-9)
    assert metrics.source_accuracy(c.SL, c.labels).value == pytest.approx(peer["source_accuracy"], abs=1e-7)
    assert metrics.coral(c.X, c.source).value == pytest.approx(peer["coral"], abs=1e-12)
    # Theirs takes the median over the source alone, its zero diagonal included; ours over both sides pooled.
    pooled = metrics.mmd(c.X, c.source, permutations=0).parts["median_squared_distance"]
    unit = peer["median_within_source"] / pooled
    for scales, key in (((1.0,), "mmd"), (SCALES, "mmd_scales")):
        ours = metrics.mmd(c.X, c.source, scales=[unit * s for s in scales], permutations=0)
        assert ours.value == pytest.approx(-peer[key], abs=1e-10)
        assert metrics.mmd(c.X, c.source, scales=scales, permutations=0).value == pytest.approx(-peer[key], rel=0.01)


@pytest.mark.parametrize("name", CASES)
def test_skada_agrees(name: str) -> None:
    c, peer = case(*CASES[name]), PEERS["cases"][name]["skada"]
    n, k = c.L.shape
    assert metrics.entropy(c.L).value == pytest.approx(-peer["entropy_sum"] / n, abs=1e-10)
    assert metrics.entropy(c.L).value == pytest.approx(-peer["entropy_mean"] * k, abs=1e-10)  # theirs averages n k
    assert metrics.snd(c.L, sample=None).value == pytest.approx(peer["snd"], abs=1e-9)
    assert metrics.coral(c.X, c.source).value == pytest.approx(peer["coral"], abs=1e-12)
    mano = metrics.mano(c.L)
    assert mano.parts["softmax"] == pytest.approx(peer["mano_probabilities"], abs=1e-10)
    # Theirs has subtracted the largest logit of the row when it comes to the Taylor branch; ours has not, as the paper.
    shifted = metrics.mano(c.L - c.L.max(axis=1, keepdims=True))
    assert shifted.value == pytest.approx(peer["mano_network"], abs=1e-10)
    assert (mano.value == pytest.approx(peer["mano_network"], abs=1e-10)) == (mano.parts["normalization"] == "softmax")


@pytest.mark.parametrize("name", CASES)
def test_pot_agrees(name: str) -> None:
    c, peer = case(*CASES[name]), PEERS["cases"][name]["pot"]
    assert metrics.cot(c.L, c.SL, c.labels).parts["error"] == pytest.approx(peer["cot_error"], abs=1e-10)
    assert metrics.frechet(c.X, c.source).value == pytest.approx(peer["frechet"], rel=1e-9)


# Transport
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_the_plan_is_the_best_of_all(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 4, (n, k)) / 3  # many ties
    sizes = rng.multinomial(n, np.ones(k) / k)
    plan = transport(weight, sizes)
    assert np.bincount(plan.chosen, minlength=k).tolist() == sizes.tolist()
    assert plan.gain == pytest.approx(oracles.best_by_trial(weight.tolist(), sizes.tolist()), abs=1e-9)


@pytest.mark.parametrize(("n", "k"), [(300, 5), (257, 40), (60, 100), (500, 2)])
def test_the_prices_prove_the_plan(n: int, k: int) -> None:
    """Weak duality: no plan is worth more than the prices allow."""
    rng = np.random.default_rng(n)
    weight = np.array(oracles.probabilities(3 * rng.normal(size=(n, k)) + 2 * rng.normal(size=k)))
    sizes = integer_share(rng.integers(0, 9, k), n)
    plan = transport(weight, sizes)
    bound = (weight - plan.prices).max(axis=1).sum() + sizes @ plan.prices
    assert plan.gain == pytest.approx(bound, abs=1e-9)
    assert sizes.sum() == n


def test_shares_become_integers_by_largest_remainders() -> None:
    assert integer_share(np.array([1, 1, 1, 1, 1]), 512).tolist() == [103, 103, 102, 102, 102]
    assert integer_share(np.array([1, 2, 0]), 10).tolist() == [3, 7, 0]
    assert integer_share(np.array([3, 2, 1]), 6).tolist() == [3, 2, 1]


def test_cot_closed_forms() -> None:
    """Two classes: the rows with the largest p take the class; half of them, then all."""
    p = np.array([0.9, 0.8, 0.3, 0.2])
    L = np.log(np.stack([p, 1 - p], axis=1))
    S = np.zeros((4, 2))
    assert metrics.cot(L, S, np.array([0, 0, 1, 1])).value == pytest.approx((0.9 + 0.8 + 0.7 + 0.8) / 4)
    assert metrics.cot(L, S, np.array([0, 0, 0, 0])).value == pytest.approx(p.mean())
    agrees = metrics.average_confidence(L).value
    assert metrics.cot(L, S, np.array([0, 0, 1, 1])).value == pytest.approx(agrees)


def test_cot_says_how_far_whole_rows_move_it() -> None:
    """As near as it says to the transport of the shares themselves, a linear program, and nearer than K / (4 n)."""
    rng = np.random.default_rng(0)
    n, k, moved = 50, 20, []
    places = np.concatenate([np.kron(np.eye(n), np.ones(k)), np.kron(np.ones(n), np.eye(k))])
    for size, evenness in ((97, 3.0), (500, 0.5), (1000, 50.0), (1000, 3.0)):
        L, y = 3 * rng.normal(size=(n, k)), rng.choice(k, size=size, p=rng.dirichlet(np.full(k, evenness)))
        found = metrics.cot(L, np.zeros((size, k)), y)
        p = np.exp(L) / np.exp(L).sum(axis=1, keepdims=True)
        sums = np.concatenate([np.full(n, 1 / n), np.bincount(y, minlength=k) / size])
        shares = -linprog(-p.ravel(), A_eq=places, b_eq=sums).fun
        assert isinstance(found.parts["rounding"], float)
        assert abs(shares - found.value) <= found.parts["rounding"] + 1e-9
        assert 0 < found.parts["rounding"] <= k / (4 * n)
        moved.append(abs(shares - found.value))
    assert max(moved) > 0.01  # by which it was silently off before
    even = np.arange(2 * n) % 10
    assert metrics.cot(L, np.zeros((2 * n, k)), even).parts["rounding"] == 0


def test_cot_beyond_its_most_rows_is_a_seeded_subsample(monkeypatch: pytest.MonkeyPatch) -> None:
    L, S, y = small(0, n=500)
    monkeypatch.setattr(accuracy, "EXACT", 200)
    first, again, other = (metrics.cot(L, S, y, seed=s) for s in (0, 0, 1))
    assert first.params["rows"] == 200
    assert first.value == again.value != other.value
    assert first.value == pytest.approx(metrics.cot(L[:499], S, y).value, abs=0.1)


# Thresholds
def test_thresholds_at_ties_and_at_the_ends() -> None:
    scores = np.array([1.0, 2.0, 2.0, 2.0, 3.0])
    assert [threshold(scores, k) for k in range(6)] == [
        (1.0, 0), (2.0, 1), (2.0, 1), (3.0, 4), (3.0, 4), (math.inf, 5)
    ]  # fmt: skip
    assert threshold(np.ones(4), 2) == (1.0, 0)  # as near below as above: the lower one
    assert threshold(np.ones(4), 3) == (math.inf, 4)


def test_ties_no_errors_and_only_errors_are_said() -> None:
    S = np.array([[1.0, 0.0]] * 4)
    tied = metrics.atc_mc(S, S, np.array([0, 0, 1, 0]))
    assert tied.value == 1.0
    assert tied.parts["below"] == 0
    assert "equal source scores: 0 source rows lie below the threshold, 1 are errors" in tied.warnings
    none = metrics.atc_mc(np.array([[0.5, 0.0], [2.0, 0.0]]), S, np.zeros(4, int))
    assert none.value == 0.5
    assert any("no source row is an error" in w for w in none.warnings)
    few = metrics.atc_ne(np.zeros((2, 2)), np.repeat(S, 100, axis=0), np.arange(400) % 20 // 19)
    assert not any("few source rows" in w for w in few.warnings)  # 20 of them
    assert any("few source rows are errors (1 of 4)" in w for w in tied.warnings)
    every = metrics.atc_mc(S, S, np.ones(4, int))
    assert (every.value, every.parts["threshold"]) == (0.0, None)


def test_counts_of_all_rows_are_used_where_they_were_made() -> None:
    L, S, y = small(3, n=400)
    source = labelled(S, y)
    counted = Predictions.empty(4, thresholds(source)).update(L)
    behind = Evidence(len(y), 0, outputs=Outputs(labelled=source))
    sampled = Evidence(400, 0, outputs=Outputs(predictions=counted, logits=L[:50]), reference=behind)
    elsewhere = Predictions.empty(4, (0.5, -0.1)).update(L)
    other = Evidence(400, 0, outputs=Outputs(predictions=elsewhere, logits=L[:50]), reference=behind)
    for name, of_arrays in (("atc_mc", metrics.atc_mc), ("atc_ne", metrics.atc_ne)):
        compute = metric(name).compute
        assert compute(sampled).value == of_arrays(L, S, y).value
        assert compute(sampled).params["rows"] == 400
        assert compute(other).value == of_arrays(L[:50], S, y).value
        assert compute(other).params["rows"] == 50
    assert metric("doc").compute(sampled).value == metrics.doc(L, S, y).value


# Laws
@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("seed", range(3))
def test_order_and_shifts_of_logits_do_not_matter(name: str, seed: int) -> None:
    L, S, y = small(seed, n=200)
    metric, rng = getattr(metrics, name), np.random.default_rng(seed)
    order, behind = rng.permutation(len(L)), rng.permutation(len(S))
    result, moved = metric(L, S, y), metric(L[order] + 8.0, S[behind] - 4.0, y[behind])
    assert moved.value == pytest.approx(result.value, abs=1e-9)
    assert 0 <= result.interval[0] <= result.value <= result.interval[1] <= 1
    huge = metric(1e4 * L, 1e4 * S, y)
    assert 0 <= huge.value <= 1


@pytest.mark.parametrize("name", ["mmd", "coral", "frechet"])
def test_rotation_order_and_offset_do_not_matter(name: str, a: Any) -> None:
    rng = np.random.default_rng(0)
    X, Y, metric = a.X[:80], a.source[:60], getattr(metrics, name)
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    moved = metric(X[rng.permutation(80)] @ turn + 1e3, Y[rng.permutation(60)] @ turn + 1e3)
    assert moved.value == pytest.approx(metric(X, Y).value, rel=1e-7)
    back = metric(Y, X)
    assert back.value == pytest.approx(metric(X, Y).value, rel=1e-9)


def test_scale_of_the_rows(a: Any) -> None:
    X, Y = a.X[:80], a.source[:60]
    assert metrics.mmd(1e6 * X, 1e6 * Y).value == pytest.approx(metrics.mmd(X, Y).value, rel=1e-9)
    assert metrics.coral(2 * X, 2 * Y).value == pytest.approx(16 * metrics.coral(X, Y).value, rel=1e-9)
    assert metrics.frechet(2 * X, 2 * Y).value == pytest.approx(4 * metrics.frechet(X, Y).value, rel=1e-9)
    scale = np.geomspace(1e-3, 1e3, 16)
    assert metrics.c2st(X * scale + 5, Y * scale + 5).value == metrics.c2st(X, Y).value


def test_equal_sides_are_at_distance_zero(a: Any) -> None:
    assert metrics.coral(a.X, a.X).value == 0.0
    for X in (a.X, a.X[:9]):  # fewer rows than columns too
        assert metrics.frechet(X, X).value == pytest.approx(0.0, abs=1e-10)
    same = metrics.mmd(a.X, a.X)
    assert same.value < 0  # the pairs of equal rows count across, not within
    assert same.parts["biased"] == pytest.approx(0.0, abs=1e-12)
    assert same.parts["p_value"] > 0.5
    assert metrics.c2st(a.X, a.X).value <= 0.5


def test_frechet_closed_forms() -> None:
    """Diagonal covariances: sum of (s - t)^2; n < d; a pure shift."""
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    s, t = np.sqrt([2 / 3, 8 / 3]), np.sqrt([2 / 3 * 9, 8 / 3])
    assert metrics.frechet(X, X * [3.0, 1.0]).value == pytest.approx(((s - t) ** 2).sum())
    flat = np.zeros((2, 50))
    flat[1, 0] = 2.0
    turned = np.roll(flat, 1, axis=1)
    assert metrics.frechet(flat, turned).parts["covariances"] == pytest.approx(4.0)
    assert metrics.frechet(X, X + np.array([3.0, 4.0])).value == pytest.approx(25.0)
    assert any("fewer than 10 rows per column" in w for w in metrics.frechet(flat, turned).warnings)


def test_coral_by_chance_is_what_equal_covariances_give() -> None:
    rng = np.random.default_rng(5)
    results = [metrics.coral(rng.normal(size=(60, 6)), rng.normal(size=(90, 6))) for _ in range(60)]
    mean = np.mean([r.value for r in results])
    assert np.mean([r.parts["by_chance"] for r in results]) == pytest.approx(mean, rel=0.1)


def test_c2st_tells_apart_what_differs() -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(300, 5)), rng.normal(size=(200, 5))
    same, far = metrics.c2st(X, Y), metrics.c2st(X, Y + 10)
    assert same.value == pytest.approx(0.5, abs=3.5 * same.se)
    assert (far.value, far.parts["auc"], far.parts["pad"], far.params["rows"]) == (1.0, 1.0, 2.0, 200)
    assert far.se > 0
    shifted = metrics.c2st(X, Y + np.eye(5)[0])  # the best rule is right with probability Phi(1/2)
    assert shifted.value == pytest.approx(0.6915, abs=3 * shifted.se)
    assert len(shifted.parts["fold_accuracy"]) == 5
    assert metrics.c2st(np.ones((20, 2)), np.ones((20, 2))).value == 0.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of scikit-learn 1.3 with a later scipy
def test_the_classifier_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(4)
    rows, side = rng.normal(size=(90, 6)), np.where(rng.random(90) < 0.4, 1.0, -1.0)
    rows[side > 0] += 0.5
    weight, offset, converged = regression(rows, side)
    peer = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(rows, side)
    assert converged
    assert [*weight, offset] == pytest.approx([*peer.coef_[0], peer.intercept_[0]], abs=1e-3)
    margin = np.round(rows @ weight, 1)  # ties
    assert area(margin, side > 0) == pytest.approx(roc_auc_score(side, margin), abs=1e-12)


def test_mmd_uses_its_sample_and_its_seed() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(300, 4)), rng.normal(size=(300, 4))
    some = [metrics.mmd(X, Y, sample=100, permutations=20, seed=s) for s in (0, 0, 1)]
    assert some[0] == some[1]
    assert some[0].value != some[2].value
    assert some[0].params["rows"] == 100


# Coverage of the intervals, on simulated data whose true values are known.
def share_covered(name: str, truth: float, repeats: int) -> float:
    covered = 0
    for seed in range(repeats):
        rng = np.random.default_rng([77, seed])
        if name == "cot":  # p of class 0 even on (0, 1); labels 0 with probability 0.3
            p, q = rng.random(300), np.full(150, 0.5)
            y = (rng.random(150) >= 0.3).astype(int)
        else:  # calibrated source with confidence even on (1/2, 1); target less confident
            p, q = 0.5 + 0.5 * rng.random(300) ** 2, 0.5 + 0.5 * rng.random(150)
            y = (rng.random(150) >= q).astype(int)
        L, S = (np.log(np.stack([v, 1 - v], axis=1)) for v in (p, q))
        result = metrics.source_accuracy(S, y) if name == "source_accuracy" else getattr(metrics, name)(L, S, y)
        covered += result.interval[0] <= truth <= result.interval[1]
    return covered / repeats


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("source_accuracy", 0.75),
        ("doc", 0.75 - (0.75 - 2 / 3)),
        ("atc_mc", 0.5),  # a quarter are errors: t = 5/8, which the target reaches where u^2 > 1/4
        ("atc_ne", 0.5),
    ],
)
def test_intervals_cover(name: str, truth: float) -> None:
    assert 0.91 <= share_covered(name, truth, 400) <= 0.985


def test_the_share_of_all_or_none_has_an_interval() -> None:
    S = np.array([[5.0, 0.0]] * 30)
    sure = metrics.source_accuracy(S, np.zeros(30, int))
    assert sure.value == 1.0
    assert sure.interval == pytest.approx((1 / (1 + 1.96**2 / 30), 1.0))  # 1 - x = 1.96 sqrt(x (1 - x) / 30)


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_error_of_mmd_is_its_spread(shift: float) -> None:
    """Up to a third too wide between equal distributions, where the first-order term vanishes."""
    found = []
    for seed in range(150):
        rng = np.random.default_rng([79, seed])
        X, Y = rng.normal(size=(80, 2)), rng.normal(size=(60, 2)) + shift
        found.append(metrics.mmd(X, Y, permutations=49, seed=seed))
    ratio = np.mean([r.se for r in found]) / np.std([r.value for r in found])
    assert 0.85 <= ratio <= (1.5 if shift == 0 else 1.15)


def test_the_p_value_of_equal_distributions_is_even() -> None:
    rng = np.random.default_rng(8)
    p = [
        metrics.mmd(rng.normal(size=(15, 2)), rng.normal(size=(12, 2)), permutations=39, seed=s).parts["p_value"]
        for s in range(300)
    ]
    for level in (0.1, 0.5):
        assert np.mean(np.array(p) <= level + 1e-9) == pytest.approx(
            level, abs=3 * math.sqrt(level * (1 - level) / 300)
        )


# Several candidates
def three(seed: int, n: int = 50, k: int = 4, c: int = 3) -> list[Matrix]:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, k))
    return [shared + rng.normal(size=(n, k)) for _ in range(c)]


@pytest.mark.parametrize("seed", range(4))
def test_candidates_agree_with_the_definitions(seed: int) -> None:
    every = three(seed, c=2 + seed)
    counts = agreement(every)
    assert [r.value for r in ensv_of(counts)] == pytest.approx(oracles.ensv(every), abs=1e-15)
    rows = oracles.disagreements(every)
    for result, shares in zip(gde_of(counts), rows, strict=True):
        assert result.value == pytest.approx(1 - np.mean(shares), abs=1e-12)
        more = np.concatenate([shares, [0, 0, 1, 1]])
        assert result.se == pytest.approx(more.std() / math.sqrt(len(more)), abs=1e-12)
        assert result.parts["all_pairs"] == pytest.approx(np.mean(rows), abs=1e-12)
    for name, of in (("ensv", ensv_of), ("gde", gde_of)):
        assert getattr(metrics, name)(*every) == of(counts)[0]
        assert getattr(metrics, name)(*every[::-1]).value == of(counts)[-1].value


@given(st.integers(0, 40), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_agreement_of_parts_is_the_merge(cut: int, seed: int) -> None:
    every = three(seed, n=40)
    whole = Agreement.empty(3).update(every)
    split = (
        Agreement.empty(3).update([z[cut:] for z in every]).merge(Agreement.empty(3).update([z[:cut] for z in every]))
    )
    for field in ("n", "pair_square"):
        assert getattr(split, field) == getattr(whole, field)
    for field in ("with_ensemble", "apart", "squares"):
        assert np.array_equal(getattr(split, field), getattr(whole, field))


def test_candidates_are_aligned_by_id_through_their_samples() -> None:
    every = three(0, n=200)
    evidences = [target(logits=z, sample=80) for z in every]
    counts = of_samples(evidences)
    assert isinstance(counts, Agreement)
    assert counts.n == 80
    drawn = evidences[0].drawn
    assert drawn is not None
    assert ensv_of(counts) == ensv_of(agreement([z[drawn.index] for z in every]))
    other = of_samples([evidences[0], target(logits=every[1][:150], sample=80)])
    assert getattr(other, "reason_code", None) == "other_rows"
    assert getattr(of_samples([evidences[0], Evidence(3, 2)]), "reason_code", None) == "no_logits"
    wide = of_samples([evidences[0], target(logits=np.ones((200, 7)), sample=80)])
    assert getattr(wide, "reason_code", None) == "other_classes"


def test_one_logit_is_two_classes() -> None:
    z = np.array([[2.0], [-1.0], [0.5]])
    both = np.hstack([np.zeros_like(z), z])
    y = np.array([1, 0, 0])
    assert metrics.source_accuracy(z, y) == metrics.source_accuracy(both, y)
    for name in ESTIMATES:
        assert getattr(metrics, name)(z, z, y) == getattr(metrics, name)(both, both, y)
    assert metrics.ensv(z, -z) == metrics.ensv(both, np.hstack([np.zeros_like(z), -z]))


def test_candidates_alone_or_empty_are_undefined() -> None:
    L = np.eye(3)
    assert metrics.ensv(L).reason_code == metrics.gde(L).reason_code == "one_candidate"
    assert metrics.gde(L[:0], L[:0]).reason_code == "insufficient"
    with pytest.raises(ArrayError, match=r"candidate 1: expected logits of the same 3 rows and 3 classes"):
        metrics.ensv(L, L[:2])


# Saturation
WORKED = [1.10, 1.32, 1.45, 1.52, 1.555, 1.563, 1.570, 1.561, 1.540, 1.50]
SPREAD = [0.111979, 0.057948, 0.028941, 0.012078, 0.003922, 0.002466, 0.008073, 0.016498]


def test_the_worked_example_of_saturation() -> None:
    found = metrics.saturation(WORKED)
    assert found.spread[:2] == (None, None)
    assert found.spread[2:] == pytest.approx(SPREAD, abs=5e-7)
    assert (found.saturated, found.first, found.window, found.best) == (True, 6, (4, 6), 6)
    assert found.warnings == ()


def test_saturation_that_never_comes() -> None:
    rising = metrics.saturation([1.0, 2.0, 4.0, 3.0])
    assert (rising.saturated, rising.first, rising.window, rising.best) == (False, None, None, 2)
    assert metrics.saturation([1.0, 1.0]).saturated is False  # no whole window
    assert metrics.saturation([]) == candidates.Saturation(False, None, None, None, ())


def test_saturation_is_strictly_below_the_threshold() -> None:
    scores = [0.9, 1.0, 1.1]
    spread = metrics.saturation(scores).spread[2]
    assert spread == pytest.approx(math.sqrt(0.02 / 3))
    assert spread is not None
    assert not metrics.saturation(scores, threshold=spread).saturated
    assert metrics.saturation(scores, threshold=math.nextafter(spread, 1)).saturated


def test_saturation_of_scores_that_are_negative_or_missing() -> None:
    low = metrics.saturation([-1.0, -1.0, -1.0, 2.0, 2.0, 2.0])
    assert low.spread[2:4] == (None, None)
    assert (low.first, low.window, low.best) == (5, (3, 5), 3)  # the first of equal scores
    assert any("not above 0 in 2 windows, first at position 2" in w for w in low.warnings)
    holes = metrics.saturation([1.0, None, 1.0, 1.0, 1.0, 9.0])
    assert (holes.first, holes.window) == (4, (2, 4))
    assert "1 of 6 scores are undefined" in holes.warnings[0]
    assert metrics.saturation([None, None, None]).best is None


def test_saturation_refuses_settings_without_sense() -> None:
    with pytest.raises(UsageError, match="window: expected at least 2"):
        metrics.saturation(WORKED, window=1)
    with pytest.raises(UsageError, match="threshold"):
        metrics.saturation(WORKED, threshold=0.0)
    with pytest.raises(ArrayError, match="at position 1"):
        metrics.saturation([1.0, math.nan])


# What is missing is said
def test_what_is_missing_is_said() -> None:
    L, S, y = small(0)
    bare = Evidence(5, 3)
    unlabelled = Evidence(40, 0, outputs=Outputs(logits=L), reference=Evidence(3, 0))
    labels_only = Evidence(40, 3, reference=Evidence(3, 3, outputs=Outputs(labelled=labelled(S, y))))
    empty = Evidence(
        40, 0, outputs=Outputs(logits=L), reference=Evidence(0, 0, outputs=Outputs(labelled=labelled(S[:0], y[:0])))
    )
    for one in accuracy.METRICS:
        assert one.compute(bare).reason_code == "no_source"
        assert one.compute(unlabelled).reason_code == "no_labels"
        assert one.compute(empty).reason_code == "insufficient"
        if one.name != "source_accuracy":
            assert one.compute(labels_only).reason_code == "no_logits"
    for one in distances.METRICS:
        assert one.compute(bare).reason_code == "no_source"
        assert one.compute(unlabelled).reason_code == "insufficient"
        narrow = one.compute(Evidence(5, 3, reference=Evidence(5, 2)))
        assert narrow.reason_code == "no_source"
        assert "2 numbers" in str(narrow.reason)
    for one in candidates.METRICS:
        assert one.compute(bare).reason_code == "one_candidate"
    known = Evidence(30, 0, outputs=Outputs(labelled=labelled(S, y)))
    fewer = replace(target(logits=L[:, :2], sample=None), reference=known)
    assert metric("cot").compute(fewer).reason_code == "no_labels"
    wrong = Evidence(30, 0, outputs=Outputs(labelled=replace(labelled(S, y), label=y - 1)))
    below = replace(target(logits=L, sample=None), reference=wrong)
    assert metric("cot").compute(below).reason_code == "no_labels"


@pytest.mark.parametrize("name", DISTANCES)
def test_too_few_rows(name: str) -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    metric = getattr(metrics, name)
    least = 10 if name == "c2st" else 2
    assert metric(X[: least - 1], X).reason_code == metric(X, X[: least - 1]).reason_code == "insufficient"
    assert metric(X[:least], X).status == metric(X, X[:least]).status == "ok"
    with pytest.raises(ArrayError, match="expected 3 columns"):
        metric(X, X[:, :2])


def test_equal_rows_have_no_bandwidth() -> None:
    assert metrics.mmd(np.ones((5, 2)), np.ones((5, 2))).reason_code == "collapsed"


def test_labels_that_do_not_fit_are_refused() -> None:
    L, S, y = small(0)
    with pytest.raises(ArrayError, match="expected one class number for each of the 30 rows"):
        metrics.atc_mc(L, S, y[:5])
    with pytest.raises(ArrayError, match="one class number"):
        metrics.atc_mc(L, S, y.astype(float))
    with pytest.raises(ArrayError, match="expected class numbers 0 to 3, found 4 at row 0"):
        metrics.doc(L, S, np.full(30, 4))


@pytest.mark.parametrize("module", [accuracy, candidates, distances], ids=lambda m: m.__name__)
def test_docstring_examples(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
