"""States as bytes: a safetensors file whose header holds what is no array, versioned and with checksums.

    8 bytes: the length of the header; the header, JSON padded to a multiple of 8 bytes; the arrays, one after another.

The header lists every array with its type, shape and place, and under `__metadata__` one text, JSON again: the format,
what the file is about, and of each record its kind, its plain values and the checksum of its arrays. A last checksum is
of the header itself. Nothing in it is code. A record, whose name has no slash, is read alone, and no array is made that
the file does not hold.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import SummaryError, in_short, quoted
from labelfree.summaries.fields import Fields, Value

FORMAT = 1
"""The version of the format: another one is refused."""
LAW = 1
"""The version of what is summed in which order: sums of another one would merge to other digits."""
MOST_HEADER = 100_000_000
"""Bytes of a header, as the safetensors library has it."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "U64": "<u8", "I64": "<i8"}
_CODES = {np.dtype(spelled): code for code, spelled in _DTYPES.items()}
_KEY = "labelfree"
_DEEPEST = 8
_MOST_LENGTH = 1 << 48

ReadAt = Callable[[int, int], bytes]
"""Some bytes of a file: where they begin, and how many."""


@dataclass(frozen=True)
class Entry:
    """Where an array is: its type, its shape, and the bytes from `begin` to `end` after the header."""

    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, eq=False)
class Record:
    """One state as the header has it: its kind, its plain values, its arrays, and their checksum."""

    kind: str
    values: Mapping[str, Value]
    entries: Mapping[str, Entry]
    checksum: str

    @property
    def span(self) -> tuple[int, int]:
        """The bytes of its arrays after the header."""
        if not self.entries:
            return 0, 0
        return min(e.begin for e in self.entries.values()), max(e.end for e in self.entries.values())


def payload(fields: Fields) -> tuple[Record, list[bytes]]:
    """A state as a record whose arrays begin at 0, and their bytes."""
    entries, pieces, at = {}, [], 0
    arrays = sorted(_flat(fields), key=lambda pair: (-pair[1].dtype.itemsize, pair[0]))
    for name, array in arrays:
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        entries[name] = Entry(_CODES[array.dtype.newbyteorder("<")], array.shape, at, at + len(raw))
        at += len(raw)
        pieces.append(raw)
    if at % 8:  # what follows begins at a multiple of 8 again
        pad = bytes(8 - at % 8)
        entries["padding"] = Entry("U8", (len(pad),), at, at + len(pad))
        pieces.append(pad)
    return Record(fields.kind, _nested(fields), entries, _checksum(pieces)), pieces


