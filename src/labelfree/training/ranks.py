"""The processes of a distributed training run: which one this is, and what they tell each other."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

T = TypeVar("T")


def place() -> tuple[int, int]:
    """The rank of this process and the number of them; (0, 1) where nothing is distributed."""
    distributed = _distributed()
    return (0, 1) if distributed is None else (distributed.get_rank(), distributed.get_world_size())


def gathered(value: T) -> list[T] | None:
    """The values of all ranks, by rank, on rank 0; None elsewhere. Every rank must call it."""
    distributed, (rank, world) = _distributed(), place()
    if distributed is None or world == 1:
        return [value]
    found: list[Any] | None = [None] * world if rank == 0 else None
    distributed.gather_object(value, found, dst=0)
    return found


def shared(value: T | None) -> T:
    """The value of rank 0, on every rank. Every rank must call it."""
    distributed, (_, world) = _distributed(), place()
    box: list[Any] = [value]
    if distributed is not None and world > 1:
        distributed.broadcast_object_list(box, src=0)
    found: T = box[0]
    return found


def _distributed() -> Any:
    """torch.distributed, where it runs."""
    distributed: Any = getattr(sys.modules.get("torch"), "distributed", None)
    return (
        distributed if distributed is not None and distributed.is_available() and distributed.is_initialized() else None
    )
