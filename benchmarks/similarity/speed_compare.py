"""compare against its floor: reading both files, and X^T Y, X^T X and Y^T Y in float64.

    python benchmarks/similarity/speed_compare.py [--rows N] [--width D] [--quick] [-o similarity_speed.json]

Each measurement is a process of its own on one core; seconds are of its processor, so that what else a machine does
counts little, and megabytes its highest resident memory (ru_maxrss would begin with that of the parent). `pass` reads,
joins by id, sums and samples; `whole` measures every metric of the default. --quick is a setting of seconds, written
nowhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BEGIN = "import resource, json, sys, numpy as np, pyarrow.parquet as pq\na, b = sys.argv[1:3]\n"
END = """
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(json.dumps({'seconds': used.ru_utime + used.ru_stime, 'megabytes': peak / 1024}))
"""
FLOOR = """
total = [0.0, 0.0, 0.0]
files = [pq.ParquetFile(p).iter_batches(batch_size=8192, columns=['embedding']) for p in (a, b)]
for one, two in zip(*files):
    X, Y = (np.asarray(c.column(0).flatten()).reshape(len(c), -1).astype(np.float64) for c in (one, two))
    for i, found in enumerate((X.T @ Y, X.T @ X, Y.T @ Y)):
        total[i] = total[i] + found
"""
OPENED = """
from pathlib import Path
from labelfree.commands.paired_rows import paired
from labelfree.kernels import numpy_kernels
from labelfree.sources.opening import open_source
found = paired(open_source(a), open_source(b), k=10, kernels=numpy_kernels, sample=5000, place=Path('/tmp'),
               progress=lambda stage, done: None)
"""
WHOLE = """
import labelfree
found = labelfree.compare(a, b)
"""
IMPORTS = "import labelfree, labelfree.commands.similarity, scipy.optimize, scipy.linalg\n"


def written(place: Path, rows: int, width: int) -> list[str]:
    """Two files of the same ids, in row groups of 50,000."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0].astype(np.float32)
    names = [str(place / "a.parquet"), str(place / "b.parquet")]
    kind = pa.schema([("id", pa.int64()), ("embedding", pa.list_(pa.float32(), width))])
    writers = [pq.ParquetWriter(name, kind, compression="none", use_dictionary=False) for name in names]
    for start in range(0, rows, 50_000):
        m = min(50_000, rows - start)
        X = rng.standard_normal((m, width), np.float32)
        Y = X @ turn + 0.1 * rng.standard_normal((m, width), np.float32)
        for writer, values in zip(writers, (X, Y), strict=True):
            flat = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)
            writer.write_table(pa.table({"id": pa.array(np.arange(start, start + m)), "embedding": flat}, kind))
    for writer in writers:
        writer.close()
    return names


def measured(code: str, names: list[str]) -> dict[str, Any]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code + END, *names], env={**os.environ, **one},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("-o", type=Path, default=Path(__file__).parents[1] / "results" / "similarity_speed.json")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.width = 1_000, 16
    with tempfile.TemporaryDirectory() as place:
        names = written(Path(place), asked.rows, asked.width)
        found = {
            "imports": measured(IMPORTS, names), "floor": measured(FLOOR, names), "pass": measured(OPENED, names),
            "whole": measured(WHOLE, names),
        }  # fmt: skip
    start = found["imports"]["seconds"]
    ratios = {
        name: (found[name]["seconds"] - start) / found["floor"]["seconds"] for name in ("pass", "whole")
    }  # without the start of the program
    document = {
        "script": "benchmarks/similarity/speed_compare.py", "rows": asked.rows, "width": asked.width, "cores": 1,
        "measured": found, "times_floor": ratios,
    }  # fmt: skip
    print(json.dumps(document, indent=1))
    if not asked.quick:
        asked.o.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
