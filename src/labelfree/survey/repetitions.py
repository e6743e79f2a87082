"""Which rows can be used, and which of them repeat an earlier one: found by reading a source again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import option, quoted
from labelfree.evidence.scaling import measurable
from labelfree.sources.block import Block, Source
from labelfree.summaries.hashing import hash_rows


def finite(block: Block) -> NDArray[np.bool_]:
    """Which rows are free of NaN and infinity, class scores included."""
    good: NDArray[np.bool_] = np.asarray(np.isfinite(block.rows).all(axis=1))
    if "outputs" in block.extra:
        good &= np.isfinite(block.extra["outputs"]).all(axis=1)
    return good


def repeated_ids(source: Source, rows: int) -> str:
    """Which id appears twice, and where: found by reading the ids again, `rows` at a time."""
    column = source.roles["id"]
    remedy = f"remove the repetitions, or name another column with {option('id')}"
    found = repeated_id(source, rows)
    if found is None:
        return f"{source.name}: ids repeat in column {column!r}; {remedy}"
    name, first, row = found
    if source.located(first)[0] != source.located(row)[0]:
        remedy = f"{source.apart}, or {remedy}"
    return (
        f"{source.name}: expected each id once, found {quoted(name)} in column {column!r} at {source.place(first)} and "
        f"at {source.place(row)}; {remedy}"
    )


def repeated_id(source: Source, rows: int) -> tuple[object, int, int] | None:
    """The first id that an earlier row has, and the positions of both; found by reading the ids again."""
    seen: dict[object, int] = {}
    for block in source.read(rows):
        good = finite(block)
        epochs = block.extra.get("epoch", np.zeros(len(block.index), np.int64))
        for row, name, epoch in zip(
            block.index[good], block.extra["id"][good].tolist(), epochs[good].tolist(), strict=True
        ):
            first = seen.setdefault((name, epoch), int(row))
            if first != row:
                return name, first, int(row)
    return None


def repeated_row(source: Source, rows: int) -> int | None:
    """The position of the first row that repeats an earlier one; found by reading the rows again."""
    seen: set[int] = set()
    for block in source.read(rows):
        good = finite(block)
        good[good] = measurable(block.rows[good])
        for row, content in zip(block.index[good], hash_rows(block.rows[good]).tolist(), strict=True):
            if content in seen:
                return int(row)
            seen.add(content)
    return None