def _flat(fields: Fields, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    for name, array in fields.arrays.items():
        yield prefix + name, array
    for name, inner in fields.inner.items():
        yield from _flat(inner, f"{prefix}{name}/")


def _nested(fields: Fields) -> dict[str, Value]:
    inner: dict[str, Value] = {name: {"kind": one.kind, **_nested(one)} for name, one in fields.inner.items()}
    return {"values": dict(fields.values), "inner": inner}


def _checksum(pieces: list[bytes]) -> str:
    found = hashlib.blake2b(digest_size=32)
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def header(records: Mapping[str, Record], about: Mapping[str, Value]) -> bytes:
    """What a file of these records begins with: the length and the header; their arrays follow in this order."""
    table: dict[str, Any] = {}
    listed: dict[str, Any] = {}
    at = 0
    for name, record in records.items():
        first, last = record.span
        for array, e in record.entries.items():
            offsets = [at + e.begin - first, at + e.end - first]
            table[f"{name}/{array}"] = {"dtype": e.code, "shape": list(e.shape), "data_offsets": offsets}
        listed[name] = {"kind": record.kind, "state": record.values, "checksum": record.checksum}
        at += last - first
    document = {"format": FORMAT, "law": LAW, "about": about, "records": listed}
    document["checksum"] = _of_header(document, table)
    text = json.dumps({"__metadata__": {_KEY: _compact(document)}, **table}, separators=(",", ":"), allow_nan=False)
    raw = text.encode()
    raw += b" " * (-len(raw) % 8)
    if len(raw) > MOST_HEADER:
        raise SummaryError(f"a summary of {len(records):,} records needs a header of {len(raw):,} bytes; write several")
    return len(raw).to_bytes(8, "little") + raw


def _compact(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _of_header(document: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in document.items() if key != "checksum"}
    return hashlib.blake2b((_compact(kept) + _compact(table)).encode(), digest_size=32).hexdigest()


def encoded(states: Mapping[str, Fields], about: Mapping[str, Value] | None = None) -> bytes:
    """Several states by name as the bytes of one file; about: what else its header tells."""
    made = {name: payload(fields) for name, fields in states.items()}
    head = header({name: record for name, (record, _) in made.items()}, about or {})
    return b"".join([head, *(piece for _, pieces in made.values() for piece in pieces)])


@dataclass(frozen=True, eq=False)
class Stored:
    """States that lie in a file or in bytes, its header read and checked; `fields` reads one of them."""

    about: Mapping[str, Value]
    records: Mapping[str, Record]
    read_at: ReadAt
    start: int

    def raw(self, name: str) -> bytes:
        """The bytes of the arrays of a record, checked."""
        record = self.records[name]
        first, last = record.span
        found = self.read_at(self.start + first, last - first) if last > first else b""
        if len(found) != last - first or _checksum([found]) != record.checksum:
            raise SummaryError(f"the checksum of {quoted(name)} is another: it is damaged, or was changed")
        return found

    def fields(self, name: str) -> Fields:
        """One state."""
        if name not in self.records:
            raise SummaryError(f"expected the record {name!r}, found {', '.join(map(quoted, list(self.records)[:4]))}")
        record, raw = self.records[name], self.raw(name)
        first = record.span[0]
        arrays = {
            key: np.frombuffer(raw, _DTYPES[e.code], math.prod(e.shape), e.begin - first).reshape(e.shape).copy()
            for key, e in record.entries.items()
            if e.code in _DTYPES
        }
        return _grown(record.kind, record.values, arrays, "")


def _grown(kind: Any, state: Any, arrays: Mapping[str, NDArray[Any]], prefix: str, depth: int = 0) -> Fields:
    """The fields of a state out of what its header and its arrays hold."""
    values, inner = (state.get(key) if isinstance(state, dict) else None for key in ("values", "inner"))
    if not isinstance(values, dict) or not isinstance(inner, dict) or not isinstance(kind, str) or depth > _DEEPEST:
        raise SummaryError(f"{quoted(kind)}: expected the values of a summary, found others; it is damaged or forged")
    own = {key.removeprefix(prefix): one for key, one in arrays.items() if key.startswith(prefix)}
    return Fields(
        kind, values, {key: one for key, one in own.items() if "/" not in key},
        {key: _grown((one or {}).get("kind"), one, arrays, f"{prefix}{key}/", depth + 1) for key, one in inner.items()}
    )  # fmt: skip


def decoded(raw: bytes, kind: str) -> Fields:
    """The one state in these bytes, which must be of this kind."""
    view = memoryview(raw)
    found = stored(lambda begin, length: bytes(view[begin : begin + length]), len(raw)).fields("state")
    found.check_kind(kind)
    return found


def stored(read_at: ReadAt, size: int) -> Stored:
    """What a file of this size holds, its header read and checked: its version, its checksum, every place and shape.

    A SummaryError where it cannot be what it says; no number that it claims is believed before it fits into the file.
    """
    length = int.from_bytes(read_at(0, 8), "little") if size >= 8 else 0
    if size < 8 or not 2 <= length <= min(size - 8, MOST_HEADER):
        raise SummaryError(
            f"expected a summary of labelfree, found {size:,} bytes whose header would take {length:,}; it is "
            "truncated, or another kind of file"
        )
    try:
        table = json.loads(read_at(8, length).decode(), object_pairs_hook=_once)
        document = json.loads(table.pop("__metadata__")[_KEY], object_pairs_hook=_once)
        version, law, records, about = (document[key] for key in ("format", "law", "records", "about"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SummaryError(
            f"expected a summary of labelfree, found a header that is none ({in_short(error)}); labelfree summarize "
            "SOURCE -o x.summary writes one"
        ) from None
    for what, found, own in (("format", version, FORMAT), ("law of sums", law, LAW)):
        if found != own:
            raise SummaryError(
                f"expected {what} {own}, found {quoted(found)}: another version of labelfree wrote it; summarize the "
                "rows again with this one, or read it with that one"
            )
    try:
        if document.get("checksum") != _of_header(document, table):
            raise SummaryError("the checksum of its header is another: it is damaged, or was changed")
        entries = _entries(table, size - 8 - length)
        found = {name: _record(name, one, entries.get(name, {})) for name, one in records.items()}
        if not entries.keys() <= found.keys() or not isinstance(about, dict):
            raise ValueError("it holds arrays of no record")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SummaryError(f"its header cannot be believed ({in_short(error)}); it is damaged or forged") from None
    return Stored(about, found, read_at, 8 + length)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _entries(table: Mapping[str, Any], size: int) -> dict[str, dict[str, Entry]]:
    """The arrays of a header by record and name; in this order they fill the `size` bytes without overlap or gap."""
    found: dict[str, dict[str, Entry]] = {}
    at = 0
    for name, one in table.items():
        code, shape, (begin, end) = one["dtype"], tuple(one["shape"]), one["data_offsets"]
        if any(type(n) is not int or not 0 <= n < _MOST_LENGTH for n in (*shape, begin, end)):
            raise ValueError(f"{quoted(name)} claims shape {quoted(shape)}")
        width = np.dtype(_DTYPES[code]).itemsize if code != "U8" else 1
        if begin != at or math.prod(shape) * width != end - begin or begin % width:
            raise ValueError(f"{quoted(name)} claims {code} of shape {quoted(shape)} at {begin:,} to {end:,}")
        record, _, array = name.partition("/")
        found.setdefault(record, {})[array], at = Entry(code, shape, begin, end), end
    if at != size:
        raise ValueError(f"its arrays end after {at:,} bytes, {size:,} follow the header")
    return found


def _record(name: str, one: Mapping[str, Any], entries: Mapping[str, Entry]) -> Record:
    if type(one["kind"]) is not str or type(one["checksum"]) is not str:
        raise ValueError(f"{quoted(name)} has no kind, or no checksum")
    record = Record(one["kind"], one["state"], entries, one["checksum"])
    first, last = record.span
    if sum(e.end - e.begin for e in entries.values()) != last - first:
        raise ValueError(f"the arrays of {quoted(name)} lie apart")
    return record
