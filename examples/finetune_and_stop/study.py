"""All runs, recorded to their end; then every rule is asked at every check of what was recorded.

    python study.py            about an hour on one core; a run that is in results.json already is not repeated
    python study.py --quick DIRECTORY    two short runs on few texts, written to DIRECTORY/results.json

results.json: per run the values of the metrics, the accuracy on the test texts and the guard at every check, and what
each rule said and when. The metrics never see a label.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from runs import KINDS, Kind, Run, texts

import labelfree
from labelfree import history

RESULTS = Path(__file__).parent / "results.json"
SEEDS = 5
KEPT = ("separability", "separability_robust", "rankme", "effective_rank", "mean_cosine")
ORDER = ("healthy", "high rate", "wrong labels", "no negatives", "long healthy")


def recorded(kind: Kind, seed: int, path: Path, few: int | None = None) -> dict[str, Any]:
    """Train one run to its end; the records go to `path`, what is told of them is returned."""
    run = Run(kind, seed)
    watched, _ = texts("eval")
    tested, classes = texts("test")
    batches, tests = (run.model.frozen(found[:: few or 1]) for found in (watched, tested))
    classes = classes[:: few or 1]
    checks: list[dict[str, Any]] = []
    for i in range(kind.checks + 1):
        if i:
            run.train()
        X = run.model.embeddings(batches).numpy()
        # The command measures the same: --only leaves the rest of the family out.
        reports = [
            labelfree.separability(X, only=("separability", "separability_robust", "effective_rank", "mean_cosine")),
            labelfree.rank(X, only=("rankme", "effective_rank", "mean_cosine")),
        ]
        for report in reports:
            history.append(path, report, step=run.step)
        values = {name: report[name].value for report in reports for name in KEPT if name in report.metrics}
        with torch.no_grad():
            logits = run.model.head(run.model.embeddings(tests)).numpy()
        checks.append({"step": run.step, **values, "accuracy": float((logits.argmax(axis=1) == classes).mean())})
    return {name: [check[name] for check in checks] for name in checks[0]}


def main() -> None:
    """Run what is missing and write it down after every run."""
    torch.set_num_threads(1)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": []}
    for seed in range(SEEDS):
        for name in ORDER[:3] if len(sys.argv) < 2 else sys.argv[1].split(","):
            kind = KINDS[name]
            if any((r["kind"], r["seed"]) == (name, seed) for r in found["runs"]):
                continue
            began = time.process_time()
            path = Path(f"/tmp/proof_histories/{name.replace(' ', '_')}_{seed}.jsonl")
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            run = recorded(kind, seed, path)
            found["runs"].append({"kind": name, "seed": seed, "checks": run})
            RESULTS.write_text(json.dumps(found) + "\n")
            print(name, seed, f"{time.process_time() - began:.0f} s", np.round(run["accuracy"], 2).tolist(), flush=True)


if __name__ == "__main__":
    main()
