"""CSV and TSV, plain or as .gz: read by pyarrow some megabytes at a time, numbers as float64."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import IO, Any

from labelfree.documents.stores.remote_file import File
from labelfree.errors import ColumnError, SourceError, in_short, quoted
from labelfree.sources.block import Columns, Source
from labelfree.sources.lines import BROKEN, byte_stream
from labelfree.sources.tables.arrow import roles_of
from labelfree.sources.tables.columns import choose
from labelfree.sources.tables.parts import Table, of_rows, table_source
from labelfree.sources.tables.text_files import check_text
from labelfree.sources.tables.text_values import (
    MISSING,
    Kinds,
    cast,
    decimal_comma,
    filled,
    list_type,
    numbers_of,
    with_numbers,
)

BLOCKS = (1 << 20, 1 << 22)
"""Bytes that are parsed at a time: the first that every row fits into."""
_HELD = 64
"""How often a block is held at most, as text, as fields and as numbers, by reading that is ahead; and what it takes."""
_BESIDE = 64 << 20
_COLUMN = 1 << 13
"""Bytes that a column takes while it is parsed, however few its rows are."""
_MOST_COLUMNS = (1 << 16) + (1 << 10)
_OTHERS = {",": ";\t|", "\t": ";,|"}
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def separated_source(name: str, files: list[File], chosen: Columns) -> Source:
    """The data set in these CSV or TSV files, in this order."""
    return table_source(name, files, chosen, separated_table)


class _LongRow(SourceError):
    """A row that does not fit into a block."""

    def __init__(self, file: File) -> None:
        super().__init__(
            f"{file}: a row is longer than {BLOCKS[-1] >> 20} MiB, or a quote is left open; expected one row on each "
            "line: close the quote, or write the table as Parquet"
        )


def separated_table(file: File, chosen: Columns) -> Table:
    """A file of separated values as it was opened."""
    _check_header(file)
    for block in BLOCKS[:-1]:
        try:
            return _table_by(file, chosen, block)
        except _LongRow:
            continue
    return _table_by(file, chosen, BLOCKS[-1])


def _table_by(file: File, chosen: Columns, block: int) -> Table:
    schema = _schema(file, chosen, block)
    embedding = choose(schema, chosen, str(file))
    roles = {column: role for role, column in roles_of(schema, chosen, embedding).items()}
    kinds, rows = _counted(file, roles, embedding.fields[0], block)
    for column in roles:
        schema = schema.set(schema.get_field_index(column), schema.field(column).with_type(kinds.of(column)))
    types = {field.name: field.type for field in schema}

    return Table(
        schema,
        rows,
        lambda read, columns, count: of_rows(_batches(file, columns, types, set(roles), block), count),
        buffers=_HELD * block + _BESIDE + _COLUMN * len(schema),
        counted="it held",
    )


def _check_header(file: File) -> None:
    """Refuse what has no header of names between the separators that its suffix promises."""
    separator = separator_of(file)
    line = check_text(file, BLOCKS[-1]).rstrip("\r\n")
    names = line.split(separator)
    if len(names) > _MOST_COLUMNS:
        raise SourceError(f"{file}: expected at most {_MOST_COLUMNS:,} columns, found {len(names):,}; it is refused")
    if len(names) == 1 and (other := next((mark for mark in _OTHERS[separator] if mark in line), None)):
        way = (
            "call it .tsv"
            if other == "\t"
            else f"write it again, for instance with pandas.read_csv(file, sep={other!r}"
        )
        way += "" if other == "\t" else (", decimal=',')" if other == ";" else ")") + ".to_parquet(new)"
        raise SourceError(
            f"{file}: expected columns between {_NAMES[separator]}, found {_NAMES[other]} in its first line "
            f"{quoted(line)}; {way}"
        )
    if all(re.fullmatch(r"\s*\"?[-+]?[\d.]+(e[-+]?\d+)?\"?\s*", name, re.IGNORECASE) for name in names):
        raise SourceError(
            f"{file}: expected a header of column names in the first line, found numbers ({quoted(line)}); add one, "
            "for instance e0,e1,e2"
        )


def separator_of(file: File) -> str:
    """What stands between the fields of a file, by its name."""
    return "\t" if ".tsv" in [suffix.lower() for suffix in file.suffixes[-2:]] else ","


def _schema(file: File, chosen: Columns, block: int) -> Any:
    """The columns of a file and what their first rows hold."""
    import pyarrow as pa

    with _opened(file, block) as (reader, _):
        schema, first = reader.schema, next(iter(reader), None)
    fields: list[Any] = []
    for i, field in enumerate(schema):
        kind = field.type
        if pa.types.is_string(kind) and first is not None:
            kind = list_type(first.column(i)) or kind
            _check_decimal(file, field.name, first.column(i), chosen)
        elif pa.types.is_null(kind) and first is None:
            kind = pa.float64()
        fields.append(field.with_type(kind))
    return with_numbers(pa.schema(fields), chosen.embedding)


def _check_decimal(file: File, name: str, texts: Any, chosen: Columns) -> None:
    some = [text for text in texts.slice(0, 64).to_pylist() if text]
    if name not in chosen.named and name[-1:].isdigit() and some and all(map(decimal_comma, some)):
        raise SourceError(
            f"{file}: column {name!r}: expected numbers with a point, found {quoted(some[0])}; write it again, for "
            "instance with pandas.read_csv(file, decimal=',').to_parquet(new)"
        )


def _counted(file: File, roles: Mapping[str, str], embedding: str, block: int) -> tuple[Kinds, int]:
    """What the columns beside the embeddings hold, and how many rows there are: one pass over the file."""
    kinds, rows = Kinds(dict(roles)), 0
    columns = list(roles) or [embedding]
    with _opened(file, block, columns, texts=set(columns)) as (reader, stream):
        for batch in reader:
            rows += batch.num_rows
            for column in roles:
                kinds.add(column, batch.column(column))
    if stream.quotes % 2:
        raise SourceError(
            f'{file}: expected every quote to be closed, found {stream.quotes:,} of them ("); the file may be '
            "truncated, or a text holds a quote that must be doubled"
        )
    return kinds, rows


def _batches(
    file: File, columns: Sequence[str], types: Mapping[str, Any], beside: set[str], block: int
) -> Iterator[Any]:
    """Record batches of these columns as they are parsed."""
    import pyarrow as pa

    names = list(dict.fromkeys(columns))
    lists = {name for name in names if pa.types.is_list(types[name])}
    offset = 0
    with _opened(file, block, names, texts=lists | beside.intersection(names) | _texts(names, types)) as (reader, _):
        for batch in reader:
            arrays = []
            for name in names:
                column = batch.column(name)
                if name in lists:
                    column = numbers_of(column, name, str(file), offset)
                elif pa.types.is_string(column.type):
                    column = cast(filled(column), types[name])
                    if column is None:
                        raise SourceError(f"{file}: column {name!r} holds other values than when it was opened")
                arrays.append(column)
            offset += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, names)


def _texts(names: Sequence[str], types: Mapping[str, Any]) -> set[str]:
    import pyarrow as pa

    return {name for name in names if not pa.types.is_floating(types[name])}


class _Bytes:
    """The bytes of a file as pyarrow reads them, with the quotes among them counted."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.quotes = stream, 0

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        found = self.stream.read(count)
        self.quotes += found.count(b'"')
        return found

    def close(self) -> None:
        """Nothing: the file is closed by who opened it."""


