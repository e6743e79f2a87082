"""What labels do on the open tasks: how many of them choose as well as the rule, and which rows to label.

    python benchmarks/selection/label_worth.py --cache FOLDER    tasks of study.py without curves; writes the results
    python benchmarks/selection/label_worth.py --quick           one small task made up here; written nowhere

*Worth*: rows are drawn uniformly, and the candidate that is right on most of them is chosen, among all that are not
vetoed; the first of equal ones. *Needed*: among the plausible candidates of the rule, rows drawn as `--label-budget`
draws them, with their weights, against uniform ones. Every number is the mean regret, in points, over DRAWS draws.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from study import RESULTS, path_of, stored
from tasks import Task

from labelfree.families.selection.labels import apart, rows_to_label

LABELS = Path(__file__).parent.parent / "results" / "selection_labels.json"
BUDGETS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300)
DRAWS = 100
SETTINGS = ("source+logits", "logits")


def regrets(right: np.ndarray, weights: np.ndarray, accuracies: np.ndarray) -> float:
    """Mean regret of the candidate with the most weight of right rows: right (C, m) by draw, weights (m,)."""
    best = int(np.argmax((right * weights).sum(axis=1)))
    return 100 * float(accuracies.max() - accuracies[best])


def by_uniform(right: np.ndarray, budget: int, rng: np.random.Generator) -> float:
    """Mean regret of choosing by so many uniformly drawn rows; right: (C, n)."""
    n, accuracies = right.shape[1], right.mean(axis=1)
    draws = (rng.permutation(n)[: min(budget, n)] for _ in range(DRAWS))
    return float(np.mean([regrets(right[:, rows], np.ones(len(rows)), accuracies) for rows in draws]))


def by_ours(votes: np.ndarray, right: np.ndarray, budget: int, rng: np.random.Generator) -> float:
    """Mean regret of choosing by so many rows on which the candidates are apart, each with its weight."""
    found = []
    for _ in range(DRAWS):
        drawn = rows_to_label(votes, budget, int(rng.integers(1 << 31)))
        found.append(regrets(right[:, drawn.rows], drawn.weight, right.mean(axis=1)))
    return float(np.mean(found))


def measured(task: Task, vetoed: list[int], plausible: dict[str, list[int]], seed: int) -> dict[str, Any]:
    """The curves of one task; plausible: places by setting."""
    votes = np.stack([c.logits.argmax(1) for c in task.candidates if c.logits is not None])
    right = (votes == task.truth).astype(float)
    accuracies = right.mean(axis=1)
    live = [i for i in range(len(votes)) if i not in vetoed]
    lost = 100 * float(accuracies.max() - accuracies[live].max())
    rng = np.random.default_rng([seed, 21])
    found: dict[str, Any] = {"uniform": [round(lost + by_uniform(right[live], m, rng), 3) for m in BUDGETS]}
    for setting, places in plausible.items():
        if len(places) < 2 or not apart(votes[places]).any():
            continue
        among = votes[places], right[places]
        found[setting] = {
            "ours": [round(by_ours(*among, m, rng), 3) for m in BUDGETS],
            "uniform": [round(by_uniform(among[1], m, rng), 3) for m in BUDGETS],
        }
    return found


def main() -> None:
    """Every task with logits of the results of the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        rng = np.random.default_rng(0)
        truth = rng.integers(0, 3, 120)
        votes = [np.where(rng.random(120) < p, truth, rng.integers(0, 3, 120)) for p in (0.9, 0.6, 0.5)]
        right = np.stack([v == truth for v in votes]).astype(float)
        print(by_uniform(right, 20, rng), by_ours(np.stack(votes), right, 20, rng))
        return
    if given.cache is None:
        parser.error("--cache: expected the folder of study.py, found none")
    rows = json.loads(LABELS.read_text())["tasks"]
    done = {(t["group"], t["seed"]) for t in rows}
    for t in json.loads(RESULTS.read_text())["tasks"]:
        if (
            (t["group"], t["seed"]) in done
            or "logits" not in t["settings"]
            or "plausible_places" not in t["settings"]["logits"]
        ):
            continue
        task = stored(given.cache, t["group"], t["seed"])
        there = {s: t["settings"][s] for s in SETTINGS if s in t["settings"]}
        places = {s: f["plausible_places"] for s, f in there.items()}
        curves = measured(task, there["logits"]["vetoed_places"], places, t["seed"])
        rule = {s: f["regret"] for s, f in there.items()}
        rows.append({"group": t["group"], "seed": t["seed"], "side": t["side"], "rule": rule, "labels": curves})
        print(path_of(given.cache, t["group"], t["seed"]).name, flush=True)
    LABELS.write_text(json.dumps({"budgets": BUDGETS, "draws": DRAWS, "tasks": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
