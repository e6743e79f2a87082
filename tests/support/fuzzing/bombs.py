"""Small Parquet files that are true in every size and take gigabytes when they are decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa

from fuzzing.parquet import CODEC_NAMES
from fuzzing.thrift import BINARY, FALSE, I32, I64, LIST, STRUCT, TRUE, Struct, varint, written, zigzag

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY = 0, 1, 2, 4, 5, 6
PLAIN, RLE, DELTA, DELTA_LENGTH, DELTA_BYTES, DICTIONARY, SPLIT = 0, 3, 5, 6, 7, 8, 9
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9, 2**31 - 1)


@dataclass
class Column:
    """A column of a flat schema, or of a list of one level: its pages as bytes, and what the footer says of it."""

    name: str
    kind: int
    pages: bytes
    first: int
    values: int
    unpacked: int
    listed: bool = False
    codec: int = 0
    has_dictionary: bool = False


def _packed(content: bytes, codec: int) -> bytes:
    return bytes(pa.compress(content, CODEC_NAMES[codec], asbytes=True)) if codec else content


def _page(kind: int, body: bytes, codec: int, about: Struct, version: int = 1, levels: bytes = b"") -> bytes:
    """A page whose sizes are true; levels: what version 2 leaves unpacked before its values."""
    packed = levels + _packed(body, codec)
    inner = {0: 5, 2: 7, 3: 8}[kind]
    head = {1: (I32, kind), 2: (I32, len(levels) + len(body)), 3: (I32, len(packed)), inner: (STRUCT, about)}
    return written(head) + packed


def _run(count: int, value: int) -> bytes:
    """A run of one level or code of at most 8 bits."""
    return varint(count << 1) + bytes([value])


def data_page(
    values: int, rows: int, encoding: int, body: bytes, codec: int, version: int, levels: tuple[bytes, ...]
) -> bytes:
    """A data page of either version; levels: of repetition and of definition, where the column has them."""
    if version == 1:
        head = b"".join(struct.pack("<I", len(one)) + one for one in levels)
        return _page(0, head + body, codec, {1: (I32, values), 2: (I32, encoding), 3: (I32, RLE), 4: (I32, RLE)})
    repeated, defined = levels if len(levels) == 2 else (b"", b"".join(levels))
    about: Struct = {
        1: (I32, values), 2: (I32, 0), 3: (I32, rows), 4: (I32, encoding), 5: (I32, len(defined)),
        6: (I32, len(repeated)), 7: (TRUE if codec else FALSE, bool(codec)),
    }  # fmt: skip
    return _page(3, body, codec, about, 2, repeated + defined)


def file_of(columns: list[Column], rows: int) -> bytes:
    """The file of these columns in one row group."""
    out, chunks, schema = bytearray(b"PAR1"), [], [{4: (BINARY, b"root"), 5: (I32, len(columns))}]
    for one in columns:
        at, name = len(out), one.name.encode()
        out += one.pages
        path = [name, b"list", b"element"] if one.listed else [name]
        about: Struct = {
            1: (I32, one.kind), 2: (LIST, (I32, [PLAIN, RLE, DICTIONARY])), 3: (LIST, (BINARY, path)), 4: (I32,
            one.codec),
            5: (I64, one.values), 6: (I64, one.unpacked), 7: (I64, len(one.pages)), 9: (I64, at + one.first),
        }  # fmt: skip
        if one.has_dictionary:
            about[11] = (I64, at)
        chunks.append({2: (I64, at), 3: (STRUCT, about)})
        text: Struct = {6: (I32, 0)} if one.kind == BYTE_ARRAY else {}
        if one.listed:
            schema.append({3: (I32, 0), 4: (BINARY, name), 5: (I32, 1), 6: (I32, 3)})
            schema.append({3: (I32, 2), 4: (BINARY, b"list"), 5: (I32, 1)})
            schema.append({1: (I32, one.kind), 3: (I32, 0), 4: (BINARY, b"element"), **text})
        else:
            schema.append({1: (I32, one.kind), 3: (I32, 0), 4: (BINARY, name), **text})
    group: Struct = {1: (LIST, (STRUCT, chunks)), 2: (I64, len(out)), 3: (I64, rows)}
    end = written({1: (I32, 1), 2: (LIST, (STRUCT, schema)), 3: (I64, rows), 4: (LIST, (STRUCT, [group]))})
    return bytes(out) + end + struct.pack("<I", len(end)) + b"PAR1"


def small(name: str, rows: int) -> Column:
    """An honest column of floats."""
    body = np.random.default_rng(0).normal(size=rows).astype("<f4").tobytes()
    page = data_page(rows, rows, PLAIN, body, 0, 1, ())
    return Column(name, FLOAT, page, 0, rows, len(page))


def _dictionary(value: bytes, kind: int, codec: int) -> bytes:
    body = struct.pack("<I", len(value)) + value if kind == BYTE_ARRAY else value
    return _page(2, body, codec, {1: (I32, 1), 2: (I32, PLAIN)})


def ragged(chance: Random) -> bytes:
    """Narrow rows, then one row of very many equal floats: a dictionary, and runs of levels and codes."""
    wide, codec, version = chance.choice(SIZES), chance.choice((0, *CODEC_NAMES)), chance.choice((1, 2))
    narrow = chance.choice((0, 100, 2000))
    first = _dictionary(struct.pack("<f", 1.5), FLOAT, codec)
    pages = first
    if narrow:
        levels = (b"".join(_run(1, 0) + _run(3, 1) for _ in range(narrow)), _run(4 * narrow, 1))
        pages += data_page(4 * narrow, narrow, DICTIONARY, b"\x01" + _run(4 * narrow, 0), codec, version, levels)
    levels = (_run(1, 0) + _run(wide - 1, 1), _run(wide, 1))
    pages += data_page(wide, 1, DICTIONARY, b"\x01" + _run(wide, 0), codec, version, levels)
    said = chance.choice((len(pages), 4 * (wide + 4 * narrow)))
    return file_of([Column("emb", FLOAT, pages, len(first), wide + 4 * narrow, said, True, codec, True)], narrow + 1)


def texts(chance: Random) -> bytes:
    """One long string, once in the dictionary and in every row."""
    rows, length = chance.choice((60, 20_000, 10**6)), chance.choice((10**3, 10**5, 10**6, 10**7))
    codec, version = (
        chance.choice((0, *CODEC_NAMES)) if length <= 10**5 else chance.choice((2, 4, 6)),
        chance.choice((1, 2)),
    )
    first = _dictionary(b"x" * length, BYTE_ARRAY, codec)
    pages = first + data_page(rows, rows, DICTIONARY, b"\x01" + _run(rows, 0), codec, version, ())
    name = chance.choice(("id", "group", "id", "text", "epoch"))
    said = chance.choice((len(pages), length * rows))
    long = Column(name, BYTE_ARRAY, pages, len(first), rows, said, False, codec, True)
    return file_of([*_embeddings(rows), long], rows)


def prefixes(chance: Random) -> bytes:
    """Strings that each repeat all of the one before: DELTA_BYTE_ARRAY, a long first one and empty rests."""
    rows, length = chance.choice((60, 20_000)), chance.choice((10**3, 10**5, 10**6))
    codec = chance.choice((2, 4, 6))
    body = _deltas([0, length] + [length] * (rows - 2)) + _deltas([length] + [0] * (rows - 1)) + b"x" * length
    pages = data_page(rows, rows, DELTA_BYTES, body, codec, chance.choice((1, 2)), ())
    long = Column(chance.choice(("id", "group")), BYTE_ARRAY, pages, 0, rows, len(pages), False, codec)
    return file_of([*_embeddings(rows), long], rows)


def _deltas(values: list[int]) -> bytes:
    """DELTA_BINARY_PACKED, with 128 values a block in 4 parts of as many bits as they need."""
    out = varint(128) + varint(4) + varint(len(values)) + varint(values[0] << 1)
    steps = [b - a for a, b in pairwise(values)]
    for at in range(0, len(steps), 128):
        block = steps[at : at + 128]
        least = min(block)
        widths, packed = b"", b""
        for part in range(0, 128, 32):
            over = [step - least for step in block[part : part + 32]]
            bits = max(over, default=0).bit_length()
            widths += bytes([bits])
            whole = sum(value << bits * i for i, value in enumerate(over))
            packed += whole.to_bytes(32 * bits // 8, "little") if over else b""
        out += zigzag(least) + widths + packed
    return out


def counted(chance: Random) -> bytes:
    """Very many whole numbers of no bits: DELTA_BINARY_PACKED says how many, and that all steps are equal."""
    rows = chance.choice(SIZES[:2])
    blocks = -(-(rows - 1) // (1 << 20))
    body = varint(1 << 20) + varint(4) + varint(rows) + b"\x00" + (b"\x02" + b"\x00" * 4) * blocks
    codec = chance.choice((0, 6))
    pages = data_page(rows, rows, DELTA, body, codec, chance.choice((1, 2)), ())
    one = Column("id", INT64, pages, 0, rows, len(pages), False, codec)
    return file_of([*_embeddings(rows), one], rows)


def zeros(chance: Random) -> bytes:
    """Pages of zeros, packed as far as the codec packs; as one page or many."""
    codec, kind = chance.choice((2, 4, 6)), chance.choice((FLOAT, DOUBLE, INT64))
    width = 4 if kind == FLOAT else 8
    rows, pages = chance.choice(((10**5, 1), (10**5, 10), (10**6, 1), (10**6, 3), (10**7, 1)))
    encoding = SPLIT if kind != INT64 and chance.random() < 0.3 else PLAIN
    one = data_page(rows, rows, encoding, bytes(rows * width), codec, chance.choice((1, 2)), ())
    said = chance.choice((rows * pages * width, len(one) * pages))
    names = ("emb_0", "emb_1", "emb_2")
    columns = [Column(name, kind, one * pages, 0, rows * pages, said, False, codec) for name in names]
    return file_of(columns, rows * pages)


def _embeddings(rows: int) -> list[Column]:
    """Two columns of numbers for so many rows: honest for few, of runs for many."""
    if rows <= 20_000:
        return [small("emb_0", rows), small("emb_1", rows)]
    first = _dictionary(struct.pack("<f", 1.5), FLOAT, 0)
    pages = first + data_page(rows, rows, DICTIONARY, b"\x01" + _run(rows, 0), 0, 1, ())
    return [Column(f"emb_{j}", FLOAT, pages, len(first), rows, 4 * rows, has_dictionary=True) for j in range(2)]


BOMBS = (ragged, ragged, texts, texts, prefixes, counted, zeros)


def bomb(chance: Random) -> tuple[bytes, str]:
    """One of them, and which."""
    make = chance.choice(BOMBS)
    return make(chance), f"bomb: {make.__name__}"
