"""How often the intervals of OPIS hold the mean of the metric at that number of groups, on laws of no other benchmark.

    python benchmarks/intervals/groups.py            some minutes of one core; writes results/intervals_groups.json
    python benchmarks/intervals/groups.py --resume   only the cells that the results do not have yet
    python benchmarks/intervals/groups.py --quick    a glance at it, in seconds; written nowhere

Every draw has fresh groups of one law (group_laws.py): 200 for each law and number of groups, as the metrics of one
draw cost 20 ms and more. Here the curves of few rows too are taken at 257 thresholds, and what no value and no interval
needs is left out. The target is the mean of the values at that number of groups, of `opis` as of the others: what one
over the number of groups takes from a variance is less than a twentieth of the width of an interval that is offered.

How the intervals were found. Laws called open were looked at, with 100 to 400 draws from other seeds; those kept aside
were judged once, when the rules stood. Tried were the influence of a group by its own utility alone (standard errors of
.3 to .9 of the spread where groups lie on a curve, are views of images or are confused: a group moves the calibration
range and the other groups, which its influence has had since); with it normal and t quantiles of the value, its
logarithm, root, logit and log(1 - u); bootstrap-t on four scales; Hall's correction for skewness on four, with the
skewness as it is, times 1.3 and times 0.5; two limits of the skewness above which there is none: 23 variants in all.
None held `opis`, `eps_opis` and `worst_utility` at 25 groups (.6 to .8 where a few groups make the value). Kept is
Hall's on the scale of the value. The limits of skewness made it worse: draws that lack the rare group look harmless.
The numbers of groups from which each metric has an interval (40, 100 and 150) are from the open laws, and so is the
rule for groups that are all told apart (families): within 1 % of the utility that the range allows the others covered
.75 at 100 groups and .86 at 200. Both were fixed before the first draw of a law kept aside.
Clusters have no interval by argument, not by measurement: they are a partition, of which nothing is drawn anew.

Where no interval can hold: if about 1 % or 10 % of all pairs of different groups are confused and the others are far
(40 families of frequencies 1/j: a pair in eleven is of one family), an end of the range jumps over a gap between them;
`mean_utility` covered .91 at 100 groups there.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from cells import Draw, cell, failing
from group_laws import ASIDE, OPEN, Law

from labelfree.evidence.groups import GroupRows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis import operating_point, range_ends
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.intervals import LEAST, sureness
from labelfree.families.opis.sorted_rows import grouped
from labelfree.kernels import numpy_kernels
from labelfree.summaries.hashing import hash_ids

RESULTS = Path(__file__).parents[1] / "results" / "intervals_groups.json"
NAMES = ("opis", "eps_opis", "mean_utility", "worst_utility")
HIGH = {"opis": 0.25}
DRAWS, FEW = 200, 20
LAWS = {**ASIDE, **OPEN}
PLAN: dict[int, tuple[str, ...]] = {12: tuple(LAWS), **dict.fromkeys((40, 100, 150, 400), tuple(ASIDE))}
"""Numbers of groups, and the laws that are drawn with them; 12 a few times only, as no metric has an interval there."""


def unburdened() -> None:
    """Leave out what no value and no interval needs: halves of groups, equal errors, a long first look, threads."""
    operating_point.unmet = lambda curves: False  # type: ignore[assignment]
    operating_point.splits = lambda size, seed: np.empty((0, int(size.sum())), bool)  # type: ignore[assignment]
    operating_point.EXACT_ROWS = 0
    range_ends.ROWS = 256
    threadpoolctl.threadpool_limits = lambda *args, **kwargs: nullcontext()  # type: ignore[assignment, misc]


def measured(law: Law, groups: int, rng: np.random.Generator) -> tuple[int, dict[str, Draw]]:
    """Rows of one draw, and value and interval of every metric."""
    X, group = law(groups, rng)
    given = grouped(found := GroupRows(hash_ids(group), np.arange(len(X)), X, group), 100)
    judged = Judged(found, operating_point.operating(given, Calibration(), numpy_kernels, 0))  # type: ignore[arg-type]
    values = {name: float(getattr(judged.consistency, name)) for name in NAMES}
    sure = {name: sureness(judged, name, values[name], HIGH.get(name, 1.0)).interval for name in NAMES}
    return len(X), {name: (values[name], sure[name]) for name in NAMES}


def case(name: str, law: Law, groups: int, draws: int) -> dict[str, Any]:
    """The cells of one law at one number of groups."""
    rng, began = np.random.default_rng((groups, *name.encode())), time.process_time()
    runs = [measured(law, groups, rng) for _ in range(draws)]
    each = (time.process_time() - began) / draws
    told = {metric: cell([run[metric] for _, run in runs]) for metric in NAMES}
    for metric, found in told.items():
        print(f"{name}, {groups} groups: {metric} {json.dumps(found)}", flush=True)
    rows = [n for n, _ in runs]
    return {"rows": [min(rows), round(float(np.mean(rows))), max(rows)], "ms": round(1000 * each, 1), "cells": told}


def main() -> None:
    """Measure, and write the results down."""
    unburdened()
    if "--quick" in sys.argv:
        case("curve", OPEN["curve"], 40, 8)
        case("cone", ASIDE["cone"], 12, 4)
        return
    before: Any = json.loads(RESULTS.read_text()) if "--resume" in sys.argv else {"open": {}, "aside": {}}
    found: dict[str, Any] = {"least": dict(LEAST), "open": {}, "aside": {}}
    for groups, names in PLAN.items():
        for name in names:
            which, where = "open" if name in OPEN else "aside", f"{name}, {groups} groups"
            draws = DRAWS if groups >= min(LEAST.values()) else FEW
            found[which][where] = before[which].get(where) or case(name, LAWS[name], groups, draws)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for which in ("open", "aside"):
        print(which, failing({where: one["cells"] for where, one in found[which].items()}))


if __name__ == "__main__":
    main()
