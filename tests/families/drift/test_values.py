"""Values of the drift family: frozen reference inputs, closed forms, other libraries, definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import energy_distance, ks_2samp, norm

import oracles_drift as oracles
from labelfree import metrics as typed
from labelfree.families.drift.label_shift import of_confusion, of_probabilities
from labelfree.families.drift.unusual import called, nearest, scorer

metrics: Any = typed
# By other code than ours on the frozen inputs: dcor, scikit-learn, scipy, and loops of the definitions.
ENERGY_V = {"D0": 0.018838689632992622, "D1": 0.08977929094727033, "D2": 0.1415322577319773}
ENERGY_U = {"D0": -0.0017646461916993594, "D1": 0.06917595512257835, "D2": 0.11475531187191956}
RATIO_U = {"D0": -0.0003568897, "D1": 0.0137925591, "D2": 0.0182274076}
CS_V = {"D0": 0.0119882975, "D1": 0.0514381952, "D2": 0.0437024714}
CS_U = {"D0": -0.0020933957, "D1": 0.0375383552, "D2": 0.0235894005}
MMD_U = {"D0": -0.0007736847785428935, "D1": 0.013902542682072916, "D2": 0.0562693323713096}
NEIGHBORS = {"D0": (0.522, 0.406), "D1": (0.5516, 0.448), "D2": (0.6364, 0.215)}
WHITENED = {"D0": (0.1436301601, 0.5799280538), "D1": (0.4073921647, 0.5799280538), "D2": (0.2122123038, 5.6113486981)}
MAHALANOBIS = {"D0": (12.74721349, 7.18835624), "D1": (14.03940274, 7.33668257), "D2": (28.48077542, 16.05008491)}
KNN = {"D0": 1.47919477, "D1": 1.56458287, "D2": 1.87159895}
KS = {"D0": (0.1083, 1.0, 0), "D1": (0.2117, 0.000543, 1), "D2": (0.1650, 0.0405, 12)}


@pytest.fixture(params=oracles.CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, oracles.Matrix, oracles.Matrix]:
    X, Y = oracles.CASES[request.param]
    return request.param, X, Y


def test_the_frozen_inputs_are_those_of_the_values() -> None:
    assert oracles.CASES["D0"][0][0, 0] == 1.764052345967664
    assert [Y[0, 0] for _, Y in oracles.CASES.values()] == [0.4132559710474977, 0.9132559710474977, 0.6198839565712466]


def test_energy(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    found = metrics.energy_ratio(Y, X, permutations=99)
    assert found.value == pytest.approx(RATIO_U[name], rel=1e-6)
    assert found.parts["energy"] == pytest.approx(ENERGY_U[name], rel=1e-9)
    assert found.parts["biased"] == pytest.approx(ENERGY_V[name], rel=1e-9)
    assert found.parts["energy"] == pytest.approx(oracles.energy(X, Y), rel=1e-9)
    assert (found.parts["p_value"] > 0.1) == (name == "D0")


def test_cauchy_schwarz_and_mmd(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    found = metrics.cauchy_schwarz(Y, X, scales=[1.0], permutations=19)
    assert found.value == pytest.approx(CS_U[name], abs=1e-9)
    assert found.parts["biased"] == pytest.approx(CS_V[name], abs=1e-9)
    assert found.value == pytest.approx(oracles.cauchy_schwarz(X, Y), rel=1e-9)
    assert metrics.mmd(Y, X, scales=[1.0], permutations=1).value == pytest.approx(MMD_U[name], rel=1e-9)


def test_neighbors(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    found = metrics.knn_two_sample(Y, X, permutations=99)
    assert (found.value, found.parts["current"]) == pytest.approx(NEIGHBORS[name], abs=1e-12)
    assert found.value == pytest.approx(oracles.same_side(X, Y), abs=1e-12)
    assert found.parts["expected"] == pytest.approx(0.5190380762, abs=1e-10)
    assert found.parts["current_expected"] == pytest.approx(0.3987975952, abs=1e-10)


def test_frechet_whitened(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    found = metrics.frechet_whitened(Y, X)
    assert (found.parts["means"], found.parts["spreads"]) == pytest.approx(WHITENED[name], rel=1e-9)
    assert found.value == pytest.approx(sum(WHITENED[name]), rel=1e-9)


def test_the_scores_of_rows(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    squared = scorer("mahalanobis", X)(Y, None)
    assert squared[:2] == pytest.approx(MAHALANOBIS[name], rel=1e-8)
    assert squared == pytest.approx(oracles.ledoit_wolf_distance(X, Y), rel=1e-9)
    assert scorer("distance", X)(Y[:1], None)[0] == pytest.approx(KNN[name], rel=1e-8)
    assert nearest(Y, X, 10) == pytest.approx(np.sort(oracles.distances(Y, X), axis=1)[:, 9], rel=1e-9)


def test_columns(case: tuple[str, oracles.Matrix, oracles.Matrix]) -> None:
    name, X, Y = case
    found = metrics.ks_dimensions(Y, X)
    largest, p, count = KS[name]
    assert found.value == count
    assert found.parts["largest"] == pytest.approx(largest, abs=5e-5)
    assert found.parts["p_value"] == pytest.approx(p, rel=2e-3)
    each = [ks_2samp(x, y, method="asymp") for x, y in zip(X.T, Y.T, strict=True)]
    assert found.parts["largest"] == max(one.statistic for one in each)
    assert found.parts["p_value"] == pytest.approx(min(1.0, 16 * min(one.pvalue for one in each)), rel=1e-9)


def test_energy_in_one_column_is_that_of_scipy() -> None:
    """scipy's energy distance is the root of the V-statistic."""
    X, Y = (one[:, :1] for one in oracles.CASES["D1"])
    found = metrics.energy_ratio(Y, X, permutations=1)
    assert found.parts["biased"] == pytest.approx(energy_distance(X[:, 0], Y[:, 0]) ** 2, rel=1e-9)


