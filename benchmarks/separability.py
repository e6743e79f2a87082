"""The minimum spanning tree and `labelfree separability` against others that compute the same deaths, in one run.

    python benchmarks/separability.py [--fast-hdbscan-python PATH]
    python benchmarks/separability.py --quick    small shapes, about a minute; written nowhere
    python benchmarks/separability.py --page     docs/speed-separability.md again, from the results

The full run takes about twenty minutes and writes benchmarks/results/separability.json and docs/speed-separability.md.
fast_hdbscan may not agree with the other packages, so it runs by an interpreter of its own (pip install
fast-hdbscan), and is left out where none is given. Every measurement is a process of its own; seconds are those of the
computation inside it (for the command: of the whole process), megabytes the most the process ever held.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import Run, machine, run
from separability_page import SHAPES, page

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "separability.json"
TREES = HERE / "results" / "trees.json"
PAGE = HERE.parent / "docs" / "speed-separability.md"

TIMED = """
import sys, time, numpy as np
{setup}
X = np.load(sys.argv[1])
began = time.perf_counter()
{work}
print(time.perf_counter() - began)
np.save(sys.argv[2], deaths)
"""
TREE = (
    "from labelfree.kernels import numpy_kernels\nfrom labelfree.trees import spanning_tree",
    "deaths = spanning_tree(X, numpy_kernels).length",
)
FAST_HDBSCAN = """
from fast_hdbscan.boruvka import parallel_boruvka
from fast_hdbscan.numba_kdtree import build_kdtree
def tree(X):
    return parallel_boruvka(build_kdtree(X), 2, 1, np.empty(1, np.float32), False)[0][:, 2]
tree(np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32))  # compiled before the clock starts
"""
# name: module that has to be there, set-up, work; bars of length zero may be missing from `deaths`
PEERS = {
    "giotto-tda": (
        "gtda",
        "from gtda.homology import VietorisRipsPersistence as Rips",
        "deaths = Rips(homology_dimensions=(0,)).fit_transform(X[None])[0][:, 1]",
    ),
    "giotto-ph": (
        "gph",
        "from gph import ripser_parallel",
        "deaths = ripser_parallel(X, maxdim=0, n_threads=2)['dgms'][0][:-1, 1]",
    ),
    "scipy": (
        "scipy",
        "from scipy.cluster.hierarchy import linkage\nfrom scipy.spatial.distance import pdist",
        "deaths = linkage(pdist(X), 'single')[:, 2]",
    ),
    "fast_hdbscan": (
        "",
        FAST_HDBSCAN,
        "deaths = tree(X)",
    ),
}
GEMM = """
import time, numpy as np
X = np.random.default_rng(0).standard_normal(({n}, {n}), dtype=np.float32)
best = np.inf
for _ in range(4):
    began = time.perf_counter()
    X @ X
    best = min(best, time.perf_counter() - began)
print(2 * {n} ** 3 / best)
"""
ALL = tuple(PEERS)
FEW = ("giotto-tda", "fast_hdbscan")


@dataclass(frozen=True)
class Case:
    """Rows of one shape and size, who else runs on them, how often ours does, whether the whole command does too."""

    shape: str
    n: int
    d: int
    peers: tuple[str, ...] = ()
    rounds: int = 1
    command: bool = False


CASES = (
    *(Case("isotropic", n, 384, ALL, rounds=3, command=True) for n in (2_000, 5_000, 10_000)),
    *(
        Case(shape, 20_000, 384, peers, rounds=3, command=True)
        for shape, peers in (("isotropic", ALL), ("clusters", FEW))
    ),
    *(Case("isotropic", 5_000, d, ALL, rounds=3) for d in (64, 128, 256, 512, 1024)),
    *(Case(shape, n, 384) for n in (50_000, 100_000) for shape in SHAPES[1:]),
    Case("isotropic", 50_000, 384),
    Case("isotropic", 100_000, 384, command=True),
)
QUICK = (
    Case("isotropic", 600, 384, ALL, command=True),
    Case("clusters", 1_200, 384, FEW, command=True),
    Case("manifold", 3_500, 64),
    Case("isotropic", 4_500, 64),
)


def make(path: Path, shape: str, n: int, d: int) -> None:
    """Rows of float32: one Gaussian, a bent 10-d surface with noise of 1 %, or 50 Gaussians far apart."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, d), dtype=np.float32)
    if shape == "manifold":
        mixing = rng.standard_normal((10, d), dtype=np.float32) / np.float32(10**0.5)
        rows *= np.float32(0.01)
        rows += np.tanh(rng.standard_normal((n, 10), dtype=np.float32) @ mixing)
    elif shape == "clusters":
        rows += 10 * rng.standard_normal((50, d), dtype=np.float32)[rng.integers(0, 50, n)]
    np.save(path, rows)


def present(fast_hdbscan: str | None) -> dict[str, str]:
    """The interpreter of every peer that can run here; the others are named on stderr."""
    found = {name: sys.executable for name, (module, _, _) in PEERS.items() if module and find_spec(module)}
    if fast_hdbscan:
        found["fast_hdbscan"] = fast_hdbscan
    for name in PEERS.keys() - found.keys():
        why = "no --fast-hdbscan-python PATH was given" if name == "fast_hdbscan" else "it is not installed here"
        print(f"{name} is left out: {why}", file=sys.stderr)
    return found


