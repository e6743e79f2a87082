"""One pass over a data set by an engine elsewhere: the state that one process would have, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from labelfree.documents.wording import counted
from labelfree.kernels import Kernels
from labelfree.progress import Progress
from labelfree.survey.engines.kept import Kept, kept_in
from labelfree.survey.engines.shipping import Shipped, shipped
from labelfree.survey.engines.summing import Pass, at_home
from labelfree.survey.engines.tasks import Account
from labelfree.survey.growing import Summaries
from labelfree.survey.pieces import Piece, pieces_of

Told = Callable[[Piece, Account], None]


class Reducing(Protocol):
    """An engine that sums pieces of a pass and merges their states in the fixed tree, where they are."""

    def reduced(self, given: Shipped, pieces: Sequence[Piece], kept: Kept | None, told: Told) -> Summaries | None:
        """The state of all pieces, None where there is no row; told: of each piece that is done."""


def summed_by(engine: Reducing, one: Pass, kernels: Kernels, work: str | None, progress: Progress) -> Summaries:
    """The state of all rows. work: a directory for the states of pieces, in which an earlier run may have left some."""
    given = shipped(one)
    kept = None if work is None else kept_in(work, given.digest, one)
    whole = None if kept is None else kept.read(None, one)
    if whole is not None:
        progress("reading", 1.0)
        return at_home(whole[0] or one.empty(), one, kernels)
    pieces = list(pieces_of(one.source))
    state = engine.reduced(given, pieces, kept, _Told(one, len(pieces), progress))
    if kept is not None:
        kept.write(None, [state])
        kept.forget(pieces)
    return one.empty(kernels) if state is None else at_home(state, one, kernels)


class _Told:
    """How far a pass is: pieces, rows and bytes, which the progress says."""

    def __init__(self, one: Pass, pieces: int, progress: Progress) -> None:
        self.source, self.pieces, self.progress = one.source, pieces, progress
        self.done = self.rows = self.resumed = 0
        self.all = max(sum(one.source.counts) or one.source.total, 1)

    def __call__(self, piece: Piece, account: Account) -> None:
        self.done, self.resumed = self.done + 1, self.resumed + account.resumed
        self.rows += piece.stop - piece.start
        share = self.rows / self.all
        size = (
            f", {share * self.source.size / 1e9:,.2f} of {self.source.size / 1e9:,.2f} GB" if self.source.size else ""
        )
        kept = f", {self.resumed} of them kept before" if self.resumed else ""
        said = f"{self.done} of {counted(self.pieces, 'piece')}, {self.rows:,} rows{size}{kept}"
        self.progress(f"reading: {said}", min(1.0, share))
