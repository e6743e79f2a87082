"""Rows of a Parquet file in a store on loopback against the same file here: pieces and reading ahead.

    python benchmarks/remote.py            a minute or two; writes benchmarks/results/remote.json
    python benchmarks/remote.py --quick    few rows, in seconds; written nowhere

Each way reads every row once as float64 and sums it; the ways take turns, and of each the fastest of three rounds
counts. The store is moto's server of S3 in a process of its own, with no distance between: every
request costs it a copy of the whole object, so that few large ones win, as they do over a network.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from processes import machine

from labelfree.documents.stores import remote_file
from labelfree.sources.opening import open_source

RESULTS = Path(__file__).parent / "results" / "remote.json"
SHAPE, QUICK = (150_000, 96), (4_000, 16)
ROUNDS, QUICK_ROUNDS = 3, 1
OURS = {"2 MiB, 4 ahead": (1 << 21, 4), "8 MiB, 1 ahead": (1 << 23, 1), "8 MiB, 2 ahead": (1 << 23, 2)}
CHOSEN = "ours, 8 MiB, 2 ahead"
NAME = "s3://bucket/rows.parquet"


@contextmanager
def server() -> Iterator[None]:
    """Moto's server while the block runs, where the environment points to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait()


def ours(name: str) -> float:
    """The sum of all rows as a survey reads them."""
    return sum(float(block.rows.astype(np.float64).sum()) for block in open_source(name).read(8192))


def with_pieces(size: int, ahead: int) -> Callable[[], float]:
    """The same from the store, in pieces of a size."""

    def read() -> float:
        remote_file.LARGEST, remote_file.AHEAD = size, ahead
        return ours(NAME)

    return read


def arrows(*, ahead: bool) -> Callable[[], float]:
    """The same by pyarrow alone: whole column chunks ahead, or 1 MiB at a time."""

    def read() -> float:
        from pyarrow import fs

        system, path = fs.FileSystem.from_uri(NAME)
        with system.open_input_file(path) as stream:
            file = pq.ParquetFile(stream, pre_buffer=ahead, buffer_size=0 if ahead else 1 << 20)
            batches = file.iter_batches(8192, columns=["embedding"])
            return sum(float(b.column(0).flatten().to_numpy().astype(np.float64).sum()) for b in batches)

    return read


def measured(*, quick: bool) -> dict[str, Any]:
    """Seconds of every way, and what each is of the local file's."""
    n, d = QUICK if quick else SHAPE
    rows = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
    table = pa.table({"embedding": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), d)})
    with tempfile.TemporaryDirectory() as place, server():
        import boto3

        file = Path(place) / "rows.parquet"
        pq.write_table(table, file, row_group_size=n // 6 + 1)
        client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="rows.parquet", Body=file.read_bytes())
        ways: dict[str, Callable[[], float]] = {
            "local": lambda: ours(str(file)),
            "pyarrow, 1 MiB at a time": arrows(ahead=False),
            "pyarrow, column chunks ahead": arrows(ahead=True),
            **{f"ours, {name}": with_pieces(*pieces) for name, pieces in OURS.items()},
        }
        seconds: dict[str, float] = {}
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            for name, read in ways.items():
                began = time.perf_counter()
                total = read()
                seconds[name] = min(time.perf_counter() - began, seconds.get(name, np.inf))
                assert np.isclose(total, rows.sum(dtype=np.float64), rtol=1e-6), name
        size = file.stat().st_size
    chosen = seconds[CHOSEN]
    return {
        "machine": machine(), "rows": n, "width": d, "bytes": size, "chosen": CHOSEN,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "over_local": round(chosen / seconds["local"], 2),
        "over_pyarrow": round(chosen / seconds["pyarrow, column chunks ahead"], 2),
    }  # fmt: skip


def main() -> None:
    """Measure, print, and keep what is no quick look."""
    quick = "--quick" in sys.argv
    found = measured(quick=quick)
    print(json.dumps(found, indent=2))
    if not quick:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
