"""Independent pieces of numpy work on several threads, each with its linear algebra on one core.

Linear algebra on several cores rounds otherwise for each number of them: its last digits would depend on the machine.
So a product is never shared out by the library, only pieces of it that are cut by the data are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_WORKERS: ContextVar[int | None] = ContextVar("workers", default=None)


def blas_threads() -> int:
    """Threads that work may be spread over here: --threads, the environment, or all cores."""
    if (workers := _WORKERS.get()) is not None:
        return workers
    pools = _libraries(len(sys.modules)).info()
    return max((int(pool["num_threads"]) for pool in pools if pool["user_api"] == "blas"), default=1)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """The libraries of this process that have threads of their own; they are looked for again where modules were
    imported since, for a look takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def alone() -> None:
    """Declare that this thread is one of several that work side by side: it spreads nothing further."""
    _WORKERS.set(1)


@contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Work spread over so many threads, None for all cores, with linear algebra on one: no digit tells how many."""
    before = _WORKERS.set(blas_threads() if count is None else count)
    try:
        with _libraries(len(sys.modules)).limit(limits=1):
            yield
    finally:
        _WORKERS.reset(before)


def one_core() -> AbstractContextManager[Any]:
    """Linear algebra on one core, so that its last digits do not depend on how many there are.

    More of them gain little in a decomposition: on two cores nothing at width 1,500 and a tenth at 2,048.
    """
    if _WORKERS.get() is not None:  # it is on one already
        return nullcontext()
    limits: AbstractContextManager[Any] = _libraries(len(sys.modules)).limit(limits=1, user_api="blas")
    return limits


def spread(work: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
    """work(piece) for each piece, in order, at most one piece per thread at a time and few results kept.

    Whatever the number of threads, each piece has its linear algebra on one core.
    """
    workers = blas_threads()
    with one_core():
        if workers == 1:
            yield from map(work, pieces)
            return
        with ThreadPoolExecutor(workers, initializer=alone) as pool:
            pending = []
            for piece in pieces:
                pending.append(pool.submit(work, piece))
                if len(pending) > 2 * workers:
                    yield pending.pop(0).result()
            for task in pending:
                yield task.result()


def ahead(blocks: Iterable[T]) -> Iterator[T]:
    """Blocks in their order, each made while the one before it is worked on where there is more than one thread."""
    if blas_threads() == 1:
        yield from blocks
        return
    source, end = iter(blocks), object()
    context = copy_context()  # errors speak as they do here
    context.run(alone)

    def made() -> Any:
        return context.run(next, source, end)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(made)
        while (block := following.result()) is not end:
            following = pool.submit(made)
            yield block
