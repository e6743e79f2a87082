"""When a power law is refused: fits to spectra whose law is known.

python benchmarks/power_law.py            a few minutes; writes benchmarks/results/power_law.json
python benchmarks/power_law.py --quick    a glance at it, in seconds; written nowhere

`null`: the scaled distance D (sqrt n + 0.26 + 0.5 / sqrt n) of fits to true power laws of exponents 1.5 to 6, whole or
above a body, 64 to 1,024 values, by the share of them that lies above it; `metrics/tail.py` holds these numbers.
`cases`: how often a fit is accepted, how often it would be without the rule on the largest values, and the exponents
that are accepted, on fresh draws.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from processes import machine

from labelfree.families.weights.power_law import LEAST_P, LEAST_RATIO, LEAST_TAIL, NULL, OUTLIERS, PowerLaw, power_law

RESULTS = Path(__file__).parent / "results" / "power_law.json"
SEED = 20261121
Draw = Callable[[np.random.Generator], np.ndarray]


def pareto(m: int, exponent: float, share: float = 1.0) -> Draw:
    """m values, the given share of them from a power law that starts at 1, the others uniform below it."""
    k = round(share * m)

    def draw(rng: np.random.Generator) -> np.ndarray:
        return np.concatenate([rng.random(m - k), rng.random(k) ** (-1 / (exponent - 1))])

    return draw


def gram(entries: Callable[[np.random.Generator, int, int], np.ndarray], n: int, d: int, spikes: int = 0) -> Draw:
    """Eigenvalues of W^T W; spikes: directions with singular values of 3 to 8 where those of noise reach 2."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        W = entries(rng, n, d) / np.sqrt(n)
        if spikes:
            u, v = (np.linalg.qr(rng.normal(size=(side, spikes)))[0] for side in (n, d))
            W = W + (u * np.linspace(3, 8, spikes)) @ v.T
        return np.linalg.eigvalsh(W.T @ W)

    return draw


def normal(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.normal(size=(n, d))


def student(df: float) -> Callable[[np.random.Generator, int, int], np.ndarray]:
    return lambda rng, n, d: rng.standard_t(df, size=(n, d))


def cases(sizes: tuple[int, ...]) -> dict[str, Draw]:
    """Spectra by what they are."""
    found: dict[str, Draw] = {}
    for m in sizes:
        for exponent in (2, 3, 4, 6):
            found[f"power law, exponent {exponent} | {m}"] = pareto(m, exponent)
        for exponent in (2, 3, 4):
            found[f"power law, exponent {exponent}, in 30 % of the values | {m}"] = pareto(m, exponent, 0.3)
        for q in (1, 4):
            found[f"Gaussian matrix, {q} to 1 | {m}"] = gram(normal, q * m, m)
        for spikes in (1, 2, 3, 5, 20):
            found[f"Gaussian matrix, 2 to 1, spikes: {spikes} | {m}"] = gram(normal, 2 * m, m, spikes)
        found[f"entries of Student's t, 4 degrees | {m}"] = gram(student(4), 2 * m, m)
        found[f"entries of Student's t, 2.5 degrees | {m}"] = gram(student(2.5), 2 * m, m)
        found[f"exponential values | {m}"] = lambda rng, m=m: rng.exponential(size=m)
        found[f"uniform values | {m}"] = lambda rng, m=m: rng.random(m)
        for s in (0.5, 1.0, 2.0):
            found[f"log-normal values, sigma {s:g} | {m}"] = lambda rng, m=m, s=s: np.exp(s * rng.normal(size=m))
    return found


def fits(draw: Draw, times: int, rng: np.random.Generator) -> list[PowerLaw]:
    found = [power_law(draw(rng)) for _ in range(times)]
    return [fit for fit in found if fit is not None]


def null(times: int, rng: np.random.Generator) -> list[list[float]]:
    """The quantiles of the scaled distance under true power laws."""
    scaled = []
    for m in (64, 128, 384, 1024):
        for exponent in (1.5, 2, 3, 4, 6):
            for share in (1.0, 0.3):
                of = fits(pareto(m, exponent, share), times if m < 1024 else times // 4, rng)
                scaled += [f.distance * (f.size**0.5 + 0.26 + 0.5 / f.size**0.5) for f in of]
    return [[level, round(float(np.quantile(scaled, 1 - level)), 3)] for level, _ in NULL]


def measured(draw: Draw, times: int, rng: np.random.Generator) -> dict[str, Any]:
    found = fits(draw, times, rng)
    kept = [fit.exponent for fit in found if fit.refused is None]
    low, middle, high = np.quantile(kept, [0.1, 0.5, 0.9]) if kept else (None, None, None)
    return {
        "draws": times,
        "accepted": round(len(kept) / times, 3),
        "but_for_the_largest": round(sum(replace(fit, trimmed=1.0).refused is None for fit in found) / times, 3),
        "exponents": None if not kept else [round(float(v), 2) for v in (low, middle, high)],
        "all_exponents": [round(float(v), 2) for v in np.quantile([f.exponent for f in found], [0.1, 0.5, 0.9])],
    }


def main() -> None:
    """Simulate, and write the results down."""
    quick = "--quick" in sys.argv
    rng = np.random.default_rng(SEED)
    sizes, times = ((64,), 10) if quick else ((64, 128, 384, 1024), 200)
    quantiles = null(times if quick else 400, rng)
    print(quantiles, flush=True)
    results = {}
    for name, draw in cases(sizes).items():
        heavy = name.endswith("1024") and ("matrix" in name or "entries" in name)
        results[name] = measured(draw, times // 10 if heavy else times, rng)
        print(name, results[name], flush=True)
    if not quick:
        rule = {"least_tail": LEAST_TAIL, "least_p": LEAST_P, "least_ratio": LEAST_RATIO, "outliers": OUTLIERS}
        found = {"machine": machine(), "seed": SEED, "rule": rule, "null": quantiles, "cases": results}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