def rate(n: int) -> float:
    """float32 operations per second of a large matrix product with all cores."""
    return float(run([sys.executable, "-c", GEMM.format(n=n)]).output)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of the sorted deaths, over the largest death; missing bars have length zero."""
    full = np.zeros(len(ours))
    full[len(full) - len(theirs) :] = np.sort(theirs)
    return float(np.abs(np.sort(ours) - full).max() / ours.max())


def measure(case: Case, interpreters: dict[str, str], gemm: list[float], size: int) -> dict[str, Any]:
    """One case: in every round ours first, and everyone else in the first."""
    if case.n >= 20_000 or not gemm:
        gemm.append(rate(size))
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as directory:
        path, deaths = Path(directory) / "rows.npy", Path(directory)
        # In a process of its own: a process starts with the peak memory of the one that starts it.
        run([sys.executable, __file__, "--make", str(path), case.shape, str(case.n), str(case.d)])
        commands = {"tree": [sys.executable, "-c", TIMED.format(setup=TREE[0], work=TREE[1])]}
        for name in case.peers:
            if name in interpreters:
                _, setup, work = PEERS[name]
                commands[name] = [interpreters[name], "-c", TIMED.format(setup=setup, work=work)]
        for repetition in range(case.rounds):
            for name, arguments in commands.items():
                if name == "tree" or repetition == 0:
                    runs.setdefault(name, []).append(run([*arguments, str(path), str(deaths / f"{name}.npy")]))
            if case.command:
                program = [sys.executable, "-m", "labelfree", "separability", str(path), "--sample", "all"]
                runs.setdefault("command", []).append(run([*program, "--json", "-q"]))
        ours = np.load(deaths / "tree.npy")
        differences = {n: difference(ours, np.load(deaths / f"{n}.npy")) for n in commands if n != "tree"}
    seconds = {
        name: [round(r.seconds if name == "command" else float(r.output), 3) for r in found]
        for name, found in runs.items()
    }
    found = {
        "shape": case.shape,
        "n": case.n,
        "d": case.d,
        "seconds": seconds,
        "megabytes": {name: round(max(r.megabytes for r in found)) for name, found in runs.items()},
        "over_tree": {
            name: round(median(values) / median(seconds["tree"]), 2)
            for name, values in seconds.items()
            if name != "tree"
        },
        "deaths_differ_by": {name: float(f"{value:.1e}") for name, value in differences.items()},
    }
    print(json.dumps(found), flush=True)
    return found


def summary(cases: list[dict[str, Any]], gemm: list[float]) -> dict[str, Any]:
    """The cases with their floors, how the time grows, and what was to be reached."""
    best = max(gemm)
    for case in cases:
        case["over_gemm_pass"] = round(median(case["seconds"]["tree"]) / (2 * case["n"] ** 2 * case["d"] / best), 2)
    return {
        "machine": machine() | {"float32_gemm_gflops": [round(r / 1e9, 1) for r in gemm]},
        "cases": cases,
        "growth": {
            shape: round(exponent([c for c in cases if c["shape"] == shape and c["d"] == 384]), 2) for shape in SHAPES
        },
        "targets": targets(cases),
    }


def exponent(cases: list[dict[str, Any]]) -> float:
    """Slope of log time of the tree over log n, by least squares, over the sizes from 5,000."""
    large = [c for c in cases if c["n"] >= 5_000]
    return float(
        np.polyfit(np.log([c["n"] for c in large]), np.log([median(c["seconds"]["tree"]) for c in large]), 1)[0]
    )


def targets(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was to be reached, and what was."""
    peered = [c for c in cases if c["n"] == 20_000 and "giotto-tda" in c["over_tree"]]
    largest = [c for c in cases if c["n"] == 100_000]
    whole = next(c for c in largest if "command" in c["megabytes"])
    rows = [
        (f"times faster than giotto-tda, 20,000 x 384, {c['shape']}", "at least", 10, c["over_tree"]["giotto-tda"])
        for c in peered
    ]
    rows += [
        (
            f"deaths apart from giotto-tda's, 20,000 x 384, {c['shape']}",
            "at most",
            1e-5,
            c["deaths_differ_by"]["giotto-tda"],
        )
        for c in peered
    ]
    rows += [
        (f"whole command over the tree, {c['n']:,} x 384, {c['shape']}", "at most", 3, c["over_tree"]["command"])
        for c in cases
        if c["n"] >= 20_000 and "command" in c["over_tree"]
    ]
    rows += [
        (f"tree over one GEMM pass, 100,000 x 384, {c['shape']}", "at most", 2.5, c["over_gemm_pass"]) for c in largest
    ]
    rows.append(
        (
            f"megabytes of the whole command, 100,000 x 384, {whole['shape']}",
            "at most",
            2500,
            whole["megabytes"]["command"],
        )
    )
    keys = ("what", "bound", "target", "measured")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def main() -> None:
    """Measure, and write the results down."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--fast-hdbscan-python", metavar="PATH")
    asked = parser.parse_args()
    if not asked.page:
        interpreters = present(asked.fast_hdbscan_python)
        gemm: list[float] = []
        size = 1024 if asked.quick else 5120
        cases = [measure(case, interpreters, gemm, size) for case in (QUICK if asked.quick else CASES)]
        gemm.append(rate(size))
        if asked.quick:
            return
        RESULTS.write_text(json.dumps(summary(cases, gemm), indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text()), json.loads(TREES.read_text())))


if __name__ == "__main__":
    main()
