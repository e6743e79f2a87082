"""Parts of a data set: the rows of one epoch, of one domain; and rows whose class scores come from a head."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.errors import RowsError
from labelfree.head import Head
from labelfree.sources.block import Block, OutputColumn, Source
from labelfree.sources.checkpoints.heads import find_head

DOMAINS = ("source", "target")


def rows_by(source: Source, role: str) -> dict[Any, int]:
    """How many rows have each value of the column read for a role; only it is read.

    In order of the values, text by the numbers in it: "2" before "10", "epoch_9" before "epoch_10".
    """
    assert source.values is not None
    column = source.roles[role]
    counts: Counter[Any] = Counter()
    for values in source.values(column):
        counts.update(values.tolist())
    if None in counts:
        raise RowsError(f"{source.name}: {counts[None]} rows have no value in column {column!r}; fill them in")
    return dict(sorted(counts.items(), key=lambda pair: _rank(pair[0])))


def _rank(value: Any) -> tuple[str, Any]:
    if not isinstance(value, str):
        return str(type(value)), value
    return "str", [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", value))]


def only(source: Source, role: str, value: Any, total: int, name: str) -> Source:
    """The `total` rows whose column read for `role` holds `value`, as a data set of its own."""

    def kept(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            those = np.asarray(block.extra[role] == value)
            extra = {key: values[those] for key, values in block.extra.items() if key != role}
            yield Block(block.rows[those], block.index[those], extra, block.null, block.ragged)

    roles = {key: column for key, column in source.roles.items() if key != role}
    return replace(_through(source, kept), name=name, roles=roles, total=total)


def _through(source: Source, changed: Callable[[Iterator[Block]], Iterator[Block]]) -> Source:
    """A source whose blocks are changed on the way, each by itself."""
    return replace(
        source,
        read=lambda rows: changed(source.read(rows)),
        span=lambda rows, start, stop: changed(source.between(rows, start, stop)),
    )


def headed(source: Source, head: Any) -> Source:
    """A source with the logits of a head as a user names one, where it has no class scores; None: as it is."""
    if head is None or source.outputs is not None:
        return source
    return with_head(source, find_head(head, d=source.d, classes=None))


def with_head(source: Source, head: Head) -> Source:
    """A source with the logits that a head gives its rows."""

    def scored(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            with np.errstate(invalid="ignore", over="ignore"):
                logits = block.rows.astype(np.float64) @ head.weight.T
            if head.bias is not None:
                logits += head.bias
            yield replace(block, extra={**block.extra, "outputs": logits})

    outputs = OutputColumn(f"head {head.key}", "logits", len(head.weight))
    return replace(_through(source, scored), outputs=outputs)
