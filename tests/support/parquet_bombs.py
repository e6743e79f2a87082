"""Small Parquet files that decode to gigabytes: two hundred of them by a seed, written page by page.

As a program it opens the files that are named, each with its command, in one process, and prints what became of each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fuzzing.thrift import BINARY, I32, I64, LIST, STRUCT, Struct, varint, zigzag
from hostile_tables import element, parquet, thrift

SEED = 20_001
CODECS = {"none": 0, "snappy": 1, "gzip": 2, "brotli": 4, "zstd": 6, "lz4_raw": 7}
FLOAT, DOUBLE, TEXT = 4, 5, 6
WIDTHS = {FLOAT: 4, DOUBLE: 8}
PLAIN, DELTA_TEXT, BY_DICTIONARY = 0, 7, 8
Draw = np.random.Generator


@cache
def zeros(nbytes: int, codec: str) -> bytes:
    """So many zeros, packed."""
    return bytes(nbytes) if codec == "none" else bytes(pa.compress(bytes(nbytes), codec=codec, asbytes=True))


def packed(content: bytes, codec: str) -> bytes:
    """What a codec makes of some bytes."""
    return content if codec == "none" else bytes(pa.compress(content, codec=codec, asbytes=True))


def run(value: int, count: int) -> bytes:
    """One level or index again and again, of at most 8 bits."""
    return varint(count << 1) + bytes([value])


def narrow(rows: int) -> bytes:
    """Repetition levels of 2 x `rows` rows of four numbers each, bit by bit."""
    return varint(rows << 1 | 1) + b"\xee" * rows


def data(values: int, body: bytes, codec: str, encoding: int, levels: tuple[bytes, ...] = (), rows: int = -1) -> bytes:
    """A data page, of the second version where it says how many rows it has."""
    if rows < 0:
        content = b"".join(len(one).to_bytes(4, "little") + one for one in levels) + body
        held = packed(content, codec)
        about: Struct = {1: (I32, values), 2: (I32, encoding), 3: (I32, 3), 4: (I32, 3)}
        return thrift({1: (I32, 0), 2: (I32, len(content)), 3: (I32, len(held)), 5: (STRUCT, about)}) + held
    repeated, defined = levels
    ahead, held = repeated + defined, packed(body, codec)
    about = {
        1: (I32, values), 2: (I32, 0), 3: (I32, rows), 4: (I32, encoding), 5: (I32, len(defined)),
        6: (I32, len(repeated)),
    }  # fmt: skip
    sizes: Struct = {2: (I32, len(ahead) + len(body)), 3: (I32, len(ahead) + len(held))}
    return thrift({1: (I32, 3), **sizes, 8: (STRUCT, about)}) + ahead + held


def dictionary(content: bytes, values: int, codec: str, *, unpacked: int | None = None) -> bytes:
    """A dictionary page."""
    held = packed(content, codec)
    about: Struct = {1: (I32, values), 2: (I32, 0)}
    size = len(content) if unpacked is None else unpacked
    return thrift({1: (I32, 2), 2: (I32, size), 3: (I32, len(held)), 7: (STRUCT, about)}) + held


class Column:
    """A column of a table with its pages, one row group after the other."""

    def __init__(self, name: str, kind: int, codec: str, *, lists: bool = False) -> None:
        self.name, self.kind, self.codec, self.lists = name, kind, codec, lists
        self.groups: list[tuple[bytes, int, int]] = []  # pages, values, bytes of the dictionary among them

    def add(self, pages: bytes, values: int, ahead: int = 0) -> Column:
        """The pages of the next row group, which begin with a dictionary of `ahead` bytes where there is one."""
        self.groups.append((pages, values, ahead))
        return self

    @property
    def schema(self) -> list[Struct]:
        """Its elements; nothing in it may be null."""
        text: Struct = {6: (I32, 0)} if self.kind == TEXT else {}
        if not self.lists:
            return [element(self.name, kind=self.kind) | text]
        group = element(self.name, children=1) | {6: (I32, 3)}
        return [group, element("list", children=1, repetition=2), element("element", kind=self.kind)]

    def chunk(self, which: int, at: int, held: int | None = None) -> Struct:
        """Its chunk in a row group; held: what it says of its length."""
        pages, values, ahead = self.groups[which]
        size = len(pages) if held is None else held
        path = [self.name.encode(), *([b"list", b"element"] if self.lists else [])]
        about: Struct = {
            1: (I32, self.kind), 2: (LIST, (I32, [0, 3, 8])), 3: (LIST, (BINARY, path)), 4: (I32, CODECS[self.codec]),
            5: (I64, values), 6: (I64, size), 7: (I64, size), 9: (I64, at + ahead),
        }  # fmt: skip
        return {2: (I64, at), 3: (STRUCT, about | ({11: (I64, at)} if ahead else {}))}


def file(columns: list[Column], rows: list[int], *, once: bool = False, held: int | None = None) -> bytes:
    """A file of these columns. rows: of each row group; once: all row groups share the pages of the first."""
    body, groups = b"", list[Struct]()
    first: list[int] = []
    for which, count in enumerate(rows):
        chunks = []
        for j, column in enumerate(columns):
            if once and which:
                at = first[j]
            else:
                at, body = 4 + len(body), body + column.groups[which][0]
                first.append(at)
            chunks.append(column.chunk(0 if once else which, at, held))
        groups.append({1: (LIST, (STRUCT, chunks)), 2: (I64, len(body)), 3: (I64, count)})
    schema = [element("root", children=len(columns)), *(one for column in columns for one in column.schema)]
    about: Struct = {1: (I32, 1), 2: (LIST, (STRUCT, schema)), 3: (I64, sum(rows)), 4: (LIST, (STRUCT, groups))}
    return parquet(body, thrift(about))


def honest(rows: int, draw: Draw) -> Column:
    """Embeddings of four random numbers a row."""
    values = draw.normal(size=4 * rows).astype("<f4").tobytes()
    levels = (varint(-(-rows // 2) << 1 | 1) + b"\xee" * -(-rows // 2), run(1, 4 * rows))
    return Column("emb", FLOAT, "none", lists=True).add(data(4 * rows, values, "none", PLAIN, levels), 4 * rows)


def ragged(draw: Draw) -> tuple[bytes, str]:
    """Narrow rows, and a row of a hundred million equal numbers before, between or after them."""
    codec, kind = str(draw.choice(["snappy", "gzip", "brotli", "zstd", "lz4_raw", "none"])), int(draw.choice([4, 5]))
    pairs, wide, place = (
        int(draw.integers(1, 5000)),
        int(draw.integers(80_000_000, 1_000_000_000)),
        int(draw.integers(3)),
    )
    some = pairs if place == 2 else pairs // 2 if place else 0
    giant = run(0, 1) + run(1, wide - 1)
    repeated = (narrow(some) if some else b"") + giant + (narrow(pairs - some) if pairs > some else b"")
    values = 8 * pairs + wide
    levels = (repeated, run(1, values))
    page = data(
        values, b"\x01" + run(0, values), codec, BY_DICTIONARY, levels, 2 * pairs + 1 if draw.integers(2) else -1
    )
    kept = dictionary(bytes(WIDTHS[kind]), 1, codec)
    column = Column("emb", kind, codec, lists=True).add(kept + page, values, len(kept))
    return file([column], [2 * pairs + 1]), "a row of .* or more|again and again"


def equal_rows(draw: Draw) -> tuple[bytes, str]:
    """Rows of one length, each of a hundred million equal numbers."""
    codec, count, wide = (
        str(draw.choice(list(CODECS))),
        int(draw.integers(1, 5)),
        int(draw.integers(80_000_000, 400_000_000)),
    )
    values, levels = count * wide, ((run(0, 1) + run(1, wide - 1)) * count, run(1, count * wide))
    kept = dictionary(bytes(4), 1, codec)
    page = data(values, b"\x01" + run(0, values), codec, BY_DICTIONARY, levels, count if draw.integers(2) else -1)
    column = Column("emb", FLOAT, codec, lists=True).add(kept + page, values, len(kept))
    return file([column], [count]), "a row of .* or more|again and again"


def plain_pages(draw: Draw) -> tuple[bytes, str]:
    """A row over hundreds of pages of a megabyte of zeros."""
    codec = str(draw.choice(["gzip", "brotli", "zstd"]))
    count, each = int(draw.integers(300, 1500)), 1 << 18
    first = data(each, bytes(4 * each), codec, PLAIN, (run(0, 1) + run(1, each - 1), run(1, each)))
    later = data(each, bytes(4 * each), codec, PLAIN, (run(1, each), run(1, each)))
    column = Column("emb", FLOAT, codec, lists=True).add(first + later * (count - 1), count * each)
    return file([column], [1]), "a row of .* or more"


def shared_groups(draw: Draw) -> tuple[bytes, str]:
    """Row groups that share their pages, each with a row of a hundred million numbers."""
    wide, groups = int(draw.integers(10_000_000, 100_000_000)), int(draw.integers(2, 40))
    kept = dictionary(bytes(4), 1, "none")
    page = data(wide, b"\x01" + run(0, wide), "none", BY_DICTIONARY, (run(0, 1) + run(1, wide - 1), run(1, wide)))
    column = Column("emb", FLOAT, "none", lists=True).add(kept + page, wide, len(kept))
    return file([column], [1] * groups, once=True), "a row of .* or more|again and again"


def texts(draw: Draw) -> tuple[bytes, str]:
    """One long text in a dictionary, for every row."""
    codec, rows = str(draw.choice(list(CODECS))), 2 * int(draw.integers(5_000, 50_000))
    length = int(1.3e9 / rows * draw.uniform(1, 20))
    kept = dictionary(length.to_bytes(4, "little") + b"a" * length, 1, codec)
    page = data(rows, b"\x01" + run(0, rows), codec, BY_DICTIONARY)
    column = Column("id", TEXT, codec).add(kept + page, rows, len(kept))
    return file([honest(rows, draw), column], [rows]), "column 'id' would decode to|taken|pages"


def continued(draw: Draw) -> tuple[bytes, str]:
    """Texts that continue the one before by nothing."""
    rows, length, codec = (
        2 * int(draw.integers(5_000, 20_000)),
        int(draw.integers(300_000, 900_000)),
        str(draw.choice(["zstd", "none"])),
    )
    prefixes, suffixes = np.full(rows, length), np.zeros(rows, np.int64)
    prefixes[0], suffixes[0] = 0, length
    page = data(rows, deltas(prefixes) + deltas(suffixes) + b"a" * length, codec, DELTA_TEXT)
    return file([honest(rows, draw), Column("id", TEXT, codec).add(page, rows)], [rows]), "column 'id' would decode to"


def deltas(numbers: Any) -> bytes:
    """Whole numbers as their differences, in blocks of 128."""
    out = varint(128) + varint(4) + varint(len(numbers)) + varint(int(numbers[0]) << 1)
    steps = np.diff(numbers)
    for start in range(0, len(steps), 128):
        block = steps[start : start + 128]
        least = int(block.min())
        above = np.concatenate([block - least, np.zeros(128 - len(block), np.int64)]).reshape(4, 32)
        widths = [int(part.max()).bit_length() for part in above]
        out += zigzag(least) + bytes(widths)
        for part, bits in zip(above, widths, strict=True):
            flat = (part[:, None] >> np.arange(bits)) & 1
            out += np.packbits(flat.astype(np.uint8).ravel(), bitorder="little").tobytes()
    return out


def lying_size(draw: Draw) -> tuple[bytes, str]:
    """A page that claims more bytes than its chunk, its file or its codec have."""
    codec, rows = str(draw.choice(list(CODECS))), 50
    values = draw.normal(size=rows).astype("<f4").tobytes()
    held, claim, which = packed(values, codec), int(draw.integers(1 << 29, 1 << 31)), int(draw.integers(3))
    sizes = {0: (len(values), claim), 1: (claim, claim), 2: (claim, len(held))}[which]
    about: Struct = {1: (I32, rows), 2: (I32, PLAIN), 3: (I32, 3), 4: (I32, 3)}
    page = thrift({1: (I32, 0), 2: (I32, sizes[0]), 3: (I32, sizes[1]), 5: (STRUCT, about)}) + held
    columns = [Column(f"e_{j}", FLOAT, codec).add(page, rows) for j in range(int(draw.integers(2, 9)))]
    lied = 1 << 40 if draw.integers(4) == 0 else None
    return file(columns, [rows], held=lied), "expected a complete Parquet file|pages would take"


def many_pages(draw: Draw) -> tuple[bytes, str]:
    """Pages of megabytes of zeros, one for each of many columns."""
    codec, size = str(draw.choice(["gzip", "brotli", "zstd"])), 1 << int(draw.integers(22, 25))
    columns, held = int(draw.integers((1 << 28) // size + 1, (1 << 29) // size)), zeros(size, codec)
    about: Struct = {1: (I32, size // 4), 2: (I32, PLAIN), 3: (I32, 3), 4: (I32, 3)}
    page = thrift({1: (I32, 0), 2: (I32, size), 3: (I32, len(held)), 5: (STRUCT, about)}) + held
    made = [Column(f"e_{j}", FLOAT, codec).add(page, size // 4) for j in range(columns)]
    return file(made, [size // 4]), "pages would take"


def lying_dictionary(draw: Draw) -> tuple[bytes, str]:
    """A dictionary that claims a thousand million texts or numbers."""
    rows, count = 2 * int(draw.integers(10, 500)), int(draw.integers(100_000_000, 2**31 - 1))
    kept = dictionary(bytes(400), count, "none")
    page = data(rows, b"\x01" + run(0, rows), "none", BY_DICTIONARY)
    column = Column("id", TEXT, "none").add(kept + page, rows, len(kept))
    return file([honest(rows, draw), column], [rows]), "the dictionary of column 'id' claims"


KINDS: dict[str, tuple[int, Callable[[Draw], tuple[bytes, str]], tuple[str, ...]]] = {
    "ragged rows": (50, ragged, ("rank", "doctor", "opis", "embed")),
    "rows of equal numbers": (25, equal_rows, ("rank", "embed")),
    "a row over many pages": (10, plain_pages, ("rank", "doctor")),
    "row groups that share pages": (15, shared_groups, ("rank", "embed")),
    "long texts": (35, texts, ("rank", "doctor", "opis", "embed")),
    "texts that continue": (10, continued, ("rank", "embed")),
    "sizes that lie": (35, lying_size, ("rank", "doctor")),
    "pages of many columns": (10, many_pages, ("rank",)),
    "dictionaries that lie": (10, lying_dictionary, ("rank", "embed")),
}
"""How many of each kind, what makes one, and the commands that meet it in turn."""
NAMES = [f"{kind} {i}" for kind, (count, _, _) in KINDS.items() for i in range(count)]


def variants() -> Iterator[tuple[str, str, bytes, str]]:
    """Name, command, content and what the message must match, of every variant."""
    for number, (kind, (count, make, commands)) in enumerate(KINDS.items()):
        for i in range(count):
            content, says = make(np.random.default_rng([SEED, number, i]))
            yield f"{kind} {i}", commands[i % len(commands)], content, says


def opened(command: str, path: Path) -> None:
    """Reads a file as the command does."""
    import labelfree

    if command == "embed":
        from labelfree.models.items.opening import open_data

        for _ in open_data(path, kind="array", column="emb").batches(64):
            pass
    elif command == "opis":
        labelfree.opis(path, group="id" if "text" in path.name else None)
    else:
        getattr(labelfree, command)(path)


def peak() -> float:
    """Megabytes of this program alone: ru_maxrss would begin with those of the program that started it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def main() -> None:
    """Open each file of the lines of standard input; print what was said, the seconds of work and the peak."""
    import pyarrow.parquet  # noqa: F401

    import labelfree

    for line in sys.stdin:
        command, path = line.rstrip("\n").split("\t")
        began = time.process_time()
        try:
            opened(command, Path(path))
            said, kind = "was read", "read"
        except labelfree.LabelfreeError as error:
            said, kind = str(error), "LabelfreeError"
        seconds = time.process_time() - began
        print(json.dumps({"path": path, "kind": kind, "said": said, "seconds": seconds, "peak": peak()}), flush=True)


if __name__ == "__main__":
    main()
