"""All runs, recorded to their end; then every rule is asked at every check of what was recorded.

    python study.py                      two hours on one core; recorded runs are not repeated
    python study.py "healthy,high rate"  only these kinds
    python study.py --both               a run of each kind three times: stopped by monitor, callback and shell loop
    python study.py --quick DIRECTORY    a run of each of these, short and on a tenth of the texts, written to DIRECTORY
    python study.py --table              the rows of docs/evidence/gate.md

results.json: of every run the metrics, the accuracy on the test texts and what each rule said. The histories that the
rules were asked about stay in histories/, outside of git. The metrics never see a label.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from finetuning import KINDS, Kind, Run, accuracy, evaluated, texts
from stopping import DEFAULT, answers, level, table

import labelfree
from labelfree import history
from labelfree.catalog import COLLAPSE_METRICS

HERE = Path(__file__).parent
SEEDS = 5
KEPT = ("separability", "separability_robust", "rankme", "effective_rank", "mean_cosine")
THREE_WAYS = ("healthy", "wrong labels", "high rate", "no negatives")
PACKAGES = ("torch", "transformers", "numpy")


def reports_of(X: Any) -> list[labelfree.Report]:
    """What is measured at a check."""
    return [
        labelfree.separability(X, only=("separability", "separability_robust", *COLLAPSE_METRICS)),
        labelfree.rank(X, only=("rankme", *COLLAPSE_METRICS)),
    ]


def recorded(kind: Kind, seed: int, path: Path, every: int = 1) -> dict[str, list[Any]]:
    """Train one run to its end; the records go to `path`, what is told of them is returned."""
    run = Run(kind, seed)
    tested, classes = texts("test")
    unlabeled, tests = (run.model.frozen(found[::every]) for found in (texts("eval")[0], tested))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    checks: list[dict[str, Any]] = []
    for i in range(kind.checks + 1):
        if i:
            run.train()
        X, _ = evaluated(run.model, unlabeled)
        reports = reports_of(X)
        for report in reports:
            history.append(path, report, step=run.step)
        values = {name: report[name].value for report in reports for name in KEPT if name in report.metrics}
        checks.append({"step": run.step, **values, "accuracy": accuracy(run.model, tests, classes[::every])})
    return {name: [short(check[name]) for check in checks] for name in checks[0]}


def short(value: float | None) -> float | None:
    """A number with as many digits as are kept."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def history_of(directory: Path, name: str, seed: int) -> Path:
    """Where the history of a run is kept."""
    return directory / "histories" / f"{name.replace(' ', '_')}_{seed}.jsonl"


def judged(runs: list[dict[str, Any]], directory: Path) -> None:
    """Ask every rule; the level at which the first seed of a kind was stopped is tried on the others."""
    for run in runs:
        path = history_of(directory, run["kind"], run["seed"])
        first = next((r for r in runs if r["kind"] == run["kind"] and "rules" in r), None)
        run["rules"] = answers(path, None if first in (None, run) else level(first))


