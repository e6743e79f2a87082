"""How often the intervals of transfer cover, on populations of which no other benchmark knows.

python benchmarks/intervals/outputs.py            some forty minutes; writes results/intervals_outputs.json
python benchmarks/intervals/outputs.py --quick    a glance at three of them, in seconds; written nowhere
python benchmarks/intervals/outputs.py --open     the populations that the intervals were designed on

Names of groups of metrics (sums, mmd, ...) run these alone. The file is written after every cell, and cells that it
holds are kept: delete it to start anew, run it again to go on.

Intervals were designed on the populations OPEN; KEPT, of other laws, shapes and seeds, judges. Tried on OPEN: seven
for means of skewed rows (normal, root, logarithm, Johnson, Hall, the largest row once or twice more); fourteen near
the greatest value (influence, jackknife, each less the second part, five floors, four roots, the noncentral chi-square
with three second parts); three each for mcc, snd, mmd and hopkins, two each for cot, c2st, atc and shares.

KEPT judged twice. The first time 14 of 560 cells failed: K = 2 of 4 and 96 % at n = 100 (infomax, nuclear_norm,
softmax_corr, mcc, snd, cot), cot of two classes and of one row per class, diversity of few rows per class and of
digits, mano of sharp predictions, hopkins of few far rows (.50 of the 38 of 200 draws that had an interval). OPEN then
got five populations like these, and tried were: six more for cot, two second parts, Hall with two quantiles near the
greatest value, Student's quantile for mcc, three for snd, Hall for mano; and, where to give none, eleven bounds (rows
of other classes, rows per class, columns, the reach of the box and its share of the error). KEPT was drawn again with
other seeds and with two more populations of the troublesome kinds (two others were left out for want of time after
candidates, c2st and mmd had held there). There ensv failed once (lognormal of 6 and 94 %, n = 100, where 1 row in 800
differs: .874 by Wilson's interval, .995 by that of the mid-P value), so it has the latter, and none where all rows
agree: for ensv KEPT says no more than that this holds on what it was learned from.

The rows of every draw are fresh: real rows (digits, tumors) are drawn with replacement and jittered, so that no two are
equal and nearest neighbors mean something.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from cells import Draw, cell, failing
from outputs_populations import KEPT, OPEN, Drawn, Population

from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.labels import labelled
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.targets import target
from labelfree.families import metrics
from labelfree.families.transfer.candidates import agreement, ensv_of, gde_of
from labelfree.results import Result

RESULTS = Path(__file__).parent.parent / "results" / "intervals_outputs.json"
OPENED = Path("intervals_outputs_open.json")
GROUPS = {
    "sums": (
        "entropy", "diversity", "infomax", "nuclear_norm", "softmax_corr", "mcc", "mano", "average_confidence",
        "source_accuracy", "doc", "atc_mc", "atc_ne",
    ),
    "candidates": ("ensv", "gde"),
    "score": ("hopkins", "transfer_score"),
    "snd": ("snd",),
    "cot": ("cot",),
    "mmd": ("mmd",),
    "c2st": ("c2st",),
}  # fmt: skip
PLAN = {
    "sums": {100: 1000, 500: 1000, 5000: 200},
    "candidates": {100: 1000, 500: 1000, 5000: 200},
    "score": {100: 20, 500: 200, 2000: 200},
    "cot": {100: 200, 1000: 200},
    "snd": {100: 1000, 1000: 200},
    "c2st": {100: 200, 500: 200},
    "mmd": {100: 200, 500: 200},
}
"""Rows and draws of each group of metrics. The score has no interval below 500 rows: at 100 that is what is seen."""


def measured(group: str, one: Drawn, seed: int) -> Iterable[tuple[str, Result]]:
    """The metrics of a group on one draw."""
    if group == "candidates":
        counts = agreement([one.logits, *one.others])
        yield "ensv", ensv_of(counts)[0]
        yield "gde", gde_of(counts)[0]
        return
    if group in ("mmd", "c2st"):
        e = replace(evidence(one.X, sample=None, seed=seed), reference=evidence(one.source, sample=None, seed=seed))
    else:
        rows = group == "score"
        e = target(one.X if rows else None, one.logits, one.head if rows else None, seed=seed)
        e = replace(e, reference=beside(one))
    for metric in metrics(GROUPS[group]):
        yield metric.name, metric.compute(e)


def beside(one: Drawn) -> Evidence:
    """The labelled source."""
    source = labelled(one.source_logits, one.source_labels)
    return Evidence(len(one.source_labels), 0, outputs=Outputs(labelled=source))


def draws(group: str, population: Population, n: int, times: int) -> dict[str, list[Draw]]:
    """Value and interval of each metric of a group, draw by draw."""
    found: dict[str, list[Draw]] = {name: [] for name in GROUPS[group]}
    for t in range(times):
        one = population.draw(n, np.random.default_rng([population.seed, n, t]))
        for name, result in measured(group, one, seed=t):
            assert result.value is not None, (name, result.reason)
            found[name].append((result.value, result.interval))
    return found


def study(populations: dict[str, Population], only: list[str], results: Path | None) -> dict[str, Any]:
    """The cells of every population, group and size, into the file after each; what the file holds is kept."""
    cells: dict[str, Any] = json.loads(results.read_text())["cells"] if results and results.exists() else {}
    for place in range(3):  # the smallest size of all groups first
        for (group, sizes), (name, population) in product(PLAN.items(), populations.items()):
            if place >= len(sizes):
                continue
            n, times = list(sizes.items())[place]
            here = f"{name}, n = {n}"
            if (only and group not in only) or set(GROUPS[group]) <= set(cells.get(here, ())):
                continue
            if results is None:
                if n > 100:
                    continue
                times = 8
            judged = {metric: cell(one) for metric, one in draws(group, population, n, times).items()}
            cells[here] = cells.get(here, {}) | judged
            for metric, one in judged.items():
                fails = "  FAILS" if one["fails"] else ""
                print(f"{here}: {metric} {one['covered']} of {one['offered']}{fails}", flush=True)
            if results:
                text = json.dumps(
                    {"target": "mean of the metric over all draws of the same n", "cells": cells}, indent=1
                )
                results.write_text(text + "\n")
    return cells


def main() -> None:
    """Run the study and write it down."""
    began = time.process_time()
    only = [name for name in sys.argv[1:] if not name.startswith("-")]
    results = None if "--quick" in sys.argv else OPENED if "--open" in sys.argv else RESULTS
    populations = OPEN if "--open" in sys.argv else KEPT
    cells = study(dict(list(populations.items())[::4]) if results is None else populations, only, results)
    print(f"{len(failing(cells))} of {sum(map(len, cells.values()))} cells fail; {time.process_time() - began:.0f} s")


if __name__ == "__main__":
    main()
