"""Values of the separability family: sets known by hand or from several programs, our own oracles, giotto-tda."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import labelfree
import oracles
from clouds import clumps, reference_sets
from labelfree import metrics

SETS = reference_sets()
ROOT2, ROOT10 = 2**0.5, 10**0.5
# Deaths by hand (T1 to T7) or printed to twelve digits by ripser, giotto-ph, gudhi and scipy alike.
DEATHS: dict[str, list[float]] = {
    "T1": [1, 2, 4],
    "T2": [1, 1, 1],
    "T3": [1, 1, 1.5, 41**0.5],
    "T4": [0, 0, 5],
    "T5": [2, 2],
    "T6": [1, 1, 1, 1, 8],
    "T7": [ROOT2] * 4,
    "T8": [ROOT10] * 9 + [26.0] * 4 + [28.460498941515] * 3 + [28.653097563789] + [31.064449134018] * 2,
}
# S, entropy in bits, total persistence over diameter.
SUMMARIES = {
    "T1": (5 / 12, 1.378783493486, 1.0),
    "T2": (0.0, math.log2(3), 2.121320343560),
    "T3": (0.613347958347, 1.487248263594, 1.207608282719),
    "T4": (0.666666666667, 0.0, 1.0),
    "T5": (0.0, 1.0, 2.0),
    "T6": (0.7, math.log2(3), 1.0),
    "T7": (0.0, 2.0, 4.0),
    "T8": (0.477107483582, 3.748768893720, 2.732898511378),
    "T9": (0.723626836534, 5.318998923011, 4.513470517562),
    "T10": (0.405871193318, 6.614789757574, 22.596867338570),
}
TOTALS = {"T9": (383.751178604249, 28.337254630610), "T10": (395.357797740549, 6.721628481189)}
TINY = 1e-11


def moved(name: str) -> NDArray[np.float64]:
    """The set without rows at zero, which have no direction: no distance changes."""
    return SETS[name] + 100.0


def of(metric: str, X: NDArray[Any], **options: Any) -> Any:
    return getattr(metrics, metric)(X, **options)


def raw(metric: str, X: NDArray[Any]) -> Any:
    return of(metric, X, normalize="none")


def test_the_random_set_is_the_one_that_was_measured() -> None:
    assert SETS["T10"][0, :3] == pytest.approx([-1.74687243, 1.251366, 0.05485901], abs=1e-8)


@pytest.mark.parametrize("name", DEATHS)
def test_deaths(name: str) -> None:
    series = labelfree.separability(moved(name), normalize="none").series["deaths"]
    assert series["death"] == pytest.approx(DEATHS[name][::-1], abs=2e-11)


@pytest.mark.parametrize("name", SUMMARIES)
def test_reference_sets(name: str) -> None:
    X = moved(name)
    score, bits, over_diameter = SUMMARIES[name]
    assert raw("separability", X).value == pytest.approx(score, abs=TINY)
    assert raw("persistence_entropy", X).value == pytest.approx(bits, abs=TINY)
    total = raw("total_persistence", X).value
    assert total / oracles.diameter(X) == pytest.approx(over_diameter, abs=TINY)


@pytest.mark.parametrize("name", TOTALS)
def test_larger_sets(name: str) -> None:
    total, largest = TOTALS[name]
    assert raw("total_persistence", moved(name)).value == pytest.approx(total, rel=TINY)
    assert raw("separability", moved(name)).parts["max"] == pytest.approx(largest, rel=TINY)
    median = {"T9": 5.385164807135, "T10": 3.861016744955}[name]
    assert raw("separability", moved(name)).parts["median"] == pytest.approx(median, rel=TINY)


def test_unit_rows_and_cosine_distances() -> None:
    X = SETS["T10"]
    assert metrics.separability(X).value == pytest.approx(0.442166304662, abs=TINY)
    assert metrics.total_persistence(X).value == pytest.approx(64.91506464724, rel=TINY)
    for normalize in ("l2", "none"):
        assert metrics.separability(X, metric="cosine", normalize=normalize).value == pytest.approx(
            0.62811774, abs=5e-9
        )
    euclidean = labelfree.separability(X).series["deaths"]["death"]
    cosine = labelfree.separability(X, metric="cosine").series["deaths"]["death"]
    assert cosine == pytest.approx(euclidean**2 / 2, rel=1e-12)


def test_bars_of_length_zero_are_kept() -> None:
    result = raw("separability", moved("T4"))
    assert (result.parts["bars"], result.parts["zero_bars"]) == (3, 2)
    assert result.value == pytest.approx(2 / 3, abs=TINY)  # 0 without them


@pytest.mark.parametrize("name", SETS)
def test_every_metric_agrees_with_brute_force(name: str) -> None:
    X = moved(name)
    merges = oracles.single_linkage(X)
    deaths = [death for death, _, _ in merges]
    assert raw("separability", X).value == pytest.approx(oracles.separability(deaths), abs=1e-12)
    assert raw("persistence_entropy", X).value == pytest.approx(oracles.persistence_entropy(deaths), abs=1e-12)
    assert raw("total_persistence", X).value == pytest.approx(sum(deaths), rel=1e-12)
    robust = oracles.separability_robust(merges)
    assert raw("separability_robust", X).value == (None if robust is None else pytest.approx(robust, abs=1e-12))


@pytest.mark.parametrize("normalize", ["l2", "none", "layernorm", "zscore"])
def test_rows_are_scaled_as_named(normalize: str) -> None:
    X = np.random.default_rng(3).normal(size=(60, 5)) * [1, 2, 3, 4, 9] + [0, 5, 0, 0, 1]
    by_hand = {
        "l2": X / np.sqrt((X**2).sum(1))[:, None],
        "none": X,
        "layernorm": (X - X.mean(1)[:, None]) / X.std(1)[:, None],
        "zscore": (X - X.mean(0)) / X.std(0),
    }[normalize]
    deaths = [death for death, _, _ in oracles.single_linkage(by_hand)]
    result = metrics.total_persistence(X, normalize=normalize)
    assert result.value == pytest.approx(sum(deaths), rel=1e-12)
    assert result.params["normalize"] == normalize


def test_the_robust_score_ignores_outliers_and_the_plain_one_does_not() -> None:
    two = clumps(1.0, k=2, m=100, d=8, apart=3.0)
    strays = np.vstack([two, 1e3 * np.eye(3, 8)])
    plain, robust = raw("separability", two).value, raw("separability_robust", two).value
    assert raw("separability", strays).value == pytest.approx(1.0, abs=0.02) != pytest.approx(plain, abs=0.1)
    assert raw("separability_robust", strays).value == pytest.approx(robust, abs=0.02)


def test_two_percent_of_the_rows_is_a_large_side() -> None:
    """At equality: 2 of 100 rows count, 2 of 101 do not."""
    bulk = np.arange(1.0, 99.0)[:, None]
    pair = np.array([[200.0], [201.0]])
    assert raw("separability_robust", np.vstack([bulk, pair])).value == pytest.approx(1 - 1 / 102, abs=1e-12)
    result = raw("separability_robust", np.vstack([bulk, pair, [[99.0]]]))
    assert (result.value, result.reason_code) == (None, "no_large_merge")
    assert "3 rows" in str(result.reason)


def test_parts_say_where_the_components_are() -> None:
    X = clumps(1.0, k=5, m=30, d=16, apart=30.0)
    parts = raw("separability", X).parts
    assert parts["components_at_widest_gap"] == 5
    assert [bar["smaller"] >= 30 for bar in parts["largest"][:5]] == [True] * 4 + [False]
    assert parts["excess"] == pytest.approx(raw("separability", X).value - parts["surrogate"])
    assert parts["excess"] > 0.2
    noise = np.random.default_rng(0).normal(size=(400, 16))
    assert abs(raw("separability", noise).parts["excess"]) < 0.08  # the surrogate of noise is noise


@pytest.mark.parametrize("metric", ["separability", "separability_robust", "persistence_entropy", "total_persistence"])
@pytest.mark.parametrize(
    ("X", "code"),
    [
        (np.empty((0, 3)), "insufficient"),
        (np.ones((1, 3)), "insufficient"),
        (np.eye(2), "insufficient"),
        (np.ones((3, 3)), "collapsed"),
        (np.full((50, 1), 0.1), "collapsed"),
        (np.vstack([np.eye(3), np.zeros((2, 3))]), "zero_rows"),
    ],
    ids=["no row", "one row", "two rows", "equal rows", "many equal rows", "zero rows"],
)
def test_undefined_is_none_with_a_reason(metric: str, X: NDArray[Any], code: str) -> None:
    result = getattr(metrics, metric)(X)
    assert (result.value, result.se, result.status, result.reason_code) == (None, None, "undefined", code)
    assert result.reason


def test_directions_that_coincide_are_equal_rows() -> None:
    X = np.outer([1.0, 2.0, 4.0, 8.0], [1.0, 0.0, 0.0])
    assert metrics.separability(X).reason_code == "collapsed"
    assert raw("separability", X).value == pytest.approx(1 - (1 + 2 + 4) / 12, abs=TINY)
    constant = np.outer([1.0, 2.0, 4.0, 8.0], np.ones(3))
    assert metrics.separability(constant, normalize="layernorm").reason_code == "zero_rows"


def test_collapse_is_named_and_never_silent() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(size=(5, 32)), 80, axis=0)
    jittered = points + 1e-6 * rng.normal(size=points.shape)
    line = np.outer(rng.normal(size=400), rng.normal(size=32)) + 1e-3 * rng.normal(size=(400, 32))
    cone = 10 + rng.normal(size=(400, 32))
    signs = {
        "repeat another one": points,
        "thousandth of the way": jittered,
        "effective rank is 1": line,
        "mean cosine": cone,
    }
    for sign, X in signs.items():
        result = of("separability", X)
        assert any(sign in said for said in result.parts["collapse"]), (sign, result.parts["collapse"])
        assert "possible collapse" in result.warnings[0]
    healthy = of("separability", rng.normal(size=(400, 32)))
    assert healthy.parts["collapse"] == []
    assert healthy.warnings == ()


def giotto(dimensions: tuple[int, ...], X: NDArray[Any]) -> NDArray[Any]:
    homology = pytest.importorskip("gtda.homology", reason="giotto-tda has no build for this environment")
    diagram = homology.VietorisRipsPersistence(homology_dimensions=dimensions).fit_transform(X[None])[0]
    return np.asarray(diagram[diagram[:, 1] > diagram[:, 0]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["T3", "T8", "T10"])
def test_agreement_with_giotto(name: str) -> None:
    from_them = giotto((0,), SETS[name])
    deaths = labelfree.separability(moved(name), normalize="none").series["deaths"]["death"]
    assert np.sort(from_them[:, 1])[::-1] == pytest.approx(deaths, rel=1e-6)
    entropy = pytest.importorskip("gtda.diagrams").PersistenceEntropy().fit_transform(from_them[None])[0, 0]
    assert raw("persistence_entropy", moved(name)).value == pytest.approx(entropy, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_loops() -> None:
    giotto((1,), SETS["T3"])
    result = raw("h1_total_persistence", SETS["T10"])
    assert result.parts["bars"] == 51
    assert result.value == pytest.approx(10.30189, abs=1e-4)
    angle = np.arange(12) * 2 * np.pi / 12
    circle = raw("h1_total_persistence", np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert circle.value == pytest.approx(3**0.5 - 2 * math.sin(math.pi / 12), abs=1e-6)  # one loop: side to triangle
    assert metrics.h1_total_persistence(SETS["T10"], metric="cosine").reason_code == "metric"
