"""The rule slope asked at every check of many simulated runs at once.

The rule is written down again here in numpy; tests/commands/test_planning.py holds it to the one that the gate uses.
"""

from __future__ import annotations

from math import ceil
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.gating.sequential import BLOCK, GROWTH, WIGGLE, greatest_fall, inflation, level
from labelfree.gating.student import quantile

Runs: TypeAlias = NDArray[np.float64]
"""Values of runs, (runs, checks)."""
NEVER = 10**9
"""The check of a stop that does not come."""


def noise(runs: int, checks: int, correlation: float, rng: np.random.Generator) -> Runs:
    """Noise of variance 1 with an autocorrelation from one check to the next."""
    found: Runs = rng.normal(size=(runs, checks))
    for i in range(1, checks):
        found[:, i] = correlation * found[:, i - 1] + np.sqrt(1 - correlation**2) * found[:, i]
    return found


def improving(checks: int, window: int, least: float) -> NDArray[np.float64]:
    """A line that improves by `least` a window."""
    return least / (window - 1) * np.arange(checks, dtype=np.float64)


def flat_from_a_third(checks: int, rise: float) -> NDArray[np.float64]:
    """A rise in the first third, and nothing after it."""
    return rise * np.minimum(np.arange(checks) / ceil(checks / 3), 1)


def bounds(runs: Runs, numbers: dict[str, Any]) -> Runs:
    """The upper bound of the improvement that decides at every check from warm-up + window on, (runs, decisions)."""
    warmup, window = numbers["warmup"], numbers["window"]
    seen = runs[:, warmup:] - runs[:, warmup:].mean(axis=1, keepdims=True)
    n = seen.shape[1]
    planned = numbers["checks"] - warmup - window + 1
    share = level(1 - numbers["confidence"], 1, planned)  # of a planned run: the same at every decision
    found = np.full((len(runs), n - window + 1), np.inf)
    size = window
    while size <= n:
        slopes, errors = _lines(seen, size)
        margin = quantile(1 - share, size - 2) * inflation(size) * errors
        place = found[:, size - window :]
        np.minimum(place, (slopes + margin) * (window - 1), out=place)
        size = max(size + 1, ceil(size * GROWTH))
    return found


def falls(runs: Runs, numbers: dict[str, Any]) -> Runs:
    """How far the latest level at least lies below the best, at the decisions of `bounds`; -inf before six checks."""
    warmup, window = numbers["warmup"], numbers["window"]
    seen = runs[:, warmup:]
    n = seen.shape[1]
    found = np.full((len(runs), n - window + 1), -np.inf)
    if n < 2 * BLOCK:
        return found
    levels = np.lib.stride_tricks.sliding_window_view(seen, BLOCK, axis=1).mean(axis=-1)
    best = np.maximum.accumulate(levels, axis=1)
    spread = np.sqrt(np.cumsum(np.diff(seen, 2, axis=1) ** 2, axis=1) / np.arange(1, n - 1) / WIGGLE)
    planned = numbers["checks"] - warmup - window + 1
    margin = greatest_fall(numbers["confidence"], planned + 2 * BLOCK - 1) * spread[:, BLOCK:]
    least = best[:, :-BLOCK] - levels[:, BLOCK:] - margin  # from check 2 * BLOCK on
    first = max(2 * BLOCK, window)
    found[:, first - window :] = least[:, first - 2 * BLOCK :]
    return found


def stops(runs: Runs, numbers: dict[str, Any], *, plateaus_alone: bool = False) -> NDArray[np.int64]:
    """The check, from 0, at which each run is stopped, NEVER where it is not."""
    least = numbers["min_delta"]
    hits = bounds(runs, numbers) < least
    if not plateaus_alone:
        hits |= falls(runs, numbers) > least
    at = hits.argmax(axis=1) + numbers["warmup"] + numbers["window"] - 1
    return np.where(hits.any(axis=1), at, NEVER)


def _lines(runs: Runs, size: int) -> tuple[Runs, Runs]:
    """Slope and standard error of the line through every stretch of `size` checks."""
    x = np.arange(runs.shape[1])
    total, moment, square = (_sums(part, size) for part in (runs, runs * x, runs**2))
    middles = np.arange(total.shape[1]) + (size - 1) / 2
    spread = (size**3 - size) / 12
    slopes = (moment - middles * total) / spread
    rest = np.maximum(square - total**2 / size - slopes**2 * spread, 0)
    return slopes, np.sqrt(rest / (size - 2) / spread)


def _sums(values: Runs, size: int) -> Runs:
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    found: Runs = sums[:, size:] - sums[:, :-size]
    return found
