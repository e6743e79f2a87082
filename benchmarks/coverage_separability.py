"""How often the intervals of separability cover: fresh rows from laws whose centers stay, the target being the mean.

python benchmarks/coverage_separability.py            some forty minutes; writes results/coverage_separability.json
python benchmarks/coverage_separability.py --quick    a glance at it, in seconds; written nowhere

The file is written after every case, and cases that it holds are kept: delete it to start anew. A cell fails where the
binomial interval of its coverage excludes all of .92 to .98 (intervals/cells.py).

The rule of families/separability/subsamples.py was designed on 21 other laws and seeds (classes of equal and unequal
size, near and far, after a layer, heavy tails, a sheet, noise; 100, 300, 1,000 and some of 4,000 rows). Of the first
ten cells judged here one failed (the twin of hardly separate classes, held in .997 of the draws: its halves lie above
it): that was mended on a law like it, and all were judged again with other seeds. Tried there: halves, quarters, the
larger of both, their geometric mean, mixtures by five measures of how far the largest deaths stand out, Student's
quantile; before, six scales of the value, of which none helped. The committed results were computed with the spanning
trees of a program in C, several times as fast, whose errors agree with ours to 14 digits on 30 draws.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "intervals"))

from cells import Draw, cell

from labelfree.evidence.evidence import evidence
from labelfree.metrics import METRICS

RESULTS = Path(__file__).parent / "results" / "coverage_separability.json"
NAMES = ("separability", "separability_robust")
FRESH = 8
REPETITIONS = 300
Law = Callable[[int, np.random.Generator], np.ndarray]


def offset_noise(d: int) -> Law:
    """No classes: one Gaussian about a mean that is not zero."""
    return lambda n, rng: rng.normal(size=(n, d)) + 0.3


def classes(k: int, d: int, apart: float, share: np.ndarray | None = None) -> Law:
    """k Gaussian classes with centers drawn once; apart: their typical distance over the deviation of a column."""
    centers = np.random.default_rng(5).normal(size=(k, d)) * apart / np.sqrt(2 * d)
    return lambda n, rng: centers[rng.choice(k, n, p=share)] + rng.normal(size=(n, d))


def heavy_tails(d: int) -> Law:
    """Ten classes whose rows lie at distances of Student's t with 5 degrees of freedom: a few outliers always."""
    rows = classes(10, d, 12.0)
    return lambda n, rng: rows(n, rng) * np.sqrt(3 / rng.chisquare(5, (n, 1))) + rng.normal(size=(n, d))


def manifold(d: int) -> Law:
    """A bent surface of 10 dimensions, noise of 1 % on top."""
    mixing = np.random.default_rng(6).normal(size=(10, d)) / np.sqrt(10)
    return lambda n, rng: np.tanh(rng.normal(size=(n, 10)) @ mixing) + 0.01 * rng.normal(size=(n, d))


def relu(d: int) -> Law:
    """Ten classes seen through a random layer: many coordinates are zero."""
    mixing = np.random.default_rng(6).normal(size=(d, d)) / np.sqrt(d)
    rows = classes(10, d, 12.0)
    return lambda n, rng: np.maximum(rows(n, rng) @ mixing, 0)


UNEQUAL = np.array([0.55, 0.3, 0.1, 0.05])
LAWS: dict[str, Law] = {
    "no classes, d = 64": offset_noise(64),
    "10 classes at 4, d = 64": classes(10, 64, 4.0),
    "10 classes at 8, d = 64": classes(10, 64, 8.0),
    "10 classes at 20, d = 64": classes(10, 64, 20.0),
    "4 unequal classes at 10, d = 16": classes(4, 16, 10.0, UNEQUAL),
    "10 classes at 20, d = 384": classes(10, 384, 20.0),
    "10 classes, heavy tails, d = 64": heavy_tails(64),
    "10 classes after a ReLU layer, d = 64": relu(64),
    "10-d manifold, d = 64": manifold(64),
}
CASES = (
    *((name, 300, REPETITIONS) for name in LAWS),
    ("10 classes after a ReLU layer, d = 64", 4_000, 100),
    ("10 classes after a ReLU layer, d = 64", 10_000, 60),
    *((name, 1_000, REPETITIONS // 2) for name in LAWS),
)
QUICK = tuple((name, 60, 12) for name in LAWS)


def draws(law: Law, n: int, repetitions: int) -> dict[str, Any]:
    """Coverage of both metrics over as many draws of n rows."""
    found: dict[str, list[Draw]] = {name: [] for name in NAMES}
    for t in range(repetitions):
        e = evidence(law(n, np.random.default_rng([FRESH, t, n])), sample=None)
        for metric in METRICS:
            if metric.name in NAMES:
                result = metric.compute(e)
                if result.value is not None:
                    found[metric.name].append((result.value, result.interval))
    return {name: covered(one, repetitions) for name, one in found.items()}


def covered(found: list[Draw], repetitions: int) -> dict[str, Any] | None:
    """Coverage over the draws with an interval; None where they are under half, or where all values are equal."""
    with_interval = [(value, interval) for value, interval in found if interval is not None]
    if len(with_interval) < repetitions / 2:
        return None
    value = np.array([value for value, _ in with_interval])
    spread = float(value.std(ddof=1))
    if spread == 0:
        return None
    judged = cell(with_interval, float(value.mean()))
    return {
        "coverage": round(float(judged["covered"] or 0.0), 3),
        "fails": judged["fails"],
        "se_over_sd": judged["half_width_over_196_sd"],
        "mean": round(float(value.mean()), 4),
        "sd": round(spread, 5),
        "with_interval": round(len(with_interval) / repetitions, 3),
    }


def study(cases: tuple[tuple[str, int, int], ...], results: Path | None) -> None:
    """Coverage by law and number of rows, into the file if there is one."""
    done = json.loads(results.read_text())["coverage"] if results and results.exists() else {}
    for name, n, repetitions in cases:
        key = f"{name}, n = {n}"
        if key in done:
            continue
        done[key] = {"repetitions": repetitions} | draws(LAWS[name], n, repetitions)
        print(f"{key}: {json.dumps(done[key])}", flush=True)
        if results:
            target = "mean of the metric over all draws of the same n"
            results.write_text(json.dumps({"target": target, "coverage": done}, indent=1) + "\n")


def main() -> None:
    """Run the study and write it down."""
    quick = "--quick" in sys.argv
    began = time.time()
    study(QUICK if quick else CASES, None if quick else RESULTS)
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
