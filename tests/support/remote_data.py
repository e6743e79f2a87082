"""One data set in the bytes of every format that is read by ranges."""

from __future__ import annotations

import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.numpy import save


def table(rows: NDArray[np.float32], first: int = 0) -> pa.Table:
    """Rows with ids, counted from `first`."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    return pa.table({"id": np.arange(first, first + len(rows)), "embedding": lists})


def parquet(rows: NDArray[np.float32], first: int = 0, **options: object) -> bytes:
    """A Parquet file."""
    held = io.BytesIO()
    pq.write_table(table(rows, first), held, **options)
    return held.getvalue()


def npy(rows: NDArray[np.float32]) -> bytes:
    """A .npy file."""
    held = io.BytesIO()
    np.save(held, rows)
    return held.getvalue()


def every_format(rows: NDArray[np.float32]) -> dict[str, bytes]:
    """The rows by the name of a file of each format."""
    plain, packed, arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with pa.ipc.new_file(plain, table(rows).schema) as file:
        file.write_table(table(rows), max_chunksize=97)
    with pa.ipc.new_stream(packed, table(rows).schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table(rows), max_chunksize=97)
    np.savez_compressed(arrays, rows=rows)
    wide = "\n".join(",".join(map(repr, row)) for row in rows.astype(float).tolist())
    csv = f"{','.join(f'e{i}' for i in range(rows.shape[1]))}\n{wide}\n".encode()
    lines = "".join(json.dumps({"id": i, "embedding": row}) + "\n" for i, row in enumerate(rows.astype(float).tolist()))
    return {
        "a.parquet": parquet(rows, row_group_size=101),
        "a.arrow": plain.getvalue(),
        "stream.arrow": packed.getvalue(),
        "a.npy": npy(rows),
        "a.npz": arrays.getvalue(),
        "a.csv": csv,
        "a.csv.gz": gzip.compress(csv),
        "a.jsonl": lines.encode(),
        "a.safetensors": save({"w": rows, "bias": rows[0]}),
    }
