"""Parquet: a file, a directory of files or a glob, read in blocks whatever the size of the row groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelfree.errors import ColumnError, SourceError
from labelfree.sources.arrow import block_of, roles_of, width
from labelfree.sources.block import Block, Columns, Source
from labelfree.sources.columns import Candidate, choose, unread_labels

BUFFER = 1 << 20
"""Bytes read ahead per column. Without a buffer pyarrow holds a whole column chunk of a row group in memory."""


def parquet_source(name: str, files: list[Path], chosen: Columns) -> Source:
    """The data set in these Parquet files, in this order."""
    total, size = 0, 0
    schema, embedding, d = None, None, None
    for file in files:
        with _opened(file) as parquet:
            if schema is None:
                schema = parquet.schema_arrow
                embedding = choose(schema, chosen, file.name)
            found = choose(parquet.schema_arrow, chosen, file.name)
            if d is None and parquet.metadata.num_rows:
                embedding, d = found, _width(parquet, found)
            elif parquet.metadata.num_rows and found.fields != (embedding.fields if embedding else ()):
                raise ColumnError(f"{file.name}: the embeddings are in {found}, but in {embedding} in {files[0].name}")
            total += parquet.metadata.num_rows
            size += file.stat().st_size
    if schema is None or embedding is None:
        raise SourceError(f"{name}: expected Parquet files, found none")
    roles = roles_of(schema, chosen, embedding)

    def read(rows: int) -> Iterator[Block]:
        return _blocks(files, chosen, roles, d or 1, rows)

    return Source(
        name=name,
        files=tuple(map(str, files)),
        column=embedding.name,
        layout=embedding.layout,
        dtype=embedding.dtype,
        d=d or embedding.d or 0,
        total=total,
        size=size,
        read=read,
        roles=roles,
        notes=unread_labels(schema, chosen, embedding),
    )


def _width(parquet: Any, embedding: Candidate) -> int | None:
    for batch in parquet.iter_batches(batch_size=1024, columns=list(embedding.fields)):
        found = width(batch, embedding)
        if found:
            return found
    return None


def _blocks(files: list[Path], chosen: Columns, roles: dict[str, str], d: int, rows: int) -> Iterator[Block]:
    offset = 0
    for file in files:
        with _opened(file) as parquet:
            embedding = choose(parquet.schema_arrow, chosen, file.name)
            columns = list(dict.fromkeys([*embedding.fields, *roles.values()]))
            batches = parquet.iter_batches(batch_size=rows, columns=columns)
            while True:
                with _explained(file):
                    batch = next(batches, None)
                if batch is None:
                    break
                yield block_of(batch, embedding, roles, d, offset)
                offset += batch.num_rows


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    with _explained(file):
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
    with parquet:
        yield parquet


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turns what pyarrow and the system say of a bad file into what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(
            f"{file}: expected a complete Parquet file, but it cannot be read ({reason}); "
            "it may be truncated, still being written, or of another format"
        ) from error
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or ' '.join(str(error).split())[:200]})") from error
