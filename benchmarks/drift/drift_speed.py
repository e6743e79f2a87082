"""What `labelfree drift` costs: against reading both files and summing their moments; and each test on the sample.

python benchmarks/drift/drift_speed.py [--rows 1000000] [--columns 384] [--quick]

It writes benchmarks/results/drift_speed.json; --quick is a setting of seconds, written nowhere.

Processor seconds of one core, in one process, so that other programs on the machine do not count; files are written
into a temporary directory and removed.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import labelfree
from labelfree.families import metric
from labelfree.families.drift.unusual import scale_of
from labelfree.summaries import Moments

RESULTS = Path(__file__).parent.parent / "results" / "drift_speed.json"
SAMPLED = ("energy_ratio", "mmd", "cauchy_schwarz", "c2st_auc", "knn_two_sample", "share_beyond_95", "ks_dimensions")


def seconds(work: Callable[[], Any]) -> float:
    """Processor seconds of a call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def written(path: Path, n: int, d: int, seed: int) -> None:
    """Rows of float32 with ids."""
    rng = np.random.default_rng(seed)
    schema = pa.schema({"id": pa.int64(), "embedding": pa.list_(pa.float32(), d)})
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, n, 50_000):
            rows = rng.standard_normal((min(50_000, n - start), d), dtype=np.float32)
            flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), d)
            writer.write_table(
                pa.table({"id": pa.array(np.arange(start, start + len(rows))), "embedding": flat}, schema)
            )


def floor(paths: list[Path], d: int) -> None:
    """Read every file, and sum the rows' products in float64."""
    for path in paths:
        total, gram = np.zeros(d), np.zeros((d, d))
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(8192, columns=["embedding"]):
                rows = batch.column(0).flatten().to_numpy().reshape(-1, d).astype(np.float64)
                total += rows.sum(axis=0)
                gram += rows.T @ rows


def tests(n: int, d: int) -> dict[str, float]:
    """Each metric on samples of 5,000 rows, as the command has them."""
    from labelfree.evidence.targets import beside

    rng = np.random.default_rng(0)
    found = {}
    for name in SAMPLED:
        e = beside(rng.normal(size=(min(n, 5000), d)), rng.normal(size=(min(n, 5000), d)), "reference")
        found[name] = round(seconds(lambda e=e, name=name: metric(name).compute(e)), 2)
        print(name, found[name], flush=True)
    assert e.reference is not None
    found["scale of unusual rows"] = round(seconds(lambda: scale_of(e.reference)), 2)
    return found


def main(n: int, d: int) -> dict[str, Any]:
    """All numbers."""
    assert Moments.empty(2).n == 0  # imported before any clock runs
    on_sample = tests(n, d)
    with TemporaryDirectory() as place:
        paths = [Path(place) / "current.parquet", Path(place) / "reference.parquet"]
        for seed, path in enumerate(paths):
            written(path, n, d, seed)
        base = seconds(lambda: floor(paths, d))
        print("floor", base, flush=True)
        whole = seconds(lambda: labelfree.drift(paths[0], reference=paths[1], threads=1))
    return {
        "rows": n, "columns": d, "floor": round(base, 1), "drift": round(whole, 1), "ratio": round(whole / base, 2),
        "tests": on_sample, "tests_total": round(sum(on_sample.values()), 1),
    }  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore", labelfree.FindingWarning)
    if "--quick" in sys.argv:
        print(json.dumps(main(500, 8)))
        sys.exit()
    given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    done = main(int(given.get("--rows", 1_000_000)), int(given.get("--columns", 384)))
    print(json.dumps(done))
    RESULTS.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
