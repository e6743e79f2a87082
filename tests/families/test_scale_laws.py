"""What a common scale of the rows does to every metric: what it declares, for all rows that float64 can square."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

import labelfree as package
from labelfree.evidence.labels import labelled
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.targets import target
from labelfree.families.spec import LOGITS, Metric
from labelfree.metrics import METRICS
from labelfree.results import Result, measured, undefined
from scales import (
    BY_NAME,
    CLOUDS,
    LIMITED,
    OF_WEIGHTS,
    ROWS,
    SEEN,
    clusters,
    holds,
    needed,
    obeyed,
    of,
    scaled,
    sizes,
)

exponents = st.floats(-149.99, 149.99)


@pytest.mark.parametrize("name", [name for name in SEEN if name not in LIMITED])
def test_every_metric_keeps_to_the_scale_that_it_declares(name: str) -> None:
    needed(name)
    measured_once: list[bool] = []

    @settings(max_examples=5)
    @given_(st.sampled_from(sorted(CLOUDS)), st.integers(0, 1), exponents)
    def law(cloud: str, seed: int, exponent: float) -> None:
        measured_once.append(holds(BY_NAME[name], cloud, seed, exponent))

    law()
    ends = {"clusters": (-149.99, -60.2, 3.3, 60.2, 149.99), "wide": (-149.99, 60.2)}
    for cloud, each in ends.items():  # the ends of the range, and where rows begin to be brought near one
        for end in each:
            measured_once.append(holds(BY_NAME[name], cloud, 1, end))
    assert any(measured_once), "the law says nothing where no example has a value"


def test_every_metric_is_under_the_law_or_sees_no_rows() -> None:
    assert {metric.scale for metric in METRICS} == {0, 1, 2, 4, None}
    for name, metric in BY_NAME.items():
        taken = inspect.signature(metric.function).parameters
        assert (metric.scale is LOGITS) == (not set(taken) & set(ROWS)), name


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in SEEN])
def test_metrics_of_logits_see_no_rows(name: str) -> None:
    """The same evidence beside other rows: whatever the metric looks at, it is not the rows."""
    given, metric = clusters(0), BY_NAME[name]
    source = Outputs(labelled=labelled(given["source_logits"], given["source_labels"]))
    behind = dataclasses.replace(target(given["source"]), outputs=source)
    found = [
        metric.compute(dataclasses.replace(target(X, given["logits"]), reference=behind))
        for X in (given["X"], given["X"] ** 3 - 7, np.zeros_like(given["X"]))
    ]
    assert found[0] == found[1] == found[2]
    if name not in ("ensv", "gde", "saturation"):  # of several candidates, from their logits alone
        assert found[0].value is not None


@pytest.mark.parametrize("name", OF_WEIGHTS)
@pytest.mark.parametrize("exponent", [-300, -200, 200, 300])
def test_weights_are_measured_over_the_whole_range(name: str, exponent: int) -> None:
    """One layer of a checkpoint must not refuse the others: what has a unit is out of range, the rest is as it was."""
    metric = BY_NAME[name]
    for seed in (0, 1):
        holds(metric, "clusters", seed, exponent)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", [name for name in SEEN if name not in LIMITED])
def test_narrow_rows_over_the_whole_range_of_their_dtype(name: str, dtype: type[np.floating[Any]]) -> None:
    """Rows as they are rounded to the dtype, against the same numbers in float64 at another scale.

    Both sides see equal rows up to one rounding in float64; what is computed in float32 for rows of float32 (points of
    the Hopkins statistic, coordinates of standard errors, k-means) costs another 1e-7 of the numbers.
    """
    needed(name)
    metric, given = BY_NAME[name], clusters(1)
    least, most = (1.4e-45, 3.4e38) if dtype is np.float32 else (6.0e-8, 6.5e4)
    low, high = math.log10(least) + 2, math.log10(most) - 1.5  # rows of some digits whose largest numbers are finite

    @settings(max_examples=2)
    @given_(st.floats(low, high))
    def law(exponent: float) -> None:
        s = 10**exponent / max(sizes(given, metric.function))
        narrow = {name: scaled(values, s, dtype) if name in ROWS else values for name, values in given.items()}
        back = 3.3 / 10**exponent
        one, other = of(metric, narrow, 1.0, dtype), of(metric, narrow, back)
        assert metric.scale is not None
        obeyed(one, other, back, metric.scale, rel=1e-5, rel_se=1e-3)

    law()


@cache
def report(command: str, by: float) -> Any:
    """The report of a command on rows times a factor."""
    given = clusters(0)
    data = {"embedding": by * given["X"], "logits": given["logits"], "group": given["group"]}
    if command == "evaluate":
        return package.evaluate(data, group="group")
    del data["group"]
    source = {"embedding": by * given["source"], "logits": given["source_logits"], "label": given["source_labels"]}
    return package.transfer(data, source=source, head=given["head"] / by)


@pytest.mark.parametrize("command", ["evaluate", "transfer"])
@settings(max_examples=4)
@given_(st.floats(-143, 143))
def test_commands_keep_to_it_too(command: str, exponent: float) -> None:
    """Rows as a command reads them: no row may be as far from one as a whole matrix, since sums are over all rows."""
    s = 10**exponent / 5
    one, other = report(command, 1.0), report(command, s)
    for name, entry in one.metrics.items():
        if name not in LIMITED:
            obeyed(entry, other[name], s, BY_NAME[name].scale or 0, rel=1e-7, rel_se=1e-4)


def toy(function: Callable[..., Result], scale: int) -> Metric:
    return Metric(function, lambda e: undefined("no_rows", "of arrays alone"), (), scale, "nowhere", "a toy")


def spread(X: Any) -> Result:
    """A toy in the unit of the rows."""
    return measured(float(np.std(X)))


def peculiar(X: Any) -> Result:
    """A toy that gives up on small rows without a reason that the law knows."""
    return measured(1.0) if np.abs(X).max() > 1e-100 else undefined("collapsed", "all rows are zero")


def test_the_law_can_fail() -> None:
    assert holds(toy(spread, 1), "clusters", 0, 40.0)
    assert not holds(toy(spread, 1), "clusters", 0, 120.0)
    for wrong, exponent in ((0, 40.0), (2, 40.0), (2, -20.0), (0, 120.0), (2, 60.0)):
        with pytest.raises(AssertionError):
            holds(toy(spread, wrong), "clusters", 0, exponent)
    assert holds(toy(peculiar, 0), "clusters", 0, -90.0)
    with pytest.raises(AssertionError):
        holds(toy(peculiar, 0), "clusters", 0, -120.0)
    with pytest.raises(AssertionError):  # a share of 1e-8 is more than rounding
        obeyed(measured(1.0), measured(2.0 + 2e-8), 2.0, 1)
