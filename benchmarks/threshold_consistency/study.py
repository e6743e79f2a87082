"""Does the ordering of models by OPIS survive without labels? Networks with and without a TCM term, and bad ones.

    python benchmarks/threshold_consistency/study.py           minutes; writes ../results/threshold_consistency.json
    python benchmarks/threshold_consistency/study.py --quick   one seed, a few models, in seconds; written nowhere
    python benchmarks/threshold_consistency/study.py --page    docs/opis.md as it follows from the results

No score but those named true sees an identity. The page is written to its place by docs/generate.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: the same sums, whatever the number of cores
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import measuring
import training
import views
from identities import COPIES, SETTINGS, setting
from measuring import Job, Row, measured
from orderings import HEALTHY, summary
from reference_opis import FAR, GRID

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "threshold_consistency.json"
SEEDS = 5
QUICK = Job("closed", 0, ("plain", "tcm 1"), images=40, views=4)


def study(jobs: list[Job], processes: int) -> dict[str, Any]:
    """All models, all numbers, and what survives."""
    if processes == 1:
        found = [measured(job) for job in jobs]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            found = list(pool.map(measured, jobs))
    rows = [row for one in found for row in one]
    names = list(dict.fromkeys(job.setting for job in jobs))
    return {
        "setting": _described(jobs, names),
        **{name: summary([row for row in rows if row["setting"] == name]) for name in names},
        "values": values(rows),
    }


def _described(jobs: list[Job], names: list[str]) -> dict[str, Any]:
    return {
        "seeds": len({job.seed for job in jobs}),
        "rows": {name: [len(part.identity) for part in setting(name)] for name in names},
        "identities": {name: [len(set(part.identity.tolist())) for part in setting(name)] for name in names},
        "copies": COPIES,
        "views": {"images": jobs[0].images, "each": jobs[0].views, "degrees": views.DEGREES, "pixels": views.PIXELS,
                  "noise": views.NOISE},
        "clusters": {"k": measuring.KS, "draws": measuring.DRAWS, "frozen": measuring.FROZEN},
        "training": {"epochs": training.EPOCHS, "batch": training.BATCH, "rate": training.RATE,
                     "width": training.WIDTH, "weights": training.WEIGHTS},
        "opis": {"far": FAR, "points": GRID},
        "healthy": HEALTHY,
    }  # fmt: skip


def values(rows: list[Row]) -> dict[str, list[Any]]:
    """Every number of every model, as columns."""
    return {name: [_short(row[name]) for row in rows] for name in rows[0]}


def _short(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def written(found: dict[str, Any]) -> str:
    """JSON with one line for each entry of the second level, or of the third where it is a table."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {_table(value)}" for key, value in found.items()) + "\n}\n"


def _table(entry: dict[str, Any]) -> str:
    lines = []
    for key, value in entry.items():
        deep = isinstance(value, dict) and all(isinstance(v, dict) for v in value.values())
        inner = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) if deep else ""
        lines.append(f"  {json.dumps(key)}: " + (f"{{\n{inner}\n  }}" if deep else json.dumps(value)))
    return "{\n" + ",\n".join(lines) + "\n }"


def page() -> str:
    """docs/opis.md, from the committed results."""
    sys.path.insert(0, str(ROOT / "docs"))
    from opis_tables import opis

    return str(opis())


def main() -> None:
    """Run the study and write it down."""
    began = time.time()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options.add_argument("--quick", action="store_true")
    options.add_argument("--page", action="store_true")
    given = options.parse_args()
    if given.page:
        print(page(), end="")
        return
    if given.quick:
        found = study([QUICK], 1)
    else:
        everything = tuple(training.RECIPES)
        found = study([Job(name, seed, everything) for name, seed in product(SETTINGS, range(SEEDS))], given.jobs)
        RESULTS.write_text(written(found))
    for name in found["setting"]["rows"]:
        for source, entry in found[name]["orderings"]["by"].items():
            print(f"{name:8}{source:20}", *(f"{kind} {entry[kind]['rho']}" for kind in ("all", "healthy", "sweep")))
        for model, entry in found[name]["means"].items():
            print(f"{name:8}{model:20}", *(f"{k} {entry[k]}" for k in ("opis true", "mean_utility true", "recall")))
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
