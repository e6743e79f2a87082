"""What a worker does: the states of one piece, and one state of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Protocol, TypeVar

from labelfree.errors import LabelfreeError
from labelfree.evidence.evidence import Need
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.kernels.threads import limited_threads
from labelfree.sources.block import Block, Source
from labelfree.summaries.fields import Fields
from labelfree.summaries.sample import OPEN, Sample
from labelfree.survey.found import OnBad
from labelfree.survey.growing import Summaries
from labelfree.survey.parallel import Growing, summed
from labelfree.survey.pieces import Piece
from labelfree.survey.scores import Wanted
from labelfree.survey.shards import Part, block_rows, parts_of
from labelfree.survey.states import fields_of, filled

S = TypeVar("S")
G = TypeVar("G", bound=Growing)


class Summing(Protocol[S]):
    """What is summed piece by piece: it travels to the workers, which ask it for states."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is read."""

    def states(self, piece: Piece) -> Sequence[S | None]:
        """The states of the nodes of a piece, None of one without rows; linear algebra on one core."""

    def merged(self, states: Sequence[S]) -> S:
        """One state of several, those of the first rows first; they are used no more."""

    def fields(self, state: S) -> Fields:
        """What a state is made of."""

    def filled(self, found: Fields) -> S:
        """The state of these fields, checked."""


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass over a data set: the source, and what is kept of it; as `survey.reading.survey` takes them.

    likely: whether samples of pieces refuse what the sample of all rows most likely will.
    """

    source: Source
    needs: tuple[Need, ...]
    sample: int | None
    seed: int
    on_bad: OnBad
    refuse_zero: bool
    wanted: Wanted | None
    group_rows: int | None
    likely: bool = False

    def empty(self, kernels: Kernels = numpy_kernels) -> Summaries:
        """The summaries before the first row."""
        found = Summaries(
            self.source, frozenset(self.needs), kernels, self.sample, self.seed, self.on_bad, self.refuse_zero,
            self.wanted, self.group_rows,
        )  # fmt: skip
        if self.likely:
            found.sample = self.guess
            if found.scores is not None:
                found.scores.sample = self.guess
        return found

    @property
    def guess(self) -> Sample:
        """The sample that a piece begins with."""
        return Sample.likely(self.sample, self.source.total)

    def refused_too_many(self, state: Summaries) -> bool:
        """Whether the samples were cut where that was guessed, and not by the rows."""
        samples = [state.sample] if "sample" in self.needs else []
        samples += [] if state.scores is None else [state.scores.sample]
        guess = self.guess.cut
        return self.likely and bool(guess < OPEN) and any(bool(sample.cut >= guess) for sample in samples)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is read."""
        return (self.source,)

    def states(self, piece: Piece) -> list[Summaries | None]:
        """The states of the nodes of a piece."""
        found = nodes_of(self.source, piece, self.empty)
        return [None if state is None else packed(state) for state in found]

    def merged(self, states: Sequence[Summaries]) -> Summaries:
        """One state of several, those of the first rows first."""
        return merged(states)

    def fields(self, state: Summaries) -> Fields:
        """What a state is made of."""
        return fields_of(state)

    def filled(self, found: Fields) -> Summaries:
        """The state of these fields, checked."""
        return packed(filled(self.empty(), found))


def nodes_of(source: Source, piece: Piece, empty: Callable[[], G]) -> list[G | None]:
    """The states of the nodes of a piece, None of one without rows; linear algebra on one core.

    empty: makes a state that has seen nothing.
    """
    node = {}
    shards = iter(piece.shards)
    for i, (count, _) in enumerate(piece.nodes):
        node.update(dict.fromkeys(((shard.file, shard.number) for shard in islice(shards, count)), i))
    found: list[G | None] = [None] * len(piece.nodes)
    with limited_threads(1):
        for i, parts in groupby(_parts(source, piece), key=lambda pair: node[pair[0][:2]]):
            found[i] = summed(parts, empty, 1)
    return found


def _parts(source: Source, piece: Piece) -> Iterator[tuple[Part, Block]]:
    """The parts of a piece; a refusal says which file of several it is of."""
    for one in piece.inner or (piece,):
        blocks = source.between(block_rows(source.d), one.start, one.stop)
        try:
            yield from parts_of(source, blocks, one.shards)
        except LabelfreeError as error:
            if piece.inner:
                placed(error, one)
            raise


def placed(error: LabelfreeError, piece: Piece) -> LabelfreeError:
    """A refusal with the rows that were being read, and their row groups."""
    where = f"rows {piece.start:,} to {piece.stop - 1:,} of the data set"
    if piece.groups:
        first, last = piece.groups
        where += f", row group {first}" if first == last else f", row groups {first} to {last}"
    error.args = (f"{error} ({where})", *error.args[1:])
    return error


def merged(states: Sequence[Summaries]) -> Summaries:
    """One state of several, those of the first rows first; the first of them is changed."""
    whole, *others = states
    for other in others:
        whole.merge(other)
    return packed(whole)


def packed(state: Summaries) -> Summaries:
    """A state as it travels: without its source, no chunk of its samples waiting."""
    state.sample, state.views, state.print = state.sample.packed(), state.views.packed(), state.print.packed()
    state.groups = state.groups.packed()
    state.content, state.ids = state.content.settled(), state.ids.settled()
    nowhere = replace(_NOWHERE, d=state.d)
    state.source = nowhere
    if state.scores is not None:
        state.scores.source = nowhere
        state.scores.sample = state.scores.sample.packed()
    return state


def at_home(state: Summaries, one: Pass, kernels: Kernels) -> Summaries:
    """A state that has come back to its source."""
    state.source, state.kernels = one.source, kernels
    if state.scores is not None:
        state.scores.source = one.source
    return state


def _unreadable(rows: int) -> list[Block]:
    raise AssertionError(f"a state on its way reads nothing, not even {rows} rows")


_NOWHERE = Source("", (), "", "", "", 1, 0, 0, _unreadable)  # type: ignore[arg-type]
