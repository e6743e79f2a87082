"""Texts and what stands beside them, from files of one text or record a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np

from labelfree.documents.stores.remote_file import File
from labelfree.errors import ColumnError, RowsError, SourceError, UsageError, option
from labelfree.models.items.batches import Bad, Chunk, Data, Wish, refused
from labelfree.models.items.column_types import Seen
from labelfree.models.items.columns import candidates, carried, check_named, id_column, the_only
from labelfree.models.items.content_hash import content_hash
from labelfree.models.items.ids import Identities
from labelfree.models.items.kinds import ITEMS
from labelfree.models.items.records import JSON_LINES, columns, form, records

_HEAD, _CHUNK = 1000, 200


def text_data(name: str, files: Sequence[File], wish: Wish, on_bad: Literal["error", "drop"]) -> Data:
    """The texts of these files, in this order, as one data set."""
    if wish.kind not in (None, "text"):
        raise UsageError(f"{name}: expected {ITEMS[wish.kind]}, found a file of text; name a file or directory of them")
    written = form(files[0]) not in JSON_LINES
    text, beside = _chosen(name, files[0], wish, written)
    for file in files[1:] if written else ():
        there = columns(file)
        if lacking := next((c for c in (text, *beside.values()) if c not in there), None):
            raise ColumnError(f"{file}: expected a column {lacking!r} as in {files[0]}, found {', '.join(there)}")
    seen = {column: Seen(written) for column in (text, *beside.values())}
    counts = _scanned(name, files, seen, beside.get("id"))
    total = sum(counts)
    if not total:
        raise SourceError(f"{name}: expected texts, found no row in {files[0].name}")
    _check_text(name, text, seen[text], total, on_bad)
    for out, column in beside.items():
        _check_type(name, column, seen[column], "id" if out == "id" else "keep")

    def chunks(start: int) -> Iterator[Chunk]:
        offset = 0
        for file, count in zip(files, counts, strict=True):
            if start < offset + count:
                skip = max(start - offset, 0)
                yield from _chunks(records(file, skip), offset + skip, text, beside, seen)
            offset += count

    return Data(
        name=name,
        files=tuple(map(str, files)),
        kind="text",
        column="" if form(files[0]) == ".txt" else text,
        total=total,
        ids="id" in beside,
        kept=tuple(out for out in beside if out != "id"),
        fingerprint=content_hash(files, ("text", text, *beside.items()), whole=True),
        chunks=chunks,
        on_bad=on_bad,
    )


def _chosen(name: str, file: File, wish: Wish, written: bool) -> tuple[str, dict[str, str]]:
    """The column of texts, and those beside it; without a name from the first 1,000 rows."""
    names = columns(file)
    if not names:
        raise SourceError(f"{name}: expected texts, found an empty file")
    check_named(name, names, wish)
    id = id_column(names, wish)
    beside = carried(wish, id)
    if wish.column:
        return wish.column, beside
    head = {column: Seen(written) for column in names}
    for row, (line, record) in enumerate(islice(records(file), _HEAD)):
        for column, value in record.items():
            head[column].add(value, row, line)
    if not any(seen.kinds or seen.nulls for seen in head.values()):
        raise SourceError(f"{name}: expected texts, found no row in {file.name}")
    found = candidates({column: "text" for column in names if head[column].kind == "text"}, wish, id)
    return the_only(name, found, {column: seen.kind for column, seen in head.items()}, wish), beside


def _scanned(name: str, files: Sequence[File], seen: dict[str, Seen], id: str | None) -> list[int]:
    """The rows of each file; what the columns hold is noted on the way, and ids that repeat are refused."""
    counts: list[int] = []
    identities, pending = Identities(), list[Any]()
    for file in files:
        row = -1
        for row, (line, record) in enumerate(records(file)):
            for column, values in seen.items():
                values.add(record.get(column), sum(counts) + row, line)
            if id:
                pending.append(record.get(id))
            if len(pending) == _CHUNK:
                identities.add(np.array(pending, object))
                pending = []
        counts.append(row + 1)
    if id:
        if pending:
            identities.add(np.array(pending, object))
        identities.check(name, id, lambda: (record[id] for file in files for _, record in records(file)))
    return counts


def _check_text(name: str, column: str, seen: Seen, total: int, on_bad: str) -> None:
    if seen.nulls == total:
        raise RowsError(f"{name}: {column}: all {total} rows have no text; name another column with {option('column')}")
    if seen.kind != "text":
        kind, line = next((kind, line) for kind, line in seen.kinds.items() if kind != "text")
        raise ColumnError(
            f"{name}: column {column!r}: expected text in every row, found {kind} (line {line}); name a column of "
            f"texts with {option('column')}, or write the values as text"
        )
    if seen.nulls and on_bad == "error":
        row, line = seen.first_null
        raise RowsError(refused(f"{name}: {column}", [Bad("have no text", seen.nulls, row, f" (line {line})")], total))


def _check_type(name: str, column: str, seen: Seen, role: str) -> None:
    if role == "id" and seen.kind not in ("text", "integers"):
        raise ColumnError(
            f"{name}: column {column!r}: expected integers or text as ids, found {seen.kind} (line "
            f"{max(seen.kinds.values())}); name another one with {option('id')}"
        )
    if seen.column([]) is None:
        raise ColumnError(
            f"{name}: column {column!r}: expected numbers or text of one type to carry along, found {seen.kind} (line "
            f"{max(seen.kinds.values())}); leave it out, or write the values as text"
        )


def _chunks(
    found: Iterator[tuple[int, dict[str, Any]]], row: int, text: str, beside: dict[str, str], seen: dict[str, Seen]
) -> Iterator[Chunk]:
    import pyarrow as pa

    while part := list(islice(found, _CHUNK)):
        good = [i for i, (_, record) in enumerate(part) if record.get(text) is not None]
        values = {out: seen[column].column([part[i][1].get(column) for i in good]) for out, column in beside.items()}
        first = next((i for i in range(len(part)) if part[i][1].get(text) is None), 0)
        lost = len(part) - len(good)
        bad = (Bad("have no text", lost, row + first, f" (line {part[first][0]})"),) if lost else ()
        items = [part[i][1][text] for i in good]
        yield Chunk(row, len(part), items, row + np.array(good, np.int64), pa.table(values) if values else None, bad)
        row += len(part)
