"""OPIS against a matrix product and against brute force, in one run.

    python benchmarks/opis.py
    python benchmarks/opis.py --quick    small shapes, some seconds; written nowhere
    python benchmarks/opis.py --page     docs/speed-opis.md again, from the results

The full run takes some minutes and writes benchmarks/results/opis.json and docs/speed-opis.md. The rows have the shape
of the test set of Stanford Online Products: 60,502 x 512 in 11,316 groups. Every measurement is a process of its own;
seconds are those of the computation inside it, without imports and reading, and of the command from start to end.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pages import paragraph
from processes import machine, run

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "opis.json"
PAGE = HERE.parent / "docs" / "speed-opis.md"

TIMED = """
import json, sys, time
import numpy as np
folder = sys.argv[1]
X, group = np.load(f"{{folder}}/X.npy"), np.load(f"{{folder}}/group.npy")
{setup}
began = time.perf_counter()
{work}
print(json.dumps([time.perf_counter() - began, values]))
"""
# Half of the pairs, as tiles of the size that the kernels use, twice: the least that two passes can cost.
FLOOR = """
for _ in range(2):
    for i in range(0, len(X), 2048):
        for j in range(i, len(X), 2048):
            X[i:i + 2048] @ X[j:j + 2048].T
values = {}
"""
OURS = "from labelfree.metrics import opis"
UTILITIES = """
from labelfree.kernels import numpy_kernels
from labelfree.families.opis import operating_point as operating
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.consistency import Consistency
from labelfree.evidence.groups import GroupRows
from labelfree.families.opis.sorted_rows import grouped
from labelfree.summaries.hashing import hash_ids
operating.unmet = lambda curves: False  # equal errors beyond the calibration range are counted apart
"""
WORK = """
rows = grouped(GroupRows(hash_ids(group), np.arange(len(X)), X, group), 100)
found = operating.operating(rows, Calibration(), numpy_kernels, 0)
scores = Consistency(found.utility, found.weight)
values = {"opis": scores.opis, "mean_utility": scores.mean_utility, "worst_utility": scores.worst_utility}
"""
BRUTE = """
X = X / np.linalg.norm(X, axis=1, keepdims=True)
distance = np.sqrt(np.maximum(2 - 2 * (X @ X.T), 0))
same = group[:, None] == group
inside = np.triu(same, 1)
negative = np.sort(distance[np.triu(~same, 1)])
low, high = (negative[int(np.ceil(f * len(negative))) - 1] for f in (0.01, 0.1))
size = np.bincount(group)
utilities = []
for t in np.linspace(low, high, 257):
    near = distance <= t
    right = np.bincount(group, (near & inside).sum(axis=1)) / (size * (size - 1) / 2)
    wrong = np.bincount(group, (near & ~same).sum(axis=1)) / (size * (len(X) - size))
    total = right + 1 - wrong
    utilities.append(np.where(total > 0, 2 * right * (1 - wrong) / np.where(total > 0, total, 1), 0))
