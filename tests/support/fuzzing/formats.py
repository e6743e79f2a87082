"""Arrow IPC, CSV and JSON lines, sound and damaged."""

from __future__ import annotations

import gzip
import io
import json
import struct
from random import Random
from typing import Any

import pyarrow as pa
from pyarrow import csv

from fuzzing import tables

_NUMBERS = (
    b"nan",
    b"-inf",
    b"1e999",
    b"0,5",
    b"",
    b"abc",
    b"-",
    b"1" * 400,
    b"\xff",
    b'"',
    b'""',
    b"\0",
    b"[",
    b"[1 2]",
)
_VALUES = ("null", "NaN", "1e999", "9" * 5000, "[]", "{}", '"x"', "true", "[" * 3000, "[[1]]", "-", "1.5", '"\\ud800"')


def arrow(chance: Random) -> tuple[bytes, str]:
    """An IPC file or stream, some of its bytes or claims changed."""
    found = tables.rows(chance)
    stream = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=chance.choice((None, "lz4", "zstd")))
    opened = chance.choice((pa.ipc.new_file, pa.ipc.new_stream))
    with opened(stream, found.schema, options=options) as writer:
        for batch in found.combine_chunks().to_batches(max_chunksize=chance.choice((5, 100))):
            writer.write_batch(batch)
    content = bytearray(stream.getvalue())
    changes = chance.choice((0, 1, 1, 2, 4))
    for _ in range(changes):
        if content:
            _change(content, chance)
    return bytes(content), f"{changes} changes"


def _change(content: bytearray, chance: Random) -> None:
    near = abs(int(chance.gauss(0, 300)))
    at = chance.choice((chance.randrange(len(content)), min(near, len(content) - 1), max(0, len(content) - 1 - near)))
    how = chance.random()
    if how < 0.4:
        content[at] = chance.randrange(256)
    elif how < 0.55:
        content[at & ~3 : (at & ~3) + 4] = struct.pack("<i", chance.choice((-1, 0, 1, 7, 100000, 2**31 - 1, -(2**31))))
    elif how < 0.7:
        content[at & ~7 : (at & ~7) + 8] = struct.pack("<q", chance.choice((-1, 0, 7, 100000, 1 << 33, 2**40, 2**62)))
    elif how < 0.8:
        del content[at + 1 :]
    elif how < 0.9:
        del content[at : at + chance.choice((1, 4, 8, 64))]
    else:
        content[at:at] = bytes(chance.choice((1, 4, 8)))


def separated(chance: Random) -> tuple[str, bytes, str]:
    """A CSV or TSV file with some of its fields or bytes changed: its name, its content and how."""
    found = tables.rows(chance)
    columns = [
        column if _simple(column.type) else pa.array(map(_printed, column.to_pylist()), pa.string())
        for column in found.columns
    ]
    mark = chance.choice((",", ",", "\t"))
    stream = io.BytesIO()
    csv.write_csv(pa.table(columns, names=found.column_names), stream, csv.WriteOptions(delimiter=mark))
    lines = stream.getvalue().split(b"\n")
    changes = chance.choice((0, 1, 1, 2))
    for _ in range(changes):
        row = chance.randrange(len(lines))
        fields = lines[row].split(mark.encode())
        fields[chance.randrange(len(fields))] = chance.choice(_NUMBERS)
        lines[row] = mark.encode().join(fields) if chance.random() < 0.8 else lines[row][: len(lines[row]) // 2]
    content = b"\n".join(lines)
    return _packed("a.csv" if mark == "," else "a.tsv", content, chance, f"{changes} changes")


def _simple(kind: Any) -> bool:
    is_ = pa.types
    return any(f(kind) for f in (is_.is_floating, is_.is_integer, is_.is_string)) and not is_.is_float16(kind)


def _printed(value: Any) -> str | None:
    return None if value is None else str(value)


def lines(chance: Random) -> tuple[str, bytes, str]:
    """A file of JSON lines with some of its values or bytes changed: its name, its content and how."""
    records = tables.rows(chance).to_pylist()
    found = [json.dumps(record, default=str) for record in records]
    changes = chance.choice((0, 1, 1, 2))
    for _ in range(changes if found else 0):
        row = chance.randrange(len(found))
        how = chance.random()
        if how < 0.6 and records[row]:
            name = json.dumps(chance.choice(list(records[row])))
            found[row] = f"{{{name}: {chance.choice(_VALUES)}}}"
        elif how < 0.8:
            found[row] = found[row][: len(found[row]) // 2]
        else:
            found[row] = chance.choice(_VALUES)
    return _packed("a.jsonl", "\n".join(found).encode("utf-8", "surrogatepass"), chance, f"{changes} changes")


def _packed(name: str, content: bytes, chance: Random, how: str) -> tuple[str, bytes, str]:
    if chance.random() < 0.8:
        return name, content, how
    packed = gzip.compress(content, mtime=0)
    return f"{name}.gz", packed if chance.random() < 0.7 else packed[: len(packed) // 2], how
