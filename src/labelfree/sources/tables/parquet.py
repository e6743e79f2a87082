"""Parquet: read in blocks whatever the size of the row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any

from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.documents.wording import in_unicode
from labelfree.errors import SourceError, in_short
from labelfree.sources.block import Columns, Source
from labelfree.sources.guards.decoding import check_pages, rows_at_once
from labelfree.sources.guards.footers import Footer, footer
from labelfree.sources.tables.columns import Candidate
from labelfree.sources.tables.parts import Table, table_source

BUFFER = 1 << 20
"""Bytes read ahead, over all columns. Without a buffer pyarrow holds whole column chunks of a row group in memory."""
_LEAST_BUFFER = 1 << 13
_NULL_VECTORS = 26
"""The first pyarrow that reads null rows of a fixed_size_list."""


def parquet_source(name: str, files: list[File], chosen: Columns) -> Source:
    """The data set in these Parquet files, in this order."""
    return table_source(name, files, chosen, _table)


def _table(file: File, chosen: Columns) -> Table:
    with checked(file, 0) as (parquet, claimed):
        schema = parquet.schema_arrow

    def only(groups: Sequence[int] | None) -> Table:
        part = claimed if groups is None else claimed.only(groups)
        return Table(
            schema,
            part.rows,
            lambda read, columns, rows: batches(file, read, columns, rows, memory=chosen.memory, groups=groups),
            lambda columns: check_pages(file, part, columns, chosen.memory),
            groups=tuple(part.groups),
            only=only,
        )

    return only(None)


def batches(
    file: File,
    read: Sequence[Candidate],
    columns: Sequence[str],
    rows: int,
    start: int = 0,
    *,
    memory: int | None = None,
    groups: Sequence[int] | None = None,
) -> Iterator[Any]:
    """Record batches of these columns, `rows` at a time, from row `start` on; row groups before it are not read.

    Fewer rows at a time where so many would decode to more than a batch may hold. read: which of the columns hold
    vectors; memory: bytes that reading may take; groups: the row groups to read, in place of those from `start` on.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(columns))
    with ExitStack() as stack:
        parquet, claimed = stack.enter_context(checked(file, len(columns), names, groups))
        rows = rows_at_once(file, claimed, names, rows, memory)
        if any("fixed_size_list" in one.layout for one in read) and int(pa.__version__.split(".")[0]) < _NULL_VECTORS:
            spans = () if groups is None else claimed.spans({*names})
            parquet = stack.enter_context(opened(file, _as_lists(parquet.metadata), len(columns), spans))
        wanted, skip = _groups_from(parquet.metadata, start) if groups is None else (list(groups), 0)
        found = parquet.iter_batches(batch_size=rows, row_groups=wanted, columns=names)
        while True:
            with explained(file):
                batch = next(found, None)
            if batch is None:
                return
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(skip - batch.num_rows, 0)


def _groups_from(metadata: Any, start: int) -> tuple[list[int], int]:
    """The row groups from the one that holds row `start` on, and how many of their rows come before it."""
    for group in range(metadata.num_row_groups):
        held = metadata.row_group(group).num_rows
        if start < held:
            return list(range(group, metadata.num_row_groups)), start
        start -= held
    return [], 0


def _as_lists(metadata: Any) -> Any:
    """The metadata without the Arrow schema, so that a fixed_size_list is read as the list that Parquet stores."""
    import pyarrow.parquet as pq

    footer = BytesIO()
    metadata.write_metadata_file(footer)
    return pq.read_metadata(BytesIO(footer.getvalue().replace(b"ARROW:schema", b"ARROW-schema")))


@contextmanager
def checked(
    file: File, columns: int = 1, names: Sequence[str] = (), groups: Sequence[int] | None = None
) -> Iterator[tuple[Any, Footer]]:
    """The file, opened for so many columns at once, 0 for its schema alone, and what its footer claims.

    names, groups: the columns and row groups that are read, where these are not all; the claims are of these.
    """
    claimed = footer(file)
    if claimed is not None and groups is not None:
        claimed = claimed.only(groups)
    spans = () if claimed is None or groups is None else claimed.spans({*names})
    with opened(file, columns=columns, spans=spans) as parquet:
        if claimed is None:
            raise SourceError(f"{file}: its footer cannot be read; the file is damaged: write or copy it again")
        yield parquet, claimed


@contextmanager
def opened(file: File, metadata: Any = None, columns: int = 1, spans: Sequence[tuple[int, int]] = ()) -> Iterator[Any]:
    """The file, with little read ahead; closed at the end. spans: the bytes that are read, where these are a part."""
    import pyarrow.parquet as pq

    buffer = max(BUFFER // max(columns, 1), _LEAST_BUFFER)
    with ExitStack() as stack:
        with explained(file):
            named: Any = file
            if isinstance(file, RemoteFile):
                named = stack.enter_context(file.streamed(columns, spans) if columns else file.open("rb", buffering=0))
            elif in_unicode(str(file)) != str(file):
                named = stack.enter_context(file.open("rb"))
            parquet = pq.ParquetFile(named, metadata=metadata, pre_buffer=False, buffer_size=buffer)
        yield stack.enter_context(parquet)


@contextmanager
def explained(file: File) -> Iterator[None]:
    """Turns what pyarrow and the system say of a bad file into what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:  # the system's; Arrow has OSErrors of its own
            raise SourceError(f"{file}: cannot be read ({error.strerror})") from error
        raise SourceError(
            f"{file}: expected a complete Parquet file, but it cannot be read ({in_short(error)}); it may be "
            "truncated, still being written, or of another format: write or copy it again"
        ) from error
