"""What a choice costs beside its floor: a pass for neighbors and a k-means for each candidate.

    python benchmarks/selection/speed.py                       27 candidates x 800 rows x 128 columns, 12 classes;
                                                               writes ../results/selection_speed.json
    python benchmarks/selection/speed.py 20 20000 768 100      many rows and classes, without the command: minutes;
                                                               written there too; any other shape is printed alone

One thread; processor seconds, which other programs move little, unless they share the core: the load is written beside.
The whole command reads Parquet files of the candidates, in a process of its own; what it imports is timed in another.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported

import numpy as np

from labelfree.families.selection.candidates import Candidate
from labelfree.families.selection.choosing import choose
from labelfree.families.selection.spaces import cluster_labels, neighbor_lists, unit_rows

RESULTS = Path(__file__).parent.parent / "results" / "selection_speed.json"
IMPORTS = "import labelfree.cli.main, labelfree.commands.selecting, pyarrow.parquet, sklearn.cluster, scipy.special"
USED, LARGE = (27, 800, 128, 12), (20, 20_000, 768, 100)
RUNS = 2


def drawn(count: int, n: int, d: int, k: int, number: int, sourced: bool) -> Candidate:
    """Classes in noise that grows with the number of the candidate, in a basis of its own."""
    classes = np.random.default_rng(0)
    mean, truth, labels = classes.normal(size=(k, d)), classes.integers(0, k, n), classes.integers(0, k, n // 2)
    rng = np.random.default_rng([1, number])
    turn = rng.normal(size=(d, d)) / d**0.5
    noise = 2 + 4 * number / count
    x, s = (mean[y] + noise * rng.normal(size=(len(y), d)) for y in (truth, labels))
    logits = np.asarray(x @ mean.T, np.float32)
    rows, source = (np.asarray(part @ turn, np.float32) for part in (x, s))
    return Candidate(f"{number}", number, rows, logits, source if sourced else None, labels if sourced else None)


def seconds(work: Callable[[], Any]) -> float:
    """Processor seconds of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def started(*line: str) -> float:
    """Processor seconds of a process, the least of some."""
    found = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *line], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


def written(place: Path, count: int, n: int, d: int, k: int) -> None:
    """Every candidate as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for i in range(count):
        one = drawn(count, n, d, k, i, False)
        columns: dict[str, Any] = {"id": np.arange(n)}
        for name, rows in (("embedding", one.rows), ("logits", one.logits)):
            rows = np.asarray(rows, np.float32)
            columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        pq.write_table(pa.table(columns), place / f"step_{i}.parquet")


def main() -> None:
    """One line a setting, and the whole command."""
    shape = tuple(map(int, sys.argv[1:5])) if len(sys.argv) > 4 else USED
    count, n, d, k = shape
    choose([drawn(3, 60, 8, 3, i, True) for i in range(3)])  # imports
    making = seconds(lambda: [drawn(count, n, d, k, i, False) for i in range(count)])

    def floor() -> None:
        for i in range(count):
            unit = unit_rows(drawn(count, n, d, k, i, False).rows)
            neighbor_lists(unit)
            cluster_labels(unit, k, 0)

    least = seconds(floor) - making
    found: dict[str, Any] = {"shape": shape, "load": os.getloadavg()[0], "cores": os.cpu_count(), "floor": least}
    print(f"{count} candidates x {n:,} rows x {d} columns, {k} classes: floor {least:.2f} s")
    for name, sourced in (("logits", False), ("source+logits", True)):
        drawing = seconds(lambda sourced=sourced: [drawn(count, n, d, k, i, sourced) for i in range(count)])
        read = (lambda i=i, sourced=sourced: drawn(count, n, d, k, i, sourced) for i in range(count))
        found[name] = seconds(lambda read=read: choose(read)) - drawing
        print(f"{name}: {found[name]:.2f} s, {found[name] / least:.1f} times the floor")
    if shape == USED:
        with tempfile.TemporaryDirectory() as folder:
            written(Path(folder), *shape)
            found["command"] = started("-m", "labelfree", "select", folder, "-q", "--threads", "1")
        found["imports"] = started("-c", IMPORTS)
        print(
            f"the whole command: {found['command']:.2f} s, {found['imports']:.2f} of which import; "
            f"load {found['load']:.1f}"
        )
    if shape in (USED, LARGE):
        rounded = {k: v if k == "shape" else round(v, 2) for k, v in found.items()}
        others = [one for one in json.loads(RESULTS.read_text()) if tuple(one["shape"]) != shape]
        kept = sorted([*others, rounded], key=lambda one: one["shape"][1])
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
