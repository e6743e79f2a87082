"""What `expect` means: requirements whose limits were measured on pairs that differ in a known way."""

from __future__ import annotations

from collections.abc import Mapping

EXPECTED: Mapping[str, tuple[str, ...]] = {"same": ("neighbors_kept >= 0.97", "cka >= 0.999")}
"""By name: requirements on the intervals of a pair; benchmarks/similarity/parity.py measured them."""
