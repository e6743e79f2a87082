"""How the numbers of `labelfree drift` hold: intervals, false alarms, power, and a history of thirty looks.

python benchmarks/drift/drift_study.py [coverage|alarms|looks] [--quick]    writes benchmarks/results/drift_NAME.json

Rows are drawn: Gaussian, with heavy tails (Student, 4 degrees), and clusters; column j has the deviation 1 / sqrt j.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.evidence.targets import beside
from labelfree.families.drift.classifier import c2st_auc
from labelfree.families.drift.energy import apart, energy_ratio
from labelfree.families.drift.neighbors import knn_two_sample
from labelfree.families.drift.shares import share_beyond_95
from labelfree.families.transfer.distances import mmd
from labelfree.results import Result

RESULTS = Path(__file__).parent.parent / "results"
Rng = np.random.Generator
Change = Callable[[np.ndarray, Rng], np.ndarray]


def deviations(d: int) -> np.ndarray:
    """Of the columns."""
    return 1 / np.sqrt(np.arange(1, d + 1))


def gaussian(rng: Rng, n: int, d: int) -> np.ndarray:
    """Rows of one normal law."""
    return rng.normal(size=(n, d)) * deviations(d)


def student(rng: Rng, n: int, d: int) -> np.ndarray:
    """Rows with heavy tails: Student's law with 4 degrees, one factor a row."""
    return rng.normal(size=(n, d)) * deviations(d) / np.sqrt(rng.chisquare(4, size=(n, 1)) / 4)


def clusters(rng: Rng, n: int, d: int) -> np.ndarray:
    """Ten clusters, whose centers are the same in every draw."""
    centers = np.random.default_rng(d).normal(size=(10, d)) * deviations(d)
    return centers[rng.integers(10, size=n)] + 0.5 * gaussian(rng, n, d)


LAWS = {"gaussian": gaussian, "student": student, "clusters": clusters}


def new_cluster(rows: np.ndarray, rng: Rng) -> np.ndarray:
    """Five of a hundred rows lie elsewhere."""
    moved = rng.random(len(rows)) < 0.05
    return rows + 1.5 * np.outer(moved, deviations(rows.shape[1]))


def outliers(rows: np.ndarray, rng: Rng) -> np.ndarray:
    """One of a hundred rows is three times as long."""
    return rows * np.where(rng.random((len(rows), 1)) < 0.01, 3.0, 1.0)


def shifted(rows: np.ndarray, rng: Rng) -> np.ndarray:
    """The first column moves by half a deviation."""
    return rows + 0.5 * np.eye(rows.shape[1])[0]


CHANGES: dict[str, Change] = {
    "none": lambda rows, rng: rows,
    "mean of one column by half a deviation": shifted,
    "all deviations x 1.1": lambda rows, rng: 1.1 * rows,
    "all deviations x 1.5": lambda rows, rng: 1.5 * rows,
    "5 % of the rows elsewhere": new_cluster,
    "1 % of the rows x 3": outliers,
}
CELLS = (
    ("gaussian", 100, 100, 8, 400), ("gaussian", 250, 250, 16, 400), ("student", 250, 250, 64, 400),
    ("clusters", 1000, 200, 64, 400), ("student", 1000, 200, 64, 400), ("gaussian", 200, 1000, 64, 400),
    ("clusters", 300, 300, 512, 400), ("gaussian", 1000, 1000, 512, 150), ("gaussian", 5000, 5000, 64, 100),
)  # fmt: skip
"""Law, reference rows, current rows, columns, draws."""
HELD_OUT = 10_000
"""The first draw: lower ones were looked at while the factors of the variances were set."""
COVERED = ("none", "mean of one column by half a deviation", "all deviations x 1.5")
OFFERED: dict[str, Callable[[np.ndarray, np.ndarray, int], Result]] = {
    "energy_ratio": lambda X, Y, seed: energy_ratio(X, Y, permutations=99, seed=seed),
    "c2st_auc": lambda X, Y, seed: c2st_auc(X, Y, seed=seed),
    "share_beyond_95": lambda X, Y, seed: share_beyond_95(X, Y, seed=seed),
}


