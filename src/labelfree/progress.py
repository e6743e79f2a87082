"""What long work is told: how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, float], None]
"""Told what is being done and which fraction of it is done, 0 to 1."""
Advance: TypeAlias = Callable[[float], None]
"""Told which fraction of one piece of work is done, 0 to 1."""


def silent(stage: str, done: float) -> None:
    """Progress that nobody is told of."""


def still(done: float) -> None:
    """Advance that nobody is told of."""
