"""Parts of a data set shared out among threads, their sums put together in the order of the rows."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, Self, TypeVar

from labelfree.evidence.evidence import WIDE
from labelfree.kernels.threads import alone, one_core
from labelfree.sources.block import Block, Source
from labelfree.survey.shards import Part, block_rows
from labelfree.survey.sums import Ordered, Sums


class Growing(Protocol):
    """A summary that takes in blocks, and other summaries of its kind, and whose sums can be taken out of it."""

    def add(self, block: Block) -> None:
        """Take in one block."""

    def taken(self) -> Sums:
        """The sums of the blocks since they were taken last."""

    def give(self, sums: Sums) -> None:
        """Put back sums that were taken."""

    def merge(self, other: Self) -> None:
        """Take in what another summary has seen."""


S = TypeVar("S", bound=Growing)
_MOST_WORKERS = 8


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_for(source: Source, threads: int | None) -> int:
    """Threads that sum the blocks of a source; a wide one has a matrix too large to hold it for each of them."""
    workers = 1 if source.d > WIDE else min(threads or available_cores(), _MOST_WORKERS)
    return min(workers, -(-source.total // block_rows(source.d)))


def summed(
    parts: Iterable[tuple[Part, Block]],
    empty: Callable[[], S],
    workers: int,
    each: Callable[[int, Sums], None] | None = None,
    shard: Callable[[tuple[int, int], Sums], None] | None = None,
) -> S:
    """The summary of all parts, the same to the last digit whatever the number of workers.

    The caller's thread reads; part i goes to worker i mod workers. What depends on the order of the rows, the sums, is
    taken out after each part and merged in the order of the parts; the rest does not. Several workers need parts of
    one block each. each: told of the sums of every file, by its number, in the order of the files; shard: of those of
    every shard, by its file and its number there.
    """
    sums = _InOrder(each, shard)
    with one_core():
        state = _alone(parts, empty(), sums) if workers <= 1 else _together(parts, empty, workers, sums)
    if (total := sums.ordered.total()) is not None:
        state.give(total)
    return state


def _alone(parts: Iterable[tuple[Part, Block]], state: S, sums: _InOrder) -> S:
    last: Part | None = None
    for part, block in parts:
        if last is not None and last != part:
            sums.ordered.add(last, state.taken())
        last = part
        state.add(block)
    if last is not None:
        sums.ordered.add(last, state.taken())
    return state


def _together(parts: Iterable[tuple[Part, Block]], empty: Callable[[], S], workers: int, sums: _InOrder) -> S:
    crew = [_Worker(empty(), sums) for _ in range(workers)]
    try:
        for i, (part, block) in enumerate(parts):
            crew[i % workers].give((i, part, block))
        for worker in crew:
            worker.finish()
    finally:
        for worker in crew:
            worker.stop.set()
    first, *rest = (worker.state for worker in crew)
    for other in rest:
        first.merge(other)
    return first


class _InOrder:
    """Sums of parts, handed over by several threads as they are done, taken in by the number of the part."""

    def __init__(
        self, each: Callable[[int, Sums], None] | None, shard: Callable[[tuple[int, int], Sums], None] | None
    ) -> None:
        self.ordered: Ordered[Sums] = Ordered(each, shard)
        self._lock = threading.Lock()
        self._early: dict[int, tuple[Part, Sums]] = {}
        self._next = 0
        self._busy = False

    def put(self, number: int, part: Part, sums: Sums) -> None:
        """Take in the sums of part `number`, and all after it that were early; one thread at a time merges."""
        with self._lock:
            self._early[number] = part, sums
        while True:
            with self._lock:
                if self._busy or self._next not in self._early:
                    return
                self._busy = True
                following = self._early.pop(self._next)
                self._next += 1
            self.ordered.add(*following)
            with self._lock:
                self._busy = False


class _Worker(threading.Thread, Generic[S]):
    """One thread that feeds its own summary from its own queue."""

    def __init__(self, state: S, sums: _InOrder) -> None:
        super().__init__(daemon=True)
        self.state, self.sums = state, sums
        self.parts: queue.Queue[tuple[int, Part, Block] | None] = queue.Queue(maxsize=1)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Take in parts until there are no more, or something fails."""
        alone()
        while not self.stop.is_set():
            try:
                given = self.parts.get(timeout=0.1)
            except queue.Empty:
                continue
            if given is None:
                return
            number, part, block = given
            try:
                self.state.add(block)
                self.sums.put(number, part, self.state.taken())
            except BaseException as error:  # raised again in the caller's thread
                self.error = error
                return

    def give(self, part: tuple[int, Part, Block] | None) -> None:
        """Hand over a part, and raise what went wrong with an earlier one."""
        while self.error is None:
            try:
                self.parts.put(part, timeout=0.1)
                return
            except queue.Full:
                continue
        raise self.error

    def finish(self) -> None:
        """Wait until all parts are taken in."""
        self.give(None)
        self.join()
        if self.error is not None:
            raise self.error
