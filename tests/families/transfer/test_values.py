"""Values of the transfer family: closed forms, reference values of the released code, our own oracles."""

from __future__ import annotations

import doctest
import importlib
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import oracles_transfer as oracles
from labelfree import metrics
from labelfree.families.transfer.hopkins_distances import statistic, tendency
from labelfree.families.transfer.neighborhoods import neighborhood_density
from labelfree.families.transfer.variants import among, batched_infomax

Matrix = NDArray[np.float64]
CASES = {"A": (512, 16, 5, 0), "B": (1024, 64, 31, 1), "C": (640, 256, 65, 2)}
SCORES = ("entropy", "diversity", "infomax", "nuclear_norm", "softmax_corr", "mcc", "mano", "average_confidence")
# From the unmodified public code of the authors run in float64 on the same rows, or from its steps.
REFERENCE: dict[str, dict[str, float]] = {
    "A": {
        "u": 0.08125127891258056, "m": 0.5537062372755939, "m_over_log_k": 0.34403702870288005,
        "batched": 0.5356563448226901, "h_official": 0.7968944374183476, "official": 1.0484651549614599,
        "official_float32": 1.0484651916799521, "h": 0.7925365365921831, "h_power_d": 0.9999999988452908,
        "h_drawn": 0.7453591651930781, "h_mean": 0.786985, "h_sd": 0.005584,
    },
    "B": {
        "u": 0.01762704186171408, "m": 1.7662251425637487, "m_over_log_k": 0.5143365532221186,
        "batched": 1.6526053371750726, "h_official": 0.8028903645158613, "official": 1.2665130307403103,
        "official_float32": 1.2665130333030505, "h": 0.8022005059099436, "h_power_d": 1.0,
        "h_drawn": 0.741065537861355, "h_mean": 0.801605, "h_sd": 0.001915,
    },
    "C": {
        "u": 0.004045306518095955, "m": 2.304280551211133, "m_over_log_k": 0.5520044984395379,
        "batched": 2.0768910218544416, "h_official": 0.8081004594283661, "official": 1.301587097556283,
        "official_float32": 1.3015870919133845, "h": 0.8077054262651934, "h_power_d": 1.0,
        "h_drawn": 0.6306510866966086, "h_mean": 0.806295, "h_sd": 0.002437,
    },
}  # fmt: skip
# Case A by pytorch-adapt 0.0.83 and the formulas of the papers.
VALIDATORS = {
    "entropy": 0.6300147099334952, "diversity": 1.183720947209089, "infomax": 0.5537062372755939,
    "nuclear_norm": 0.6364320671829649, "softmax_corr": 0.6557117723900122, "mcc": 0.5541236483236947,
    "mano": 0.40564671459050927, "average_confidence": 0.7519500059352747, "snd": 4.980769842601756,
}  # fmt: skip


def of(name: str, *arrays: Any, **options: Any) -> Any:
    return getattr(metrics, name)(*arrays, **options)


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, Matrix, Matrix, Matrix]:
    W, X, L, _ = oracles.make_case(*CASES[request.param])
    return request.param, W, X, L


def test_the_cases_are_the_ones_that_were_measured() -> None:
    first = [(W[0, 0], X[0, 0], L[0, 0]) for W, X, L, _ in (oracles.make_case(*c) for c in CASES.values())]
    assert np.array(first) == pytest.approx(
        np.array(
            [
                [1.764052345967664, 6.532030504493297, 5.8642350888552],
                [1.6243453636632417, -0.9913958719749658, -1.1019752875316964],
                [-0.4167578474054706, 3.095958781284724, 4.394630591621096],
            ]
        ),
        rel=1e-12,
    )


