"""`labelfree rank` on the same rows in every format, against reading alone and against the whole file in memory.

    python benchmarks/formats.py            minutes; writes benchmarks/results/formats.json and docs/speed-formats.md
    python benchmarks/formats.py --quick    few rows, in seconds; written nowhere

reading alone: every row once, by pyarrow in batches (numpy's map for .npy), as float64, in a process of its own. whole
file: pandas (numpy for .npy) into memory, numpy's singular values, RankMe.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pages import paragraph
from processes import machine, ratio, rounds, run
from pyarrow import feather

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "formats.json"
PAGE = HERE.parent / "docs" / "speed-formats.md"
SHAPE, QUICK = (200_000, 128), (2_000, 16)
QUICK_FORMATS = ("Arrow IPC, lz4", "CSV, gzip", "JSON lines")
FORMATS = {
    "Parquet": "parquet", "Arrow IPC": "arrow", "Arrow IPC, lz4": "feather", ".npy": "npy", "CSV": "csv",
    "CSV, gzip": "csv.gz", "JSON lines": "jsonl",
}  # fmt: skip
READING = """
import sys, numpy as np, pyarrow as pa
path, rows = sys.argv[1], 1 << 14
seen, total = 0, 0.0
def batches():
    if path.endswith(".parquet"):
        import pyarrow.parquet as pq
        yield from pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20).iter_batches(rows)
    elif path.endswith((".arrow", ".feather")):
        reader = pa.ipc.open_file(pa.memory_map(path))
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
    elif path.endswith((".csv", ".csv.gz")):
        import pyarrow.csv as pc
        yield from pc.open_csv(path)
    else:
        import pyarrow.json as pj
        yield from pj.read_json(path).to_batches()
def blocks():
    if path.endswith(".npy"):
        X = np.load(path, mmap_mode="r")
        yield from (X[i : i + rows] for i in range(0, len(X), rows))
    else:
        for batch in batches():
            if batch.num_columns > 1:
                yield np.column_stack([column.to_numpy() for column in batch.columns])
            else:
                yield batch.column(0).flatten().to_numpy().reshape(batch.num_rows, -1)
for X in blocks():
    X = np.asarray(X, np.float64)
    seen, total = seen + len(X), total + X.sum()
print(seen)
"""
WHOLE = """
import sys, numpy as np, pandas as pd
path = sys.argv[1]
if path.endswith(".npy"):
    X = np.load(path)
elif path.endswith((".csv", ".csv.gz")):
    X = pd.read_csv(path).to_numpy()
elif path.endswith(".jsonl"):
    X = np.stack(pd.read_json(path, lines=True)["embedding"].to_numpy())
else:
    frame = pd.read_parquet(path) if path.endswith(".parquet") else pd.read_feather(path)
    X = np.stack(frame["embedding"].to_numpy())
s = np.linalg.svd(X.astype(np.float64), compute_uv=False)
p = s / s.sum() + 1e-7
print(float(np.exp(-(p * np.log(p)).sum())))
"""


def make(folder: Path, n: int, d: int) -> None:
    """The same rows, singular values falling as j^-1/2, by the writer of each format."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), np.float32) @ (rng.normal(size=(d, d)) * np.arange(1, d + 1)[:, None] ** -0.5)
    rows = np.ascontiguousarray(X, np.float32)
    table = pa.table({"embedding": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), d)})
    pq.write_table(table, folder / "rows.parquet")
    feather.write_feather(table, folder / "rows.arrow", "uncompressed")
    feather.write_feather(table, folder / "rows.feather", "lz4")
    np.save(folder / "rows.npy", rows)
    pc.write_csv(pa.table({f"e{j}": rows[:, j] for j in range(d)}), folder / "rows.csv")
    with (folder / "rows.csv").open("rb") as plain, gzip.open(folder / "rows.csv.gz", "wb", 6) as packed:
        shutil.copyfileobj(plain, packed)
    with (folder / "rows.jsonl").open("w") as lines:
        lines.writelines(json.dumps({"embedding": row.tolist()}) + "\n" for row in rows)


