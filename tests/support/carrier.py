"""An engine of which everything travels: pieces as bytes, and what was put by its number."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_STORES: list[list[Any]] = []


class Stored:
    """A value that lies elsewhere."""

    def __init__(self, store: int, number: int) -> None:
        self.store, self.number = store, number

    def value(self) -> Any:
        return _STORES[self.store][self.number]


class Carrier:
    """See kernels.engines.Engine; most: bytes that a piece may have."""

    def __init__(self, most: int = 1 << 20) -> None:
        self.most, self.stored = most, list[Any]()
        self.store = len(_STORES)
        _STORES.append(self.stored)

    def put(self, value: Any) -> Any:
        self.stored.append(value)
        return Stored(self.store, len(self.stored) - 1)

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            there = pickle.dumps((work, item))
            assert len(there) <= self.most
            function, own = pickle.loads(there)
            yield pickle.loads(pickle.dumps(function(own)))
