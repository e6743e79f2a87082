"""Intervals of OPIS: against groups left out one by one, against Hall's formula, and where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

import labelfree
import oracles_opis as oracle
from labelfree.evidence.groups import GroupRows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.consistency import Consistency
from labelfree.families.opis.influence import Influences
from labelfree.families.opis.intervals import LEAST, skewed_interval, standard_error
from labelfree.families.opis.operating_point import Operating, operating
from labelfree.families.opis.sorted_rows import SortedGroups, grouped
from labelfree.kernels import numpy_kernels
from labelfree.summaries.hashing import hash_ids

metrics: Any = labelfree.metrics
FAMILY = ("opis", "eps_opis", "mean_utility", "worst_utility")


def clouds(groups: int, size: Any = 4, *, widest: float = 1.0, d: int = 6) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Rows about one center for each group, the groups from narrow to wide."""
    rng = np.random.default_rng(groups)
    group = np.repeat(np.arange(groups), size)
    spread = np.linspace(0.2 * widest, widest, groups)[group, None]
    return rng.normal(size=(groups, d))[group] + spread * rng.normal(size=(len(group), d)), group


def on_a_curve(groups: int, size: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Groups beside one another on a closed curve, which move the range and one another."""
    rng = np.random.default_rng(groups)
    group = np.repeat(np.arange(groups), size)
    place = rng.uniform(0, 2 * np.pi, groups)[group]
    place += rng.uniform(0.02, 0.1, groups)[group] * rng.normal(size=len(group))
    rows = np.concatenate([f(place[:, None] * np.arange(1, 4)) for f in (np.cos, np.sin)], axis=1)
    return rows + 0.1 * rng.normal(size=rows.shape), group


def influences(X: NDArray[np.float64], group: NDArray[Any]) -> Influences:
    rows = grouped(GroupRows(hash_ids(group), np.arange(len(X)), X, group), 100)
    assert isinstance(rows, SortedGroups)
    found = operating(rows, Calibration(), numpy_kernels, 0)
    assert isinstance(found, Operating)
    return Influences(found.curves, Consistency(found.utility, found.weight))


UNEQUAL = np.tile([2, 3, 5, 6], 8)


@pytest.mark.parametrize("law", [clouds, on_a_curve])
@pytest.mark.parametrize("size", [4, UNEQUAL])
def test_an_influence_is_what_the_values_lose_without_the_group(law: Any, size: Any) -> None:
    """To the first order: 32 groups are few, and the oracle recomputes the calibration range and all curves."""
    X, group = law(32, size)
    left_out = oracle.jackknife(oracle.distances(X), group, FAMILY)
    found = influences(X, group)
    for name in FAMILY:
        ours, slow = getattr(found, name), left_out[name]
        assert ours.mean() == pytest.approx(0.0, abs=0.2 * ours.std()), name
        assert np.corrcoef(ours, slow)[0, 1] > 0.85, name
        assert standard_error(ours) == pytest.approx(standard_error(slow), rel=0.3), name


def test_the_range_and_the_other_groups_are_moved() -> None:
    """By their own utilities alone groups on a curve would move the mean by less than half of what they do."""
    X, group = on_a_curve(32, 6)
    found = influences(X, group)
    slow = standard_error(oracle.jackknife(oracle.distances(X), group, ["mean_utility"])["mean_utility"])
    own = found.scores.utility @ found.scores.weight
    assert standard_error(own) < 0.6 * slow
    assert standard_error(found.mean_utility) == pytest.approx(slow, rel=0.3)


@given(
    st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=40, max_size=80),
    st.floats(0, 3),
    st.floats(-5, 5),
)
def test_hall_makes_the_error_symmetric(drawn: list[float], skew: float, value: float) -> None:
    """Both ends, put into the published polynomial, are the t quantiles; the value is between them."""
    influence = np.exp(skew * np.array(drawn))
    T, deviation = len(drawn), influence.std(ddof=1)
    if deviation < 1e-6:
        return
    g, reach = float(stats.skew(influence)), stats.t.ppf(0.975, T - 1) / T**0.5
    low, high = skewed_interval(value, influence, -np.inf, np.inf)
    assert low < value < high
    for end, expected in ((low, reach), (high, -reach)):
        e = (value - end) / deviation
        assert e + g * e**2 / 3 + g**2 * e**3 / 27 + g / (6 * T) == pytest.approx(expected, abs=1e-6)


def test_without_skewness_it_is_that_of_student() -> None:
    influence = np.r_[np.arange(1.0, 21), -np.arange(1.0, 21)]
    expected = stats.t.interval(0.95, 39, loc=0.5, scale=stats.sem(influence))
    assert skewed_interval(0.5, influence, -np.inf, np.inf) == pytest.approx(expected)
    assert skewed_interval(0.5, influence, 0.0, 1.0) == (0.0, 1.0)


def test_a_long_tail_is_covered_better_than_by_student() -> None:
    """Means of 60 draws of a lognormal law, whose mean is known: Student misses them from below."""
    rng = np.random.default_rng(1)
    truth, hits, plain = np.exp(0.5), 0, 0
    for _ in range(600):
        drawn = rng.lognormal(size=60)
        low, high = skewed_interval(drawn.mean(), drawn - drawn.mean(), 0.0, np.inf)
        hits += low <= truth <= high
        plain += abs(drawn.mean() - truth) <= stats.t.ppf(0.975, 59) * stats.sem(drawn)
    assert hits / 600 > 0.91 > plain / 600


@pytest.mark.parametrize("name", FAMILY)
def test_intervals_begin_at_their_numbers_of_groups(name: str) -> None:
    enough = LEAST[name]
    few, many = (getattr(metrics, name)(*clouds(groups)) for groups in (enough - 1, enough))
    assert (few.se, few.interval) == (None, None)
    assert any(said.startswith(f"no interval: {enough - 1} groups are too few") for said in few.warnings)
    assert many.se > 0
    assert many.interval[0] < many.value < many.interval[1]
    assert not any("no interval" in said for said in many.warnings)


def test_the_seed_moves_no_interval() -> None:
    X, group = clouds(150, 2)
    assert len({getattr(metrics, n)(X, group, seed=s).interval for n in FAMILY for s in (0, 1)}) == len(FAMILY)


def test_groups_that_are_told_apart_leave_an_interval_of_the_mean_alone() -> None:
    X, group = clouds(150, widest=0.2, d=24)
    assert metrics.mean_utility(X, group).interval is not None
    for name in ("opis", "eps_opis", "worst_utility"):
        result = getattr(metrics, name)(X, group)
        assert (result.se, result.interval) == (None, None)
        assert any(said.startswith("no interval: nearly all groups") for said in result.warnings)


def test_equal_groups_have_no_interval() -> None:
    angle = np.repeat(np.arange(60), 3) * 2 * np.pi / 60 + np.tile([-0.02, 0.0, 0.02], 60)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    result = metrics.mean_utility(X, np.repeat(np.arange(60), 3))
    assert result.value is not None
    assert result.interval is None or result.interval[0] <= result.value <= result.interval[1]


def test_clusters_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 8)), 8, axis=0) + 0.3 * rng.normal(size=(480, 8))
    found = metrics.pseudo_opis(X, k=(60,), seeds=1)
    assert (found.se, found.interval) == (None, None)
    assert "no interval: the groups are clusters of the rows, no sample of groups" in found.warnings
