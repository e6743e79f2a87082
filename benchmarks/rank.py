"""`labelfree rank` against the floor and against what a user does today, as separate processes in one run.

    python benchmarks/rank.py            about twenty minutes; writes benchmarks/results/rank.json and docs/speed.md
    python benchmarks/rank.py --quick    small shapes, in seconds; written nowhere

floor: read the file with pyarrow, block by block, and sum one float64 X.T @ X (for the wide file also two
eigendecompositions of the result). today: the whole file into memory with pandas, torch.linalg.svdvals, RankMe.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from processes import machine, ratio, rounds, run

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "rank.json"
PAGE = HERE.parent / "docs" / "speed.md"

FLOOR = """
import sys, numpy as np, pyarrow.parquet as pq
path, d, eigh = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
gram = np.zeros((d, d))
for batch in pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20).iter_batches(max(1, (1 << 21) // d)):
    X = batch.column(0).flatten().to_numpy().reshape(-1, d).astype(np.float64)
    gram += X.T @ X
for _ in range(eigh):
    values = np.linalg.eigh(gram)[0]
"""
TODAY = """
import sys, numpy as np, pandas as pd, torch
X = torch.from_numpy(np.stack(pd.read_parquet(sys.argv[1])["embedding"].to_numpy()))
s = torch.linalg.svdvals(X)
p = s / s.sum() + 1e-7
print(float(torch.exp(-(p * p.log()).sum())))
"""
# name, rows, width, eigendecompositions in the floor, targets: (ratio of `rank`, ratio of --only rankme, MB)
CASES = (
    ("1,000,000 x 256 float32", 1_000_000, 256, 0, {"rank": 2.0, "rank --only rankme": 1.3, "megabytes": 400}),
    ("100,000 x 4,096 float32", 100_000, 4096, 2, {"rank": 2.5, "megabytes": 1500}),
)
QUICK = (("quick", 20_000, 64, 0, {}), ("quick wide", 3_000, 1100, 2, {}))


def make(path: Path, n: int, d: int) -> None:
    """Rows with singular values falling as j^-1/2 and a small offset, written in one pass."""
    rng = np.random.default_rng(0)
    mixing = (rng.normal(size=(d, d)) / np.sqrt(d) * np.arange(1, d + 1)[:, None] ** -0.5).astype(np.float32)
    schema = pa.schema([("embedding", pa.list_(pa.float32(), d))])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n, 50_000):
            rows = rng.standard_normal((min(50_000, n - start), d), dtype=np.float32) @ mixing + np.float32(0.01)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), d)
            writer.write_table(pa.table([vectors], schema=schema))


def measure(name: str, n: int, d: int, eigh: int, targets: dict[str, float], repetitions: int) -> dict[str, Any]:
    """One case: every command in every round."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "embeddings.parquet"
        python = sys.executable
        # In a process of its own: a process starts with the peak memory of the one that starts it.
        run([python, __file__, "--make", str(path), str(n), str(d)])
        run(["cat", str(path)], keep=False)  # all commands find the file in the cache
        program = [python, "-m", "labelfree", "rank", str(path), "--json", "-q"]
        runs = rounds(
            {
                "floor": [python, "-c", FLOOR, str(path), str(d), str(eigh)],
                "rank": program,
                "rank --only rankme": [*program, "--only", "rankme"],
            },
            repetitions,
        )
        runs |= rounds({"today": [python, "-c", TODAY, str(path)]}, 1)
        size = path.stat().st_size
    ours = json.loads(runs["rank"][0].output)["reports"][0]["metrics"]["rankme"]["value"]
    theirs = float(runs["today"][0].output)
    case = {
        "name": name,
        "bytes": size,
        "rounds": repetitions,
        "rankme": {"labelfree": ours, "today, float32": theirs},
        "seconds": {k: [round(r.seconds, 2) for r in v] for k, v in runs.items()},
        "megabytes": {k: round(max(r.megabytes for r in v)) for k, v in runs.items()},
        "ratios": {k: round(ratio(runs, k, "floor"), 2) for k in ("rank", "rank --only rankme")}
        | {"today": round(runs["today"][0].seconds / runs["floor"][-1].seconds, 2)},
        "targets": targets,
    }
    print(json.dumps(case, indent=1), flush=True)
    return case


def page(results: dict[str, Any]) -> str:
    """docs/speed.md."""
    on = results["machine"]
    out = [
        "# Speed and memory\n",
        "Written by `python benchmarks/rank.py` from `benchmarks/results/rank.json`. Measured on a shared machine",
        f"with {on['cores']} cores ({on['float64_gemm_gflops']} GFLOP/s in a float64 matrix product),",
        f"Python {on['python']}, numpy {on['numpy']}: trust the ratios, not the seconds. Every command is a process",
        "of its own, from start to end, the file in the page cache; a ratio is the median over the rounds.\n",
        "**floor**: read the file with pyarrow block by block and sum one float64 `X.T @ X` (for the wide file, two",
        "eigendecompositions as well). **today**: pandas into memory, `torch.linalg.svdvals` in float32, RankMe.\n",
    ]
    for case in results["cases"]:
        out += [
            f"## {case['name']}\n",
            "| command | time over floor | target | peak memory, MB | target |",
            "|---|---:|---:|---:|---:|",
        ]
        for name in ("floor", "rank --only rankme", "rank", "today"):
            over = "1" if name == "floor" else f"{case['ratios'][name]:.2f}"
            target = f"{case['targets'][name]:g}" if name in case["targets"] else ""
            most = f"{case['targets']['megabytes']:g}" if name == "rank" else ""
            shown = f"`labelfree {name}`" if name.startswith("rank") else name
            out.append(f"| {shown} | {over} | {target} | {case['megabytes'][name]:,} | {most} |")
        values = case["rankme"]
        out.append(f"\nRankMe: {values['labelfree']:.6f} by labelfree, {values['today, float32']:.6f} today.\n")
    return "\n".join(out)


def main() -> None:
    """Measure, and write the results down."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        return
    quick = "--quick" in sys.argv
    cases = [
        measure(*case, repetitions=1 if quick else 5 if case[2] < 1000 else 3) for case in (QUICK if quick else CASES)
    ]
    if not quick:
        results = {"machine": machine(), "cases": cases}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