def coverage(quick: bool) -> list[dict[str, Any]]:
    """How often the interval of each metric holds the mean over all draws of its cell."""
    found = []
    for law, n, m, d, draws in CELLS[:1] if quick else CELLS:
        for change in COVERED[:1] if quick else COVERED:
            held: dict[str, list[Result]] = {name: [] for name in OFFERED}
            for draw in range(HELD_OUT, HELD_OUT + (4 if quick else draws)):
                rng = np.random.default_rng([draw, n, d, list(CHANGES).index(change)])
                reference = LAWS[law](rng, n, d)
                current = CHANGES[change](LAWS[law](rng, m, d), rng)
                for name, metric in OFFERED.items():
                    held[name].append(metric(current, reference, draw))
            for name, results in held.items():
                values = [r.value for r in results if r.value is not None]
                if not values:
                    continue
                truth = float(np.mean(values))
                ends = [r.interval for r in results if r.interval is not None]
                found.append({
                    "law": law, "n": n, "m": m, "d": d, "change": change, "metric": name, "draws": len(results),
                    "offered": len(ends), "truth": round(truth, 6), "sd": float(f"{np.std(values):.4g}"),
                    "covered": round(float(np.mean([low <= truth <= high for low, high in ends])), 4),
                    "half_width_over_196_sd": None if np.ptp(values) == 0 else round(
                        float(np.median([high - low for low, high in ends]) / 2 / (1.96 * np.std(values))), 3
                    ),
                })  # fmt: skip
                print(found[-1], flush=True)
    return found


def alarms(quick: bool) -> list[dict[str, Any]]:
    """How often each test is below 5 %, or each interval beyond chance, at 250 rows of each side and more."""
    found = []
    for d in (16, 128):
        for change, changed in CHANGES.items():
            counts: dict[str, int] = dict.fromkeys(
                ("energy_ratio", "mmd", "knn_two_sample", "c2st_auc", "share_beyond_95"), 0
            )
            runs = 4 if quick else 1000 if change == "none" else 200
            for run in range(runs):
                rng = np.random.default_rng([run, d, list(CHANGES).index(change), 7])
                reference, current = rng.normal(size=(250, d)), changed(rng.normal(size=(250, d)), rng)
                if change.startswith("5 %"):
                    current = rng.normal(size=(250, d)) + 1.5 * (rng.random((250, 1)) < 0.05)
                for name, metric in (("energy_ratio", energy_ratio), ("mmd", mmd), ("knn_two_sample", knn_two_sample)):
                    p = metric(current, reference, permutations=99, seed=run).parts["p_value"]
                    counts[name] += p <= 0.05
                auc, share = c2st_auc(current, reference, seed=run), share_beyond_95(current, reference, seed=run)
                counts["c2st_auc"] += auc.interval[0] > 0.5
                counts["share_beyond_95"] += not share.interval[0] <= 0.05 <= share.interval[1]
            found.append({
                "d": d, "change": change, "runs": runs, **{k: round(v / runs, 4) for k, v in counts.items()}
            })  # fmt: skip
            print(found[-1], flush=True)
    return found


def looks(quick: bool) -> dict[str, Any]:
    """Streams of thirty days beside one fixed reference: how many alarm, and how soon a shift is found."""
    days, rows, size, d, divisions = 30, 30, 200, 8, 1199
    streams = 2 if quick else 200
    found: dict[str, Any] = {"days": days, "rows": rows, "reference_rows": size, "d": d, "streams": streams}
    for change, shift, count in (("none", 0.0, streams), ("half a deviation from day 10", 0.5, max(streams // 6, 1))):
        shared = naive = 0
        delays = []
        for stream in range(count):
            rng = np.random.default_rng([stream, 3])
            reference = rng.normal(size=(size, d))
            p = []
            for day in range(1, days + 1):
                current = rng.normal(size=(rows, d))
                current[:, 0] += shift if day >= 10 else 0.0
                known = apart(beside(current, reference, "reference", day), None, divisions)
                assert not isinstance(known, Result)
                p.append(known.test.p_value or 1.0)
            values = np.array(p)
            shared += bool((values <= 0.05 / days).any())
            naive += bool((values <= 0.05).any())
            after = np.flatnonzero(values[9:] <= 0.05 / days)
            delays.append(int(after[0]) if len(after) else None)
        known_delays = [one for one in delays if one is not None]
        found[change] = {
            "streams": count, "alarmed": round(shared / count, 4), "alarmed_at_5_percent_each": round(naive / count, 4),
            "found_after_days": None if not known_delays or not shift else float(np.median(known_delays)),
            "found": round(len(known_delays) / count, 4) if shift else None,
        }  # fmt: skip
        print(change, found[change], flush=True)
    return found


STUDIES: dict[str, Callable[[bool], Any]] = {"looks": looks, "coverage": coverage, "alarms": alarms}


def main(arguments: list[str]) -> None:
    """Run the studies that are named, all without a name."""
    quick = "--quick" in arguments
    for name in [name for name in STUDIES if name in arguments] or list(STUDIES):
        began = time.process_time()
        found = {name: STUDIES[name](quick), "seconds": round(time.process_time() - began)}
        if not quick:
            (RESULTS / f"drift_{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
