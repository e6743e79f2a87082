"""Plateau rules on simulated runs, each asked at every check: what stopping there misses, and how often it is false.

python benchmarks/plateau.py            about three minutes; writes benchmarks/results/plateau.json
python benchmarks/plateau.py --quick    a glance at it, in seconds; written nowhere

A run is a noise-free curve plus noise of its own at every check. A stop is false where the noise-free curve has
improved by at least min-delta = 0.01 over the last 6 checks. "ever" is the share of runs with a false stop when the
rule is asked at every check and obeyed; "per check" the share of false answers among all checks where the curve still
improves. "shared" is row noise that all checks of a run have in common, as checks of the same rows do; the reported
standard error cannot tell it apart.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from labelfree.gating.rules import patience, slope
from labelfree.gating.student import quantile

RESULTS = Path(__file__).parent / "results" / "plateau.json"
CHECKS, WINDOW, DELTA, SEED = 60, 6, 0.01, 20261121
WARMUP = 3

Rule = Callable[[list[float], float, list[list[float]]], bool]
"""Values so far, the standard error that the records give, replicates of each check: stop?"""


def rise(tau: float) -> list[float]:
    return [0.3 + 0.3 * (1 - math.exp(-t / tau)) for t in range(CHECKS)]


def creep(step: float) -> list[float]:
    return [0.3 + step * t for t in range(CHECKS)]


SCENARIOS: dict[str, tuple[list[float], float, float]] = {
    # curve, noise of each check, noise of the rows that all checks share (a draw per run, no part of the trend)
    "fast rise, noise 0.01": (rise(4), 0.01, 0.0),
    "slow rise, noise 0.002": (rise(12), 0.002, 0.0),
    "slow rise, noise 0.01": (rise(12), 0.01, 0.0),
    "creep 0.004 a check, noise 0.01": (creep(0.004), 0.01, 0.0),
    "at the limit: creep 0.002 a check, noise 0.002": (creep(0.002), 0.002, 0.0),
    "flat, noise 0.002": (creep(0.0), 0.002, 0.0),
    "flat, noise 0.002, shared 0.01": (creep(0.0), 0.002, 0.01),
    "slow rise, noise 0.002, shared 0.01": (rise(12), 0.002, 0.01),
}


def sloped(
    given: str, window: int = WINDOW, delta: float = DELTA, warmup: int = WARMUP, confidence: float = 0.9
) -> Rule:
    def stop(values: list[float], error: float, replicates: list[list[float]]) -> bool:
        if len(values) < warmup + window:
            return False
        trend = slope(
            values[-window:],
            confidence=confidence,
            replicates=replicates[-window:] if given == "paired" else None,
            factor=1.0,
        )
        if given == "floor":  # as if the error of each check were its own: at least errors * sqrt(sum of gains^2)
            own = error * (window - 1) / math.sqrt(window * (window**2 - 1) / 12)
            return trend.estimate + quantile(confidence, window - 2) * max(trend.se, own) < delta
        return trend.high < delta

    return stop


def waiting(most: int, delta: float, warmup: int = 0) -> Rule:
    def stop(values: list[float], *_: Any) -> bool:
        seen = values[warmup:]
        return len(seen) > most and patience(seen, min_delta=delta).checks >= most

    return stop


def hugging(most: int, delta: float) -> Rule:
    """Transformers: the counter asks for more than the threshold, but best moves on any improvement."""

    def stop(values: list[float], *_: Any) -> bool:
        best, count = values[0], 0
        for value in values[1:]:
            count = 0 if value > best and abs(value - best) > delta else count + 1
            best = max(best, value)
        return count >= most

    return stop


def kendall(window: int) -> Rule:
    """Mann-Kendall: no significant trend at 0.1 (one-sided, normal approximation)."""
    spread = math.sqrt(window * (window - 1) * (2 * window + 5) / 18)

    def stop(values: list[float], *_: Any) -> bool:
        if len(values) < window:
            return False
        w = values[-window:]
        score = sum((b > a) - (b < a) for i, a in enumerate(w) for b in w[i + 1 :])
        return bool((score - (score > 0)) / spread < 1.2816)

    return stop


RULES: dict[str, Rule] = {
    "patience 3, min-delta 0": waiting(3, 0.0),
    "patience 3, min-delta 0.01": waiting(3, 0.01),
    "patience 3, min-delta 0.01, warm-up 3": waiting(3, 0.01, 3),
    "patience 5, min-delta 0.01": waiting(5, 0.01),
    "Transformers, patience 3, threshold 0.01": hugging(3, 0.01),
    "Mann-Kendall, window 5": kendall(5),
    "Mann-Kendall, window 8": kendall(8),
    "slope-v1": sloped("none"),
    "slope-v1, paired replicates": sloped("paired"),
    "slope-v1, errors as a floor (not offered)": sloped("floor"),
    "slope-v1, confidence 0.99": sloped("none", confidence=0.99),
    "slope-v1, window 8": sloped("none", 8),
    "slope-v1, window 8, min-delta 0.02": sloped("none", 8, 0.02),
}


def run(curve: list[float], noise: float, shared: float, rng: np.random.Generator) -> tuple[list[float], float, Any]:
    """Values, the standard error that a report would give, and 20 replicates whose row noise is shared."""
    values = np.array(curve) + noise * rng.normal(size=CHECKS) + shared * rng.normal()
    rows = shared * rng.normal(size=20)
    replicates = values[:, None] + noise * rng.normal(size=(CHECKS, 20)) + rows
    return values.tolist(), math.hypot(noise, shared), replicates.tolist()


def still(curve: list[float], at: int) -> bool:
    """Whether the noise-free curve has improved by min-delta over the window that ends at a check."""
    return curve[at] - curve[max(0, at - WINDOW + 1)] >= DELTA - 1e-12


def study(runs: int) -> dict[str, Any]:
    """Every rule on every scenario."""
    found: dict[str, Any] = {}
    for name, (curve, noise, shared) in SCENARIOS.items():
        rng = np.random.default_rng(SEED)
        drawn = [run(curve, noise, shared, rng) for _ in range(runs)]
        found[name] = {}
        for title, rule in RULES.items():
            stops, asked, wrong = [], 0, 0
            for values, error, replicates in drawn:
                answers = [rule(values[: i + 1], error, replicates[: i + 1]) for i in range(CHECKS)]
                stops.append(answers.index(True) if True in answers else None)
                asked += sum(still(curve, i) for i in range(CHECKS))
                wrong += sum(a and still(curve, i) for i, a in enumerate(answers))
            at = [s if s is not None else CHECKS - 1 for s in stops]
            found[name][title] = {
                "missed": round(float(np.mean([curve[-1] - curve[s] for s in at])), 4),
                "false_ever": round(float(np.mean([s is not None and still(curve, s) for s in stops])), 3),
                "false_per_check": round(wrong / asked, 3) if asked else None,
                "never": round(float(np.mean([s is None for s in stops])), 3),
                "median_stop": median(at),
            }
            print(f"{name:48} {title:52} {found[name][title]}", flush=True)
    return found


def main() -> None:
    """Run the study and write it down."""
    quick = "--quick" in sys.argv
    began = time.time()
    found = study(10 if quick else 300)
    if not quick:
        setting = {"checks": CHECKS, "runs": 300, "seed": SEED, "window": WINDOW, "min_delta": DELTA, "warmup": WARMUP}
        RESULTS.write_text(json.dumps({"setting": setting, "scenarios": found}, indent=1) + "\n")
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
