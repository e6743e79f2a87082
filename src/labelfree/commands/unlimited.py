"""How much memory a file may ask for where no limit is given: what its size explains, and some gigabytes."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.commands.memory import needed
from labelfree.commands.options import Options
from labelfree.errors import ResourceError, option
from labelfree.evidence.evidence import Need
from labelfree.families.spec import Metric
from labelfree.sources.block import Source

ALLOWED = 4_000_000_000
"""Bytes that any file may ask for."""
RATIO = 100
"""Bytes for one of the file."""


def check_unlimited(source: Source, needs: frozenset[Need], metrics: Sequence[Metric], chosen: Options) -> None:
    """Refuse a small file whose rows are so wide that the work on them takes gigabytes, unless a limit allows it."""
    if chosen.memory is not None or not source.files:
        return
    need = needed(source, needs, metrics, chosen.sample, chosen.threads)
    if need > max(ALLOWED, RATIO * source.size):
        raise ResourceError(
            f"{source.name}: {source.total} rows of width {source.d} in {source.size:,} bytes need about "
            f"{need / 1e6:.0f} MB, and without a limit a file may ask for {ALLOWED / 1e6:.0f} MB; allow more with "
            + option("memory", -(-need // 10**9) * 10**9)
            + (f", or name fewer metrics with {option('only')}" if metrics else "")
        )
