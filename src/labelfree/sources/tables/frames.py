"""In-memory data: arrays, tensors, and data frames of any library that speaks Arrow."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from labelfree.arrays import as_array
from labelfree.errors import ArrayError, ColumnError
from labelfree.sources.arrays.matrices import check_matrix, matrix_source, no_columns
from labelfree.sources.block import Block, Columns, Source, Values
from labelfree.sources.row_groups import chosen_ranges
from labelfree.sources.tables.arrow import block_of, output_column, plain, roles_of, widths
from labelfree.sources.tables.columns import Candidate, choose, choose_outputs, unread_labels

_FIRST_ROWS = 64
_VALUES = 1 << 16


def array_source(X: Any, chosen: Columns, name: str = "array") -> Source:
    """An (n, d) matrix in memory: numpy, or anything that converts to it, torch tensors included."""
    no_columns(name, chosen)
    array = as_array(X, name, objects="a path, an (n, d) array or a data frame")
    check_matrix(array.shape, array.dtype, name)
    return matrix_source([array], name, size=array.nbytes, amount=chosen.amount)


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

    def batches(names: list[str], rows: int, start: int, stop: int) -> Iterator[Any]:
        return iter(table.select(names).slice(start, stop - start).to_batches(max_chunksize=rows))

    return _source(name, table.schema, table.num_rows, table.nbytes, batches, chosen)


def dataset_source(data: Any, chosen: Columns, name: str = "dataset") -> Source:
    """A `datasets.Dataset`: its rows in their order, read some at a time from where it keeps them."""

    def batches(names: list[str], rows: int, start: int, stop: int) -> Iterator[Any]:
        part = data if stop - start == len(data) else data.select(range(start, stop))
        for table in part.select_columns(names).with_format("arrow").iter(batch_size=rows):
            yield from table.select(names).combine_chunks().to_batches()

    return _source(name, data.features.arrow_schema, len(data), data.data.nbytes, batches, chosen)


def refuse_lazy(data: Any) -> None:
    """Refuse what has no rows yet, or several data sets of them, with the way to what has."""
    package, kind = type(data).__module__.split(".")[0], type(data).__name__
    if package == "polars" and kind == "LazyFrame":
        raise ArrayError("expected a data frame, found a LazyFrame, which has no rows yet; give its .collect()")
    if package == "datasets" and kind.startswith("Iterable"):
        raise ArrayError(
            f"expected a datasets.Dataset, found {kind}, which is read once, and rows are read more than once: load it "
            "with streaming=False, or save it to a file first"
        )
    if package == "datasets" and isinstance(data, Mapping):
        splits = ", ".join(map(repr, data))
        raise ArrayError(f"expected one data set, found a {kind} of the splits {splits}; give one, as data[split]")


def _source(
    name: str,
    schema: Any,
    total: int,
    size: int,
    batches: Callable[[list[str], int, int, int], Iterator[Any]],
    chosen: Columns,
) -> Source:
    """Rows in memory; batches: of these columns, so many rows at a time, from one row up to another."""
    part = None if chosen.amount is None else chosen_ranges((total,), chosen.amount)
    spans = ((0, total),) if part is None else part.spans
    embedding = choose(schema, chosen, name)
    notes = unread_labels(schema, chosen, embedding)
    roles = roles_of(schema, chosen, embedding)
    outputs = choose_outputs(schema, chosen, name)
    names = list(dict.fromkeys([*embedding.fields, *(outputs.fields if outputs else ()), *roles.values()]))

    def width(one: Candidate) -> int:
        first = chain.from_iterable(batches(list(one.fields), _FIRST_ROWS, *span) for span in spans)
        return next(iter(widths(first, one, name)), 0)

    d = width(embedding)
    scores = (outputs, width(outputs) or 1) if outputs else None

    def span(rows: int, start: int, stop: int) -> Iterator[Block]:
        for batch in batches(names, rows, start, stop):
            yield block_of(batch, embedding, roles, d or 1, start, name, scores)
            start += batch.num_rows

    def values(column: str) -> Iterator[Values]:
        for one in spans:
            for batch in batches([column], _VALUES, *one):
                yield plain(batch.column(0), column, "epoch", name)

    def read(rows: int) -> Iterator[Block]:
        return chain.from_iterable(span(rows, *one) for one in spans)

    held = sum(stop - start for start, stop in spans)
    return Source(
        name, (), embedding.name, embedding.layout, embedding.dtype, d, held, size, read,
        roles, notes, scores and output_column(*scores), values, part=part, span=span,
    )  # fmt: skip


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
