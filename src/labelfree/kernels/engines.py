"""Who does independent pieces of work: threads of this process, or workers elsewhere.

A piece is a function of its item alone, with its linear algebra on one core, and results come in the order of the
items; so no digit tells which engine did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

from labelfree.kernels.threads import spread

T = TypeVar("T")
R = TypeVar("R")
V_co = TypeVar("V_co", covariant=True)


class Held(Protocol[V_co]):
    """A value that was put once where every worker finds it; it travels to them as a name."""

    def value(self) -> V_co:
        """The value, to be read and not to be changed."""


class Engine(Protocol):
    """What spreads pieces of work, such as pairs of blocks of rows."""

    def put(self, value: T) -> Held[T]:
        """Put a value, such as all rows, once where every worker finds it."""

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """work(item) for each item, in order, few of them ahead of who takes the results.

        work: a function of a module, or functools.partial of one with values and held ones: it travels to the workers.
        """


@dataclass(frozen=True)
class _Here(Generic[T]):
    """A value of this process."""

    held: T

    def value(self) -> T:
        return self.held


class Threads:
    """Threads of this process: as many as `limited_threads` allows."""

    def put(self, value: T) -> Held[T]:
        """The value, where it is."""
        return _Here(value)

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """work(item) for each item, in order, each with its linear algebra on one core."""
        return spread(work, items)


threads: Engine = Threads()
"""The engine of this process."""


def batches(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Items, so many at a time, as they come.

    >>> list(batches(range(5), 2))
    [(0, 1), (2, 3), (4,)]
    """
    left = iter(items)
    while batch := tuple(islice(left, size)):
        yield batch
