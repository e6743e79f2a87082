"""Where pieces of work are done: in this process, or wherever a map over them is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Mapped(Protocol):
    """What `map` does: function(item) for each item, in order. Items are taken as they are needed, where that can be.

    The function and the items can be pickled.
    """

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """The results, in the order of the items."""


def same(value: Any) -> Any:
    """The value itself: its own handle where there is one process."""
    return value


@dataclass(frozen=True)
class Engine:
    """How work is handed out: `mapped` over pieces that name arrays by a handle.

    put: a handle of an array, made once and given to many pieces; get: the array of a handle, called where the piece is
    worked on. The results do not depend on who works, only on how the data are cut.
    """

    mapped: Mapped = map
    put: Callable[[Any], Any] = same
    get: Callable[[Any], Any] = same
