"""The gate: reports and histories in, a verdict out. Reads no arrays and imports nothing heavy."""

from labelfree.gating.api import EXIT_CODES, STOPPING, gate

__all__ = ["EXIT_CODES", "STOPPING", "gate"]
