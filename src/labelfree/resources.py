"""What a command may use: the threads and the memory that its options name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from labelfree.errors import ResourceError
from labelfree.memory import needed
from labelfree.metrics import Metric
from labelfree.metrics.evidence import Need
from labelfree.options import Options
from labelfree.sources import Source


def limited_threads(count: int | None) -> AbstractContextManager[Any]:
    """Linear algebra on so many threads; None leaves it all cores."""
    if count is None:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(count)
    return limits


def check_memory(source: Source, needs: frozenset[Need], metrics: Sequence[Metric], chosen: Options) -> None:
    """Refuse a memory limit that the work cannot keep, before any of it is done."""
    if chosen.memory is None:
        return
    need = needed(source, needs, metrics, chosen.sample, chosen.threads)
    if need > chosen.memory:
        sampled = source.total if chosen.sample is None else min(chosen.sample, source.total)
        fewer = needed(source, needs, metrics, max(2, sampled // 2), chosen.threads)
        raise ResourceError(
            f"--memory {chosen.memory / 1e6:.0f}MB: {source.total} rows of width {source.d} need about "
            f"{need / 1e6:.0f} MB with a sample of {sampled}; raise the limit"
            + (", or lower --sample" if fewer < 0.9 * need else ", or choose --only metrics" if metrics else "")
        )
