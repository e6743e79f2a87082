"""The scale law of metrics, on clouds of rows with every argument that a metric takes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labelfree.families.spec import LOGITS, Metric
from labelfree.metrics import METRICS
from labelfree.results import GREATEST, Result

Array = NDArray[Any]
Arguments = dict[str, Any]

ROWS = ("X", "Y", "source", "reference", "head", "weight", "W", "weights")
"""Arguments that hold rows; a common scale multiplies all of them."""
BY_NAME = {metric.name: metric for metric in METRICS}
SEEN = tuple(name for name, metric in BY_NAME.items() if metric.scale is not LOGITS)
"""Metrics that look at rows."""
OF_WEIGHTS = tuple(name for name in SEEN if BY_NAME[name].family == "weights")
LIMITED = ("lidar",)
"""Held to a limit alone: the ridge of LiDAR is no smaller where the rows are."""
FEW: dict[str, Arguments] = {"pseudo_opis": {"k": (4,), "seeds": 1}, "mmd": {"permutations": 19},
    "energy_ratio": {"permutations": 19}, "cauchy_schwarz": {"permutations": 19}}  # fmt: skip
"""Options that take time from what is not under test."""
REL, REL_SE = 1e-9, 1e-6
"""s * X rounds every number by a share of 1e-16. What is smooth moves by that times its condition, below 1e4 for the
clouds here; the rest is room for the order of sums. Standard errors are differences of nearly equal numbers (a
variance of influences), computed in float32 for rows of float32."""


def clusters(seed: int, n: int = 60, d: int = 6) -> Arguments:
    """Rows of four clouds about an offset with the arguments of every metric that takes such rows."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4
    centers = 3 * rng.normal(size=(4, d))
    X = centers[y] + rng.normal(size=(n, d)) * np.linspace(2, 0.5, d) + 0.5
    logits = X @ centers.T / 3 - (centers**2).sum(axis=1) / 6
    other = X[:, ::-1] ** 2 / 3 + 2 * X + np.random.default_rng(seed + 100).normal(size=(n, d))
    more = centers[np.arange(240) % 4] + 1.1 * rng.normal(size=(240, d)) + 0.7
    tail = ((np.arange(200) + 0.5) / 200) ** -0.5
    turn = np.linalg.qr(rng.normal(size=(200, 200)))[0]
    broken = rng.normal(size=(12, 10))
    broken[[2, 5]], broken[7], broken[9] = 0.0, broken[8], math.nan
    spiky = rng.normal(size=(40, 20))
    spiky[:, :2] *= 9
    return {
        "X": X, "Y": other, "source": 1.2 * X[::-1] + rng.normal(size=(n, d)) + 0.3, "group": np.arange(n) // 5,
        "logits": logits, "head": centers, "weight": centers, "W": spiky if seed % 2 else turn * tail,
        "weights": {"a": spiky, "b": broken if seed % 2 else turn * tail}, "source_logits": logits[::-1] + 0.1,
        "reference": more, "reference_logits": more @ centers.T / 3, "reference_labels": np.arange(240) % 4,
        "source_labels": y[::-1], "others": (logits + rng.normal(size=logits.shape),),
    }  # fmt: skip


def wide(seed: int) -> Arguments:
    """Fewer rows than columns."""
    return clusters(seed, 32, 40)


def alone(seed: int) -> Arguments:
    """Rows that are all but equal: what is undefined at one scale is undefined at all."""
    given = clusters(seed)
    still = {name: np.ones_like(given[name]) for name in ("X", "Y", "source", "reference")}
    return {**given, **still}


CLOUDS: dict[str, Callable[[int], Arguments]] = {"clusters": clusters, "wide": wide, "alone": alone}


def scaled(values: Any, s: float, dtype: type = np.float64) -> Any:
    """Rows, or rows by name, times s."""
    if isinstance(values, dict):
        return {name: scaled(one, s, dtype) for name, one in values.items()}
    return (np.asarray(values, np.float64) * s).astype(dtype)


def applied(function: Callable[..., Result], given: Arguments, **options: Any) -> Result:
    """What a metric says of those of the arguments that it takes by name."""
    taken = inspect.signature(function).parameters
    positional = [given[name] for name, p in taken.items() if p.kind is p.POSITIONAL_OR_KEYWORD and name in given]
    rest = [one for name, p in taken.items() if p.kind is p.VAR_POSITIONAL for one in given[name]]
    return function(*positional, *rest, **options)


def of(metric: Metric, given: Arguments, s: float, dtype: type = np.float64) -> Result:
    """The metric of the rows times s."""
    rows = {name: scaled(values, s, dtype) if name in ROWS else values for name, values in given.items()}
    return applied(metric.function, rows, **FEW.get(metric.name, {}))


def sizes(given: Arguments, function: Callable[..., Result]) -> list[float]:
    """Root mean squares of the matrices that a metric takes."""
    taken = [given[name] for name in inspect.signature(function).parameters if name in ROWS]
    each = [one for values in taken for one in (values.values() if isinstance(values, dict) else [values])]
    return [float(np.sqrt(np.nanmean(np.square(one)))) for one in each]


def times(value: float, s: float, power: int) -> float:
    """value * s**power, step by step: no s**4 that is no number on the way to one."""
    return math.prod([value, *[s] * power])


def obeyed(one: Result, other: Result, s: float, power: int, *, rel: float = REL, rel_se: float = REL_SE) -> bool:
    """Hold `other` to be `one` times s**power, out of range where a report could not hold it; whether it has a value.

    Near 0 (a cosine of 1e-4 is a difference of large numbers) a thousandth of the unit counts.
    """
    if one.value is None:
        assert (other.status, other.reason_code, other.value) == (one.status, one.reason_code, None)
        return False
    if one.value and power:
        height = math.log10(abs(one.value)) + power * math.log10(s)
        if not -307 < height < math.log10(GREATEST):
            assert (other.value, other.reason_code) == (None, "out_of_range"), f"about 1e{height:.1f}"
            return False
    assert (other.status, other.reason_code) == (one.status, one.reason_code), other.reason

    def near(value: float, share: float) -> Any:
        return pytest.approx(times(value, s, power), rel=share, abs=times(1e-3 * share, s, power))

    assert other.value == near(one.value, rel)
    assert other.se == (None if one.se is None else near(one.se, rel_se))
    assert (other.interval is None) == (one.interval is None)
    for end, expected in zip(other.interval or (), one.interval or (), strict=True):
        assert end == near(expected, max(rel, 1e-2 * rel_se))
    return True


def holds(metric: Metric, cloud: str, seed: int, exponent: float) -> bool:
    """The law for rows of a root mean square of 10**exponent, against the same rows as they are."""
    given = CLOUDS[cloud](seed)
    there = sizes(given, metric.function)
    s = 10**exponent / (max(there) if exponent > 0 else min(there))
    assert metric.scale is not None
    return obeyed(plain(metric, cloud, seed), of(metric, given, s), s, metric.scale)


@cache
def plain(metric: Metric, cloud: str, seed: int) -> Result:
    """The metric of the rows as they are."""
    return of(metric, CLOUDS[cloud](seed), 1.0)


def needed(name: str) -> None:
    """Skip what a library that is not there would measure."""
    if name == "h1_total_persistence":
        pytest.importorskip("gtda.homology")