def test_closed_forms_of_normal_rows() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20_000, 4)), rng.normal(size=(20_000, 4))
    moved = Y + np.array([1.0, 0, 0, 0])
    found = metrics.frechet_whitened(moved, X).parts
    assert found["means"] == pytest.approx(1.0, abs=0.05)
    wide = metrics.frechet_whitened(2 * Y, X).parts
    assert wide["spreads"] == pytest.approx(4 * (2 - 1) ** 2, abs=0.08)
    auc = metrics.c2st_auc(moved, X)
    assert auc.value == pytest.approx(norm.cdf(1 / math.sqrt(2)), abs=0.02)
    assert auc.parts["d_prime"] == pytest.approx(1.0, abs=0.1)
    assert metrics.c2st_auc(1.5 * Y, X).value == pytest.approx(0.5, abs=0.03)  # blind to spread, as documented


def test_kernel_values_of_normal_rows() -> None:
    """MMD^2 = 2 (1 + 4 v / s)^(-d/2) (1 - exp(-|t|^2 / (s + 4 v))), CS = |t|^2 / (2 (v + s / 4)), s the bandwidth."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(2000, 4)), rng.normal(size=(2000, 4)) + np.array([1.0, 0, 0, 0])
    s = metrics.mmd(Y, X, scales=[1.0], permutations=1).parts["median_squared_distance"]
    expected = 2 * (1 + 4 / s) ** -2 * (1 - math.exp(-1 / (s + 4)))
    assert metrics.mmd(Y, X, scales=[1.0], permutations=1).value == pytest.approx(expected, rel=0.1)
    assert metrics.cauchy_schwarz(Y, X, scales=[1.0], permutations=1).value == pytest.approx(
        1 / (2 * (1 + s / 4)), rel=0.1
    )


def test_shares_beyond_are_counts_of_a_split_reference() -> None:
    """The 200 even rows in the order of the sample fix the distances, the others say which are usual."""
    from labelfree.evidence.targets import beside

    X, Y = oracles.data(n=400, m=100, d=3, seed=4)
    Y = Y * 1.3
    behind = beside(Y, X, "reference").reference
    assert behind is not None
    assert behind.drawn is not None
    rows = np.asarray(behind.drawn.rows, np.float64)
    fitted, kept = rows[::2], rows[1::2]
    own, beside_ = fitted[:134], fitted[134:]  # two thirds of them make a score, the others its unit
    directed = own / np.linalg.norm(own, axis=1)[:, None]
    ways: Any = (
        lambda Z: np.sort(oracles.distances(Z, own), axis=1)[:, 9],
        lambda Z: np.sort(oracles.distances(Z / np.linalg.norm(Z, axis=1)[:, None], directed), axis=1)[:, 9],
        lambda Z: oracles.ledoit_wolf_distance(own, Z),
    )
    units = [(np.median(way(beside_)), np.median(np.abs(way(beside_) - np.median(way(beside_))))) for way in ways]
    usual, scores = (
        np.max([(way(Z) - m) / s for way, (m, s) in zip(ways, units, strict=True)], axis=0) for Z in (kept, Y)
    )
    p = np.array([(1 + (usual >= s).sum()) / (len(usual) + 1) for s in scores])
    assert metrics.share_beyond_95(Y, X).value == pytest.approx((p <= 0.05).mean(), abs=1e-12)
    assert metrics.share_beyond_99(Y, X).value == pytest.approx((p <= 0.01).mean(), abs=1e-12)


def test_mahalanobis_distances_of_fewer_rows_than_columns() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 50)), 2 * rng.normal(size=(7, 50))
    assert scorer("mahalanobis", X)(Y, None) == pytest.approx(oracles.ledoit_wolf_distance(X, Y), rel=1e-9)


def test_label_shift_of_known_tables() -> None:  # what bbse and mlls compute
    confusion = np.array([[80, 10, 5], [15, 70, 5], [5, 20, 90]]) / 300
    found = of_confusion(confusion, np.array([0.5, 0.3, 0.2]))
    assert found.parts["weights"] == pytest.approx([1.74093264, 0.88601036, 0.37305699], abs=1e-8)
    assert found.parts["shares"] == pytest.approx([0.58031088, 0.29533679, 0.12435233], abs=1e-8)
    assert found.value == pytest.approx(0.58031088 - 1 / 3, abs=1e-8)
    P = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.8, 0.1, 0.1], [0.5, 0.25, 0.25]]
    likely = of_probabilities(np.array(P), np.ones(3) / 3)
    assert likely.parts["shares"] == pytest.approx([0.82745494, 0.14231956, 0.03022550], abs=1e-7)
    assert likely.parts["mean_log_likelihood_ratio"] == pytest.approx(0.16939455, abs=1e-8)


def test_class_alignment_by_hand() -> None:
    """Two classes at -3 and 3 with deviation 1 inside: ln of (x - own)^2 over (x - other)^2 is of no unit."""
    rng = np.random.default_rng(0)
    y = np.arange(4000) % 2
    rows = (6.0 * y - 3 + rng.normal(size=4000))[:, None]
    scores = np.eye(2)[y]
    found = metrics.class_alignment(rows, rows, scores, scores)
    z = rng.normal(size=400_000)
    assert found.value == pytest.approx(float(np.log(z**2 / (z + 6) ** 2).mean()), abs=0.1)
    assert found.parts["difference_interval"][0] < 0 < found.parts["difference_interval"][1]
    mixed = metrics.class_alignment(rows / 3, rows, scores, scores)
    assert mixed.parts["difference"] > 0.5


def test_rows_are_singled_out_as_benjamini_and_hochberg_say() -> None:
    p = np.array([0.001, 0.5, 0.012, 0.03, 0.9])
    assert called(p, 0.1) == 3  # .001 <= .02, .012 <= .04, .03 <= .06, .5 > .08
    assert called(np.ones(4), 0.1) == 0
    assert called(np.array([0.09, 0.095]), 0.1) == 2  # the second limit lets both in
    assert called(np.empty(0), 0.1) == 0