def measure(n: int, d: int, names: Iterable[str], repetitions: int) -> dict[str, Any]:
    """Every command on these formats."""
    python, cases = sys.executable, {}
    with tempfile.TemporaryDirectory() as directory:
        # In a process of its own: a process starts with the peak memory of the one that starts it.
        run([python, __file__, "--make", directory, str(n), str(d)])
        for name in names:
            path = Path(directory) / f"rows.{FORMATS[name]}"
            run(["cat", str(path)], keep=False)  # all commands find the file in the cache
            found = rounds(
                {
                    "reading alone": [python, "-c", READING, str(path)],
                    "labelfree rank": [python, "-m", "labelfree", "rank", str(path), "--json", "-q"],
                    "whole file": [python, "-c", WHOLE, str(path)],
                },
                repetitions,
            )
            report = json.loads(found["labelfree rank"][0].output)["reports"][0]
            theirs = float(found["whole file"][0].output)
            assert int(found["reading alone"][0].output) == report["input"]["n"] == n
            cases[name] = {
                "megabytes_on_disk": round(path.stat().st_size / 1e6, 1),
                "seconds": {k: [round(r.seconds, 2) for r in v] for k, v in found.items()},
                "megabytes": {k: round(max(r.megabytes for r in v)) for k, v in found.items()},
                "over_reading": round(ratio(found, "labelfree rank", "reading alone"), 2),
                "over_whole_file": round(ratio(found, "labelfree rank", "whole file"), 2),
                "rankme": {"labelfree": report["metrics"]["rankme"]["value"], "whole file": theirs},
            }
            print(name, json.dumps(cases[name]), flush=True)
    return {"n": n, "d": d, "rounds": repetitions, "cases": cases}


def page(results: dict[str, Any]) -> str:
    """docs/speed-formats.md."""
    on = results["machine"]
    out = [
        "# Speed and memory of file formats\n",
        paragraph(
            f"Written by `python benchmarks/formats.py` from `benchmarks/results/formats.json`: {results['n']:,} rows "
            f"of {results['d']} float32 numbers in each format, by its own writer. Measured on a shared machine with "
            f"{on['cores']} cores ({on['float64_gemm_gflops']} GFLOP/s in a float64 matrix product), Python "
            f"{on['python']}, numpy {on['numpy']}: trust the ratios, not the seconds. Every command is a process of "
            f"its own, the file in the page cache; a ratio is the median of {results['rounds']} rounds."
        ),
        "",
        paragraph(
            "**reading alone**: every row once as float64, by pyarrow in batches (of JSON lines pyarrow reads the "
            "whole file; of `.npy` numpy's map). **whole file**: pandas (numpy) into memory, numpy's singular values, "
            "RankMe."
        ),
        "\n| format | MB on disk | `rank`, s | over reading alone | over whole file | peak MB | reading | whole file |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, case in results["cases"].items():
        seconds, peak = sorted(case["seconds"]["labelfree rank"]), case["megabytes"]
        out.append(
            f"| {name} | {case['megabytes_on_disk']:.0f} | {seconds[len(seconds) // 2]:.1f} | "
            f"{case['over_reading']:.2f} | {case['over_whole_file']:.2f} | {peak['labelfree rank']:,} | "
            f"{peak['reading alone']:,} | {peak['whole file']:,} |"
        )
    values = [value for case in results["cases"].values() for value in case["rankme"].values()]
    out += [
        "",
        paragraph(
            f"RankMe is {min(values):.6f} to {max(values):.6f} over all formats and both programs. `rank` computes 21 "
            "metrics with intervals where the whole file gives one number. Text is read twice (docs/architecture.md)."
        ),
    ]
    return "\n".join(out) + "\n"


def main() -> None:
    """Measure, and write the results down."""
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        return
    quick = "--quick" in sys.argv
    found = measure(*QUICK, QUICK_FORMATS, 1) if quick else measure(*SHAPE, FORMATS, 3)
    if not quick:
        results = {"machine": machine(), **found}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