def test_parts_of_the_reference_cases(case: tuple[str, Matrix, Matrix, Matrix]) -> None:
    name, W, X, L = case
    expected = REFERENCE[name]
    assert of("classifier_nonuniformity", W).value == pytest.approx(expected["u"], rel=1e-12)
    assert of("infomax", L).value == pytest.approx(expected["m"], rel=1e-12)
    assert of("infomax", L).parts["over_log_classes"] == pytest.approx(expected["m_over_log_k"], rel=1e-12)
    uneven = [(X[a:b], L[a:b]) for a, b in ((0, 7), (7, 7), (7, 100), (100, len(X)))]
    assert batched_infomax(uneven) == pytest.approx(expected["batched"], rel=1e-12)
    found = of("hopkins", X).value
    assert abs(found - expected["h_mean"]) < expected["h_sd"]  # mean of 20 draws of the same law


def test_official_scores(case: tuple[str, Matrix, Matrix, Matrix]) -> None:
    name, W, X, L = case
    expected = REFERENCE[name]
    result = of("transfer_score", X, L, W, variant="official")
    assert result.value == pytest.approx(expected["official"], abs=1e-8)
    assert result.parts["h"] == pytest.approx(expected["h_official"], abs=1e-8)
    assert result.parts["m"] == pytest.approx(expected["batched"], rel=1e-12)
    narrow = of("transfer_score", X.astype(np.float32), L.astype(np.float32), W, variant="official")
    assert narrow.value == pytest.approx(expected["official_float32"], abs=1e-6)
    assert result.value == pytest.approx(oracles.official_score(X, L, W), abs=1e-12)
    seeded = of("transfer_score", X, L, W, variant="official", seed=3).value
    assert seeded == pytest.approx(oracles.official_score(X, L, W, seed=3), abs=1e-12)


def drawn(X: Matrix, m: int) -> tuple[NDArray[np.int64], Matrix]:
    """One draw of the reference values: rows first, then the points thrown."""
    random = np.random.default_rng(0)
    return random.choice(len(X), m, replace=False), random.uniform(X.min(0), X.max(0), (m, X.shape[1]))


def test_one_draw_of_the_reference_cases(case: tuple[str, Matrix, Matrix, Matrix]) -> None:
    name, _, X, _ = case
    expected = REFERENCE[name]
    index, thrown = drawn(X, int(0.05 * len(X)))
    unit = (thrown - X.min(0)) / (X.max(0) - X.min(0))
    found = tendency(lambda: (X[i : i + 100] for i in range(0, len(X), 100)), index[None], lambda: unit, print, len(X))
    assert found is not None
    assert found.value == pytest.approx(expected["h"], abs=1e-12)
    assert statistic(found.u[0], found.w[0], power=X.shape[1]) == pytest.approx(expected["h_power_d"], abs=1e-15)
    u, w = among(X[index], thrown)
    assert statistic(u, w) == pytest.approx(expected["h_drawn"], abs=1e-12)


def test_a_trained_looking_case() -> None:
    r = np.random.RandomState(7)
    mu = 3 * r.standard_normal((10, 32))
    y = r.randint(0, 10, size=600)
    X = mu[y] + r.standard_normal((600, 32))
    W, L = mu / 3, X @ (mu / 3).T / np.sqrt(32)
    assert of("classifier_nonuniformity", W).value == pytest.approx(0.035792591616795225, rel=1e-10)
    assert of("infomax", L).value == pytest.approx(2.2933438002128077, rel=1e-12)
    assert of("infomax", L).parts["over_log_classes"] == pytest.approx(0.9959865575394559, rel=1e-12)
    official = of("transfer_score", X, L, W, variant="official")
    assert official.value == pytest.approx(1.6839102346706802, abs=1e-6)
    assert official.parts["m_over_log_k"] == pytest.approx(0.9303381070970296, abs=2e-8)  # in float32
    assert of("hopkins", X).value == pytest.approx(0.7846758944485046, abs=0.01)
    standard = of("transfer_score", X, L, W)
    parts = standard.parts
    assert standard.value == pytest.approx(-parts["u"] + parts["h"] + parts["m_over_log_k"], abs=1e-15)
    assert parts["h"] == of("hopkins", X).value


