"""Arrow IPC: files (feather) and streams, mapped from the disk and read some rows at a time."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from labelfree.documents.stores.remote_file import File, Octets, RemoteFile
from labelfree.errors import SourceError, in_short, option
from labelfree.sources.block import Columns, Source
from labelfree.sources.guards.decoding import TOTAL
from labelfree.sources.guards.messages import Content, Message, is_file, messages
from labelfree.sources.tables.parts import Table, of_rows, table_source

_RATIO = 16
_MOST_UNPACKED = 1 << 28
"""Bytes of a batch that is packed by more than that ratio."""
_FEATHER_1 = b"FEA1"


def ipc_source(name: str, files: list[File], chosen: Columns) -> Source:
    """The data set in these Arrow IPC files or streams, in this order."""
    return table_source(name, files, chosen, arrow_table)


def arrow_table(file: File, chosen: Columns) -> Table:
    """An Arrow IPC file or stream as it was opened."""
    with _mapped(file) as content:
        held = list(messages(content, file))
        apart = is_file(content) or not isinstance(file, RemoteFile)
        schema = _schema(file, content)

    def only(groups: Sequence[int] | None) -> Table:
        part = _part(held, groups)

        def check(columns: Sequence[str]) -> None:
            _unpacked(file, part, schema, columns, chosen.memory)

        return Table(
            schema,
            sum(one.rows for one in part if not one.dictionary),
            lambda read, columns, count: of_rows(_batches(file, columns, count, chosen.memory, groups), count),
            check,
            max((one.memory for one in part if one.compressed or isinstance(file, RemoteFile)), default=0),
            "its batches claim",
            tuple(one.rows for one in part if not one.dictionary),
            only if apart else None,
            "batches",
        )

    return only(None)


def _part(held: list[Message], groups: Sequence[int] | None) -> list[Message]:
    """The dictionaries, and those of the batches that have these numbers; None: all of them."""
    batches = [one for one in held if not one.dictionary]
    return held if groups is None else [*(one for one in held if one.dictionary), *(batches[i] for i in groups)]


def _batches(
    file: File, columns: Sequence[str], rows: int, memory: int | None, groups: Sequence[int] | None = None
) -> Iterator[Any]:
    """Record batches of at most so many rows of these columns; what was read of the mapping is given back.

    groups: the batches of the file to read, None for all.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(columns))
    with _mapped(file) as content:
        held = _part(list(messages(content, file)), groups)
        schema = _schema(file, content)
        _unpacked(file, held, schema, names, memory)
        packed = any(one.compressed for one in held)  # only then it saves memory to leave columns out
        places = sorted(schema.get_field_index(name) for name in names) if packed else None
        with _reader(file, content, places, groups, [one.span for one in held]) as (_, found):
            while True:
                with explained(file):
                    batch = next(found, None)
                if batch is None:
                    return
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows)
                    with explained(file):
                        part.validate(full=True)
                    yield pa.RecordBatch.from_arrays([_own(part.column(name)) for name in names], names)
                    if isinstance(content, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                        content.madvise(mmap.MADV_DONTNEED)
                batch = part = None  # before the next one is unpacked
                if packed:
                    pa.default_memory_pool().release_unused()


def _own(column: Any) -> Any:
    """A column that does not lie in the mapping."""
    import pyarrow as pa

    return pa.concat_arrays([column, column.slice(0, 0)])


def _unpacked(file: File, held: list[Message], schema: Any, columns: Sequence[str], memory: int | None) -> None:
    """Refuse batches that unpack to more than reading may take, or than their bytes explain."""
    total = TOTAL if memory is None else memory
    places = _places(schema)
    dictionaries = sum(one.memory for one in held if one.dictionary and one.compressed)
    for one in held:
        if one.dictionary or not one.compressed:
            continue
        parts = [one.buffers] if places is None else [one.buffers[slice(*places[name])] for name in columns]
        needed = dictionaries + sum(2 * packed + size for part in parts for packed, size in part)
        odd = sum(size for part in parts for packed, size in part if size > _RATIO * packed)
        if odd > _MOST_UNPACKED:
            raise SourceError(
                f"{file}: a batch would take {odd:,} bytes of memory at once, packed more than {_RATIO}:1 in a file of "
                f"{file.stat().st_size:,}; where it is no bomb, write it again in smaller batches"
            )
        if needed > total:
            raise SourceError(
                f"{file}: a batch of {one.rows:,} rows takes {needed:,} bytes to unpack, and reading may take "
                f"{total:,}; raise {option('memory')}, or write the file again in smaller batches, or as Parquet"
            )


def _places(schema: Any) -> dict[str, tuple[int, int]] | None:
    """The first buffer of each column and the one after its last; None where the types alone do not tell."""
    places: dict[str, tuple[int, int]] = {}
    at = 0
    for field in schema:
        count = _buffers(field.type)
        if count is None:
            return None
        places[field.name] = at, at + count
        at += count
    return places


def _buffers(kind: Any) -> int | None:
    """How many buffers a column of this type has in a batch."""
    import pyarrow as pa

    is_ = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _buffers(kind.storage_type)
    if is_.is_dictionary(kind):
        return _buffers(kind.index_type)
    if is_.is_null(kind):
        return 0
    if is_.is_primitive(kind) or is_.is_fixed_size_binary(kind) or is_.is_decimal(kind):
        return 2
    if any(f(kind) for f in (is_.is_string, is_.is_binary, is_.is_large_string, is_.is_large_binary)):
        return 3
    own = 1 if is_.is_struct(kind) or is_.is_fixed_size_list(kind) else 2
    if own == 2 and not (is_.is_list(kind) or is_.is_large_list(kind) or is_.is_map(kind)):
        return None
    inner = [_buffers(kind.field(i).type) for i in range(kind.num_fields)]
    return None if None in inner else own + sum(one or 0 for one in inner)


@contextmanager
def _mapped(file: File) -> Iterator[Content]:
    """The bytes of a file, mapped; of a remote one as they are asked for."""
    try:
        with file.open("rb", buffering=0) as stream:
            if stream.read(4) == _FEATHER_1:
                raise SourceError(
                    f"{file}: expected Arrow IPC, found feather of version 1; write it again: "
                    "pyarrow.feather.write_feather(pyarrow.feather.read_table(old), new)"
                )
            content: Content = (
                Octets(file) if isinstance(file, RemoteFile) else mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            )
            if not len(content):
                raise ValueError
    except ValueError as error:
        raise SourceError(f"{file}: expected Arrow IPC, found an empty file") from error
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or error})") from error
    yield content  # closed with the last array that lies in it


