"""What the columns of a Parquet file will decode to, bounded before Arrow decodes any of them.

Three bounds: the pages that are unpacked at once, what one batch of rows decodes to, and all the text of a column.
Lists whose pages the file explains, by holding an eighth of what each decodes to, are taken to be of one length, as
Arrow will find them; all others are counted by their repetition levels, and texts by the lengths in their dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import IO, NamedTuple

import numpy as np

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError, option
from labelfree.sources.guards.footers import ColumnChunk, Footer, Leaf
from labelfree.sources.guards.pages import BY_DICTIONARY, DELTA_LENGTHS, DELTA_TEXT, DICTIONARY, V1, V2, Page, pages
from labelfree.sources.guards.unpacking import RowWidths, Unclear, delta_lengths, delta_memory, widest_entry

BATCH = 1 << 26
"""Bytes that one batch decodes to, unless one row is larger."""
TOTAL = 1 << 30
"""Bytes that reading may take where no limit is given."""
_COPIES = 4
"""How often a batch is held: as values, with their levels, as rows, and while buffers grow."""
_TEXT_COPIES = 2
"""How often a text is held: by Arrow and by Python."""
_RATIO = 16
_MOST_UNPACKED = 1 << 28
"""Bytes of pages that are held at once where they are packed by more than that ratio."""
_MOST_DECODED = 1 << 34
_DECODED_RATIO = 1 << 20
_EXPLAINED = 8
_TEXT_RATIO = 100
"""Bytes of text for one of the file, beyond which all of a column must fit into what reading may take."""
_WIDEST = 1 << 16
"""Numbers in a row that a file may hold whatever its size."""
_LARGE_PAGE = _SLACK = 1 << 23
"""Bytes of a page of text, and of lists that the file does not explain, from which on they are worth a closer look."""
_SHORT = 1 << 20
"""Bytes of text that are not worth a look into their dictionary."""


class _Unit(NamedTuple):
    """Consecutive rows: how many, what all of them decode to, and the widest one, in bytes."""

    rows: int
    nbytes: int
    widest: int


class _Found(NamedTuple):
    """What a leaf decodes to: its pages at once, those of them that the file does not explain, and its rows."""

    leaf: Leaf
    held: int
    unexplained: int
    units: list[_Unit]


def check_pages(file: File, claimed: Footer, columns: Iterable[str], memory: int | None = None) -> None:
    """Refuse columns whose pages cannot be, or unpack to far more memory than the file explains."""
    _found(file, claimed, columns, memory)


def rows_at_once(file: File, claimed: Footer, columns: Iterable[str], rows: int, memory: int | None = None) -> int:
    """How many rows of these columns a batch may hold, at most `rows`; refused where one row is too large already.

    memory: bytes that reading may take, 1 GiB unless given.
    """
    found = _found(file, claimed, columns, memory)
    even = sum(one.leaf.width for one in found if not one.units)
    uneven = [(one, _TEXT_COPIES if one.leaf.width == 0 else 1) for one in found if one.units]
    total = TOTAL if memory is None else memory

    def cost(count: int) -> int:
        return even * count + sum(copies * _window(one.units, count) for one, copies in uneven)

    while (needed := cost(rows)) > BATCH and rows > 1:
        rows //= 2
    if needed * _COPIES > max(total, _COPIES * BATCH):
        name, most = max(
            [(one.leaf.name, copies * _window(one.units, 1)) for one, copies in uneven] + [(b"", even)],
            key=lambda pair: pair[1],
        )
        what = f"column {_shown(name)} would decode to {most:,} bytes" if name else f"{even:,} bytes"
        raise SourceError(
            f"{file}: one row would take too much memory: {what} in a file of {claimed.size:,}, of which reading takes "
            f"{_COPIES} times as many, and it may take {total:,}; take shorter rows"
            + ("" if name and most > claimed.size else f", or raise {option('memory')}")
        )
    return rows


def _found(file: File, claimed: Footer, columns: Iterable[str], memory: int | None) -> list[_Found]:
    found: list[_Found] = []
    held = unexplained = 0
    with file.open("rb", buffering=0) as stream:
        for leaf in claimed.of(set(columns)):
            decoded = sum(max(chunk.values, 0) * max(leaf.width, 1) for chunk in leaf.chunks)
            if decoded > max(_MOST_DECODED, _DECODED_RATIO * claimed.size):
                raise SourceError(
                    f"{file}: claims {decoded:,} bytes in a file of {claimed.size:,}: one row, again and again; it is "
                    "refused: take some of the rows"
                )
            found.append(one := _leaf(stream, file, leaf, claimed, TOTAL if memory is None else memory))
            held, unexplained = held + one.held, unexplained + one.unexplained
            if unexplained > _MOST_UNPACKED:
                raise SourceError(
                    f"{file}: its pages would take {unexplained:,} bytes of memory at once, packed more than "
                    f"{_RATIO}:1 in a file of {claimed.size:,}; where it is no bomb, write it again with smaller pages"
                )
    if memory is not None and held > max(memory, BATCH):
        raise SourceError(
            f"{file}: its pages take {held:,} bytes of memory at once, and {option('memory')} allows {memory:,}; raise "
            "it, or write the file again with smaller pages"
        )
    return found


def _leaf(stream: IO[bytes], file: File, leaf: Leaf, claimed: Footer, total: int) -> _Found:
    held = unexplained = text = 0
    units: list[_Unit] = []
    where = f"column {_shown(leaf.name)}"
    for chunk in leaf.chunks:
        if chunk.rows <= 0:
            continue
        listed = list(pages(stream, file, chunk, claimed.size, where))
        costs = [(page, _unpacked(page, leaf, file, where)) for page in listed]
        held = max(held, _at_once(costs))
        unexplained = max(unexplained, _at_once([(page, cost) for page, cost in costs if cost > _RATIO * page.held]))
        if leaf.width and not leaf.repeated:
            continue
        data = [page for page in listed if page.kind in (V1, V2)]
        parts = [_Unit(page.values, *_decoded(stream, file, page, leaf, chunk, listed, claimed)) for page in data]
        units += (
            [_rows(file, leaf, chunk, [page.held for page in data], parts, claimed, where)] if leaf.repeated else parts
        )
        text += 0 if leaf.width else sum(part.nbytes for part in parts)
    if text > max(total, BATCH, _TEXT_RATIO * claimed.size):
        raise SourceError(
            f"{file}: {where} would decode to {text:,} bytes in a file of {claimed.size:,}, texts of up to "
            f"{max(unit.widest for unit in units):,} bytes again and again, and reading may take {total:,}; it is "
            f"refused: shorten the texts, take some of the rows, or raise {option('memory')}"
        )
    return _Found(leaf, held, unexplained, units)


def _at_once(costs: list[tuple[Page, int]]) -> int:
    """Bytes of the pages that are held at once: the dictionary, and one page after the other."""
    dictionary = sum(cost for page, cost in costs if page.kind == DICTIONARY)
    return dictionary + max((cost for page, cost in costs if page.kind != DICTIONARY), default=0)


def _unpacked(page: Page, leaf: Leaf, file: File, where: str) -> int:
    """Bytes that a page takes when it is unpacked, with what Arrow makes of its dictionary or of its lengths."""
    if page.kind == DICTIONARY:
        if page.values * (leaf.width or 4) > page.unpacked:
            raise SourceError(
                f"{file}: expected a complete Parquet file, but the dictionary of {where} claims {page.values:,} "
                f"values in {page.unpacked:,} bytes; it is damaged or forged: write or copy it again"
            )
        return 2 * page.unpacked + (0 if leaf.width else 16 * page.values)
    return page.unpacked + (delta_memory(page.values) if page.encoding in (DELTA_LENGTHS, DELTA_TEXT) else 0)


def _decoded(
    stream: IO[bytes], file: File, page: Page, leaf: Leaf, chunk: ColumnChunk, listed: list[Page], claimed: Footer
) -> tuple[int, int]:
    """Bytes that the values of a page decode to, and the longest one."""
    if leaf.width:
        return page.values * leaf.width, leaf.width
    try:
        if page.encoding in BY_DICTIONARY:
            dictionary = next((one for one in listed if one.kind == DICTIONARY), None)
            widest = 0 if dictionary is None else dictionary.unpacked
            if dictionary is not None and page.values * widest > _SHORT:
                widest = _widest_text(file, (file.stat().st_mtime_ns, claimed.size), dictionary, chunk.codec)
            return page.values * widest, widest
        if page.encoding == DELTA_TEXT:
            widest, nbytes = delta_lengths(stream, page, chunk.codec, leaf.repeated, leaf.optional)
            return nbytes, widest
    except Unclear:
        return page.values * page.unpacked, page.unpacked
    if page.unpacked > _LARGE_PAGE and page.unpacked <= _EXPLAINED * page.held:
        return page.unpacked, -(-page.unpacked // max(page.values, 1))
    return page.unpacked, page.unpacked


def _rows(
    file: File, leaf: Leaf, chunk: ColumnChunk, explained: list[int], parts: list[_Unit], claimed: Footer, where: str
) -> _Unit:
    """The rows of a chunk of lists. explained: bytes in the file of each of its pages."""
    nbytes = sum(part.nbytes for part in parts)
    if sum(max(part.nbytes - _EXPLAINED * held, 0) for part, held in zip(parts, explained, strict=True)) <= _SLACK:
        return _Unit(chunk.rows, nbytes, -(-nbytes // chunk.rows))
    most = max(_WIDEST, claimed.size)
    values, value = sum(part.rows for part in parts), max((part.widest for part in parts), default=0)
    try:
        widest = _widest_row(file, (file.stat().st_mtime_ns, claimed.size), leaf.repeated, chunk, most)
    except Unclear:
        widest = values
    if widest > most:
        raise SourceError(
            f"{file}: {where} holds a row of {widest:,} numbers or more, {widest * value:,} bytes, and {values:,} "
            f"numbers in {chunk.rows:,} rows, in a file of {claimed.size:,} bytes; expected rows of one length that "
            "the file explains: it is damaged or forged"
        )
    return _Unit(chunk.rows, nbytes, min(widest * value, nbytes))


@lru_cache(maxsize=1024)
def _widest_text(file: File, stamp: tuple[int, int], dictionary: Page, codec: int) -> int:
    """Bytes of the longest text in a dictionary; stamp: when the file was changed, and its size."""
    with file.open("rb", buffering=0) as stream:
        return widest_entry(stream, dictionary, codec)


@lru_cache(maxsize=1024)
def _widest_row(file: File, stamp: tuple[int, int], repeated: int, chunk: ColumnChunk, most: int) -> int:
    """Values in the widest row of a chunk, or in the first page after which it has more than `most`.

    stamp: when the file was changed, and its size.
    """
    widths = RowWidths(repeated)
    with file.open("rb", buffering=0) as stream:
        for page in pages(stream, file, chunk, stamp[1], ""):
            if page.kind in (V1, V2):
                widths.add(stream, page, chunk.codec)
                if widths.widest > most:
                    break
    return widths.widest


def _window(units: list[_Unit], rows: int) -> int:
    """Bytes that so many consecutive rows decode to at most."""
    counts, nbytes, widest = np.array(units, np.float64).T
    ends = np.cumsum(counts)
    most = np.minimum(nbytes, rows * widest)
    sums = np.concatenate([[0.0], np.cumsum(most)])
    last = np.searchsorted(ends - counts, ends + (rows - 1), side="left")
    return int(min((sums[last] - sums[:-1]).max(), rows * widest.max()))


def _shown(name: bytes) -> str:
    return repr(name.decode(errors="replace"))
