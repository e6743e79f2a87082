"""Can the scores of `labelfree transfer` be trusted? Every one of them on every checkpoint of real adaptation runs.

    python benchmarks/validity/study.py --cache FOLDER    minutes; writes ../results/transfer_validity.json
    python benchmarks/validity/study.py --quick           one target, two methods, in seconds; written nowhere

The networks are trained first (runs.py) where FOLDER does not hold them. No score sees a label of the target; the
truth is read afterwards. The tables of docs/transfer.md are written from the results by docs/generate.py.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process for each core; before numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from adaptation import METHODS
from runs import CHECKPOINTS, EVERY, run
from scores import SCORES, agreement, disagreement, saturated, scores
from targets import HELD_OUT, TARGETS, target
from trust import Row, by, errors, groups, trusted

RESULTS = Path(__file__).parent.parent / "results" / "transfer_validity.json"
SEEDS = 3
POOLS = {"epochs": ("target", "method", "seed"), "methods": ("target", "seed"), "all": ("target", "seed")}
"""Candidates among which a score has to choose: epochs of a run, methods at their last epoch, both."""


def measured(folder: Path, job: tuple[str, str, int]) -> list[Row]:
    """One run: the scores of each of its checkpoints, its predictions for what needs several, and then the truth."""
    name, method, seed = job
    one = run(folder, name, method, seed)
    rows = []
    for i, checkpoint in enumerate(one.checkpoints):
        row = {"target": name, "method": method, "seed": seed, "epoch": (i + 1) * EVERY}
        rows.append(row | scores(checkpoint, one.source_labels) | {"logits": checkpoint.logits})
    truth = np.load(folder / f"labels_{name}.npy")
    for row in rows:
        row["accuracy"] = float((row["logits"].argmax(1) == truth).mean())
    picked = saturated([row["transfer_score"] for row in rows])
    for i, row in enumerate(rows):
        row["saturation"] = float(i == picked["best"])
        row["saturated"] = picked["saturated"]
    return rows


def across(rows: list[Row]) -> None:
    """EnsV in each pool of candidates; GDE among the seeds of one method at one epoch, which are independent runs."""
    last = max(row["epoch"] for row in rows)
    for name, keys in POOLS.items():
        some = [row for row in rows if row["epoch"] == last or name != "methods"]
        for pool in groups(some, *keys).values():
            for row, value in zip(pool, agreement([r["logits"] for r in pool]), strict=True):
                row[f"ensv {name}"] = value
    for pool in groups(rows, "target", "method", "epoch").values():
        for row, value in zip(pool, disagreement([r["logits"] for r in pool]), strict=True):
            row["gde"] = value


def judged(rows: list[Row]) -> dict[str, Any]:
    """What trusting each score costs, and the plain rules it has to beat."""
    last = max(row["epoch"] for row in rows)
    final = [row for row in rows if row["epoch"] == last]
    pools = {name: groups(final if name == "methods" else rows, *keys) for name, keys in POOLS.items()}
    found: dict[str, Any] = {}
    for name, score in SCORES.items():
        found[name] = {"kind": score.kind, "better": score.better}
        for pool, candidates in pools.items():
            value = _value(name, score.better, pool)
            found[name][pool] = trusted(candidates, value) | {
                "by": by(candidates, "method" if pool == "epochs" else "target", value)
            }
        found[name]["everything"] = trusted({(): rows}, _value(name, score.better, "all"))["spearman"]
        if score.kind == "estimate":
            found[name]["error"] = errors(rows, name) | {
                "by": {m: errors(some, name) for (m,), some in groups(rows, "method").items()}
            }
    return {"scores": found, "rules": rules(pools, last), "saturation": _saturation(pools["epochs"])}


def _value(name: str, better: str, pool: str) -> Callable[[Row], float | None]:
    """The score of a row with its sign turned so that more is better."""
    key = f"ensv {pool}" if name == "ensv" else name
    sign = -1.0 if better == "lower" else 1.0
    return lambda row: None if row[key] is None else sign * row[key]


def rules(pools: dict[str, Any], last: int) -> dict[str, Any]:
    """Points lost by rules that look at no score: the last epoch, any candidate, no adaptation."""
    chosen: dict[str, Callable[[Row], float | None]] = {
        "last epoch": lambda row: float(row["epoch"] == last),
        "random": lambda row: 0.0,
        "source only, last epoch": lambda row: float(row["method"] == "source only" and row["epoch"] == last),
    }
    kept = {"epochs": ("last epoch", "random"), "methods": ("source only, last epoch", "random"),
            "all": ("source only, last epoch", "random")}  # fmt: skip
    return {pool: {name: _plain(trusted(pools[pool], chosen[name])) for name in names} for pool, names in kept.items()}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {"lost": found["lost"], "worst": found["worst"]["lost"]}


def _saturation(pools: dict[Any, list[Row]]) -> dict[str, Any]:
    """The checkpoint where the Transfer Score saturates."""
    found = trusted(pools, lambda row: row["saturation"])
    runs = [pool[0]["saturated"] for pool in pools.values()]
    return {"lost": found["lost"], "worst": found["worst"], "saturated": sum(runs), "runs": len(runs)}


def accuracies(rows: list[Row]) -> dict[str, Any]:
    """True accuracy on every target by method: first, best, last checkpoint, mean over seeds."""
    found: dict[str, Any] = {}
    for (name, method), some in groups(rows, "target", "method").items():
        runs = list(groups(some, "seed").values())
        entry = {
            "first": [r[0]["accuracy"] for r in runs],
            "best": [max(row["accuracy"] for row in r) for r in runs],
            "last": [r[-1]["accuracy"] for r in runs],
            "source": [r[-1]["source_accuracy"] for r in runs],
        }
        found.setdefault(name, {})[method] = {
            key: round(float(np.mean(v)), 3) for key, v in entry.items() if None not in v
        }
    return found


def values(rows: list[Row]) -> dict[str, list[Any]]:
    """Every number of every checkpoint, as columns."""
    names = [name for name in rows[0] if name not in ("logits", "saturation", "saturated")]
    return {name: [_short(row[name]) for row in rows] for name in names}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def study(folder: Path, targets: Iterable[str], methods: Iterable[str], seeds: int, jobs: int) -> dict[str, Any]:
    """All runs, all scores, and what they are worth."""
    work = list(product(targets, methods, range(seeds)))
    if jobs == 1:
        found = [measured(folder, job) for job in work]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(partial(measured, folder), work))
    rows = [row for one in found for row in one]
    across(rows)
    sizes = {name: len(target(name).labels) for name in dict.fromkeys(row["target"] for row in rows)}
    return {
        "setting": {
            "seeds": seeds,
            "checkpoints": CHECKPOINTS,
            "every": EVERY,
            "rows": sizes,
            "source_rows": HELD_OUT,
            "optimizes": {name: METHODS[name].optimizes for name in dict.fromkeys(row["method"] for row in rows)},
        },
        "accuracy": accuracies(rows),
        **judged(rows),
        "values": values(rows),
    }


def written(found: dict[str, Any]) -> str:
    """JSON with one line for each score, target and column."""
    parts = []
    for key, value in found.items():
        lines = ",\n  ".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
        parts.append(f"{json.dumps(key)}: {{\n  {lines}\n }}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def main() -> None:
    """Run the study and write it down."""
    began = time.time()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cache", type=Path, help="folder of the trained checkpoints; a temporary one by default")
    options.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.cache or Path(temporary)
        if given.quick:
            found = study(folder, ("turned",), ("source only", "infomax"), 1, 1)
        else:
            found = study(folder, TARGETS, METHODS, SEEDS, given.jobs)
            RESULTS.write_text(written(found))
    for name, entry in found["scores"].items():
        print(f"{name:26}", *(f"{pool} {entry[pool]['spearman']} lost {entry[pool]['lost']}; " for pool in POOLS))
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