def both(name: str, seed: int, every: int = 1) -> dict[str, Any]:
    """A run stopped from inside, by the monitor and by the callback, and by the shell loop around it: what each said.

    farthest: the largest distance between two separabilities of one step.
    """
    import callback
    from train import watched

    with tempfile.TemporaryDirectory() as place:
        monitor, trainer, shell = (Path(place) / way for way in ("monitor", "callback", "shell"))
        seen = {
            "monitor": [check for check, _ in watched(KINDS[name], seed, monitor, every)],
            "callback": callback.watched(KINDS[name], seed, trainer, every),
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        asked = ["--kind", name, "--seed", str(seed), "--every", str(every)]
        done = subprocess.run(
            ["bash", HERE / "loop.sh", shell, *asked], env={**os.environ, "PATH": path}, check=False, stdout=sys.stderr
        )
        verdicts = [json.loads(file.read_text()) for file in sorted(shell.glob("*.verdict.json"))]
        values = [_values(directory / "history.jsonl") for directory in (monitor, trainer, shell)]
    entry = {
        "kind": name, "seed": seed, "steps": [check.step for check in seen["monitor"]],
        **{way: [check.verdict and check.verdict["decision"] for check in seen[way]] for way in seen},
        "shell": [verdict["verdict"]["decision"] for verdict in verdicts], "shell_exit_code": done.returncode,
        **{f"{way}_stops": seen[way][-1].step if seen[way][-1].stop else None for way in seen},
        "shell_stops": max(values[2]) if done.returncode in (11, 12) else None,
    }  # fmt: skip
    same = len({tuple(found) for found in values}) == 1
    return {**entry, "farthest": max(max(v) - min(v) for v in _by_step(values)) if same else None}


def _by_step(values: list[dict[int, float]]) -> list[tuple[float, ...]]:
    return list(zip(*(found.values() for found in values), strict=True))


def _values(path: Path) -> dict[int, float]:
    """The separability at every step of a history."""
    return {r["step"]: r["metrics"]["separability"]["value"] for r in history.read(path)}


def study(directory: Path, kinds: dict[str, Kind], seeds: int, every: int = 1) -> dict[str, Any]:
    """Record what is missing, ask the rules, and write both down after every run."""
    results = directory / "results.json"
    found: dict[str, Any] = json.loads(results.read_text()) if results.exists() else {"runs": [], "both": []}
    found["setting"] = {
        "kinds": {name: vars(kind) for name, kind in KINDS.items()}, "packages": {p: version(p) for p in PACKAGES},
        "eval": len(texts("eval")[0][::every]), "test": len(texts("test")[0][::every]),
    }  # fmt: skip
    for seed in range(seeds):
        for name, kind in kinds.items():
            path = history_of(directory, name, seed)
            if path.exists() and any((r["kind"], r["seed"]) == (name, seed) for r in found["runs"]):
                continue
            began = time.process_time()
            checks = recorded(kind, seed, path, every)
            found["runs"] = [r for r in found["runs"] if (r["kind"], r["seed"]) != (name, seed)]
            found["runs"].append({"kind": name, "seed": seed, "checks": checks})
            judged(found["runs"], directory)
            said = found["runs"][-1]["rules"][DEFAULT]
            written(results, found)
            print(f"{name}, seed {seed}: {said}, {time.process_time() - began:.0f} s of processor", flush=True)
    return found


def written(path: Path, found: dict[str, Any]) -> None:
    """Write results with one line a run."""
    found["runs"].sort(key=lambda run: (list(KINDS).index(run["kind"]), run["seed"]))
    entries = {name: ",\n".join(json.dumps(entry) for entry in found[name]) for name in ("runs", "both")}
    parts = [f'"setting": {json.dumps(found["setting"])}', *(f'"{name}": [\n{e}\n]' for name, e in entries.items())]
    path.write_text(f"{{{', '.join(parts)}}}\n")


def main() -> None:
    """Do what the command line says."""
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    if "--table" in asked:
        found = json.loads((HERE / "results.json").read_text())
        for name in dict.fromkeys(run["kind"] for run in found["runs"]):
            print(f"\n**{name}**\n", *table(found["runs"], name), sep="\n")
    elif "--quick" in asked:
        directory = Path(asked[asked.index("--quick") + 1])
        found = study(directory, {"healthy": replace(KINDS["healthy"], checks=4)}, seeds=1, every=10)
        found["both"].append(both("high rate", 0, every=10))
        written(directory / "results.json", found)
    elif "--both" in asked:
        found = json.loads((HERE / "results.json").read_text())
        for name in THREE_WAYS:
            if not any(entry["kind"] == name for entry in found["both"]):
                found["both"].append(both(name, 0))
                written(HERE / "results.json", found)
    else:
        study(HERE, {name: KINDS[name] for name in (asked[0].split(",") if asked else KINDS)}, SEEDS)


if __name__ == "__main__":
    main()