@contextmanager
def _opened(
    file: File, block: int, columns: Sequence[str] = (), texts: Set[str] = frozenset()
) -> Iterator[tuple[Any, _Bytes]]:
    """A reader of these columns, or of all with the types that their first rows have; texts: those read as they are."""
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.string() if name in texts else pa.float64() for name in columns}
    with _explained(file), byte_stream(file) as stream:
        found = _Bytes(stream)
        with csv.open_csv(
            pa.PythonFile(found, "r"),
            read_options=csv.ReadOptions(use_threads=False, block_size=block),
            parse_options=csv.ParseOptions(delimiter=separator_of(file), newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(columns), null_values=list(MISSING), strings_can_be_null=False,
                timestamp_parsers=["never"],
            ),
        ) as reader:  # fmt: skip
            yield reader, found


@contextmanager
def _explained(file: File) -> Iterator[None]:
    """Turns what pyarrow says of a bad file into what to do about it."""
    import pyarrow as pa

    try:
        yield
    except UnicodeDecodeError as error:
        raise SourceError(_not_text(file, str(error))) from error
    except (pa.ArrowException, *BROKEN) as error:
        raise _error(file, error) from error


def _error(file: File, error: Exception) -> SourceError:
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        return SourceError(f"{file}: cannot be read ({error.strerror})")
    if "straddling" in said or "try to increase block size" in said:
        return _LongRow(file)
    if "UTF8" in said or "UTF-8" in said:
        return SourceError(_not_text(file, in_short(error)))
    if match := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", said):
        return SourceError(
            f"{file}: row {int(match[1]) - 2}: expected {match[2]} fields as in the header, found {match[3]}; the file "
            "may be truncated, or a text that holds the separator needs quotes"
        )
    if match := re.search(r"Row #(\d+): CSV conversion error to double: invalid value '(.*)'", said, re.DOTALL):
        way = "write it with a point" if decimal_comma(match[2]) else "mend it, or leave it empty where it is missing"
        return ColumnError(f"{file}: row {int(match[1]) - 2}: expected a number, found {quoted(match[2])}; {way}")
    return SourceError(
        f"{file}: expected separated values, but they cannot be read ({in_short(error)}); the file may be truncated, "
        "or of another format: write or copy it again"
    )


def _not_text(file: File, said: str) -> str:
    return f"{file}: expected text in UTF-8, found other bytes ({said}); convert it first: iconv -f LATIN1 -t UTF-8"