@pytest.mark.parametrize("name", VALIDATORS)
def test_validators_of_case_a(name: str) -> None:
    _, _, L, _ = oracles.make_case(*CASES["A"])
    assert of(name, L).value == pytest.approx(VALIDATORS[name], rel=1e-12)


def test_other_reference_values_of_case_a() -> None:
    _, X, L, _ = oracles.make_case(*CASES["A"])
    assert of("nuclear_norm", L).parts["bnm"] == pytest.approx(0.06289296588335846, rel=1e-12)
    assert of("nuclear_norm", L).parts["nuclear"] == pytest.approx(32.201198532279534, rel=1e-12)
    assert of("softmax_corr", L).parts["corr_c"] == pytest.approx(1.4662160967109372, rel=1e-12)
    assert of("mano", L).parts["criterion"] == pytest.approx(4.029632898611814, rel=1e-12)
    assert of("mano", L).parts["softmax"] == pytest.approx(0.5382524098829717, rel=1e-12)
    assert of("mano", L).parts["normalization"] == "taylor"
    assert of("class_ami", X, L).value == pytest.approx(0.33899987132324505, abs=1e-12)
    assert neighborhood_density(X)[0] == pytest.approx(4.473653381815183, rel=1e-12)
    assert neighborhood_density(L)[0] == pytest.approx(4.309603838510629, rel=1e-12)


@pytest.mark.parametrize("name", [*SCORES, "snd"])
@pytest.mark.parametrize("shape", [(40, 2), (60, 7), (5, 9), (50, 1)])
def test_scores_of_predictions_by_their_definitions(name: str, shape: tuple[int, int]) -> None:
    L = 3 * np.random.default_rng(0).normal(size=shape)
    if shape[1] == 1 and name == "mano":
        expected = oracles.mano(np.hstack([np.zeros_like(L), L]))
    elif name == "snd":
        expected = oracles.neighborhood_density(oracles.probabilities(L))
    else:
        expected = getattr(oracles, name)(L)
    assert of(name, L).value == pytest.approx(expected, rel=1e-7 if name == "nuclear_norm" else 1e-11)
    assert of(name, L.astype(np.float32)).value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_class_ami_by_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centers = 2 * rng.normal(size=(4, 6))
    X = np.repeat(centers, 15, axis=0) + rng.normal(size=(60, 6))
    L = X @ centers.T + 4 * rng.normal(size=(60, 4))
    assert of("class_ami", X, L).value == pytest.approx(oracles.class_ami(X, L), abs=1e-9)


@pytest.mark.parametrize("k", [2, 3, 5, 12])
def test_heads_in_closed_form(k: int) -> None:
    ideal = math.acos(-1 / (k - 1))
    simplex = np.eye(k) - 1 / k
    assert of("classifier_nonuniformity", simplex).value == pytest.approx(0, abs=1e-14)
    assert of("classifier_nonuniformity", np.eye(k)).value == pytest.approx((math.pi / 2 - ideal) ** 2, rel=1e-12)
    assert of("classifier_nonuniformity", np.ones((k, 3))).value == pytest.approx(ideal**2, rel=1e-12)
    measured = {3: 0.274155677808038, 5: 0.0638473113387}.get(k)
    if measured:
        assert of("classifier_nonuniformity", np.eye(k)).value == pytest.approx(measured, rel=1e-11)


@pytest.mark.parametrize("seed", range(5))
def test_heads_by_the_definition(seed: int) -> None:
    W = np.random.default_rng(seed).normal(size=(9, 4))
    assert of("classifier_nonuniformity", W).value == pytest.approx(oracles.classifier_nonuniformity(W), rel=1e-12)


