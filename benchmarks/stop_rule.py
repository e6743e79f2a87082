"""What the rule slope promises, measured: how often a run is stopped too early, and how soon a plateau is found.

python benchmarks/stop_rule.py            about ten minutes; writes benchmarks/results/stop_rule.json
python benchmarks/stop_rule.py --quick    a glance at it, in seconds; written nowhere

The rule is asked at every check and obeyed. A run is a noise-free curve plus noise of its own at every check, with an
autocorrelation. *Too early* is a stop for a plateau where the noise-free curve has improved by at least min-delta =
0.01 over the last window; *found* a stop of a run that is flat from a third of its checks on, and *soon* one within
two windows of that. `planned` runs were told their number of checks (--checks), the others not.

The rules were written down again here in numpy, for all runs at once (tests/gating/test_sequential.py holds the two
together). Levels and quantiles of labelfree.gating.sequential were chosen on seeds 1 to 8 of other series (a line at
the limit, noise of autocorrelation 0, 0.4, 0.5, 0.8, constant and shrinking); four forms were tried: one window at the
quantiles of simulation, stretches of growing length at one common level, the level as min(1/2, (10 r)^(1/3) / 2) of
the error r that a decision may spend, and r * min(1/2, 3.6 sqrt r), which is used. The seeds here were not looked at.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from labelfree.commands.simulation import noise as steady
from labelfree.gating.sequential import BLOCK, GROWTH, WIGGLE, greatest_fall, inflation, level
from labelfree.gating.settings import short_of

RESULTS = Path(__file__).parent / "results" / "stop_rule.json"
SEED, DELTA, NEVER = 20261127, 0.01, 10**9
Curve = Callable[[int], np.ndarray]
Rule = Callable[[np.ndarray, int | None], np.ndarray]
"""Runs (runs, checks) and the planned number of checks: the check of the first stop of each, or NEVER."""


def noise(runs: int, checks: int, correlation: float, rng: np.random.Generator, shape: str = "constant") -> np.ndarray:
    """Noise (runs, checks) of variance 1, or shrinking from three times to a third of that standard deviation."""
    found = steady(runs, checks, correlation, rng)
    return found * (np.geomspace(3, 1 / 3, checks) if shape == "shrinking" else 1.0)


def lines(Y: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Slope and its standard error of every stretch of `size` checks (runs, checks - size + 1)."""
    parts = np.lib.stride_tricks.sliding_window_view(Y, size, axis=1)
    x = np.arange(size) - (size - 1) / 2
    slopes = parts @ x / (x @ x)
    rest = parts - parts.mean(axis=-1, keepdims=True) - slopes[..., None] * x
    return slopes, np.sqrt((rest**2).sum(axis=-1) / (size - 2) / (x @ x))


def first(hits: np.ndarray, offset: int) -> np.ndarray:
    """The check of the first hit in every run, NEVER where there is none."""
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + offset, NEVER)


def numbers(planned: int | None) -> tuple[int, int]:
    """Warm-up and window."""
    short = {"warmup": 3, "window": 6} if planned is None else short_of(planned)
    return short["warmup"], short["window"]


def plateaus(Y: np.ndarray, planned: int | None, confidence: float = 0.9) -> np.ndarray:
    """The rule slope, version 2, without its decision on a fall."""
    warmup, window = numbers(planned)
    seen = Y[:, warmup:]
    decisions = seen.shape[1] - window + 1
    of_run = None if planned is None else planned - warmup - window + 1
    levels = np.array([level(1 - confidence, j, of_run) for j in range(1, decisions + 1)])
    hits = np.zeros((len(Y), decisions), dtype=bool)
    size = window
    while size <= seen.shape[1]:
        slopes, errors = lines(seen, size)
        margin = student.isf(levels[size - window :], size - 2) * errors * inflation(size)
        hits[:, size - window :] |= (slopes + margin) * (window - 1) < DELTA
        size = max(size + 1, int(np.ceil(size * GROWTH)))
    return first(hits, warmup + window - 1)


