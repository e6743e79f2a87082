"""The minimum spanning tree on shapes that are hard for it, over pairs of blocks, and as a part of its command.

    python benchmarks/trees.py            some ten minutes; writes benchmarks/results/trees.json
    python benchmarks/trees.py --quick    small shapes, about a minute; written nowhere
    python benchmarks/separability.py --page    puts the results on docs/speed-separability.md

Every measurement is a process of its own, and both its seconds and those of its processors are kept: on a machine that
others use too, the latter are what can be compared. The floor is one GEMM pass on one core: all products of rows that
distances of all pairs are made of, in tiles that stay in the cache, each pair twice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import machine, run

RESULTS = Path(__file__).parent / "results" / "trees.json"
TIMED = """
import sys, time, numpy as np
{setup}
X = np.load(sys.argv[1])
began, spent = time.perf_counter(), time.process_time()
{work}
print(time.perf_counter() - began, time.process_time() - spent)
np.save(sys.argv[2], deaths)
"""
WORK = {
    "tree": (
        "from labelfree.kernels import numpy_kernels\nfrom labelfree.trees import spanning_tree",
        "deaths = spanning_tree(X, numpy_kernels).length",
    ),
    "block pairs": (
        "from labelfree.kernels.engines import threads\nfrom labelfree.trees.pairs import cut, paired_tree",
        "deaths = paired_tree([threads.put(block) for block in cut(X, 4_096)]).length",
    ),
    "giotto-tda": (
        "from gtda.homology import VietorisRipsPersistence as Rips",
        "deaths = Rips(homology_dimensions=(0,)).fit_transform(X[None])[0][:, 1]",
    ),
    "floor": (
        "from threadpoolctl import threadpool_limits\nthreadpool_limits(1)",
        "for i in range(0, len(X), 512):\n  for j in range(0, len(X), 2048): X[i:i+512] @ X[j:j+2048].T\ndeaths = X[0]",
    ),
}


@dataclass(frozen=True)
class Case:
    """Rows of one shape and size, and who runs on them beside the tree and the floor."""

    shape: str
    n: int
    others: tuple[str, ...]
    command: bool = False


CASES = (
    Case("cone", 12_000, ("giotto-tda",)),
    Case("isotropic", 20_000, ("block pairs",), command=True),
    Case("clusters", 20_000, ("block pairs",), command=True),
)
QUICK = (Case("cone", 1_000, ("giotto-tda",)), Case("isotropic", 2_000, ("block pairs",), command=True))
_D = 384


def make(path: Path, shape: str, n: int) -> None:
    """Rows of float32: one Gaussian, 50 Gaussians far apart, or unit rows about 40 centers in one cone, from which they
    lie as Student's t with 3 degrees of freedom."""
    rng = np.random.default_rng(0)
    if shape == "cone":
        tailed = rng.standard_normal((40, _D))[rng.integers(0, 40, n)] + rng.standard_t(3, (n, _D))
        tailed += 3 * rng.standard_normal(_D)
        rows = (tailed / np.linalg.norm(tailed, axis=1, keepdims=True)).astype(np.float32)
    else:
        rows = rng.standard_normal((n, _D), dtype=np.float32)
        if shape == "clusters":
            rows += 10 * rng.standard_normal((50, _D), dtype=np.float32)[rng.integers(0, 50, n)]
    np.save(path, rows)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """One case: ours and the floor in every round, the peer in the first."""
    seconds: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.npy"
        make(path, case.shape, case.n)
        names = ["tree", "floor", *(name for name in case.others if name != "giotto-tda" or find_spec("gtda"))]
        for repetition in range(rounds):
            for name in names:
                if repetition and name == "giotto-tda":
                    continue
                setup, work = WORK[name]
                program = [sys.executable, "-c", TIMED.format(setup=setup, work=work), str(path)]
                wall, spent = run([*program, str(Path(directory) / f"{name}.npy")]).output.split()
                seconds.setdefault(name, []).append((float(wall), float(spent)))
            if case.command:
                before, began = os.times(), time.perf_counter()
                command = [sys.executable, "-m", "labelfree", "separability", str(path), "--sample", "all"]
                run([*command, "--json", "-q"])
                after = os.times()
                spent_there = after.children_user + after.children_system
                spent_before = before.children_user + before.children_system
                seconds.setdefault("command", []).append((time.perf_counter() - began, spent_there - spent_before))
        ours = np.load(Path(directory) / "tree.npy")
        apart = {
            name: float(f"{difference(ours, np.load(Path(directory) / f'{name}.npy')):.1e}")
            for name in names
            if name not in ("tree", "floor")
        }
    found = {
        "shape": case.shape,
        "n": case.n,
        "d": _D,
        "seconds": {name: [round(wall, 2) for wall, _ in runs] for name, runs in seconds.items()},
        "processor_seconds": {name: [round(spent, 2) for _, spent in runs] for name, runs in seconds.items()},
        "over_tree": ratios(seconds, 0),
        "processor_over_tree": ratios(seconds, 1),
        "deaths_differ_by": apart,
    }
    print(json.dumps(found), flush=True)
    return found


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of the sorted deaths, over the largest death; missing bars have length zero."""
    full = np.zeros(len(ours))
    full[len(full) - len(theirs) :] = np.sort(theirs)
    return float(np.abs(np.sort(ours) - full).max() / ours.max())


def ratios(seconds: dict[str, list[tuple[float, float]]], which: int) -> dict[str, float]:
    """The median time of each over that of the tree."""
    tree = median(run[which] for run in seconds["tree"])
    return {name: round(median(run[which] for run in runs) / tree, 2) for name, runs in seconds.items()}


def main() -> None:
    """Measure, and write the results down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    cases = [measure(case, 1 if quick else 3) for case in (QUICK if quick else CASES)]
    if not quick:
        RESULTS.write_text(json.dumps({"machine": machine(), "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
