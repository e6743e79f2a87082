"""JSON lines, plain or as .gz: an object a line, numbers as float64.

Read by Python's own parser: that of pyarrow 25 ends the process on a line `null` and on deep nesting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from labelfree.documents.stores.remote_file import File
from labelfree.errors import ColumnError, SourceError, in_short, quoted
from labelfree.sources.block import Columns, Source
from labelfree.sources.lines import decoded, raw_lines
from labelfree.sources.tables.parts import Table, of_rows, table_source
from labelfree.sources.tables.text_files import check_text
from labelfree.sources.tables.text_values import with_numbers

LONGEST = 1 << 22
"""Bytes of a line, which takes up to thirty times as many while it is parsed."""
_AT_ONCE = 1 << 20
"""Bytes of lines that are parsed before their values are packed."""
_BUFFERS = 96 << 20
"""Bytes that reading holds beside its batches: what is parsed, as objects of Python."""
_FIRST = 1000
"""Lines whose keys are the columns."""
_INNER = 64
"""Lists in a list that are looked at for what they hold."""
_MOST_COLUMNS = (1 << 16) + (1 << 10)


def lines_source(name: str, files: list[File], chosen: Columns) -> Source:
    """The data set in these files of JSON lines, in this order."""
    return table_source(name, files, chosen, lines_table)


def lines_table(file: File, chosen: Columns) -> Table:
    """A file of JSON lines as it was opened."""
    first = check_text(file, LONGEST).strip()
    if not first.startswith("{"):
        way = "; is it one document? jq -c '.[]' writes one object a line" if first.startswith("[") else ""
        raise SourceError(f"{file}: line 1: expected a JSON object, found {quoted(first)}{way}")
    schema = _schema(file, chosen)
    rows = sum(1 for line in raw_lines(file, LONGEST) if line.strip())
    types = {field.name: field.type for field in schema}
    return Table(
        schema,
        rows,
        lambda read, columns, count: of_rows(_batches(file, columns, types), count),
        buffers=_BUFFERS,
        counted="it held",
    )


def _records(file: File) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Lines that are not blank: their number, their bytes and what they hold."""
    for number, line in enumerate(raw_lines(file, LONGEST), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(decoded(line, number, file), object_pairs_hook=_distinct)
        except (ValueError, RecursionError) as error:
            said = "it is nested too deep" if isinstance(error, RecursionError) else in_short(error)
            hint = "; the file may be truncated" if not line.endswith(b"\n") else ""
            raise SourceError(
                f"{file}: line {number}: expected one JSON object, found text that is none ({said}){hint}"
            ) from error
        if not isinstance(found, dict):
            raise SourceError(
                f"{file}: line {number}: expected one JSON object with a key for each column, found "
                f"{type(found).__name__}"
            )
        yield number, len(line), found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {quoted(next(n for n in names if names.count(n) > 1))} is given twice")
    return found


def _schema(file: File, chosen: Columns) -> Any:
    """The keys of the first lines and what they hold."""
    import pyarrow as pa

    kinds: dict[str, Any] = {}
    read = 0
    for _, size, record in islice(_records(file), _FIRST):
        for name, value in record.items():
            if not name.isprintable() or len(kinds) > _MOST_COLUMNS:
                _check_name(file, name, len(kinds))
            kinds[name] = _joined(kinds.get(name), _kind(value))
        read += size
        if read > LONGEST:
            break
    names = [name for name, kind in kinds.items()]
    schema = pa.schema([pa.field(name, kinds[name] or pa.null()) for name in names])
    return with_numbers(schema, chosen.embedding)


def _check_name(file: File, name: str, count: int) -> None:
    if count > _MOST_COLUMNS:
        raise SourceError(f"{file}: expected at most {_MOST_COLUMNS:,} columns, found more; it is refused")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SourceError(f"{file}: expected keys that are text, found {quoted(name)}; rename it") from None


def _kind(value: Any, depth: int = 0) -> Any:
    """The type of a value; None of null."""
    import pyarrow as pa

    if isinstance(value, list):
        if depth > 8:
            return pa.struct([])
        inner = None
        for one in {type(one): one for one in value if type(one) is not list}.values():
            inner = _joined(inner, _kind(one), inside=True)
        for one in islice((one for one in value if type(one) is list), _INNER):
            inner = _joined(inner, _kind(one, depth + 1), inside=True)
        return pa.list_(inner or pa.null())
    if value is None:
        return None
    plain = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    return plain.get(type(value), pa.struct([]))


def _joined(one: Any, other: Any, *, inside: bool = False) -> Any:
    """The type of a column that holds values of both; where none does, that of which a value is told as odd.

    inside: of the values of a list, where it is numbers that are looked for.
    """
    import pyarrow as pa

    if one is None or other is None or one == other:
        return one or other
    lists = [kind for kind in (one, other) if pa.types.is_list(kind)]
    if len(lists) == 2:
        first, second = (None if pa.types.is_null(kind.value_type) else kind.value_type for kind in lists)
        return pa.list_(_joined(first, second, inside=True) or pa.null())
    if lists:
        return one if inside else lists[0]
    numbers = {pa.int64(), pa.float64()}.intersection((one, other))
    if inside and numbers:
        return pa.float64()
    return pa.float64() if len(numbers) == 2 else pa.string()


def _batches(file: File, columns: Sequence[str], types: Mapping[str, Any]) -> Iterator[Any]:
    """Record batches of these columns as they are parsed."""
    names = list(dict.fromkeys(columns))
    waiting: list[tuple[int, dict[str, Any]]] = []
    held = 0
    for number, size, record in _records(file):
        waiting.append((number, {name: record.get(name) for name in names}))
        held += size
        if held > _AT_ONCE:
            yield _batch(file, waiting, names, types)
            waiting, held = [], 0
    if waiting:
        yield _batch(file, waiting, names, types)


def _batch(file: File, records: list[tuple[int, dict[str, Any]]], names: list[str], types: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    arrays = []
    for name in names:
        kind = _wide(types[name])
        values = [record[name] for _, record in records]
        try:
            arrays.append(pa.array(values, kind))
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
            for (number, _), value in zip(records, values, strict=True):
                _check(file, number, name, value, kind)
            raise
    return pa.RecordBatch.from_arrays(arrays, names)


def _wide(kind: Any) -> Any:
    """The type that values are read as: numbers of lists as float64."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return pa.list_(_wide(kind.value_type) if pa.types.is_list(kind.value_type) else pa.float64())
    return kind


def _check(file: File, number: int, name: str, value: Any, kind: Any) -> None:
    import pyarrow as pa

    try:
        pa.array([value], kind)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        if pa.types.is_list(kind):
            wanted = "a list of numbers that float64 can hold"
        else:
            wanted = f"{kind} as in the lines before"
        raise ColumnError(
            f"{file}: line {number}: column {name!r}: expected {wanted}, found {quoted(value)}; write values of one "
            "kind, whole numbers beyond 64 bits as text"
        ) from error
