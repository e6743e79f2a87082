"""Blocks shared out among threads, each with a summary of its own, merged at the end."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, Self, TypeVar

from labelfree.sources.block import Block


class Growing(Protocol):
    """A summary that takes in blocks, and other summaries of its kind."""

    def add(self, block: Block) -> None:
        """Take in one block."""

    def merge(self, other: Self) -> None:
        """Take in what another summary has seen."""


S = TypeVar("S", bound=Growing)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def summed(blocks: Iterable[Block], empty: Callable[[], S], workers: int) -> S:
    """The summary of all blocks.

    The caller's thread reads; block i goes to worker i mod workers, so that the result does not depend on which
    of them is faster. While several work, each keeps its linear algebra to one core.
    """
    if workers <= 1:
        state = empty()
        for block in blocks:
            state.add(block)
        return state
    from threadpoolctl import threadpool_limits

    crew = [_Worker(empty()) for _ in range(workers)]
    try:
        with threadpool_limits(1):
            for i, block in enumerate(blocks):
                crew[i % workers].give(block)
            for worker in crew:
                worker.finish()
    finally:
        for worker in crew:
            worker.stop.set()
    first, *rest = (worker.state for worker in crew)
    for other in rest:
        first.merge(other)
    return first


class _Worker(threading.Thread, Generic[S]):
    """One thread that feeds its own summary from its own queue."""

    def __init__(self, state: S) -> None:
        super().__init__(daemon=True)
        self.state = state
        self.blocks: queue.Queue[Block | None] = queue.Queue(maxsize=1)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Take in blocks until there are no more, or something fails."""
        while not self.stop.is_set():
            try:
                block = self.blocks.get(timeout=0.1)
            except queue.Empty:
                continue
            if block is None:
                return
            try:
                self.state.add(block)
            except BaseException as error:  # raised again in the caller's thread
                self.error = error
                return

    def give(self, block: Block | None) -> None:
        """Hand over a block, and raise what went wrong with an earlier one."""
        while self.error is None:
            try:
                self.blocks.put(block, timeout=0.1)
                return
            except queue.Full:
                continue
        raise self.error

    def finish(self) -> None:
        """Wait until all blocks are taken in."""
        self.give(None)
        self.join()
        if self.error is not None:
            raise self.error
