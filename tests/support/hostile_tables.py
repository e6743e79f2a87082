"""Parquet files that lie: footers, row counts, pages and types, written byte by byte in Thrift's compact protocol."""

from __future__ import annotations

import base64
import json
import pickle
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzzing.thrift import BINARY, I32, I64, LIST, STRUCT, Struct, varint, written
from hostile import Hostile
from readers import Evil

FLOAT, ZSTD = 4, 6
ROWS = 50


def thrift(fields: Struct) -> bytes:
    """A struct, its fields in the order of their numbers."""
    return written(dict(sorted(fields.items())))


def element(name: str, *, children: int | None = None, repetition: int = 0, kind: int | None = None) -> Struct:
    """An element of a schema: a group of so many children, or a column."""
    found: Struct = {} if kind is None else {1: (I32, kind)}
    found |= {3: (I32, repetition), 4: (BINARY, name.encode())}
    if children is not None:
        found[5] = (I32, children)
    return found


def page(values: int, packed: bytes, unpacked: int, encoding: int = 0) -> bytes:
    """A data page that says what it is told to say."""
    about = {1: (I32, values), 2: (I32, encoding), 3: (I32, 3), 4: (I32, 3)}
    return thrift({1: (I32, 0), 2: (I32, unpacked), 3: (I32, len(packed)), 5: (STRUCT, about)}) + packed


def chunk(name: str, at: int, nbytes: int, values: int, codec: int = 0, file: str = "") -> Struct:
    """A column chunk."""
    about: Struct = {
        1: (I32, FLOAT), 2: (LIST, (I32, [0, 8])), 3: (LIST, (BINARY, [name.encode()])), 4: (I32, codec),
        5: (I64, values), 6: (I64, nbytes), 7: (I64, nbytes), 9: (I64, at),
    }  # fmt: skip
    return ({1: (BINARY, file.encode())} if file else {}) | {2: (I64, at), 3: (STRUCT, about)}


def footer(schema: list[Struct], rows: int, groups: list[Struct]) -> bytes:
    """The metadata of a file."""
    return thrift({1: (I32, 1), 2: (LIST, (STRUCT, schema)), 3: (I64, rows), 4: (LIST, (STRUCT, groups))})


def parquet(body: bytes, metadata: bytes, length: int | None = None) -> bytes:
    """A file; length: what it says of its footer."""
    return b"PAR1" + body + metadata + struct.pack("<I", len(metadata) if length is None else length) + b"PAR1"


def flat(
    *, columns: int = 4, rows: int = ROWS, total: int | None = None, group: int | None = None,
    values: int | None = None, packed: bytes | None = None, unpacked: int | None = None, codec: int = 0,
    chunk_bytes: int | None = None, length: int | None = None, paged: int | None = None, encoding: int = 0,
    elsewhere: str = "",
) -> bytes:  # fmt: skip
    """A file of float columns e_0, e_1, ... with one page each, true but for what is given."""
    content = struct.pack(f"<{ROWS}f", *np.random.default_rng(0).normal(size=ROWS)) if packed is None else packed
    body, chunks = b"", []
    counted = rows if values is None else values
    for j in range(columns):
        one = page(rows if paged is None else paged, content, len(content) if unpacked is None else unpacked, encoding)
        said = len(one) if chunk_bytes is None else chunk_bytes
        chunks.append(chunk(f"e_{j}", 4 + len(body), said, counted, codec, elsewhere))
        body += one
    schema = [element("root", children=columns), *(element(f"e_{j}", kind=FLOAT) for j in range(columns))]
    held = rows if group is None else group
    groups: list[Struct] = [{1: (LIST, (STRUCT, chunks)), 2: (I64, len(body)), 3: (I64, held)}]
    return parquet(body, footer(schema, held if total is None else total, groups), length)


def nested(depth: int) -> bytes:
    """A file without rows whose only column is so many groups deep."""
    schema = [element("root", children=1), *(element("g", children=1, repetition=1) for _ in range(depth))]
    return parquet(b"", footer([*schema, element("x", kind=FLOAT)], 0, []))


