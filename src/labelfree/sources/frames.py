"""In-memory data: arrays, tensors, and data frames of any library that speaks Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from labelfree.sources.arrow import block_of, roles_of, width
from labelfree.sources.block import Block, Columns, Source
from labelfree.sources.columns import choose, unread_labels
from labelfree.sources.matrices import check_matrix, matrix_source, no_columns


def array_source(X: Any, chosen: Columns, name: str = "array") -> Source:
    """An (n, d) matrix in memory: numpy, or anything that converts to it, torch tensors included."""
    no_columns(name, chosen)
    if hasattr(X, "detach"):
        X = X.detach().cpu()
        X = X.float() if str(X.dtype) == "torch.bfloat16" else X
    array = np.asarray(X)
    check_matrix(array.shape, array.dtype, name)
    return matrix_source([array], name, size=array.nbytes)


def frame_source(frame: Any, chosen: Columns, name: str = "frame") -> Source:
    """A data frame: pandas, or any with the Arrow stream interface (polars, pyarrow, duckdb relations)."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        table = frame
    elif type(frame).__module__.split(".")[0] == "pandas":
        table = pa.Table.from_pandas(frame, preserve_index=False)
    else:
        table = pa.table(frame)
    embedding = choose(table.schema, chosen, name)
    notes = unread_labels(table.schema, chosen, embedding)
    roles = roles_of(table.schema, chosen, embedding)
    table = table.select(list(dict.fromkeys([*embedding.fields, *roles.values()])))
    d = next((w for batch in table.to_batches() if (w := width(batch, embedding))), embedding.d or 0)

    def read(rows: int) -> Iterator[Block]:
        offset = 0
        for batch in table.to_batches(max_chunksize=rows):
            yield block_of(batch, embedding, roles, d or 1, offset)
            offset += batch.num_rows

    return Source(
        name, (), embedding.name, embedding.layout, embedding.dtype, d, table.num_rows, table.nbytes, read,
        roles, notes,
    )  # fmt: skip
