"""How often the intervals of a first estimate hold the value of the full pass: files shuffled, sorted and drifting.

python benchmarks/intervals/row_groups.py            twenty minutes; writes benchmarks/results/intervals_row_groups.json
python benchmarks/intervals/row_groups.py --quick    a glance at it, in half a minute; written nowhere

Each law makes one data set of 400 row groups. `labelfree.rank(files, rows=..., seed=...)` then reads 12, 16 or 40 of
them, for many seeds; the target is the value of a full pass over the same files. All of the program is in it: files,
choice, pass, jackknife.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cells import PROMISED, cell

import labelfree
from labelfree.families.clustered import MEASURED

RESULTS = Path(__file__).parents[1] / "results" / "intervals_row_groups.json"
D, GROUPS, SIZE, FILES = 48, 400, 500, 4
READ = (12, 16, 40)
DRAWS = 200
Laid = tuple[np.ndarray, np.ndarray]
"""Rows, and the rows of each row group."""


def _rows(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) * np.arange(1, D + 1) ** -0.5


def _classes(count: int, apart: float, rng: np.random.Generator) -> np.ndarray:
    centers = apart * _rows(count, rng)
    return centers[rng.integers(0, count, GROUPS * SIZE)]


def _even() -> np.ndarray:
    return np.full(GROUPS, SIZE)


def shuffled(rng: np.random.Generator) -> Laid:
    """Rows of 40 classes in any order."""
    return _classes(40, 1.0, rng) + _rows(GROUPS * SIZE, rng) + 0.2, _even()


def sorted_classes(rng: np.random.Generator) -> Laid:
    """The same, sorted by class: ten row groups each."""
    label = np.sort(rng.integers(0, 40, GROUPS * SIZE))
    return _rows(40, rng)[label] + _rows(GROUPS * SIZE, rng) + 0.2, _even()


def few_sorted_classes(rng: np.random.Generator) -> Laid:
    """Four classes near each other, sorted: a hundred row groups each."""
    label = np.sort(rng.integers(0, 4, GROUPS * SIZE))
    return 0.5 * _rows(4, rng)[label] + _rows(GROUPS * SIZE, rng) + 0.2, _even()


def drifting(rng: np.random.Generator) -> Laid:
    """Mean and spectrum that move from the first row group to the last."""
    t = np.linspace(-1, 1, GROUPS * SIZE)[:, None]
    return (_rows(GROUPS * SIZE, rng) + t * _rows(1, rng)) * (1 + 0.3 * t * np.linspace(-1, 1, D)) + 0.2, _even()


def sessions(rng: np.random.Generator) -> Laid:
    """Row groups with an offset and a scale of their own, as recordings of one day each have."""
    group = np.repeat(np.arange(GROUPS), SIZE)
    scale = np.exp(0.2 * rng.normal(size=(GROUPS, 1)))[group]
    return scale * (_rows(GROUPS * SIZE, rng) + 0.3 * _rows(GROUPS, rng)[group] + 0.2), _even()


def uneven(rng: np.random.Generator) -> Laid:
    """Sessions in row groups of 100 to 900 rows."""
    sizes = rng.integers(100, 900, GROUPS)
    group = np.repeat(np.arange(GROUPS), sizes)
    return _rows(len(group), rng) + 0.3 * _rows(GROUPS, rng)[group] + 0.2, sizes


def heavy_tails(rng: np.random.Generator) -> Laid:
    """Shuffled rows with the tails of Student's t with six degrees of freedom."""
    return _rows(GROUPS * SIZE, rng) * np.sqrt(4 / rng.chisquare(6, (GROUPS * SIZE, 1))) + 0.1, _even()