def falls(Y: np.ndarray, planned: int | None, confidence: float = 0.9) -> np.ndarray:
    """The decision of the rule slope, version 2, on a fall from the best."""
    warmup, window = numbers(planned)
    seen = Y[:, warmup:]
    levels = np.lib.stride_tricks.sliding_window_view(seen, BLOCK, axis=1).mean(axis=-1)
    best = np.maximum.accumulate(levels, axis=1)
    counts = np.arange(1, seen.shape[1] - 1)
    spread = np.sqrt(np.cumsum(np.diff(seen, 2, axis=1) ** 2, axis=1) / counts / WIGGLE)
    length = 200 if planned is None else planned - warmup - window + 1 + 2 * BLOCK - 1
    least = best[:, :-BLOCK] - levels[:, BLOCK:] - greatest_fall(confidence, length) * spread[:, BLOCK:]
    hits = least > DELTA
    hits[:, : max(window - 2 * BLOCK, 0)] = False
    return first(hits, warmup + 2 * BLOCK - 1)


def slope_v2(Y: np.ndarray, planned: int | None) -> np.ndarray:
    """The rule slope, version 2."""
    return np.minimum(plateaus(Y, planned), falls(Y, planned))


def slope_v1(Y: np.ndarray, planned: int | None) -> np.ndarray:
    """The rule slope-v1: one window, a bound for each decision alone."""
    slopes, errors = lines(Y[:, 3:], 6)
    return first(5 * (slopes + student.ppf(0.9, 4) * errors) < DELTA, 8)


def patience(Y: np.ndarray, planned: int | None) -> np.ndarray:
    """Lightning's patience of three checks, min-delta 0.01, after a warm-up of three."""
    best, waited = Y[:, 3].copy(), np.zeros(len(Y), dtype=int)
    found = np.full(len(Y), NEVER)
    for i in range(4, Y.shape[1]):
        better = Y[:, i] - DELTA > best
        best, waited = np.where(better, Y[:, i], best), np.where(better, 0, waited + 1)
        found = np.where((found == NEVER) & (waited >= 3), i, found)
    return found


RULES: dict[str, Rule] = {"slope": slope_v2, "slope-v1": slope_v1, "patience": patience}


def at_the_limit(checks: int) -> np.ndarray:
    """A line that improves by min-delta a window."""
    return DELTA / (numbers(checks)[1] - 1) * np.arange(checks)


def flat_from_a_third(checks: int) -> np.ndarray:
    """A rise by 0.1 in the first third."""
    return 0.1 * np.minimum(np.arange(checks) / np.ceil(checks / 3), 1)


