"""Sound Parquet files of every layout, codec, page version and kind of column beside the embeddings."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzzing.words import strange_name

Y = np.random.default_rng(0).normal(size=(60, 6))
"""The rows that every file is made of."""
CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")


def _column(kind: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda X: {"emb": pa.array(X.tolist(), kind)}


def _wide(X: Any) -> dict[str, Any]:
    return {f"emb_{j}": pa.array(X[:, j], pa.float32()) for j in range(X.shape[1])}


def _nested(X: Any) -> dict[str, Any]:
    return {"emb": pa.array([[row.tolist(), row.tolist()] for row in X], pa.list_(pa.list_(pa.float32())))}


def _fixed_nested(X: Any) -> dict[str, Any]:
    halves = [[row[: len(row) // 2].tolist(), row[len(row) // 2 : len(row) // 2 * 2].tolist()] for row in X]
    return {"emb": pa.array(halves, pa.list_(pa.list_(pa.float32(), X.shape[1] // 2), 2))}


def _tensor(X: Any) -> dict[str, Any]:
    storage = pa.array(X.tolist(), pa.list_(pa.float32(), X.shape[1]))
    return {"emb": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (X.shape[1],)), storage)}


def _half(X: Any) -> dict[str, Any]:
    return {"emb": pa.array([list(map(np.float16, row)) for row in X], pa.list_(pa.float16()))}


LAYOUTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "list": _column(pa.list_(pa.float32())),
    "large_list": _column(pa.large_list(pa.float64())),
    "half": _half,
    "integers": lambda X: {
        "emb": pa.array((np.clip(np.nan_to_num(X), -3.2, 3.175) * 40).astype(int).tolist(), pa.list_(pa.int8()))
    },
    "wide": _wide,
    "matrix": _nested,
    "tensor": _tensor,
    "fixed": lambda X: {"emb": pa.array(X.tolist(), pa.list_(pa.float32(), X.shape[1]))},
    "fixed of fixed": _fixed_nested,
}


def _others(n: int, chance: Random) -> dict[str, Any]:
    """What may stand beside the embeddings."""
    words = pa.array([f"row {i}" for i in range(n)])
    some: dict[str, Callable[[], Any]] = {
        "id": lambda: chance.choice((words, pa.array(range(n)), pa.array([[f"{i}"] for i in range(n)]),
            pa.array([{"a": i, "b": f"{i}"} for i in range(n)]), words.cast(pa.binary()), words.cast(pa.large_string()),
            words.dictionary_encode(), pa.array(range(n), pa.timestamp("us")), pa.array(np.arange(n) / 7),
            pa.array([None] * n), pa.array([f"{i % 3}" for i in range(n)]))),
        "group": lambda: chance.choice((pa.array([i % 7 for i in range(n)]), pa.array([f"g{i % 5}" for i in range(n)]),
            pa.array([f"g{i % 5}" for i in range(n)]).dictionary_encode(), pa.array([i % 7 / 3 for i in range(n)]),
            pa.array([[i % 4] for i in range(n)]), pa.array([None if i % 9 else "x" for i in range(n)]))),
        "logits": lambda: pa.array(Y[np.arange(n) % 60, :3].tolist(), pa.list_(pa.float32(), 3)),
        "epoch": lambda: chance.choice((pa.array([i % 3 for i in range(n)]), pa.array([i % 3 / 2 for i in range(n)]))),
        "label": lambda: pa.array([i % 3 for i in range(n)]),
        "text": lambda: words,
        "when": lambda: pa.array(range(n), pa.date32()),
        "map": lambda: pa.array([[("a", i)] for i in range(n)], pa.map_(pa.string(), pa.int64())),
    }  # fmt: skip
    return {name: make() for name, make in some.items() if chance.random() < 0.35}


def rows(chance: Random) -> Any:
    """A table of one of all layouts, with what may stand beside it."""
    return _rows(chance)[0]


def _rows(chance: Random) -> tuple[Any, str]:
    n, d = chance.choice((1, 2, 3, 12, 40, 60)), chance.choice((1, 2, 4, 6))
    X = Y[:n, :d].copy()
    for _ in range(chance.choice((0, 0, 0, 1, 3))):
        X[chance.randrange(n)] = chance.choice((0.0, np.nan, np.inf, 1e30, 1e-30, 1.0))
    layout = chance.choice([name for name in LAYOUTS if d > 1 or name != "fixed of fixed"])
    columns = LAYOUTS[layout](X) | _others(n, chance)
    if chance.random() < 0.1:
        columns["emb"] = _with_nulls(columns["emb"], chance) if "emb" in columns else pa.nulls(n)
    found = pa.table(columns)
    if chance.random() < 0.05:
        found = found.slice(0, 0)
    if chance.random() < 0.08:
        found = _renamed(found, chance)
    if chance.random() < 0.1:
        found = found.replace_schema_metadata({"huggingface": _features(chance)})
    return found, layout


def table(chance: Random) -> bytes:
    """A file of one of all layouts, with what may stand beside it, written one of all ways."""
    found, layout = _rows(chance)
    columns = found.column_names
    dictionary = chance.random() < 0.5
    stream = io.BytesIO()
    pq.write_table(
        found, stream, compression=chance.choice(CODECS), data_page_version=chance.choice(("1.0", "2.0")),
        use_dictionary=dictionary, row_group_size=chance.choice((7, 15, 100)), data_page_size=chance.choice((64,
        1 << 20)),
        write_statistics=chance.random() < 0.7, store_schema=chance.random() < 0.7,
        use_byte_stream_split=[] if dictionary or layout != "wide" else [c for c in columns if c.startswith("emb_")],
        write_page_index=chance.random() < 0.2, write_page_checksum=chance.random() < 0.2,
    )  # fmt: skip
    return stream.getvalue()


def _with_nulls(column: Any, chance: Random) -> Any:
    if isinstance(column, pa.ExtensionArray):
        return column
    values = column.to_pylist()
    values[chance.randrange(len(values))] = None
    return pa.array(values, column.type)


def _renamed(found: Any, chance: Random) -> Any:
    names = list(found.column_names)
    names[chance.randrange(len(names))] = strange_name(chance).decode("utf-8", "replace")
    return found.rename_columns(names)


def _features(chance: Random) -> str:
    shape = chance.choice(([2, 3], [6], [None, 3], [2**31, 2], [-1], [], "x", 5, [[2]], [0, 6], [1.5]))
    said = {"info": {"features": {"emb": {"shape": shape, "dtype": "float32", "_type": "Array2D"}}}}
    return json.dumps(said) if chance.random() < 0.8 else chance.choice(("[" * 2000, "{", "null", "NaN", '{"info": 1}'))


def groups(chance: Random) -> bytes:
    """A file of frozen groups, its metadata true or not quite."""
    about: dict[str, Any] = {"source": "crossfit", "circular": False, "k": 3, "seed": 0, "rows_hash": ""}
    if chance.random() < 0.5:
        key = chance.choice(list(about))
        about[key] = chance.choice((None, -1, 10**30, 1e308, "x", [], {}, True))
    keys = (np.arange(40, dtype=np.uint64) << np.uint64(50), np.arange(40) % 3)
    found = pa.table(
        {"key": keys[0], "group": pa.array(keys[1], chance.choice((pa.int64(), pa.int32(), pa.float64())))}
    )
    said = json.dumps({"schema_version": chance.choice((1, 1, 1, 2, 10**19, "1")), "groups": about})
    stream = io.BytesIO()
    pq.write_table(found.replace_schema_metadata({"labelfree": said}), stream)
    return stream.getvalue()