def rare_groups(rng: np.random.Generator) -> Laid:
    """One row group in twenty holds other rows: what was not read cannot be seen."""
    odd = np.repeat(rng.permutation(GROUPS) < GROUPS // 20, SIZE)[:, None]
    return np.where(odd, 3 * rng.normal(size=(GROUPS * SIZE, D)) / D**0.5, _rows(GROUPS * SIZE, rng)) + 0.2, _even()


LAWS: tuple[Callable[[np.random.Generator], Laid], ...] = (
    shuffled, sorted_classes, few_sorted_classes, drifting, sessions, uneven, heavy_tails, rare_groups,
)  # fmt: skip


def written(laid: Laid, place: Path) -> None:
    """The rows as files whose row groups are the groups of the law."""
    rows, sizes = laid
    ends = np.cumsum(sizes)
    for file in range(FILES):
        mine = range(file * GROUPS // FILES, (file + 1) * GROUPS // FILES)
        kind = pa.list_(pa.float32(), D)
        with pq.ParquetWriter(place / f"part_{file}.parquet", pa.schema([("embedding", kind)])) as writer:
            for group in mine:
                flat = rows[ends[group] - sizes[group] : ends[group]].astype(np.float32).ravel()
                writer.write_table(pa.table({"embedding": pa.FixedSizeListArray.from_arrays(pa.array(flat), D)}))


def draw(place: Path, seed: int | None, read: int) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """The values and intervals of one first estimate, or of the full pass."""
    rows = None if seed is None else read * SIZE
    report = labelfree.rank(
        f"{place}/*.parquet", rows=rows, seed=seed or 0, only=tuple(MEASURED), sample=1000, threads=1
    )
    return {name: (float(entry), entry.interval) for name, entry in report.metrics.items()}


def differences(values: list[float], target: float) -> dict[str, float]:
    """How far first estimates are from the full pass, in percent of it: in the middle, and at most in 19 of 20."""
    away = np.abs(np.array(values) / target - 1) * 100
    return {"middle": round(float(np.median(away)), 3), "nineteen_of_twenty": round(float(np.quantile(away, 0.95)), 3)}


def narrow(found: dict[str, Any]) -> dict[str, Any]:
    """A cell that fails where it is too narrow alone, and more than one seed in twenty has an interval that misses.

    Reaching as far as a value may lean makes most of them wide; where most are withheld, the few that are left are
    those that did not see how far it leans.
    """
    if found["covered"] is None:
        return {**found, "misses": 0, "fails": False}
    misses = round((1 - found["covered"]) * found["offered"])
    return {**found, "misses": misses, "fails": found["covered_to"] < PROMISED[0] and misses > found["draws"] / 20}


def study(laws: tuple[Callable[[np.random.Generator], Laid], ...], reads: tuple[int, ...], draws: int) -> Any:
    """Coverage and differences by law, number of row groups that are read, and metric."""
    found: dict[str, Any] = {}
    for number, law in enumerate(laws):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            written(law(np.random.default_rng([20, number])), place)
            full = draw(place, None, 0)
            for read in reads:
                made = [draw(place, seed, read) for seed in range(draws)]
                where = f"{law.__name__}, {read} of {GROUPS} row groups"
                found[where] = {
                    name: {
                        **narrow(cell([(one[name][0], one[name][1]) for one in made], value)),
                        "difference": differences([one[name][0] for one in made], value),
                    }
                    for name, (value, _) in full.items()
                }  # fmt: skip
                one = found[where]["rankme"]
                print(f"{where}: rankme {one['covered']} of {one['offered']}, {one['difference']}", flush=True)
    return found


def main() -> None:
    """Run the study and write it down."""
    began = time.time()
    if "--quick" in sys.argv:
        study((shuffled, sorted_classes), (12, 40), 10)
        return
    cells = study(LAWS, READ, DRAWS)
    about = {"row_groups": GROUPS, "rows_of_each": SIZE, "width": D, "draws": DRAWS, "target": "value of the full pass"}
    RESULTS.write_text(json.dumps({**about, "cells": cells}, indent=1) + "\n")
    print(f"{time.time() - began:.0f} s -> {RESULTS}")


if __name__ == "__main__":
    main()
