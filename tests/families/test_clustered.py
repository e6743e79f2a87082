"""Intervals over row groups: the jackknife by its definition, what is withheld, and the value less each group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

import labelfree.metrics as public
from labelfree.evidence.clusters import LEAST, MOST, Clusters, bins
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.scaling import unit
from labelfree.evidence.spectrum import eigenvalues_alone, spectrum
from labelfree.families import metrics
from labelfree.families.clustered import MEASURED, jackknife, over_row_groups, t_975
from labelfree.results import Result
from labelfree.summaries import Moments

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("df", [*range(7, 31), 60, 1000])
def test_the_quantile_is_that_of_student(df: int) -> None:
    assert t_975(df) == pytest.approx(student.ppf(0.975, df), abs=1e-3)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12), st.floats(-5, 5))
def test_of_equal_sizes_it_is_the_textbook_jackknife(less: list[float], whole: float) -> None:
    c, held = len(less), np.array(less)
    se, lean = jackknife(whole, held, np.full(c, 7.0))
    center = c * whole - (c - 1) * held.mean()  # the corrected value, about which pseudo-values spread
    pseudo = c * whole - (c - 1) * held
    assert se == pytest.approx(np.sqrt(((pseudo - center) ** 2).sum() / (c * (c - 1))), rel=1e-9, abs=1e-9)
    assert lean == pytest.approx((c - 1) * (held.mean() - whole), rel=1e-9, abs=1e-9)


def test_the_error_of_a_mean_is_that_of_the_means_of_groups() -> None:
    """For a ratio of sums over groups of unequal size: its linearized variance (Cochran), to the first order."""
    sizes = RNG.integers(50, 150, 400).astype(float)
    sums = sizes * (1 + 0.1 * RNG.normal(size=400))
    whole = sums.sum() / sizes.sum()
    less = (sums.sum() - sums) / (sizes.sum() - sizes)
    se, lean = jackknife(whole, less, sizes)
    linear = np.sqrt(((sums - whole * sizes) ** 2).sum()) / sizes.sum()
    assert se == pytest.approx(linear, rel=0.02)
    assert abs(lean) < 0.05 * se


def grouped(groups: int, d: int = 6, offset: float = 0.3, spread: float = 0.5) -> tuple[list[Any], Evidence]:
    """Row groups of unequal size and their evidence, as a survey of some of them finds it."""
    rows = [
        (RNG.normal(size=(int(n), d)) + spread * RNG.normal(size=d) + offset) * np.arange(1, d + 1) ** -0.5
        for n in RNG.integers(150, 250, groups)
    ]
    held = [Moments.empty(d).update(part) for part in rows]
    units = [Moments.empty(d).update(unit(part)) for part in rows]
    clusters = Clusters(groups, 10 * groups, 10_000 * groups, "row groups", tuple(held), tuple(units))
    return rows, replace(evidence(np.concatenate(rows)), clusters=clusters)


def results(e: Evidence, *names: str) -> list[Result]:
    return over_row_groups([(m, m.compute(e)) for m in metrics(names or MEASURED)], e)


@pytest.mark.parametrize("name", MEASURED)
def test_the_interval_is_made_of_values_less_each_row_group(name: str) -> None:
    """Every value less a group by the public function of arrays, which decomposes the rows themselves."""
    rows, e = grouped(20)
    (found,) = results(e, name)
    value = getattr(public, name)
    whole = value(np.concatenate(rows), sample=50).value
    less = np.array([value(np.concatenate(rows[:i] + rows[i + 1 :]), sample=50).value for i in range(20)])
    se, lean = jackknife(whole, less, np.array([len(part) for part in rows], float))
    if found.interval is None:
        assert abs(lean) > max(se, 0.01 * abs(whole))
        return
    assert found.se == pytest.approx(se, rel=1e-6)
    assert found.parts["lean"] == pytest.approx(lean, rel=1e-5, abs=1e-9)
    reach, ends = 1.1 * student.ppf(0.975, 19) * se, sorted((whole, whole - lean))
    assert found.interval[0] == pytest.approx(max(ends[0] - reach, MEASURED[name]), rel=1e-4)
    assert found.interval[0] <= found.value <= found.interval[1]  # type: ignore[operator]
    assert found.interval[1] == pytest.approx(min(ends[1] + reach, 6.0 if MEASURED[name] == 1 else 1.0), rel=1e-4)


@pytest.mark.parametrize("groups", [LEAST - 1, LEAST])
def test_fewer_than_a_handful_have_none(groups: int) -> None:
    _, e = grouped(groups)
    (found,) = results(e, "participation_ratio")
    assert (found.interval is None) == (groups < LEAST)
    if groups < LEAST:
        assert [w.code for w in found.warnings] == ["clustered"]
        assert "11 of 110 row groups were read, expected at least 12 to see how they differ" in found.warnings[0]


def test_a_metric_that_was_not_measured_has_none() -> None:
    _, e = grouped(12)
    (found,) = results(e, "twonn")
    assert found.value is not None
    assert found.se is None is found.interval
    assert "it was not measured for this metric" in found.warnings[0]


def test_without_row_groups_nothing_changes() -> None:
    _, e = grouped(12)
    whole = replace(e, clusters=None)
    plain = [m.compute(whole) for m in metrics(MEASURED)]
    assert results(whole) == plain


def test_a_value_that_still_moves_has_none() -> None:
    """Every row group its own class: each further one adds a direction."""
    held = []
    for i in range(16):
        rows = 0.01 * RNG.uniform(-1, 1, size=(100, 40))
        rows[:, i] += RNG.uniform(-1, 1, size=100)
        held.append(rows)
    clusters = Clusters(16, 40, 4000, "row groups", tuple(Moments.empty(40).update(part) for part in held))
    e = replace(evidence(np.concatenate(held)), clusters=clusters)
    (found,) = results(e, "erank_variance")
    assert found.interval is None
    assert "the value still moves with every further one of them" in found.warnings[0]


def test_heavy_tails_have_none() -> None:
    rows = RNG.standard_cauchy(size=(4000, 5))
    parts = tuple(Moments.empty(5).update(part) for part in np.split(rows, 20))
    e = replace(evidence(rows), clusters=Clusters(20, 40, 8000, "row groups", parts))
    (found,) = results(e, "participation_ratio")
    assert found.interval is None
    assert "tail index" in found.warnings[0]


def test_p_values_of_single_rows_are_left_out() -> None:
    _, e = grouped(12)
    (metric,) = metrics(["energy_ratio"])
    before = Result(0.5, 0.1, (0.3, 0.7), parts={"p_value": 0.01, "energy": 2.0})
    (found,) = over_row_groups([(metric, before)], replace(e, clusters=None, reference=e))
    assert (found.se, found.interval, dict(found.parts)) == (None, None, {"p_value": None, "energy": 2.0})


@pytest.mark.parametrize(
    ("read", "d", "matrices", "found"),
    [
        (11, 10, 2, 0), (12, 10, 2, 12), (24, 10, 2, 24), (25, 10, 2, MOST), (99, 1024, 2, MOST), (99, 1254, 2, 16),
        (99, 2048, 1, 12), (99, 2049, 1, 0),
    ],
)  # fmt: skip
def test_bins_fit_into_memory(read: int, d: int, matrices: int, found: int) -> None:
    assert bins(read, d, matrices) == found


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.floats(-1e4, 1e4))
def test_moments_less_some_of_their_rows(n: int, m: int, d: int, offset: float) -> None:
    rows = np.random.default_rng(n * m).normal(size=(n + m, d)) + offset
    some, whole, rest = (Moments.empty(d).update(part) for part in (rows[n:], rows, rows[:n]))
    found = whole.without(some)
    assert found.n == n
    np.testing.assert_allclose(found.mean, rest.mean, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(found.scatter, rest.scatter, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("shape", [(200, 5), (4, 6)])
def test_eigenvalues_alone_are_those_of_the_spectrum(shape: tuple[int, int], centered: bool) -> None:
    moments = Moments.empty(shape[1]).update(RNG.normal(size=shape) + 0.5)
    alone, whole = (f(moments, centered=centered) for f in (eigenvalues_alone, spectrum))
    np.testing.assert_allclose(alone.eigenvalues, whole.eigenvalues, rtol=1e-10, atol=1e-14)
