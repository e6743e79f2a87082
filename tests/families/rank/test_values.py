"""Values of the rank family: closed forms, values of independent code, our own oracles, independent packages."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles
import oracles_opis
import oracles_peers
import oracles_transfer
import oracles_weights
from labelfree import metrics
from labelfree.catalog import entry
from labelfree.evidence.evidence import evidence
from labelfree.families.rank.marchenko_pastur import noise_rank
from labelfree.metrics import METRICS

GRID = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
DIAGONAL = np.diag([3.0, 1.0])
CROSS = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def orthonormal(n: int, k: int, seed: int = 0) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, k)))[0]


def geometric(ratio: float) -> NDArray[np.float64]:
    return np.diag(ratio ** np.arange(400.0))


def simplex(n: int) -> NDArray[np.float64]:
    return np.eye(n) - 1 / n


CLOSED = [
    # rank: k equal singular values -> k, one -> 1, (3, 1) -> 4 / 3^0.75
    ("effective_rank", 7.5 * orthonormal(50, 8), 8.0),
    ("effective_rank", np.outer(np.arange(1, 9), [1.0, 2.0, 3.0]), 1.0),
    ("effective_rank", DIAGONAL, 4 / 3**0.75),
    ("effective_rank", np.hstack([orthonormal(60, 5), np.zeros((60, 3))]), 5.0),
    ("effective_rank", geometric(0.5), 4.0),
    ("effective_rank", geometric(0.9), 25.8117479171),
    # RankMe of K equal singular values: exp(-(1 + K eps) ln(1 / K + eps))
    ("rankme", orthonormal(64, 8), 8.00000690842629),
    ("rankme", orthonormal(300, 128), 128.0063113114899),
    ("rankme", np.outer(np.arange(1, 300), np.ones(128)), 1.0002),
    ("rankme_centered", GRID + 1e4, math.exp(-(1 + 2e-7) * math.log(0.5 + 1e-7))),
    ("erank_variance", CROSS, 10 / 9**0.9),
    ("participation_ratio", CROSS, 100 / 82),
    ("nesum", CROSS, 10 / 9),
    ("stable_rank", DIAGONAL, 10 / 9),
    ("stable_rank", np.ones((5, 3)), 1.0),
    ("isoscore", GRID, 1.0),
    ("isoscore", np.outer([-1.0, 0.0, 1.0], np.ones(4)), 0.0),
    ("hard_rank", np.hstack([orthonormal(60, 5), np.zeros((60, 3))]), 5.0),
    ("condition_number", np.diag([4.0, 2.0, 1.0]), 4.0),
    ("self_cluster", GRID, -1 / 3),
    ("self_cluster", np.ones((6, 4)), 1.0),
    ("self_cluster", np.eye(5), -1 / 4),
    ("mean_cosine", np.eye(4), 0.0),
    ("mean_cosine", simplex(5), -1 / 4),
    ("mean_cosine", np.ones((3, 2)), 1.0),
    ("std_l2", np.eye(2), 2**-0.5),
    ("std_l2", np.ones((4, 3)), 0.0),
    ("coding_rate", np.tile(np.eye(16), (3, 1)), 8 * math.log(3)),
    ("uniformity", np.eye(6), -4.0),
    ("uniformity", np.array([[1.0, 0.0], [-1.0, 0.0]]), -8.0),
    ("uniformity", simplex(6), -4.8),
    ("twonn", np.array([[0.0], [1.0], [3.0]]), 2 / math.log(3 * 2 * 1.5)),
]


@pytest.mark.parametrize(("name", "X", "value"), CLOSED)
def test_closed_forms(name: str, X: NDArray[np.float64], value: float) -> None:
    tolerance = 1e-4 if value == 1.0002 else 1e-10
    assert getattr(metrics, name)(X).value == pytest.approx(value, rel=tolerance, abs=1e-12)


# Values printed by other people's code or evaluated from the formulas by hand, not by ours.
GOLDEN_F = {
    "effective_rank": 5.754428426433177,
    "rankme": 5.754434926978758,
    "erank_variance": 3.1989441378676298,
    "stable_rank": 1.654751787431185,
    "nesum": 1.5239843977,
    "participation_ratio": 2.1480361541072304,
    "isoscore": 0.16400516487246147,
    "self_cluster": 0.27314531326815367,
    "condition_number": 1 / 0.0967380289888349,
    "uniformity": -1.2442081159765992,
    "std_l2": 0.20714197597167375,
    "mean_cosine": 0.5018510367439153,
    "coding_rate": 3.0535414393447375,
    "id_mle": 1.2656470558724564,
}
GOLDEN_G = {
    "effective_rank": 1.857212429468956,
    "rankme": 1.8572128433686446,
    "erank_variance": 1.35845848675677,
    "participation_ratio": 1.1997729436753828,
    "nesum": 1.1009034669131217,
    "isoscore": 0.09988647183769139,
    "stable_rank": 1.0509076941937512,
    "condition_number": 20.040541895816574,
    "uniformity": -0.5560945427670426,
    "mean_cosine": 0.7217272714631878,
    "self_cluster": 0.4294393733630811,
    "std_l2": 0.2959934511179629,
    "coding_rate": 1.2732676697841931,
}


@pytest.mark.parametrize(("name", "value"), GOLDEN_F.items())
def test_golden_values_of_fixture_f(name: str, value: float, fixture_f: NDArray[np.float64]) -> None:
    assert fixture_f.sum() == pytest.approx(156.53118025868753, abs=1e-11)
    assert getattr(metrics, name)(fixture_f).value == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(("name", "value"), GOLDEN_G.items())
def test_golden_values_of_fixture_g(name: str, value: float, fixture_g: NDArray[np.int64]) -> None:
    assert getattr(metrics, name)(fixture_g).value == pytest.approx(value, rel=1e-12)


def test_the_zero_singular_value_of_a_centered_matrix_counts_for_nothing_but_its_eps(
    fixture_g: NDArray[np.int64],
) -> None:
    # eps 0: 1.737271471400452 by the sheet's code; with eps three terms of about eps ln eps come on top.
    value = metrics.rankme_centered(fixture_g).value
    assert value == pytest.approx(oracles.rankme(fixture_g, centered=True), rel=1e-9)
    assert value == pytest.approx(1.737271471400452, rel=3e-6)


CASES = {
    "gauss": np.random.default_rng(1).normal(size=(40, 6)),
    "offset": np.random.default_rng(2).normal(size=(30, 5)) + 50.0,
    "decaying": np.random.default_rng(3).normal(size=(60, 30)) * np.arange(1, 31) ** -0.7,
    "wide": np.random.default_rng(4).normal(size=(25, 40)),
    "zero rows": np.vstack([np.random.default_rng(5).normal(size=(30, 4)), np.zeros((3, 4))]),
    "duplicates": np.repeat(np.random.default_rng(6).normal(size=(30, 4)), 2, axis=0),
}
WITH_ORACLE = [m.name for m in METRICS if m.family == "rank" and hasattr(oracles, m.name) and m.needs != ("views",)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", WITH_ORACLE)
def test_agreement_with_the_definition(name: str, case: str) -> None:
    X = CASES[case]
    result = getattr(metrics, name)(X)
    if result.value is None:
        assert (name, case) in {("alpha_req", c) for c in CASES if c not in ("decaying", "wide")}
        return
    assert result.value == pytest.approx(getattr(oracles, name)(X), rel=1e-9, abs=1e-12)


def test_every_metric_has_an_oracle_or_a_reason_not_to() -> None:
    named = {
        "snd": "neighborhood_density", "atc_mc": "atc", "atc_ne": "atc", "cot": "cot_error", "gde": "disagreements",
        "transfer_score": "official_score",
        **dict.fromkeys(("opis", "eps_opis", "mean_utility", "worst_utility"), "trapezoid"),
        **dict.fromkeys(("median_tail_exponent", "poor_fit_layers"), "tail_exponent"),
    }  # fmt: skip
    known = {
        n for module in (oracles, oracles_transfer, oracles_peers, oracles_opis, oracles_weights) for n in vars(module)
    }
    without = {m.name for m in METRICS if named.get(m.name, m.name) not in known}
    counts = {"mp_spikes", "hard_rank", "weight_spikes"}  # tested by planted spikes and by exact ranks
    others = {"total_persistence", "h1_total_persistence", "c2st", "pseudo_opis"}
    # a plain sum; giotto-tda itself; scikit-learn; a median of opis
    by_values = {m.name for m in METRICS if entry(m.name).family in ("similarity", "drift")}
    # values of other programs, closed forms and laws, each in the folder of its family
    for name in by_values:
        folder = Path(__file__).parent.parent / entry(name).family
        assert any(name in path.read_text() for path in folder.glob("test_*.py")), name
    assert without - by_values == counts | others


def test_fewer_rows_than_columns_go_through_the_span_of_the_rows() -> None:
    X = np.random.default_rng(0).normal(size=(20, 90)) + 0.5
    for name in ("rankme", "rankme_centered", "participation_ratio", "stable_rank", "condition_number"):
        assert getattr(metrics, name)(X).value == pytest.approx(getattr(oracles, name)(X), rel=1e-10)
        by_scatter = getattr(metrics, name)(X, sample=5).value  # too small a sample to rotate: the d x d road
        assert by_scatter == pytest.approx(getattr(oracles, name)(X), rel=1e-7)


def test_planted_spikes_are_counted_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    false_alarms = []
    for _ in range(20):
        X = rng.normal(size=(1000, 100))
        found = metrics.mp_spikes(X)
        false_alarms.append((found.value, found.parts["raw"]))
        X[:, :5] *= np.sqrt([6.0, 5.0, 4.0, 3.0, 2.5])
        assert metrics.mp_spikes(X).parts["raw"] == 5
        turned = metrics.mp_spikes(X @ orthonormal(100, 100))
        assert (turned.value, turned.parts["raw"]) == (5, 5)
    assert np.array(false_alarms, float).sum(axis=0).max() <= 2  # one in a hundred is expected
    wide = rng.normal(size=(100, 400))
    wide[:, 0] *= 8
    assert metrics.mp_spikes(wide).parts["raw"] == 1
    assert metrics.mp_spikes(wide @ orthonormal(400, 400)).value == 1


def test_noise_of_unequal_columns_has_no_spikes() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        X = rng.normal(size=(300, 60)) * np.exp(0.5 * rng.normal(size=60)) + 10 * rng.normal(size=60)
        found.append((metrics.mp_spikes(X).value, metrics.mp_spikes(X).parts["raw"]))
    standardized, raw = np.array(found).T
    assert standardized.sum() <= 2
    assert (raw > 0).all()


@pytest.mark.parametrize(("n", "d"), [(200, 30), (40, 40), (30, 90)])
def test_spikes_are_those_of_the_correlation_matrix(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, d)) + rng.normal(size=(n, d))
    X = X * np.exp(rng.normal(size=d)) + 5
    lam = np.linalg.eigvalsh(np.corrcoef(X.T))[::-1][: min(n - 1, d)]
    points = rng.normal(size=(20 * n, 20 * d)) if n * d < 2000 else rng.normal(size=(10 * n, 10 * d))
    law = np.linalg.svd(points, compute_uv=False) ** 2 / len(points)  # the Marchenko-Pastur law, by drawing from it
    a, b = math.sqrt(n - 1), math.sqrt(d)
    edge = ((1 + math.sqrt(d / n)) ** 2 + 2.02345 * (a + b) * (1 / a + 1 / b) ** (1 / 3) / n) / np.median(law)
    expected = (lam > edge * np.median(lam)).sum()
    assert np.abs(lam / (edge * np.median(lam)) - 1).min() > 0.02  # the law as drawn is that near
    assert expected >= 2
    for sample in (None, 5):  # with fewer rows than columns, from the rows or from their scatter
        assert metrics.mp_spikes(X, sample=sample).value == expected
    with_constant = np.column_stack([X[:, :2] * 1e3, np.full(n, 0.1), X[:, 2:] - 100, np.zeros(n)])
    found = metrics.mp_spikes(with_constant)
    assert found.value == expected
    assert found.parts["columns"] == d


def test_noise_reaches_its_ceiling() -> None:
    rng = np.random.default_rng(0)
    for n, d in ((2000, 200), (300, 300), (200, 800)):
        result = metrics.rankme(rng.normal(size=(n, d)))
        assert result.parts["fraction_of_ceiling"] == pytest.approx(1.0, abs=2e-3)
    known = {0.01: 0.99875, 0.08: 0.98976, 0.25: 0.96622, 0.5: 0.92605, 1.0: 0.80504}
    for gamma, share in known.items():
        assert noise_rank(100_000, round(gamma * 100_000)) / round(gamma * 100_000) == pytest.approx(share, abs=2e-5)


def test_participation_without_sampling_bias() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 100))  # population value 100, expected value 100 / (1 + 1 / 2)
    result = metrics.participation_ratio(X)
    assert result.value == pytest.approx(100 / 1.5, rel=0.02)
    assert result.parts["gaussian_unbiased"] == pytest.approx(100, rel=0.02)


def test_agreement_with_isoscore() -> None:
    package = pytest.importorskip("IsoScore.IsoScore")
    X = np.random.default_rng(0).normal(size=(300, 12)) * np.arange(1, 13)
    assert metrics.isoscore(X).value == pytest.approx(float(package.IsoScore(X)), rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_agreement_with_scikit_dimension() -> None:
    package = pytest.importorskip("skdim.id")
    X = np.random.default_rng(0).normal(size=(800, 6)) @ np.random.default_rng(1).normal(size=(6, 15))
    theirs = float(package.MLE(K=20).fit(X, n_neighbors=20, comb="mle").dimension_)
    assert metrics.id_mle(X).value == pytest.approx(theirs, rel=1e-6)
    # Their TwoNN discards a tenth of the ratios and fits a line: the same quantity, another estimator.
    fitted = float(package.TwoNN().fit(X).dimension_)
    assert metrics.twonn(X).value == pytest.approx(fitted, rel=0.1)


def test_repeated_rows_do_not_change_the_intrinsic_dimension() -> None:
    X = np.random.default_rng(0).normal(size=(400, 5))
    again = np.vstack([X, X[:40]])
    for name in ("twonn", "id_mle"):
        assert getattr(metrics, name)(again).value == pytest.approx(getattr(metrics, name)(X).value, rel=1e-12)


def views() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(12, 6)) * 3
    return np.repeat(items, 4, axis=0) + rng.normal(size=(48, 6)), np.repeat(np.arange(12), 4)


def test_lidar() -> None:
    means = np.repeat(10 * np.eye(6, 8), 16, axis=0)
    steps = np.tile(np.vstack([np.eye(8), -np.eye(8)]) / 2, (6, 1))
    result = metrics.lidar(means + steps, np.repeat(np.arange(6), 16))
    assert result.value == pytest.approx(5.0, rel=1e-12)
    X, group = views()
    order = np.random.default_rng(1).permutation(len(X))
    assert metrics.lidar(X[order], group[order]).value == pytest.approx(oracles.lidar(X, group), rel=1e-9)
    uneven = np.arange(len(X)) != 3
    result = metrics.lidar(X[uneven], group[uneven])
    assert result.value == pytest.approx(oracles.lidar(X[uneven], group[uneven]), rel=1e-9)
    assert "differ in size" in result.warnings[0]


def test_alignment() -> None:
    X, group = views()
    assert metrics.alignment(X, group).value == pytest.approx(oracles.alignment(X, group), rel=1e-12)
    same = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 2, axis=0)
    assert metrics.alignment(same, np.repeat(np.arange(5), 2)).value == pytest.approx(0.0, abs=1e-15)
    opposite = same * np.tile([1.0, -1.0], 5)[:, None]
    assert metrics.alignment(opposite, np.repeat(np.arange(5), 2)).value == pytest.approx(4.0)


def test_few_rows_are_warned_of_where_the_value_grows_with_them() -> None:
    X = np.random.default_rng(0).normal(size=(40, 32))
    for metric in (metrics.coding_rate, metrics.rankme):
        assert "below 2 d = 64" in metric(X).warnings[0]
        assert not any("below 2 d" in warning for warning in metric(np.vstack([X, X + 1])).warnings)


def test_coding_rate_of_wide_rows_is_that_of_their_kernel_matrix() -> None:
    """Above 1024 columns the inverse is taken in place; ln det(I + c W'W) = ln det(I + c WW') is taken elsewhere."""
    X = np.random.default_rng(3).normal(size=(50, 1100))
    W = X / np.linalg.norm(X, axis=1, keepdims=True)
    c = 1100 / (50 * 0.5)
    found = metrics.coding_rate(X)
    assert found.value == pytest.approx(0.5 * np.linalg.slogdet(np.eye(50) + c * W @ W.T)[1], rel=1e-10)
    # what is left of the kernel matrix without a row, and without two
    rows = evidence(X).unit_rows

    def rest(*without: int) -> float:
        kept = np.delete(rows, without, axis=0)
        return 0.5 * float(np.linalg.slogdet(np.eye(len(kept)) + c * kept @ kept.T)[1])

    one = np.array([rest(i) for i in range(50)])
    pairs = np.array([found.value - one[i] - one[i + 25] + rest(i, i + 25) for i in range(25)])
    single, joint = (49 * one).var(ddof=1), (49 * 48 * pairs).var(ddof=1) / 50
    assert found.se == pytest.approx(np.sqrt((max(single - joint, 0) + joint / 2) / 50), rel=1e-6)
