"""How much memory a file may ask for where no limit is given: what its size explains, and some gigabytes."""

from __future__ import annotations

from labelfree.commands.memory import Work, needed
from labelfree.commands.options import Options
from labelfree.errors import ResourceError, option

ALLOWED = 3_000_000_000
"""Bytes that any file may ask for."""
RATIO = 100
"""Bytes for one of the file."""


def check_unlimited(work: Work, chosen: Options) -> None:
    """Refuse a small file whose rows are so wide that the work on them takes gigabytes, unless a limit allows it."""
    source = work.source
    if chosen.memory is not None or not source.files:
        return
    need = needed(work)
    if need > max(ALLOWED, RATIO * source.size):
        raise ResourceError(
            f"{source.name}: {source.total} rows of width {source.d} in {source.size:,} bytes need about "
            f"{need / 1e6:.0f} MB, and without a limit a file may ask for {ALLOWED / 1e6:.0f} MB; allow more with "
            + option("memory", -(-need // 10**9) * 10**9)
            + (f", or name fewer metrics with {option('only')}" if work.metrics else "")
        )
