"""One tensor of a checkpoint, before it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labelfree.documents.stores.remote_file import File
from labelfree.sources.block import Values


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, not read yet: `load` gives it as numpy, bfloat16 as its bits in uint16."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: File
    load: Callable[[], Values]
