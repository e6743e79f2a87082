"""How often the 95 % intervals cover: fresh draws from known laws, the target being the mean over all draws.

python benchmarks/coverage.py            about ten minutes; writes benchmarks/results/coverage.json
python benchmarks/coverage.py --quick    a glance at it, in seconds; written nowhere
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.evidence.evidence import evidence
from labelfree.metrics import METRICS

RESULTS = Path(__file__).parent / "results" / "coverage.json"
D = 64
FRESH = 5


def isotropic(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D))


def offset(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) + 0.5


def decaying(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) * np.arange(1, D + 1) ** -0.5


def steep(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) * np.arange(1, D + 1) ** -1.0


def clusters(n: int, rng: np.random.Generator) -> np.ndarray:
    centers = 2 * np.random.default_rng(5).normal(size=(10, D))
    return centers[rng.integers(0, 10, n)] + 0.5 * rng.normal(size=(n, D))


def heavy_tails(n: int, rng: np.random.Generator) -> np.ndarray:
    return decaying(n, rng) * np.sqrt(3 / rng.chisquare(5, (n, 1)))


def relu(n: int, rng: np.random.Generator) -> np.ndarray:
    mixing = np.random.default_rng(6).normal(size=(D, D)) / np.sqrt(D)
    return np.maximum(decaying(n, rng) @ mixing, 0)


LAWS = (isotropic, offset, decaying, steep, clusters, heavy_tails, relu)
SIZES = (32, 64, 128, 256, 640, 2560)
VIEWS = 4


def views(items: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    group = np.repeat(np.arange(items), VIEWS)
    return 2 * decaying(items, rng)[group] + 0.5 * rng.normal(size=(items * VIEWS, D)), group


def covered(draws: list[dict[str, tuple[float, float]]], name: str) -> dict[str, float] | None:
    """Coverage, and mean standard error over the true one; None where most draws have no interval."""
    found = np.array([d[name] for d in draws if name in d])
    if len(found) < max(10, len(draws) / 2):
        return None
    value, error = found.T
    spread = float(value.std(ddof=1))
    if spread == 0:
        return None
    return {
        "coverage": round(float((np.abs(value - value.mean()) <= 1.96 * error).mean()), 3),
        "se_over_sd": round(float(error.mean() / spread), 3),
    }


def draw(X: np.ndarray, group: np.ndarray | None, sample: int | None) -> dict[str, tuple[float, float]]:
    e = evidence(X, group=group, sample=sample)
    out = {}
    for metric in METRICS:
        if metric.family != "rank" or (metric.needs == ("views",)) != (group is not None):
            continue  # separability has a study of its own: coverage_separability.py
        result = metric.compute(e)
        if result.value is not None and result.se is not None:
            out[metric.name] = (result.value, result.se)
    return out


def study(repetitions: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Coverage by law, number of rows and metric."""
    found: dict[str, Any] = {}
    for law in LAWS:
        for n in sizes:
            rngs = [np.random.default_rng([FRESH, t, n]) for t in range(repetitions)]
            draws = [draw(law(n, rng), None, None) for rng in rngs]
            names = {name for d in draws for name in d}
            found[f"{law.__name__}, n = {n}"] = {
                name: result for name in sorted(names) if (result := covered(draws, name)) is not None
            }
            rankme = found[f"{law.__name__}, n = {n}"].get("rankme", "no interval")
            print(f"{law.__name__:12} n = {n:5}  rankme {rankme}", flush=True)
    for items in (100, 400):
        rngs = [np.random.default_rng([FRESH, t, items]) for t in range(repetitions)]
        draws = [draw(*views(items, rng), None) for rng in rngs]
        found[f"views, {items} items of {VIEWS}"] = {n: covered(draws, n) for n in ("alignment", "lidar")}
    rngs = [np.random.default_rng([FRESH, t, 9]) for t in range(repetitions)]
    draws = [draw(relu(4000, rng), None, 500) for rng in rngs]
    found["relu, n = 4000, sample of 500"] = {
        name: result for name in sorted(draws[0]) if (result := covered(draws, name)) is not None
    }
    return found


def main() -> None:
    """Run the study and write it down."""
    quick = "--quick" in sys.argv
    began = time.time()
    found = study(12 if quick else 300, (64, 256) if quick else SIZES)
    if not quick:
        setting = {"d": D, "repetitions": 300, "target": "mean of the metric over all draws of the same n"}
        RESULTS.write_text(json.dumps({"setting": setting, "coverage": found}, indent=1) + "\n")
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
