"""Independent pieces of numpy work on several threads, each with its linear algebra on one core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SMALL = 1024


def blas_threads() -> int:
    """Threads that linear algebra may use here: --threads, the environment, or all cores."""
    from threadpoolctl import threadpool_info

    return max((int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def limited_threads(count: int | None) -> AbstractContextManager[Any]:
    """Linear algebra on so many threads; None leaves it all cores."""
    if count is None:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(count)
    return limits


def repeatable(d: int) -> AbstractContextManager[Any]:
    """One core for the decomposition of a d x d matrix, so that its last digits do not depend on how many there are.

    Up to width 1024, where more cores gain next to nothing.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas") if d <= _SMALL else nullcontext()


def spread(work: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
    """work(piece) for each piece, in order, at most one piece per thread at a time and few results kept."""
    from threadpoolctl import threadpool_limits

    workers = blas_threads()
    if workers == 1:
        yield from map(work, pieces)
        return
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        pending = []
        for piece in pieces:
            pending.append(pool.submit(work, piece))
            if len(pending) > 2 * workers:
                yield pending.pop(0).result()
        for task in pending:
            yield task.result()
