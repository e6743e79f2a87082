"""How often the 95 % intervals of similarity hold the value that rows of this kind have on average at this n.

    python benchmarks/similarity/coverage_similarity.py [--quick] [-o benchmarks/results/similarity_coverage.json]

Two views of k = 8 common factors with noise of their own: strong (noise 0.5), weak (noise 3), heavy tails (each row
scaled by Student's t with 5 degrees of freedom), and unrelated rows. The truth of a cell is the mean over its runs:
every metric but CKA moves with n, and what an interval promises is the value at this n. --quick is one small cell,
written nowhere.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.evidence.pair import pair
from labelfree.families import metric

METRICS = ("cka", "procrustes", "linear_r2", "match_hard", "neighbors_kept", "mutual_knn")
BESIDE = ("match_soft", "rsa")
CELLS = (
    ("strong", 100, 8, 400), ("weak", 100, 8, 400), ("strong", 300, 8, 400), ("strong", 100, 48, 400),
    ("strong", 300, 48, 400), ("weak", 300, 48, 400), ("tails", 300, 48, 400), ("unrelated", 300, 48, 400),
    ("strong", 1000, 48, 400), ("weak", 1000, 48, 400), ("tails", 1000, 48, 400), ("unrelated", 1000, 48, 400),
    ("strong", 1000, 128, 400), ("tails", 1000, 8, 400), ("strong", 5000, 8, 200), ("weak", 5000, 8, 100),
    ("strong", 2000, 512, 100),
)  # fmt: skip
"""Population, rows, width, runs."""
HELD_OUT = 10_000
"""The first run: lower ones were looked at while the intervals were made."""


def drawn(kind: str, n: int, d: int, rng: np.random.Generator, maps: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two sides of one population; maps: of the factors to each side, those of the population."""
    if kind == "unrelated":
        return rng.normal(size=(n, d)), rng.normal(size=(n, d))
    noise = {"strong": 0.5, "weak": 3.0, "tails": 0.5}[kind]
    factors = rng.normal(size=(n, 8)) / np.arange(1, 9) ** 0.5
    scale = np.abs(rng.standard_t(5, size=(n, 1))) if kind == "tails" else 1.0
    one, two = (scale * (factors @ m + noise * rng.normal(size=(n, d))) for m in maps)
    return one, two


def cell(kind: str, n: int, d: int, runs: int, names: tuple[str, ...]) -> dict[str, Any]:
    """Coverage, mean error and spread of every metric in one cell."""
    fixed = np.random.default_rng([d, len(kind)])
    maps = fixed.normal(size=(8, d)), fixed.normal(size=(8, d))
    found: dict[str, list[tuple[float, float | None, tuple[float, float] | None]]] = {name: [] for name in names}
    for run in range(HELD_OUT, HELD_OUT + runs):
        X, Y = drawn(kind, n, d, np.random.default_rng([run, n, d, len(kind)]), maps)
        e = pair(X, Y, seed=run)
        for name in names:
            result = metric(name).compute(e)
            if result.value is not None:
                found[name].append((result.value, result.se, result.interval))
    out: dict[str, Any] = {}
    for name, each in found.items():
        offered = [one for one in each if one[2] is not None]
        if not each:
            continue
        values = np.array([one[0] for one in each])
        truth = float(values.mean())
        held = [low <= truth <= high for _, _, (low, high) in offered]  # type: ignore[misc]
        out[name] = {
            "truth": truth, "sd": float(values.std(ddof=1)), "runs": len(each), "offered": len(offered),
            "mean_se": float(np.mean([one[1] for one in offered])) if offered else None,
            "coverage": float(np.mean(held)) if held else None,
            "coverage_se": math.sqrt(max(np.mean(held) * (1 - np.mean(held)), 0.0) / len(held)) if held else None,
        }  # fmt: skip
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", type=Path, default=Path(__file__).parents[1] / "results" / "similarity_coverage.json")
    asked = parser.parse_args()
    cells: list[dict[str, Any]] = []
    for kind, n, d, runs in CELLS[:1] if asked.quick else CELLS:
        begun = time.perf_counter()
        names = (*METRICS, *BESIDE) if n <= 300 and d == 48 else METRICS
        cells.append(
            {"population": kind, "n": n, "d": d, "metrics": cell(kind, n, d, 5 if asked.quick else runs, names)}
        )
        print(kind, n, d, *cells[-1]["metrics"], f"{time.perf_counter() - begun:.0f} s", flush=True)
        if not asked.quick:
            found = {"script": "benchmarks/similarity/coverage_similarity.py", "cells": cells}
            asked.o.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
