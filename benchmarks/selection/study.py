"""Does the rule of `labelfree select` choose better than any single score? On open tasks, some of them kept aside.

    python benchmarks/selection/study.py --cache FOLDER          design seeds; writes ../results/selection_design.json
    python benchmarks/selection/study.py --cache FOLDER --kept   those kept aside; writes ../results/selection.json
    python benchmarks/selection/study.py --quick                 one small task, in seconds; written nowhere

Tasks, seeds and what they hold are listed in tasks.py. A kept task that has a row in the results is not judged again.
FOLDER keeps every task (PATH.npz) and every result (PATH.json), so that a study that was stopped goes on; delete the
.json files to judge again. docs/generate.py writes the tables of docs/evidence/select.md from the results.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from singles import singles
from small_networks import Kept
from tasks import DESIGN, FEATURES, GROUPS, KEPT, Task, accuracies

from labelfree.commands.selecting import VETOED
from labelfree.evidence.evidence import evidence
from labelfree.families.selection.candidates import Candidate
from labelfree.families.selection.choosing import Choice, choose
from labelfree.survey.state import state_of

RESULTS = Path(__file__).parent.parent / "results" / "selection.json"
DESIGNED = RESULTS.with_name("selection_design.json")
RULES_TRIED = 9551
"""Formulas for scores with logits that were looked at on the design seeds: 1,001 for versions 1 and 2, most of them
exponents of a grid; 8,550 for version 3, of which 6,170 in a search whose outcome was not used."""
TRIED_LATER = 633
"""Formulas that were looked at for a fourth version, on the design seeds and on 201 and 202: none was taken."""
FIELDS = ("rows", "logits", "source", "source_logits")


def path_of(folder: Path, group: str, seed: int) -> Path:
    """Where a task is kept, without a suffix."""
    plain = "".join(c if c.isalnum() else "-" for c in group)
    return folder / f"{plain}-{seed}"


def stored(folder: Path, group: str, seed: int) -> Task:
    """A task from the folder; made and put there first if need be."""
    path = path_of(folder, group, seed).with_suffix(".npz")
    if not path.exists():
        keep(path, GROUPS[group](folder, seed))
    with np.load(path) as held:
        found = [
            Kept(str(name), *(held[f"{field} {i}"] if f"{field} {i}" in held.files else None for field in FIELDS))
            for i, name in enumerate(held["names"])
        ]
        labels = held["source labels"] if "source labels" in held.files else None
        return Task(found, held["truth"], int(held["k"]), labels, bool(held["ordered"]))


def keep(path: Path, task: Task) -> None:
    """Write a task."""
    arrays = {f"{field} {i}": getattr(c, field) for i, c in enumerate(task.candidates) for field in FIELDS}
    arrays |= {"names": np.array([c.name for c in task.candidates]), "truth": task.truth, "k": np.array(task.k)}
    arrays |= {"ordered": np.array(task.ordered), "source labels": task.source_labels}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part.npz")
    np.savez(beside, **{name: a for name, a in arrays.items() if a is not None})
    beside.replace(path)


def scored(path: Path, task: Task) -> dict[str, list[float]]:
    """The single scores of a task, which no rule moves, from a file; measured and put there first if need be."""
    if not path.exists():
        path.write_text(json.dumps(singles(task)))
    found: dict[str, list[float]] = json.loads(path.read_text())
    return found


def asked(task: Task) -> list[tuple[str, list[Candidate]]]:
    """The settings in which a task is put to the rule: with its source rows and without, or by features."""
    plain = [Candidate(c.name, i, c.rows, c.logits) for i, c in enumerate(task.candidates)]
    if task.candidates[0].logits is None:
        return [("ordered" if task.ordered else "unordered", plain)]
    known = [
        Candidate(c.name, i, c.rows, c.logits, c.source, task.source_labels) for i, c in enumerate(task.candidates)
    ]
    both = [("logits", plain)] if task.source_labels is None else [("source+logits", known), ("logits", plain)]
    return both + [(f"{setting}, class shares", candidates) for setting, candidates in both if unequal(task)]


def unequal(task: Task) -> bool:
    """Whether the largest class has five times the rows of the smallest, or more."""
    counts = np.bincount(task.truth, minlength=task.k)
    return bool(counts.max() >= 5 * counts.min())


def vetoed(task: Task) -> list[str | None]:
    """What the command vetoes: candidates of a collapsed state."""
    repeated = [len(c.rows) - len(np.unique(c.rows, axis=0)) for c in task.candidates]
    states = [state_of(evidence(c.rows), n).state for c, n in zip(task.candidates, repeated, strict=True)]
    return [VETOED if state == VETOED else None for state in states]


def measured(group: str, seed: int, task: Task, alone: dict[str, list[float]]) -> dict[str, Any]:
    """A task under the rule in each setting, beside every single score; the truth is looked at last."""
    choices, seconds = {}, {}
    vetoes = vetoed(task)
    counts = np.bincount(task.truth, minlength=task.k)
    shares = counts[counts > 0] / counts.sum()
    for setting, candidates in asked(task):
        began = time.perf_counter()
        known = counts / counts.sum() if setting.endswith("class shares") else None
        choices[setting] = choose(candidates, ordered=setting == "ordered", class_shares=known, vetoes=vetoes)
        seconds[setting] = round(time.perf_counter() - began, 2)
    right = np.array(accuracies(task))
    return {
        "group": group, "seed": seed, "side": "kept" if seed in KEPT else "design",
        "classes": task.k, "rows": len(task.truth), "candidates": len(right),
        "imbalance": round(float(counts.max() / max(counts.min(), 1)), 1),
        "evenness": round(float(-(shares * np.log(shares)).sum() / np.log(task.k)), 3),
        "accuracies": [round(float(a), 4) for a in right],
        "random": round(100 * float(right.max() - right.mean()), 2),
        "singles": {name: _regret(right, int(np.argmax(values))) for name, values in alone.items()},
        "settings": {s: judged(c, right, task) | {"seconds": seconds[s]} for s, c in choices.items()},
    }  # fmt: skip


def _regret(right: np.ndarray, chosen: int) -> float:
    return round(100 * float(right.max() - right[chosen]), 2)


def judged(choice: Choice, right: np.ndarray, task: Task) -> dict[str, Any]:
    """What a choice was worth. within_noise: the best is better by less than 1.96 paired standard errors."""
    best = choice.best if choice.best is not None else len(right) - 1
    status = [j.status for j in choice.judged]
    tied = [i for i, s in enumerate(status) if s in ("best", "tied")]
    plausible = [i for i, s in enumerate(status) if s in ("best", "tied", "plausible")]
    top = np.flatnonzero(right == right.max())
    one, other = task.candidates[best].logits, task.candidates[int(top[0])].logits
    within = None
    if one is not None and other is not None:
        apart = (one.argmax(1) == task.truth) ^ (other.argmax(1) == task.truth)
        within = bool(100 * (right.max() - right[best]) <= 196 * np.sqrt(apart.sum()) / len(task.truth))
    return {
        "chosen": best, "regret": _regret(right, best), "decision": choice.decision, "code": choice.reason_code,
        "within_noise": within, "tied": len(tied), "plausible": len(plausible),
        "tied_holds_best": bool(np.isin(top, tied).any()), "plausible_holds_best": bool(np.isin(top, plausible).any()),
        "vetoed": status.count("vetoed"), "vetoed_places": [i for i, s in enumerate(status) if s == "vetoed"],
        "plausible_places": plausible, "warnings": sorted({w.code for w in choice.warnings}),
    }  # fmt: skip


def main() -> None:
    """Every task that has no result yet, then the file of results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--kept", action="store_true", help="the seeds kept aside too; after the rule is fixed")
    parser.add_argument("--seeds", type=int, nargs="+", default=DESIGN, help="some of the design seeds")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.quick:
        with tempfile.TemporaryDirectory() as folder:
            task = stored(Path(folder), "wine, pool", 0)
            print(measured("wine, pool", 0, task, singles(task)))
        return
    if given.cache is None:
        parser.error("--cache: expected a folder for tasks and results, found none")
    rows = []
    there = before() if given.kept else []
    done = {(t["group"], t["seed"]) for t in there}
    for seed in KEPT if given.kept else given.seeds:
        for group in GROUPS:
            path = path_of(given.cache, group, seed).with_suffix(".json")
            if group in FEATURES or (group, seed) in done:
                continue
            if not path.exists():
                try:
                    task = stored(given.cache, group, seed)
                except (FileNotFoundError, ModuleNotFoundError) as error:  # no fonts here, or no mnist1d
                    print(f"{group} {seed}: left out: {error}", flush=True)
                    continue
                path.write_text(json.dumps(measured(group, seed, task, {})))
            rows.append(json.loads(path.read_text()))
            told = {s: f"{f['regret']:.1f} {f['decision']}" for s, f in rows[-1]["settings"].items()}
            print(f"{group} {seed}: {told}", flush=True)
    setting = {"design": DESIGN, "shown": KEPT if given.kept else given.seeds, "kept": KEPT}
    setting |= {"rules_tried": RULES_TRIED, "tried_later": TRIED_LATER}
    if not given.kept:
        DESIGNED.write_text(json.dumps({"setting": setting, "tasks": rows}, indent=1) + "\n")
        return
    rows = [*there, *rows]
    _write(rows, setting)
    for row in (r for r in rows if not r["singles"]):  # single scores, which no rule moves
        path = path_of(given.cache, row["group"], row["seed"])
        alone = scored(path.with_suffix(".singles.json"), stored(given.cache, row["group"], row["seed"]))
        right = np.array(row["accuracies"])
        row["singles"] = {name: _regret(right, int(np.argmax(values))) for name, values in alone.items()}
    _write(rows, setting)


def before() -> list[dict[str, Any]]:
    """The rows of tasks that were judged already; version 2 judged those of features alone, whose rule is the same."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text())["tasks"]
    return found


def _write(rows: list[dict[str, Any]], setting: dict[str, Any]) -> None:
    first = [t for t in rows if not t["group"].startswith("features")]
    ordered = [*first, *(t for t in rows if t["group"].startswith("features"))]
    RESULTS.write_text(json.dumps({"setting": setting, "tasks": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    main()
