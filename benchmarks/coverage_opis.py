"""How often the intervals of OPIS cover: fresh groups from laws, the target being the mean over many data sets.

python benchmarks/coverage_opis.py            a few minutes; writes results/coverage_opis.json
python benchmarks/coverage_opis.py --quick    a glance at it, in seconds; written nowhere

A data set is T groups of equal size: Gaussian rows about a center of their own, with a spread of their own. The target
is the mean of the metric. None where there is no interval: intervals/groups.py is the study by which it was decided
where, on laws of other kinds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.evidence.evidence import Evidence
from labelfree.evidence.groups import Grouping, GroupRows
from labelfree.evidence.zone import Calibration
from labelfree.metrics import METRICS
from labelfree.summaries.hashing import hash_ids

RESULTS = Path(__file__).parent / "results" / "coverage_opis.json"
NAMES = ("opis", "eps_opis", "mean_utility", "worst_utility")
REPETITIONS = 300
WIDTH = 24
CASES = tuple((groups, size, spread) for groups in (20, 60, 200) for size in (4, 10) for spread in ("even", "uneven"))
QUICK = ((20, 4, "even"), (20, 4, "uneven"))
SPREADS = {"even": (0.8, 0.8), "uneven": (0.4, 1.2)}


def data(groups: int, size: int, spread: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows (groups * size, WIDTH) and the group of each."""
    group = np.repeat(np.arange(groups), size)
    noise = rng.uniform(*SPREADS[spread], groups)[group]
    return rng.normal(size=(groups, WIDTH))[group] + noise[:, None] * rng.normal(size=(len(group), WIDTH)), group


def measured(X: np.ndarray, group: np.ndarray) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """Value and interval of every metric."""
    grouping = Grouping(Calibration(), GroupRows(hash_ids(group), np.arange(len(X)), X, group))
    e = Evidence(n=len(X), d=X.shape[1], grouping=grouping)
    found = {metric.name: metric.compute(e) for metric in METRICS if metric.name in NAMES}
    return {name: (float(result.value or 0.0), result.interval) for name, result in found.items()}


def case(groups: int, size: int, spread: str, repetitions: int) -> dict[str, Any]:
    """How often each interval holds the target, and how wide it is."""
    rng = np.random.default_rng((groups, size, len(spread)))
    runs = [measured(*data(groups, size, spread, rng)) for _ in range(repetitions)]
    found: dict[str, Any] = {"groups": groups, "size": size, "spread": spread, "repetitions": repetitions}
    for name in NAMES:
        values = np.array([run[name][0] for run in runs])
        target = float(values.mean())
        intervals = [run[name][1] for run in runs]
        known = [i for i in intervals if i is not None]
        found[name] = {
            "target": target,
            "covered": None if not known else round(float(np.mean([low <= target <= high for low, high in known])), 3),
            "width_over_target": None if not known else round(float(np.mean([b - a for a, b in known])) / target, 2),
        }
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    """Measure, and write the results down."""
    if "--quick" in sys.argv:
        for chosen in QUICK:
            case(*chosen, 12)
        return
    found = [case(*chosen, REPETITIONS) for chosen in CASES]
    RESULTS.write_text(json.dumps({"nominal": 0.95, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
