"""In-memory data: arrays, tensors, and data frames of any library that speaks Arrow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from labelfree.arrays import as_array
from labelfree.errors import ArrayError, ColumnError
from labelfree.sources.arrays.matrices import check_matrix, matrix_source, no_columns
from labelfree.sources.block import Block, Columns, Source, Values
from labelfree.sources.tables.arrow import block_of, output_column, plain, roles_of, widths
from labelfree.sources.tables.columns import choose, choose_outputs, unread_labels


def array_source(X: Any, chosen: Columns, name: str = "array") -> Source:
    """An (n, d) matrix in memory: numpy, or anything that converts to it, torch tensors included."""
    no_columns(name, chosen)
    array = as_array(X, name, objects="a path, an (n, d) array or a data frame")
    check_matrix(array.shape, array.dtype, name)
    return matrix_source([array], name, size=array.nbytes)


def table_of(arrays: Mapping[Any, Any]) -> Any:
    """Arrays of one length by their names as a table: (n, d) matrices as lists of numbers, (n,) columns as they are."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, given in arrays.items():
        values = as_array(given, str(name))
        if values.ndim == 2:
            check_matrix(values.shape, values.dtype, str(name))
            flat = pa.array(np.ascontiguousarray(values).reshape(-1))
            columns[str(name)] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        elif values.ndim == 1:
            columns[str(name)] = pa.array(values)
        else:
            raise ArrayError(f"{name}: expected an (n, d) matrix or (n,) values, found shape {values.shape}")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ArrayError(f"expected as many rows in every array, found {found}")
    return pa.table(columns)


def frame_source(frame: Any, chosen: Columns, name: str = "frame") -> Source:
    """A data frame: pandas, or any with the Arrow stream interface (polars, pyarrow, duckdb relations)."""
    import pyarrow as pa

    frame = frame.to_frame() if hasattr(frame, "to_frame") else frame  # a series is a frame of one column
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # names that are numbers become text, as in a Parquet file
            from_pandas = type(frame).__module__.split(".")[0] == "pandas"
            table = pa.Table.from_pandas(frame) if from_pandas else pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ColumnError(
            f"{name}: expected columns of one type each, found {_said(error)}; "
            "keep only the columns to be read, for instance df[['id', 'embedding']]"
        ) from error
    embedding = choose(table.schema, chosen, name)
    notes = unread_labels(table.schema, chosen, embedding)
    roles = roles_of(table.schema, chosen, embedding)
    outputs = choose_outputs(table.schema, chosen, name)
    whole = table
    table = table.select(
        list(dict.fromkeys([*embedding.fields, *(outputs.fields if outputs else ()), *roles.values()]))
    )
    d = next(iter(widths(table.to_batches(), embedding, name)), 0)
    scores = (outputs, next(iter(widths(table.to_batches(), outputs, name)), 0) or 1) if outputs else None

    def read(rows: int) -> Iterator[Block]:
        offset = 0
        for batch in table.to_batches(max_chunksize=rows):
            yield block_of(batch, embedding, roles, d or 1, offset, name, scores)
            offset += batch.num_rows

    def values(column: str) -> Iterator[Values]:
        for batch in whole.select([column]).to_batches():
            yield plain(batch.column(0), column, "epoch", name)

    return Source(
        name, (), embedding.name, embedding.layout, embedding.dtype, d, table.num_rows, table.nbytes, read,
        roles, notes, scores and output_column(*scores), values,
    )  # fmt: skip


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
