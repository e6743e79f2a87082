"""Does separability say without labels what labels say? Gaussian classes, digits, and checkpoints of small networks.

    python benchmarks/evidence.py            about five minutes; writes results/evidence.json and docs/separability.svg
    python benchmarks/evidence.py --quick    two families and one run, in seconds; written nowhere
    python benchmarks/evidence.py --picture  docs/separability.svg again, from the results

The metrics never see a label; `supervised.py` holds what they are compared with. The tables of docs/separability.md
are written from the results by docs/generate.py.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from families import BASE, DISTANCES, VARIED, Family, classless, rows
from networks import RUNS, digits
from supervised import SUPERVISED, UNSUPERVISED, agreement, spearman, with_labels, without_labels

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "evidence.json"
PICTURE = HERE.parent / "docs" / "separability.svg"
SEEDS = 3
RUN_SEEDS = 5
SIZES = (200, 400, 800, 1600, 3200)


def family(f: Family, distances: tuple[float, ...], seeds: int) -> dict[str, Any]:
    """Every distance and seed of a family, and how both sides agree over them."""
    found = []
    for distance in distances:
        for seed in range(seeds):
            X, y = rows(f, distance, seed)
            found.append({"distance": distance, "seed": seed} | without_labels(X, f.normalize) | with_labels(X, y))
    result = {"family": asdict(f), "spearman": agreement(found), "values": columns(found)}
    print(f"{f.name:34} {result['spearman']}", flush=True)
    return result


def network(name: str, seeds: int) -> dict[str, Any]:
    """A training run under several seeds: agreement within runs, and what picking a checkpoint costs."""
    runs = [RUNS[name](seed) for seed in range(seeds)]
    result = {
        "spearman": {
            u: {s: mean(spearman(run, u, s) for run in runs) for s in ("accuracy", *SUPERVISED)} for u in UNSUPERVISED
        },
        "lost_by_picking": {u: lost(runs, u) for u in UNSUPERVISED},
        "values": columns([{"seed": seed} | row for seed, run in enumerate(runs) for row in run]),
    }
    print(f"{name:34} {result['spearman']} {result['lost_by_picking']}", flush=True)
    return result


def lost(runs: list[list[dict[str, Any]]], name: str) -> dict[str, float]:
    """Accuracy of the best checkpoint of a run less that of the one a metric ranks highest, in points."""
    losses = []
    for run in runs:
        picked = max((r for r in run if r[name] is not None), key=lambda r: r[name])
        losses.append(100 * (max(r["accuracy"] for r in run) - picked["accuracy"]))
    return {"mean": round(float(np.mean(losses)), 1), "worst": round(max(losses), 1)}


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values there are, if they are most."""
    values = list(values)
    there = [v for v in values if v is not None]
    return round(float(np.mean(there)), 3) if 2 * len(there) > len(values) else None


def columns(found: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of one shape as columns."""
    return {name: [row[name] for row in found] for name in found[0]}


def sizes() -> dict[str, Any]:
    """One law at several numbers of rows."""
    found = []
    for n in SIZES:
        several = [without_labels(rows(Family("", n=n), 12.0, seed)[0]) for seed in range(SEEDS)]
        found.append({"n": n, **{u: mean(s[u] for s in several) for u in UNSUPERVISED}})
    return columns(found)


def raw_digits() -> dict[str, Any]:
    """The pixels of the digits, by normalization, and of the same pixels moved and shuffled."""
    images, labels = digits()
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(column) for column in images.T], axis=1)
    found = {how: without_labels(images, how) for how in ("l2", "none", "layernorm")}
    return found | {"columns shuffled": without_labels(shuffled), "labels": with_labels(images, labels)}


def study() -> dict[str, Any]:
    """All of it."""
    return {
        "families": {f.name: family(f, DISTANCES, SEEDS) for f in (*BASE, *VARIED)},
        "classless": {name: without_labels(X) for name, X in classless().items()},
        "sizes": sizes(),
        "digits": raw_digits(),
        "runs": {name: network(name, RUN_SEEDS) for name in RUNS},
        "setting": {"distances": DISTANCES, "seeds": SEEDS, "run_seeds": RUN_SEEDS},
    }


def written(found: dict[str, Any]) -> str:
    """JSON with one line for each family, run and table."""
    parts = []
    for key, value in found.items():
        lines = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
        parts.append(f"{json.dumps(key)}: {{\n  {lines}\n }}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def picture(found: dict[str, Any]) -> None:
    """Four panels: classes that move apart, the same with outliers, a healthy run, a collapse."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    panels = (
        ("five classes move apart", found["families"]["k = 5, d = 64"], "distance", "knn"),
        (
            "the same with six outliers, off the origin",
            found["families"]["6 outliers, mean far from zero"],
            "distance",
            "knn",
        ),
        ("a healthy run", found["runs"]["healthy"], "epoch", "accuracy"),
        ("a collapse (entropy minimization)", found["runs"]["collapse"], "epoch", "accuracy"),
    )
    named = {"separability": "S", "robust": "robust", "knn": "kNN accuracy", "accuracy": "accuracy"}
    style = {"svg.hashsalt": "labelfree", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharey=True, layout="constrained")
        for axis, (title, part, along, truth) in zip(axes.flat, panels, strict=True):
            values = part["values"]
            at = np.array(values[along])
            for name, mark in (("separability", "o-"), ("robust", "s-"), (truth, "k:")):
                y = np.array(values[name], float)
                steps = np.unique(at)
                middle = [np.nanmean(y[at == x]) if np.isfinite(y[at == x]).any() else np.nan for x in steps]
                axis.plot(steps, middle, mark, label=named[name], markersize=3.5)
            axis.set_title(title, fontsize=9)
            axis.set_xlabel("distance of the centers, deviations of a column" if along == "distance" else along)
            axis.set_ylim(-0.03, 1.03)
            axis.legend(frameon=False, fontsize=8)
        figure.savefig(PICTURE, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    """Run the study and write it down."""
    began = time.time()
    if "--quick" in sys.argv:
        for f in (BASE[0], VARIED[6]):
            family(replace(f, n=200), DISTANCES[::2], 2)
        network("healthy", 1)
        return
    if "--picture" not in sys.argv:
        RESULTS.write_text(written(study()))
    picture(json.loads(RESULTS.read_text()))
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
