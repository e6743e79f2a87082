"""What a choice costs beside its floor: a pass for neighbors and a k-means for each candidate.

    python benchmarks/selection/speed.py                       27 candidates x 800 rows x 128 columns, 12 classes
    python benchmarks/selection/speed.py 20 20000 768 100      any other shape

One thread; processor seconds, which other programs on the machine do not move.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported

import numpy as np

from labelfree.families.selection.candidates import Candidate
from labelfree.families.selection.choosing import choose
from labelfree.families.selection.spaces import cluster_labels, neighbor_lists, unit_rows


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


def main() -> None:
    """One line a setting."""
    count, n, d, k = map(int, sys.argv[1:5]) if len(sys.argv) > 4 else (27, 800, 128, 12)
    choose([drawn(3, 60, 8, 3, i, True) for i in range(3)])  # imports
    making = seconds(lambda: [drawn(count, n, d, k, i, False) for i in range(count)])

    def floor() -> None:
        for i in range(count):
            unit = unit_rows(drawn(count, n, d, k, i, False).rows)
            neighbor_lists(unit)
            cluster_labels(unit, k, 0)

    least = seconds(floor) - making
    print(f"{count} candidates x {n:,} rows x {d} columns, {k} classes: floor {least:.2f} s")
    for name, sourced in (("logits", False), ("source+logits", True)):
        drawing = seconds(lambda sourced=sourced: [drawn(count, n, d, k, i, sourced) for i in range(count)])
        read = (lambda i=i, sourced=sourced: drawn(count, n, d, k, i, sourced) for i in range(count))
        took = seconds(lambda read=read: choose(read)) - drawing
        print(f"{name}: {took:.2f} s, {took / least:.1f} times the floor")


if __name__ == "__main__":
    main()