@cache
def zeros(nbytes: int) -> bytes:
    """So many zeros, packed."""
    return bytes(pa.compress(bytes(nbytes), codec="zstd", asbytes=True))


X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
_LIST = pa.table({"emb": X.tolist()})
_FIXED = pa.table({"emb": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 4)})


def _bytes(content: bytes) -> Callable[[Path, Path], object]:
    return lambda path, canary: path.write_bytes(content)


def _features(feature: Any) -> Callable[[Path, Path], None]:
    """A file of 2 x 2 matrices, of which Hugging Face metadata say something else."""
    said = feature if isinstance(feature, str) else json.dumps({"info": {"features": {"emb": feature}}})
    table = pa.table({"emb": X.reshape(ROWS, 2, 2).tolist()}).replace_schema_metadata({"huggingface": said})
    return lambda path, canary: pq.write_table(table, path)


def _schema(old: bytes, new: bytes, table: Any = _FIXED, nth: int = 0) -> Callable[[Path, Path], None]:
    """A file whose Arrow schema was changed after it was written."""

    def write(path: Path, canary: Path) -> None:
        pq.write_table(table, path)
        said = pq.ParquetFile(path).metadata.metadata[b"ARROW:schema"]
        plain = base64.b64decode(said)
        at = -1
        for _ in range(nth + 1):
            at = plain.index(old, at + 1)
        path.write_bytes(path.read_bytes().replace(said, base64.b64encode(plain[:at] + new + plain[at + len(old) :])))

    return write


def extension(path: Path, canary: Path) -> None:
    """A column of the extension type that pyarrow once unpickled: the directory would be made."""
    said = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Evil(canary))}
    field = _LIST.schema.field(0).with_metadata(said)
    pq.write_table(pa.Table.from_arrays(_LIST.columns, schema=pa.schema([field])), path)


def _groups(about: str, table: Any = None) -> Callable[[Path, Path], None]:
    """A file that says it holds frozen groups."""
    table = table or pa.table({"key": pa.array([1, 2], pa.uint64()), "group": pa.array([0, 1], pa.int64())})
    return lambda path, canary: pq.write_table(table.replace_schema_metadata({"labelfree": about}), path)


