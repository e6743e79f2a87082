"""The tables of docs/evidence/compare.md: one model in other ways of running it, and how often intervals hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
NAMES = {
    "batch_1": "batches of 1", "onnx": "ONNX Runtime", "float16": "float16", "bfloat16": "bfloat16",
    "stored_float16": "stored as float16", "stored_bfloat16": "stored as bfloat16", "rotated": "rotated",
    "int8_torch": "int8, torch", "stored_int8": "stored as int8",
    "truncated_128": "128 tokens", "truncated_64": "64 tokens", "cls_pooling": "CLS pooling",
    "shuffled_in_modules": "shuffled inside modules", "shuffled": "shuffled", "projected_64": "projected to 64 numbers",
}  # fmt: skip
BESIDE = ("cka", "cka_without_top", "mutual_knn", "procrustes", "match_hard")
OFFERED = (
    "cka", "procrustes", "linear_r2", "match_hard", "neighbors_kept", "mutual_knn", "match_soft", "rsa",
)  # fmt: skip


def compare() -> str:
    """docs/evidence/compare.md: its introduction with the tables filled in."""
    parity: Any = json.loads((RESULTS / "similarity_parity.json").read_text())
    coverage: Any = json.loads((RESULTS / "similarity_coverage.json").read_text())
    fast: Any = json.loads((RESULTS / "similarity_speed.json").read_text())
    peers: Any = json.loads((RESULTS / "similarity_peers.json").read_text())
    text = (DOCS / "evidence" / "compare.intro.md").read_text()
    filled = {
        "ROWS": f"{parity['rows']:,}", "PARITY": pairs(parity), "LIMITS": limits(parity), "COVERAGE": held(coverage),
        "EXPECTED": " and ".join(f"`{one}`" for one in parity["expected"]), "PEERS": agreeing(peers),
        "SPEED": speed(fast), "WEIGHTS": weights(parity),
    }  # fmt: skip
    for name, found in filled.items():
        text = text.replace(f"@{name}@", found)
    notice = (
        "<!-- Written by docs/generate.py; change docs/evidence/compare.intro.md, or the results, and run it. -->\n"
    )
    return notice + text


def pairs(parity: Any) -> str:
    """Every variant: neighbors kept at each number of rows, the other metrics at the greatest."""
    sizes = sorted({run["sample"] for one in parity["pairs"] for run in one["runs"]})
    rows = []
    for one in parity["pairs"]:
        at = {run["sample"]: run for run in one["runs"]}
        last = one["runs"][-1]["metrics"]
        cells = [NAMES[one["variant"]], one["kind"]]
        for size in sizes:
            cells.append(f"{at[size]['metrics']['neighbors_kept']['value']:.4f}" if size in at else "")
        cells += [f"{last[name]['value']:.5f}" if name in last else "" for name in BESIDE]
        rows.append([*cells, one["runs"][-1]["decision"]])
    heads = ["variant", "kind", *(f"kept, {size:,} rows" for size in sizes), *(f"`{name}`" for name in BESIDE)]
    return table([*heads, "`--expect same`"], rows, left=2)


def limits(parity: Any) -> str:
    """The worst that copies of one model reach, and the best of what is none."""
    said = []
    for kind, words, pick in (("same", "The lowest of the same model", min), ("other", "The highest of another", max)):
        told = []
        for name in ("neighbors_kept", "cka"):
            values = [
                (run["metrics"][name]["value"], NAMES[one["variant"]], run["sample"])
                for one in parity["pairs"]
                if one["kind"] == kind
                for run in one["runs"]
            ]
            value, variant, sample = pick(values)
            told.append(f"`{name}` {value:.4f} ({variant}, {sample:,} rows)")
        said.append(f"{words}: {', '.join(told)}.")
    wrong = [
        f"{NAMES[one['variant']]} at {run['sample']:,} rows is {run['decision']}"
        for one in parity["pairs"]
        for run in one["runs"]
        if one["kind"] != "int8 weights" and run["decision"] != {"same": "pass", "other": "fail"}[one["kind"]]
    ]
    said.append(f"Where the verdict is not the kind: {', '.join(wrong) or 'nowhere'}.")
    return "\n".join(said)


def held(coverage: Any) -> str:
    """Coverage of each metric in each cell, with the mean error over the true one."""
    rows = []
    for cell in coverage["cells"]:
        cells = [cell["population"], f"{cell['n']:,}", str(cell["d"])]
        runs = max(one["runs"] for one in cell["metrics"].values())
        for name in OFFERED:
            one = cell["metrics"].get(name)
            if one is None or one["coverage"] is None:
                cells.append("")
                continue
            ratio = one["mean_se"] / one["sd"] if one["sd"] else 0.0
            cells.append(f"{one['coverage']:.2f} ({ratio:.2f})")
        rows.append([*cells, str(runs)])
    return table(["population", "n", "d", *(f"`{name}`" for name in OFFERED), "runs"], rows)


def agreeing(peers: Any) -> str:
    """The same quantity by public code and by ours."""
    rows = [
        [one["package"], one["quantity"], one["case"], f"{one['theirs']:.6f}", f"{one['ours']:.6f}"]
        for one in peers["values"]
    ]
    return table(["package", "quantity", "case", "theirs", "ours"], rows, left=3)


def weights(parity: Any) -> str:
    """What weights of eight bits keep."""
    told = []
    for one in parity["pairs"]:
        if one["kind"] == "int8 weights":
            found = one["runs"][-1]["metrics"]
            share, cka = found["neighbors_kept"]["value"], found["cka"]["value"]
            told.append(f"{NAMES[one['variant']]} keeps {100 * share:.1f} % of the neighbors at CKA {cka:.3f}")
    return ", ".join(told)


def speed(found: Any) -> str:
    """Seconds of one core over those of the floor, and memory."""
    rows = [
        [name, f"{found['measured'][name]['seconds']:.1f}", f"{found['measured'][name]['megabytes']:.0f}",
         "" if name == "floor" else f"{found['times_floor'][name]:.2f}"]
        for name in ("floor", "pass", "whole")
    ]  # fmt: skip
    head = [f"{found['rows']:,} x {found['width']}, one core", "seconds", "MB", "times the floor"]
    return table(head, rows)
