"""What a command may use: the memory that its option names."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.errors import ResourceError
from labelfree.evidence.evidence import Need
from labelfree.families.spec import Metric
from labelfree.memory import needed
from labelfree.options import Options
from labelfree.sources import Source


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
