"""How many spikes noise has, and which planted ones are seen, by weight_spikes and mp_spikes.

python benchmarks/noise_spikes.py            some minutes; writes benchmarks/results/noise_spikes.json
python benchmarks/noise_spikes.py --quick    in seconds; written nowhere

shapes: weight_spikes. `false_alarm` is the share of Gaussian matrices without a signal in which a spike is counted,
0.01 by the Tracy-Widom point if the level of the noise were known; `known`: the same with the true level in place of
the median's. `seen`: mean count of three planted directions, so many times as strong as the least that stands out.

columns: noise of every kind and what mp_spikes makes of it, on standardized columns (`standardized`) and on raw ones
(`raw`), as `false_alarm` and as the mean count of three planted directions (`seen`), by their strength. `aligned`: the
planted directions are three of the columns, not three in a random basis.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from processes import machine

from labelfree.families.rank.marchenko_pastur import noise_edge
from labelfree.metrics import mp_spikes, weight_spikes

RESULTS = Path(__file__).parent / "results" / "noise_spikes.json"
SEED = 20261122
SHAPES = ((40, 40), (80, 40), (400, 20), (400, 100), (200, 200), (800, 200), (1536, 384))
STRENGTHS = (1.0, 1.25, 1.5, 2.0)
PLANTED = 3
WIDTHS = ((400, 20), (400, 100), (200, 200))
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def scales(rng: np.random.Generator, d: int, spread: float) -> np.ndarray:
    """Standard deviations of columns, log-normal."""
    return np.exp(spread * rng.normal(size=d))


def turned(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Rows in a random basis."""
    return rows @ np.linalg.qr(rng.normal(size=(rows.shape[1],) * 2))[0]


NOISE: dict[str, Draw] = {
    "Gaussian": lambda rng, n, d: rng.normal(size=(n, d)),
    "columns of unequal scale (log-normal, 0.2)": lambda rng, n, d: rng.normal(size=(n, d)) * scales(rng, d, 0.2),
    "columns of unequal scale (log-normal, 0.5)": lambda rng, n, d: rng.normal(size=(n, d)) * scales(rng, d, 0.5),
    "unequal scale in a random basis (log-normal, 0.2)": lambda rng, n, d: turned(
        rng, rng.normal(size=(n, d)) * scales(rng, d, 0.2)
    ),
    "unequal scale in a random basis (log-normal, 0.5)": lambda rng, n, d: turned(
        rng, rng.normal(size=(n, d)) * scales(rng, d, 0.5)
    ),
    "heavy tails (Student's t, 5 degrees)": lambda rng, n, d: rng.standard_t(5, size=(n, d)),
    "heavier tails (Student's t, 3 degrees)": lambda rng, n, d: rng.standard_t(3, size=(n, d)),
    "log-normal numbers": lambda rng, n, d: np.exp(rng.normal(size=(n, d))),
    "half zeros (ReLU of Gaussian)": lambda rng, n, d: np.maximum(rng.normal(size=(n, d)), 0),
    "rows of unequal length (t, 5 degrees)": lambda rng, n, d: (
        rng.normal(size=(n, d)) / np.sqrt(rng.chisquare(5, size=(n, 1)) / 5)
    ),
}


def noise(n: int, d: int, times: int, rng: np.random.Generator) -> dict[str, float]:
    """Shares of matrices of noise with a spike."""
    counts = {"weight_spikes": 0, "known": 0}
    for _ in range(times):
        W = rng.normal(size=(n, d))
        largest = float(np.linalg.norm(W, 2)) ** 2 / n
        counts["weight_spikes"] += bool(weight_spikes(W).value)
        counts["known"] += largest > noise_edge(n, d)
    return {name: round(count / times, 4) for name, count in counts.items()}


def signal(n: int, d: int, strength: float, rng: np.random.Generator, aligned: bool = False) -> np.ndarray:
    """Three directions of this strength, in units of the least that stands out at all: (n d)^(1/4)."""
    u, v = (np.linalg.qr(rng.normal(size=(side, PLANTED)))[0] for side in (n, d))
    return strength * (n * d) ** 0.25 * u @ (np.eye(PLANTED, d) if aligned else v.T)


def planted(n: int, d: int, strength: float, times: int, rng: np.random.Generator) -> float:
    """Mean count of the three directions."""
    drawn = (rng.normal(size=(n, d)) + signal(n, d, strength, rng) for _ in range(times))
    return round(sum(float(weight_spikes(W).value or 0) for W in drawn) / times, 3)


def both(X: np.ndarray) -> np.ndarray:
    """Spikes of standardized and of raw columns."""
    found = mp_spikes(X, sample=10)
    return np.array([found.value, found.parts["raw"]], dtype=float)


def named(counts: np.ndarray) -> dict[str, float]:
    """The two counts by name."""
    return {"standardized": round(float(counts[0]), 4), "raw": round(float(counts[1]), 4)}


def kinds(n: int, d: int, times: int, rng: np.random.Generator) -> dict[str, object]:
    """False alarms of every kind of noise, and what is seen of planted directions in some."""
    alarms = {}
    for name, draw in NOISE.items():
        alarms[name] = named(np.mean([both(draw(rng, n, d)) > 0 for _ in range(times)], axis=0))
    seen = {}
    for strength in STRENGTHS:
        for name, spread, aligned in (("equal", 0.0, False), ("unequal", 0.5, False), ("aligned", 0.0, True)):
            drawn = [
                both((rng.normal(size=(n, d)) + signal(n, d, strength, rng, aligned)) * scales(rng, d, spread))
                for _ in range(max(times // 5, 10))
            ]
            seen[f"{name}, {strength:g}"] = named(np.mean(drawn, axis=0))
    return {"draws": times, "false_alarm": alarms, "seen": seen}


def main() -> None:
    """Draw, count, and write the results down."""
    quick = "--quick" in sys.argv
    columns = {}
    for n, d in WIDTHS[:1] if quick else WIDTHS:
        columns[f"{n} x {d}"] = kinds(
            n, d, 10 if quick else 400 if d < 200 else 200, np.random.default_rng((SEED, n, d))
        )
        print(f"{n} x {d}", columns[f"{n} x {d}"], flush=True)
    rng = np.random.default_rng(SEED)
    results = {}
    for n, d in SHAPES[:2] if quick else SHAPES:
        times = 20 if quick else 4000 if d < 100 else 1000 if d < 384 else 400
        results[f"{n} x {d}"] = {
            "draws": times, "false_alarm": noise(n, d, times, rng),
            "seen": {str(strength): planted(n, d, strength, max(times // 10, 10), rng) for strength in STRENGTHS},
        }  # fmt: skip
        print(f"{n} x {d}", results[f"{n} x {d}"], flush=True)
    if not quick:
        found = {"machine": machine(), "seed": SEED, "planted": PLANTED, "shapes": results, "columns": columns}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
