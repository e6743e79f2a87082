"""How many spikes noise has, and which planted ones are seen, by weight_spikes and mp_spikes.

python benchmarks/noise_spikes.py            a few minutes; writes benchmarks/results/noise_spikes.json
python benchmarks/noise_spikes.py --quick    in seconds; written nowhere

`false_alarm`: share of Gaussian matrices without a signal in which a spike is counted, 0.01 by the Tracy-Widom point if
the level of the noise were known; `known`: the same with the true level in place of the median's. `seen`: mean count of
three planted directions, whose strength is so many times the least that can be told from noise.
"""

from __future__ import annotations

import json
import sys
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


def noise(n: int, d: int, times: int, rng: np.random.Generator) -> dict[str, float]:
    """Shares of matrices of noise with a spike."""
    counts = {"weight_spikes": 0, "mp_spikes": 0, "known": 0}
    for _ in range(times):
        W = rng.normal(size=(n, d))
        largest = float(np.linalg.norm(W, 2)) ** 2 / n
        counts["weight_spikes"] += bool(weight_spikes(W).value)
        counts["mp_spikes"] += bool(mp_spikes(W).value)
        counts["known"] += largest > noise_edge(n, d)
    return {name: round(count / times, 4) for name, count in counts.items()}


def planted(n: int, d: int, strength: float, times: int, rng: np.random.Generator) -> float:
    """Mean count of three directions of this strength, in units of the least that stands out at all: (n d)^(1/4)."""
    found = 0.0
    for _ in range(times):
        u, v = (np.linalg.qr(rng.normal(size=(side, PLANTED)))[0] for side in (n, d))
        found += float(weight_spikes(rng.normal(size=(n, d)) + strength * (n * d) ** 0.25 * u @ v.T).value or 0)
    return round(found / times, 3)


def main() -> None:
    """Draw, count, and write the results down."""
    quick = "--quick" in sys.argv
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
        found = {"machine": machine(), "seed": SEED, "planted": PLANTED, "shapes": results}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
