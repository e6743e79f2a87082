"""Sums over rows by an engine elsewhere: the state that one process would have, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from labelfree.documents.wording import counted
from labelfree.progress import Progress
from labelfree.survey.engines.kept import Kept, kept_in
from labelfree.survey.engines.shipping import Shipped, shipped
from labelfree.survey.engines.summing import Summing
from labelfree.survey.engines.tasks import Outcome
from labelfree.survey.pieces import Piece

S = TypeVar("S")
Told = Callable[[Piece, Outcome], None]


class Reducing(Protocol):
    """An engine that sums pieces and merges their states in the fixed tree, where they are."""

    def reduced(self, given: Shipped, pieces: Sequence[Piece], kept: Kept | None, told: Told) -> Any:
        """The state of all pieces of what was shipped, None where there are none; told: of each that is done."""


def summed_by(
    engine: Reducing, one: Summing[S], pieces: Sequence[Piece], work: str | None, progress: Progress
) -> S | None:
    """The state of all rows, None where there are none.

    work: a directory for the states of pieces, in which an earlier run may have left some.
    """
    given = shipped(one, hashed=work is not None)
    kept = None if work is None else kept_in(work, given.digest, one)
    whole = None if kept is None else kept.read(None, one)
    if whole is not None:
        progress("reading", 1.0)
        return whole[0]
    state: S | None = engine.reduced(given, pieces, kept, _Told(one, pieces, progress))
    if kept is not None:
        kept.write(None, [state], one)
        kept.forget(pieces)
    return state


class _Told:
    """How far a pass is: shards, rows and bytes, which the progress says."""

    def __init__(self, one: Summing[S], pieces: Sequence[Piece], progress: Progress) -> None:
        self.size, self.progress = sum(source.size for source in one.sources), progress
        self.shards, self.all = sum(len(piece.shards) for piece in pieces), sum(map(_rows, pieces))
        self.done = self.rows = self.kept = 0

    def __call__(self, piece: Piece, account: Outcome) -> None:
        self.done, self.rows = self.done + len(piece.shards), self.rows + _rows(piece)
        self.kept += len(piece.shards) if account.resumed else 0
        share = self.rows / max(self.all, 1)
        said = f"{self.done:,} of {counted(self.shards, 'shard')}, {self.rows:,} rows"
        said += f", {share * self.size / 1e9:,.2f} of {self.size / 1e9:,.2f} GB" if self.size else ""
        said += f", {self.kept:,} shards by an earlier run" if self.kept else ""
        self.progress(f"reading: {said}", share)


def _rows(piece: Piece) -> int:
    return piece.stop - piece.start