_ABOUT = {"source": "crossfit", "circular": False, "k": 2, "seed": 0, "rows_hash": ""}
_GROUPED = json.dumps({"schema_version": 1, "groups": _ABOUT})
_MANY = pa.table({"key": pa.array(np.zeros(1_000_000, np.uint64)), "group": pa.array(np.zeros(1_000_000, np.int64))})
_COMPLETE = "expected a complete Parquet file"
_ODD = f"no embedding column|{_COMPLETE}"
_DEEP = "nested more than 100 deep, or too many to be columns"
CONTENTS = {
    "a footer of 4 GB": (flat(length=2**32 - 1), _COMPLETE),
    "a footer of nothing": (flat(length=0), _COMPLETE),
    "a footer of nonsense": (parquet(b"", bytes(range(1, 200))), _COMPLETE),
    "a footer nested without end": (parquet(b"", b"\x1c" * 1_000_000), _COMPLETE),
    "lists nested without end": (parquet(b"", b"\x19" * 1_000_000), _COMPLETE),
    "a list of 2^31 elements": (parquet(b"", bytes([0x15, 2, 0x19, 0xFC]) + varint(2**31 - 1) + b"\x00"), _COMPLETE),
    "types nested 101 deep": (nested(100), _DEEP),
    "types nested 1,000 deep": (nested(1000), _DEEP),
    "types nested 100,000 deep": (nested(100_000), _DEEP),
    "a group of 2^31 children": (parquet(b"", footer([element("root", children=2**31 - 1)], 0, [])), _COMPLETE),
    "a group of -3 children": (
        parquet(b"", footer([element("root", children=-3)], 0, [])),
        f"no embedding column|{_COMPLETE}",
    ),
    "10^12 rows in the footer": (flat(total=10**12), "its footer claims 1000000000000 rows, and its row groups 50"),
    "10^12 rows in the group": (flat(group=10**12), "its footer claims 1000000000000 rows, found 50"),
    "10^12 rows everywhere": (flat(group=10**12, values=10**12), r"claims 4,000,000,000,000 bytes in a file of 1,\d+"),
    "-5 rows": (flat(group=-5, values=-5), "its footer claims -5 rows"),
    "10^10 rows in 8 bytes": (
        flat(group=10**10, values=10**10, paged=2**31 - 1, packed=b"\x00" + varint(2**32 - 2), encoding=8),
        r"claims 40,000,000,000 bytes in a file of \d+: one row, again and again",
    ),
    "a page that says 2 GB": (
        flat(codec=ZSTD, packed=zeros(1 << 22), unpacked=2**31 - 1),
        f"would take 2,147,483,647 bytes|{_COMPLETE}",
    ),
    "a page that says -1": (flat(codec=ZSTD, packed=zeros(1000), unpacked=-1), _COMPLETE),
    "a page that says less": (flat(codec=ZSTD, packed=zeros(1000), unpacked=10), _COMPLETE),
    "a page of 320 MB in 10 kB": (
        flat(codec=ZSTD, rows=5 << 24, packed=zeros(5 << 26), unpacked=5 << 26),
        "would take 335,544,320 bytes of memory",
    ),
    "64 pages of 8 MB": (
        flat(columns=64, codec=ZSTD, rows=1 << 21, packed=zeros(1 << 23), unpacked=1 << 23),
        "276,824,064 bytes of memory",
    ),
    "a chunk of 2^62 bytes": (flat(chunk_bytes=2**62), _COMPLETE),
    "a chunk of -4 bytes": (flat(chunk_bytes=-4), _COMPLETE),
}
WRITES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "lists of -4": (
        _schema(struct.pack("<i", 4), struct.pack("<i", -4), nth=3),
        "claims lists of -4 numbers|complete Par",
    ),
    "lists of 2^31": (
        _schema(struct.pack("<i", 4), struct.pack("<i", 2**31 - 1), nth=3),
        "rows of 2,147,483,647 num|compl",
    ),
    "no rows of 2^31 numbers": (
        lambda p, c: pq.write_table(pa.table({"emb": pa.array([], pa.list_(pa.float32(), 2**31 - 1))}), p),
        "claims rows of 2,147,483,647 numbers",
    ),
    "features that are a number": (_features({"_type": "Array2D", "shape": 5}), "no shape is recorded"),
    "features that are a text": (_features({"_type": "Array2D", "shape": "ab"}), "no shape is recorded"),
    "negative features": (_features({"_type": "Array2D", "shape": [-2, -2]}), "no shape is recorded"),
    "nested features": (_features({"_type": "Array2D", "shape": [[2], 2]}), "no shape is recorded"),
    "10^18 features": (
        _features({"_type": "Array2D", "shape": [10**9, 10**9]}),
        "claims rows of 1,000,000,000,000,000,000",
    ),
    "10^7 features": (_features({"_type": "Array2D", "shape": [10**4, 10**3]}), "claims rows of 10,000,000 numbers"),
    "features nested 100,000 deep": (_features("[" * 100_000), "no shape is recorded"),
}
FROZEN = {
    "groups nested 100,000 deep": (_groups("[" * 100_000), "its metadata are no JSON"),
    "groups that are no UTF-8": (_groups("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), "no JSON"),
    "groups given twice": (_groups('{"groups": {}, "groups": {}}'), "given twice"),
    "a million groups in 2 kB": (_groups(_GROUPED, _MANY), "it claims 1,000,000 groups in"),
}
FILES = [
    *(Hostile("a.parquet", _bytes(content), says, about=k) for k, (content, says) in CONTENTS.items()),
    *(Hostile("a.parquet", write, says, about=k) for k, (write, says) in WRITES.items()),
    *(Hostile("a.parquet", write, says, read="groups", about=k) for k, (write, says) in FROZEN.items()),
]