U = np.array(utilities)
weight = np.r_[0.5, np.ones(255), 0.5] / 256
values = {"opis": float(weight @ U.var(axis=1)), "mean_utility": float(weight @ U.mean(axis=1))}
"""
PROGRAMS = {
    "floor": ("X /= np.linalg.norm(X, axis=1, keepdims=True)", FLOOR),
    "opis and utilities": (UTILITIES, WORK),
    "opis with all parts": (OURS, "values = {'opis': opis(X, group).value}"),
    "brute force": ("", BRUTE),
}


def make(folder: Path, n: int, d: int, groups: int) -> None:
    """Rows about the centers of groups of unequal size and spread, at least two each; float32."""
    rng = np.random.default_rng(0)
    group = np.sort(np.r_[np.tile(np.arange(groups), 2), rng.integers(0, groups, n - 2 * groups)])
    centers = rng.standard_normal((groups, d), dtype=np.float32)
    spread = rng.uniform(0.5, 1.5, groups).astype(np.float32)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X *= spread[group][:, None]
    X += centers[group]
    X += 0.5 * rng.standard_normal(d, dtype=np.float32)
    order = rng.permutation(n)
    X, group = X[order], group[order]
    np.save(folder / "X.npy", X)
    np.save(folder / "group.npy", group)
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.FixedSizeListArray.from_arrays(X.ravel(), d)
    pq.write_table(pa.table({"id": np.arange(n), "item": group, "embedding": rows}), folder / "rows.parquet")


def measure(n: int, d: int, groups: int, names: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """Every program once a round, so that a slow minute of the machine touches all of them."""
    seconds: dict[str, list[float]] = {}
    megabytes: dict[str, list[float]] = {}
    values: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a process starts with the peak memory of the one that starts it.
        run([sys.executable, __file__, "--make", folder, str(n), str(d), str(groups)])
        for _ in range(rounds):
            for name in names:
                if name == "command":
                    rows = f"{folder}/rows.parquet"
                    done = run([sys.executable, "-m", "labelfree", "opis", rows, "--group", "item", "--json", "-q"])
                    metrics = json.loads(done.output)["reports"][0]["metrics"]
                    took, values[name] = done.seconds, {key: found["value"] for key, found in metrics.items()}
                else:
                    setup, work = PROGRAMS[name]
                    done = run([sys.executable, "-c", TIMED.format(setup=setup, work=work), folder])
                    took, values[name] = json.loads(done.output)
                seconds.setdefault(name, []).append(took)
                megabytes.setdefault(name, []).append(done.megabytes)
    found = {
        "n": n,
        "d": d,
        "groups": groups,
        "floor_gflops": [round(2 * n**2 * d / s / 1e9, 1) for s in seconds.get("floor", [])],
        "seconds": {name: [round(s, 3) for s in took] for name, took in seconds.items()},
        "over_floor": {
            name: round(median(a / b for a, b in zip(took, seconds["floor"], strict=True)), 2)
            for name, took in seconds.items()
            if name != "floor"
        },
        "megabytes": {name: round(max(most)) for name, most in megabytes.items()},
        "values": values,
    }
    print(json.dumps(found), flush=True)
    return found


LARGE = ("floor", "opis and utilities", "opis with all parts", "command")
SMALL = ("floor", "opis and utilities", "opis with all parts", "brute force")


def page(results: dict[str, Any]) -> str:
    """docs/speed-opis.md."""
    large, small, on = results["large"], results["small"], results["machine"]
    rates = large["floor_gflops"] + small["floor_gflops"]
    setting = f"""
        Written by `python benchmarks/opis.py` from `benchmarks/results/opis.json`. Measured on a shared machine with
        {on["cores"]} cores, Python {on["python"]}, numpy {on["numpy"]}: trust the ratios, not the seconds. Every
        measurement is a process of its own; seconds are those of the computation, without imports and reading. The
        **floor** are two passes over half of the pairs, 2 n² d operations in float32 tiles, which ran at {min(rates):g}
        to {max(rates):g} GFLOP/s."""
    target = f"""
        OPIS and the utilities are to stay within 3 times the floor, and below 1 GB: they take
        {large["over_floor"]["opis and utilities"]:g} times the floor and {large["megabytes"]["opis and utilities"]:,}
        MB. With all parts (equal error rates of groups beyond the calibration range need a third pass; recall@1; the
        split halves; the interval) it is {large["over_floor"]["opis with all parts"]:g}, and the whole command
        {large["over_floor"]["command"]:g}, with {large["megabytes"]["command"]:,} MB."""
    apart = abs(small["values"]["opis and utilities"]["opis"] - small["values"]["brute force"]["opis"])
    brute = f"""
        Brute force holds the matrix of all distances and counts threshold by threshold, group by group, in numpy. Its
        OPIS, {small["values"]["brute force"]["opis"]:.6f}, differs from ours by {apart:.0e}."""
    parts = [
        "# Speed and memory of OPIS",
        paragraph(setting),
        f"## {large['n']:,} x {large['d']}, {large['groups']:,} groups",
        paragraph(target),
        _table(large),
        f"## {small['n']:,} x {small['d']}, {small['groups']:,} groups",
        paragraph(brute),
        _table(small),
    ]
    return "\n\n".join(parts) + "\n"


def _table(case: dict[str, Any]) -> str:
    rows = ["| | seconds | over the floor | peak memory, MB |", "|---|---:|---:|---:|"]
    for name, seconds in case["seconds"].items():
        over = case["over_floor"].get(name)
        cells = (f"{median(seconds):.2f}", "" if over is None else f"{over:g}", f"{case['megabytes'][name]:,}")
        shown = "`labelfree opis rows.parquet --group item`" if name == "command" else name
        rows.append(f"| {shown} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure, and write the results down."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), *map(int, sys.argv[3:]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if not asked.page:
        if asked.quick:
            measure(2_000, 64, 400, LARGE, 1)
            measure(600, 64, 60, SMALL, 1)
            return
        large = measure(60_502, 512, 11_316, LARGE, 2)
        small = measure(5_000, 512, 100, SMALL, 1)
        RESULTS.write_text(json.dumps({"machine": machine(), "large": large, "small": small}, indent=1) + "\n")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
