"""The usable rows of a source by their positions, as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.errors import RowsError, SourceError, option
from labelfree.evidence.scaling import FAINT, squared_lengths, too_far
from labelfree.sources.block import Block, Source


@dataclass
class Stream:
    """The usable rows of a source by position, so far as they were asked for."""

    source: Source
    blocks: Iterator[Block]
    on_bad: Literal["error", "drop"]
    seen: int = 0
    bad: int = 0
    waiting: list[tuple[Index, Rows]] = field(default_factory=list)

    def upto(self, stop: int) -> tuple[Index, Rows]:
        """Positions and rows below `stop` that were not given before."""
        while self.seen < stop and (block := next(self.blocks, None)) is not None:
            self._take(block)
        index: list[Index] = []
        rows: list[Rows] = []
        while self.waiting:
            where, held = self.waiting.pop(0)
            cut = int(np.searchsorted(where, stop))
            index.append(where[:cut])
            rows.append(held[:cut])
            if cut < len(where):
                self.waiting.insert(0, (where[cut:], held[cut:]))
                break
        if len(rows) == 1:
            return index[0], rows[0]
        if not rows:
            return np.empty(0, np.int64), np.empty((0, self.source.d), np.float32)
        return np.concatenate(index), np.concatenate(rows)

    def _take(self, block: Block) -> None:
        self.seen += len(block.index) + len(block.null) + len(block.ragged)
        squares, held = squared_lengths(block.rows)
        good = held | ~block.rows.any(axis=1) if not held.all() else held
        odd = np.flatnonzero(~good)
        bad = odd[~np.isfinite(block.rows[odd]).all(axis=1)]
        if len(beyond := np.setdiff1d(odd, bad)):
            place, row = self.source.place(int(block.index[beyond[0]])), squares[beyond[0]]
            raise SourceError(f"{self.source.name}: {place}: {too_far('a length', row**0.5, FAINT**0.5, 'embeddings')}")
        wrong = np.sort(np.concatenate([block.null, block.ragged, block.index[bad]]))
        if len(wrong) and self.on_bad == "error":
            raise RowsError(
                f"{self.source.name}: expected {self.source.d} finite numbers a row, found null, NaN or infinity or "
                f"another length at {self.source.place(int(wrong[0]))}; leave such rows out with "
                f"{option('on_bad', 'drop')}"
            )
        self.bad += len(wrong)
        if good.all():
            self.waiting.append((block.index, block.rows))
        else:
            self.waiting.append((block.index[good], block.rows[good]))