SERIES: dict[str, Curve] = {
    "saturating": lambda n: 0.3 * (1 - np.exp(-np.arange(n) / 12)),
    "line, 1.1 times min-delta a window": lambda n: 1.1 * DELTA / 5 * np.arange(n),
    "line, 2 times min-delta a window": lambda n: 2 * DELTA / 5 * np.arange(n),
    "a trend of 2 times, and a cycle": lambda n: (
        2 * DELTA / 5 * np.arange(n) + 0.03 * np.sin(2 * np.pi * np.arange(n) / 10)
    ),
    "steps, as where the rate drops": lambda n: 0.1 * (np.arange(n) // 15) / max((n - 1) // 15, 1),
    "a peak and a fall": lambda n: 0.1 - 0.004 * np.abs(np.arange(n) - n // 3),
}
"""Noise-free curves of other shapes; 50 checks, as the rule is asked for where their number is not known."""


def early(stops: np.ndarray, curve: np.ndarray, window: int) -> float:
    """Share of runs stopped where the noise-free curve still improves by min-delta a window."""
    gains = curve - np.concatenate([np.full(window - 1, -np.inf), curve[: 1 - window]])
    still = gains >= DELTA - 1e-12
    return float(np.mean([s < NEVER and bool(still[s]) for s in stops]))


def promise(runs: int) -> list[dict[str, Any]]:
    """Runs that improve by exactly min-delta a window: how many are stopped."""
    found = []
    for checks in (10, 20, 50, 100, 200):
        for correlation in (0.0, 0.4, 0.8):
            for shape in ("constant", "shrinking"):
                cell: dict[str, Any] = {"checks": checks, "correlation": correlation, "noise": shape}
                for told in (True, False):
                    rng = np.random.default_rng([SEED, checks, int(10 * correlation), told])
                    planned = checks if told else None
                    curve = DELTA / (numbers(planned)[1] - 1) * np.arange(checks)
                    Y = curve + 0.003 * noise(runs, checks, correlation, rng, shape)
                    cell["planned" if told else "not planned"] = round(float(np.mean(slope_v2(Y, planned) < NEVER)), 4)
                found.append(cell)
                print(f"too early {cell}", flush=True)
    return found


def plateaus_found(runs: int) -> list[dict[str, Any]]:
    """Runs that are flat from a third on: how many are stopped, and how soon; every rule."""
    found = []
    for checks in (10, 20, 50, 100):
        for size in (0.001, 0.0015, 0.002, 0.005):
            for correlation in (0.0, 0.5, 0.8):
                cell: dict[str, Any] = {"checks": checks, "noise": size, "correlation": correlation}
                rng = np.random.default_rng([SEED + 1, checks, int(1e4 * size), int(10 * correlation)])
                Y = flat_from_a_third(checks) + size * noise(runs, checks, correlation, rng)
                begins = int(np.ceil(checks / 3))
                for name, rule, planned in (
                    ("slope, planned", slope_v2, checks), ("slope", slope_v2, None), ("slope-v1", slope_v1, None),
                    ("patience", patience, None),
                ):  # fmt: skip
                    stops = rule(Y, planned)
                    window = numbers(planned)[1]
                    at = np.minimum(stops, checks - 1)
                    cell[name] = {
                        "found": round(float(np.mean((stops >= begins) & (stops < NEVER))), 3),
                        "soon": round(float(np.mean((stops >= begins) & (stops <= begins + 2 * window))), 3),
                        "saved": round(float(np.mean(1 - (at + 1) / checks)), 3),
                    }
                found.append(cell)
                print(f"flat {cell}", flush=True)
    return found


def others(runs: int, checks: int = 50) -> list[dict[str, Any]]:
    """Curves of other shapes, their number of checks not known: too early, what is missed, never stopped."""
    found = []
    for title, curve in SERIES.items():
        y = curve(checks)
        for size in (0.003, 0.01):
            for correlation in (0.0, 0.7):
                rng = np.random.default_rng([SEED + 2, len(title), int(1e4 * size), int(10 * correlation)])
                Y = y + size * noise(runs, checks, correlation, rng)
                cell: dict[str, Any] = {"series": title, "noise": size, "correlation": correlation}
                for name, rule in RULES.items():
                    stops = rule(Y, None)
                    at = np.minimum(stops, checks - 1)
                    cell[name] = {
                        "too_early": round(early(stops, y, 6), 3),
                        "missed": round(float(np.mean(y.max() - y[at])), 4),
                        "never": round(float(np.mean(stops == NEVER)), 3),
                        "median_stop": float(np.median(at)),
                    }
                cell["past_best"] = round(
                    float(np.mean((falls(Y, None) < NEVER) & (falls(Y, None) <= plateaus(Y, None)))), 3
                )
                found.append(cell)
                print(f"{cell}", flush=True)
    return found


def main() -> None:
    """Measure, and write it down."""
    quick = "--quick" in sys.argv
    began = time.time()
    runs = 40 if quick else 2000
    found = {"too_early": promise(runs), "flat": plateaus_found(runs // 2), "others": others(runs // 2)}
    if not quick:
        RESULTS.write_text(
            json.dumps({"setting": {"runs": runs, "seed": SEED, "min_delta": DELTA}, **found}, indent=1) + "\n"
        )
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