def _schema(file: File, content: Content) -> Any:
    """The schema, which lies at the ends of a file."""
    with _reader(file, content, None, small=True) as (schema, _):
        return schema


@contextmanager
def _reader(
    file: File,
    content: Content,
    columns: list[int] | None,
    groups: Sequence[int] | None = None,
    spans: Sequence[tuple[int, int]] = (),
    *,
    small: bool = False,
) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema, and the batches one after the other, or some of them; spans: the bytes of these; small: the schema
    alone is looked at.
    """
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(included_fields=columns, use_threads=False)
    with explained(file):
        stream = None
        if isinstance(file, RemoteFile):
            stream = file.open(buffering=0) if small else file.streamed(spans=() if groups is None else spans)
        held = pa.PythonFile(stream, "r") if stream is not None else pa.BufferReader(pa.py_buffer(content))
        listed = is_file(content)
        reader = pa.ipc.open_file(held, options=options) if listed else pa.ipc.open_stream(held, options=options)
        schema = reader.schema
        _ = schema.names  # some may be no text

    def batches() -> Iterator[Any]:
        if listed:
            yield from map(reader.get_batch, range(reader.num_record_batches) if groups is None else groups)
        elif groups is None:
            yield from reader
        else:
            wanted = {*groups}
            yield from (batch for i, batch in enumerate(reader) if i in wanted)

    with reader:
        yield schema, batches()


@contextmanager
def explained(file: File) -> Iterator[None]:
    """Turns what pyarrow says of a bad file into what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, EOFError, UnicodeDecodeError, MemoryError) as error:
        raise SourceError(
            f"{file}: expected a complete Arrow IPC file or stream, but it cannot be read ({in_short(error)}); it may "
            "be truncated, still being written, or of another format: write or copy it again"
        ) from error