@pytest.mark.parametrize("shape", [(30, 3), (200, 5), (70, 1), (2, 2)])
def test_hopkins_by_brute_force(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(1).normal(size=shape) + 3
    X[: len(X) // 3] = X[-(len(X) // 3) or len(X) :][: len(X) // 3]
    values = oracles.hopkins(X)
    result = of("hopkins", X)
    assert result.parts["repeats"] == pytest.approx(values, rel=1e-12)
    assert result.value == pytest.approx(sum(values) / 10, rel=1e-12)
    assert result.parts["sd"] == pytest.approx(float(np.std(values, ddof=1)), rel=1e-9)
    other = of("hopkins", X, seed=5)
    assert other.parts["repeats"] == pytest.approx(oracles.hopkins(X, seed=5), rel=1e-12)


def test_the_printed_equation_by_brute_force() -> None:
    X = np.random.default_rng(2).normal(size=(60, 4))
    L, W = X[:, :3], np.eye(3, 4)
    result = of("transfer_score", X, L, W, variant="literal")
    assert result.parts["h"] == pytest.approx(oracles.literal_hopkins(X), rel=1e-10)
    assert result.params["power"] == "d"
    wide = np.random.default_rng(2).normal(size=(60, 2048))
    assert of("transfer_score", wide, L, np.eye(3, 2048), variant="literal").parts["h"] == pytest.approx(1.0)


@pytest.mark.parametrize("name", [*SCORES, "snd"])
def test_errors_of_scores_agree_with_the_jackknife(name: str) -> None:
    L = 2 * np.random.default_rng(0).normal(size=(200, 4)) + [0, 0.5, 0, -0.5]
    error = oracles.jackknife(lambda kept: of(name, L[kept]).value, 200)
    assert of(name, L).se == pytest.approx(error, rel=0.1)


def test_the_error_of_softmax_mano_agrees_with_the_jackknife() -> None:
    L = 9 * np.random.default_rng(0).normal(size=(60, 4))
    assert of("mano", L).parts["normalization"] == "softmax"
    assert of("mano", L).se == pytest.approx(oracles.jackknife(lambda kept: of("mano", L[kept]).value, 60), rel=0.1)


@pytest.mark.parametrize("kind", ["gaussian", "blobs"])
def test_the_error_of_hopkins_covers_fresh_rows(kind: str) -> None:
    centers = 3 * np.random.default_rng(5).normal(size=(10, 10))
    results = []
    for seed in range(30):
        rng = np.random.default_rng(1000 + seed)
        X = rng.normal(size=(500, 10))
        X = {"gaussian": X, "blobs": X + centers[rng.integers(0, 10, 500)]}[kind]
        results.append(of("hopkins", X, seed=seed))
    spread = float(np.std([r.value for r in results], ddof=1))
    results = [r for r in results if r.interval]
    assert len(results) >= 28
    assert 0.7 < np.mean([r.se for r in results]) / spread < 1.6
    middle = np.mean([r.value for r in results])
    assert sum(r.interval[0] <= middle <= r.interval[1] for r in results) >= 25


def test_structure_free_rows_score_as_their_null() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 10)) @ rng.normal(size=(10, 10)) + 100
    result = of("hopkins", X)
    assert abs(result.parts["excess"]) < 4 * result.se
    clustered = 5 * rng.normal(size=(8, 6))[rng.integers(0, 8, 800)] + rng.normal(size=(800, 6))
    assert of("hopkins", clustered).parts["excess"] > 0.05


@pytest.mark.parametrize("module", ["hopkins", "neighborhoods", "parts", "score", "predictions"])
def test_docstring_examples(module: str) -> None:
    done = doctest.testmod(importlib.import_module(f"labelfree.families.transfer.{module}"))
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_a_head_may_be_stored_in_any_precision(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.tensor([[1.0, 0.5, -0.25], [-0.5, 1.0, 0.0], [0.0, -2.0, 1.5]])  # exact in all of them
    found = metrics.classifier_nonuniformity(weight.to(getattr(torch, dtype)))
    assert found.value == metrics.classifier_nonuniformity(weight.numpy()).value
    scored = metrics.transfer_score(np.eye(3), np.eye(3), weight.to(getattr(torch, dtype)))
    assert scored.value == metrics.transfer_score(np.eye(3), np.eye(3), weight.numpy()).value
