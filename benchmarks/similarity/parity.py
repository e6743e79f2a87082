"""What is normal: one model against itself in other ways of running it, and against what is not the same any more.

    python benchmarks/similarity/minilm_variants.py OUT
    python benchmarks/similarity/parity.py OUT [--add] [-o benchmarks/results/similarity_parity.json]

Every variant of OUT against OUT/float32.parquet, at several numbers of sampled rows; beside them controls made here:
rows in another order, inside their module alone and altogether, a rotated copy, and another model (a random projection
of the rows to 64 numbers). The limits of `--expect same` are in labelfree.gating.expected.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import labelfree
from labelfree.gating.api import judged_by_interval
from labelfree.gating.expected import EXPECTED
from labelfree.gating.grammar import requirement

SAMPLES = (500, 1000, 2000)
KINDS = {
    **dict.fromkeys(("batch_1", "onnx", "float16", "bfloat16", "stored_float16", "stored_bfloat16"), "same"),
    **dict.fromkeys(("stored_int8", "rotated"), "same"),
    "int8_torch": "int8 weights",
    **dict.fromkeys(("truncated_128", "truncated_64", "cls_pooling"), "other"),
    **dict.fromkeys(("shuffled_in_modules", "shuffled", "projected_64"), "other"),
}
"""What each variant is: the same model, the same with weights of eight bits, or another one."""
METRICS = ("neighbors_kept", "cka", "cka_without_top", "mutual_knn", "procrustes", "match_hard")


def matrix(table: Any) -> np.ndarray:
    return np.stack(table["embedding"].to_numpy()).astype(np.float32)


def as_table(rows: np.ndarray, like: Any) -> Any:
    flat = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).reshape(-1)), rows.shape[1])
    return pa.table({"id": like["id"], "embedding": flat})


def controls(base: Any) -> dict[str, Any]:
    """Copies of the rows that are made here."""
    rng, rows = np.random.default_rng(0), matrix(base)
    modules = np.array(base["module"].to_pylist())
    inside = np.arange(len(rows))
    for module in np.unique(modules):
        where = np.flatnonzero(modules == module)
        inside[where] = rng.permutation(where)
    low, high = rows.min(axis=0), rows.max(axis=0)
    turn = np.linalg.qr(rng.normal(size=(rows.shape[1],) * 2))[0]
    made = {
        "stored_float16": rows.astype(np.float16).astype(np.float32),
        "stored_bfloat16": (rows.view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32),
        "stored_int8": (low + np.rint((rows - low) / (high - low) * 255) / 255 * (high - low)).astype(np.float32),
        "rotated": (rows @ turn).astype(np.float32),
        "shuffled_in_modules": rows[inside],
        "shuffled": rows[rng.permutation(len(rows))],
        "projected_64": (rows @ rng.normal(size=(rows.shape[1], 64))).astype(np.float32),
    }
    return {name: as_table(one, base) for name, one in made.items()}


def measured(base: Any, other: Any, sample: int, names: tuple[str, ...]) -> dict[str, Any]:
    """The metrics of a pair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", labelfree.FindingWarning)
        found = labelfree.compare({"base": base, "other": other}, sample=sample, common=True, only=names)
    entries = found.pairs[0].metrics
    return {
        "sample": sample,
        "metrics": {
            name: {"value": entries[name].value, "interval": entries[name].interval}
            for name in names if entries[name].value is not None
        },
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("-o", type=Path, default=Path(__file__).parents[1] / "results" / "similarity_parity.json")
    parser.add_argument("--add", action="store_true", help="measure only what the results do not hold")
    asked = parser.parse_args()
    base = pq.read_table(asked.out / "float32.parquet")
    there = {path.stem: path for path in asked.out.glob("*.parquet") if path.stem != "float32"}
    made = controls(base)
    known = {one["variant"]: one for one in json.loads(asked.o.read_text())["pairs"]} if asked.add else {}
    pairs = []
    for name, kind in KINDS.items():
        if name not in there and name not in made:
            print(f"{name}: not there")
            continue
        if name in known:
            pairs.append({**known[name], "kind": kind})
            continue
        other = made[name] if name in made else pq.read_table(there[name])
        sizes = [sample for sample in SAMPLES if sample <= other.num_rows]
        runs = [measured(base, other, n, METRICS if n == sizes[-1] else METRICS[:2]) for n in sizes]
        pairs.append({"variant": name, "kind": kind, "runs": runs})
        value = runs[-1]["metrics"]["neighbors_kept"]
        print(name, kind, value, runs[-1]["metrics"]["cka"]["value"], flush=True)
    asked_of = [requirement(text) for text in EXPECTED["same"]]
    for run in (run for pair in pairs for run in pair["runs"]):
        run["decision"] = judged_by_interval(asked_of, [("other", run["metrics"])])["decision"]
    document = {
        "script": "benchmarks/similarity/parity.py", "rows": base.num_rows, "texts": "docstrings of Python's library",
        "model": "all-MiniLM-L6-v2", "expected": list(EXPECTED["same"]), "pairs": pairs,
    }  # fmt: skip
    asked.o.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
