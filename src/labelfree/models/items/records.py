"""Files of one text or record a line, as records: .txt, .csv, .tsv, .jsonl and .ndjson, plain or as .gz."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePath
from typing import Any, TypeAlias

from labelfree.documents.stores.remote_file import File
from labelfree.errors import ColumnError, SourceError
from labelfree.sources.lines import LONGEST, decoded, raw_lines

LineRecord: TypeAlias = tuple[int, dict[str, Any]]
"""The number of the line that a record ends on, and its values by column; None where it has none."""

SEPARATED = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
LINES = (".txt", *SEPARATED, *JSON_LINES)
"""How the names of these files end, before .gz."""


def form(file: File) -> str:
    """The suffix that tells the format: that before .gz."""
    name = PurePath(file.name)
    return (name.with_suffix("") if name.suffix.lower() == ".gz" else name).suffix.lower()


def records(file: File, skip: int = 0) -> Iterator[LineRecord]:
    """The records of a file but for the first `skip`; values of .txt and .csv are text, an empty field of .csv None."""
    kind = form(file)
    if kind == ".txt":
        return _plain(file, skip)
    return _objects(file, skip) if kind in JSON_LINES else _separated(file, skip)


def columns(file: File) -> list[str]:
    """The columns of a file: of its header, or of the first 1,000 records of JSON Lines."""
    kind = form(file)
    if kind == ".txt":
        return ["text"]
    if kind in SEPARATED:
        return _header(_rows(file), file)
    return list(dict.fromkeys(name for _, record in islice(records(file), 1000) for name in record))


def _plain(file: File, skip: int) -> Iterator[LineRecord]:
    for number, line in enumerate(raw_lines(file), 1):
        if number > skip:
            yield number, {"text": decoded(line, number, file).removesuffix("\n").removesuffix("\r")}


def _objects(file: File, skip: int) -> Iterator[LineRecord]:
    row = 0
    for number, line in enumerate(raw_lines(file), 1):
        if not line.strip():
            continue
        row += 1
        if row <= skip:
            continue
        try:
            record = json.loads(decoded(line, number, file))
        except (ValueError, RecursionError) as error:
            hint = "; is it one document? jq -c '.[]' writes one object a line" if number == 1 else ""
            raise SourceError(
                f"{file}: line {number}: expected one JSON object, found text that is none ({error}){hint}"
            ) from error
        if not isinstance(record, dict):
            raise SourceError(
                f"{file}: line {number}: expected one JSON object with a key for each column, found "
                f"{type(record).__name__}"
            )
        yield number, record


def _separated(file: File, skip: int) -> Iterator[LineRecord]:
    rows = _rows(file)
    header = _header(rows, file)
    for row, (number, fields) in enumerate(rows):
        if len(fields) != len(header):
            raise SourceError(
                f"{file}: line {number}: expected {len(header)} fields as in the header, found {len(fields)}; put "
                "texts that hold a separator in quotes"
            )
        if row >= skip:
            yield number, {name: field or None for name, field in zip(header, fields, strict=True)}


def _rows(file: File) -> Iterator[tuple[int, list[str]]]:
    """The rows of a .csv or .tsv with the lines they end on; blank lines are no rows."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST))
    lines = (decoded(line, number, file) for number, line in enumerate(raw_lines(file), 1))
    reader = csv.reader(lines, delimiter=SEPARATED[form(file)], strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise SourceError(
            f"{file}: line {reader.line_num}: expected separated values, found text that is none ({error}); is a "
            "quote left open?"
        ) from error


def _header(rows: Iterator[tuple[int, list[str]]], file: File) -> list[str]:
    header = next(rows, (0, list[str]()))[1]
    if len(header) == 1 and (other := next((mark for mark in ";\t|," if mark in header[0]), None)):
        raise SourceError(
            f"{file}: expected fields separated by {SEPARATED[form(file)]!r}, found one column {header[0]!r}; they "
            f"look separated by {other!r}: convert the file" + (", or call it .tsv" if other == "\t" else "")
        )
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise ColumnError(
            f"{file}: expected one column {twice!r} in the header, found {header.count(twice)}; rename them"
        )
    return header
