"""How often the interval of hopkins covers where rows are so many that it draws fewer than ten times.

python benchmarks/intervals/many_rows.py            writes results/intervals_many_rows.json
python benchmarks/intervals/many_rows.py --quick    one small cell, in seconds; written nowhere

Each draw has fresh rows; the truth of a cell is the mean over its draws.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.metrics import hopkins

RESULTS = Path(__file__).parent.parent / "results" / "intervals_many_rows.json"
Rng = np.random.Generator
CELLS = (("gaussian", 20_000, 16), ("clusters", 20_000, 16), ("uneven", 20_000, 32))
"""Law, rows, columns."""
DRAWS = 200


def gaussian(rng: Rng, n: int, d: int) -> np.ndarray:
    """Normal rows with a spectrum that falls."""
    return rng.normal(size=(n, d)) / np.sqrt(np.arange(1, d + 1))


def clusters(rng: Rng, n: int, d: int) -> np.ndarray:
    """Forty clusters, whose centers are the same in every draw."""
    centers = np.random.default_rng(d).normal(size=(40, d)) * 2
    return centers[rng.integers(40, size=n)] + rng.normal(size=(n, d))


def uneven(rng: Rng, n: int, d: int) -> np.ndarray:
    """Ten clusters of unequal shares and spreads."""
    centers = np.random.default_rng(d + 1).normal(size=(10, d)) * 3
    shares = 2.0 ** -np.arange(10)
    own = rng.choice(10, n, p=shares / shares.sum())
    return centers[own] + rng.normal(size=(n, d)) * (0.5 + own[:, None] / 10)


LAWS: dict[str, Callable[[Rng, int, int], np.ndarray]] = {
    "gaussian": gaussian, "clusters": clusters, "uneven": uneven,
}  # fmt: skip


def cell(law: str, n: int, d: int, draws: int) -> dict[str, Any]:
    """Coverage and width in one cell."""
    began = time.process_time()
    found = [
        hopkins(LAWS[law](np.random.default_rng([draw, n, d, 5]), n, d).astype(np.float32), seed=draw)
        for draw in range(draws)
    ]
    values = np.array([result.value for result in found])
    ends = [result.interval for result in found if result.interval is not None]
    truth, sd = float(values.mean()), float(values.std(ddof=1))
    return {
        "law": law, "n": n, "d": d, "draws": draws, "repeats": len(found[0].parts["repeats"]), "offered": len(ends),
        "truth": round(truth, 6), "sd": float(f"{sd:.4g}"),
        "covered": round(float(np.mean([low <= truth <= high for low, high in ends])), 4) if ends else None,
        "half_width": float(f"{np.median([high - low for low, high in ends]) / 2:.4g}") if ends else None,
        "half_width_over_196_sd": round(float(np.median([high - low for low, high in ends]) / 2 / (1.96 * sd)), 3)
        if ends else None,
        "seconds": round(time.process_time() - began),
    }  # fmt: skip


def main(quick: bool) -> None:
    """Every cell."""
    found = []
    for law, n, d in CELLS[:1] if quick else CELLS:
        found.append(cell(law, 600 if quick else n, d, 4 if quick else DRAWS))
        print(json.dumps(found[-1]), flush=True)
    if not quick:
        RESULTS.write_text(json.dumps({"script": "benchmarks/intervals/many_rows.py", "cells": found}, indent=1) + "\n")


if __name__ == "__main__":
    main("--quick" in sys.argv)
