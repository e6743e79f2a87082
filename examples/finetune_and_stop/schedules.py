"""Fine-tuning under schedules of the learning rate: a cosine, two drops, a cycle that restarts; five seeds of each.

    python schedules.py                  half an hour on one core; recorded runs are not repeated
    python schedules.py --quick FILE     a short run of each on few texts, written to FILE

schedules.json: of every run, at every check, the step, the learning rate of the encoder, what was measured on 500 texts
without labels, and the accuracy on 250 test texts. benchmarks/plateau_runs.py asks the rules about them. The schedules
were written down before any run, and no run was left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from encoder import Batch
from finetuning import Kind, Run, accuracy, evaluated, texts
from study import reports_of, short
from torch.optim import Optimizer, lr_scheduler

RESULTS = Path(__file__).parent / "schedules.json"
SEEDS, EVAL, TEST = 5, 4, 2
KIND = Kind(labels=32, rate=2e-4, head_rate=2e-3, steps=10, checks=30)
STEPS = KIND.steps * KIND.checks
DROPS, CYCLE = (100, 200), 60
Schedule = Callable[[Optimizer], lr_scheduler.LRScheduler]
SCHEDULES: dict[str, Schedule] = {
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS),
    "step": lambda o: lr_scheduler.MultiStepLR(o, milestones=DROPS, gamma=0.1),
    "cyclic": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=CYCLE),
}


def recorded(
    kind: Kind, schedule: Schedule, seed: int, unlabeled: list[Batch], tests: tuple[list[Batch], Any]
) -> dict[str, list[float | None]]:
    """Train one run to its end; what was found at every check, by name."""
    run = Run(kind, seed)
    rates = schedule(run.optimizer)
    run.optimizer.register_step_post_hook(lambda *_: rates.step())
    checks: list[dict[str, Any]] = []
    for i in range(kind.checks + 1):
        if i:
            run.train()
        X, _ = evaluated(run.model, unlabeled)
        reports = reports_of(X)
        found = {name: report[name].value for report in reports for name in report.metrics}
        checks.append({
            "step": run.step, "rate": rates.get_last_lr()[0], **found, "separability_se": reports[0]["separability"].se,
            "accuracy": accuracy(run.model, *tests),
        })  # fmt: skip
    return {name: [short(check[name]) for check in checks] for name in checks[0]}


def study(path: Path, kind: Kind, seeds: int, every: int = 1) -> None:
    """Record what is missing; the file is written after every run. every: only every so many of the texts."""
    runs: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.exists() else []
    encoder = Run(replace(kind, labels=1), 0).model
    sentences, (tested, classes) = texts("eval")[0][:: EVAL * every], texts("test")
    unlabeled = encoder.frozen(sentences)
    tests = encoder.frozen(tested[:: TEST * every]), classes[:: TEST * every]
    setting = {
        "kind": vars(kind), "drops": DROPS, "cycle": CYCLE, "eval": len(sentences), "test": len(tests[1]),
        "packages": {name: version(name) for name in ("torch", "transformers", "numpy")},
    }  # fmt: skip
    for seed in range(seeds):
        for name, schedule in SCHEDULES.items():
            if any((r["schedule"], r["seed"]) == (name, seed) for r in runs):
                continue
            began = time.process_time()
            runs.append({"schedule": name, "seed": seed, "checks": recorded(kind, schedule, seed, unlabeled, tests)})
            lines = ",\n".join(json.dumps(run) for run in runs)
            part = path.with_suffix(".part")
            part.write_text(f'{{"setting": {json.dumps(setting)}, "runs": [\n{lines}\n]}}\n')
            part.replace(path)
            print(f"{name}, seed {seed}: {time.process_time() - began:.0f} s of processor", flush=True)


def main() -> None:
    """Do what the command line says."""
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    if "--quick" in asked:
        study(Path(asked[asked.index("--quick") + 1]), replace(KIND, labels=4, checks=2, steps=2), 1, every=10)
    else:
        study(RESULTS, KIND, SEEDS)


if __name__ == "__main__":
    main()
