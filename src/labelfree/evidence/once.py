"""What several metrics share is computed once, and remembered on what it was computed of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

H = TypeVar("H")
R = TypeVar("R")


def once(holder: H, compute: Callable[[H], R]) -> R:
    """compute(holder), or what it gave before; frozen holders too."""
    found = known(holder, compute)
    if found is None:
        found = vars(holder)[_key(compute)] = compute(holder)
    return found


def known(holder: H, compute: Callable[[H], R]) -> R | None:
    """What compute(holder) gave, where it was asked for."""
    return vars(holder).get(_key(compute))


def _key(compute: Callable[[H], R]) -> str:
    return f"{compute.__module__}.{compute.__qualname__}"
