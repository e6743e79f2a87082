"""A pass as it travels to workers: with the recipe of its source, which they open themselves, and rows only of memory.

What maps a file becomes the name of the file, a remote file its name and the version that was seen (credentials come
from where the worker runs), a relative path an absolute one. Arrays stay apart, so that workers share one copy.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import Spelling, spelling

Octets = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shipped:
    """A value on its way: its recipe, its arrays, how options are spelled, and what it is known by."""

    recipe: bytes
    arrays: tuple[Octets, ...]
    spelled: Spelling
    digest: str


def shipped(value: object, *, hashed: bool = True) -> Shipped:
    """A value that workers can open; needs Ray's pickler, which takes functions inside others.

    hashed: whether its digest is that of its content, and not of this shipping alone.
    """
    from ray import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        """Names in place of what this machine has mapped."""

        def reducer_override(self, given: Any) -> Any:
            """How a value is made again, NotImplemented for the usual way."""
            if isinstance(given, Path):
                return Path, (os.path.abspath(given),)
            if (place := _whole_mapping(given)) is not None:
                return _mapped, place
            return super().reducer_override(given)

    buffers: list[pickle.PickleBuffer] = []
    stream = BytesIO()
    Pickler(stream, protocol=5, buffer_callback=buffers.append).dump(value)
    arrays = tuple(np.frombuffer(one.raw(), np.uint8) for one in buffers)
    found = hashlib.blake2b(stream.getvalue() if hashed else uuid4().bytes, digest_size=16)
    for array in arrays if hashed else ():
        found.update(array.data)
    return Shipped(stream.getvalue(), arrays, spelling(), found.hexdigest())


def opened(given: Shipped) -> Any:
    """What was shipped, opened once in each worker."""
    return _opened(given.digest, _Named(given))


class _Named:
    """A shipped value that is equal to every other one: it is known by its digest."""

    def __init__(self, given: Shipped) -> None:
        self.given = given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=2)
def _opened(digest: str, named: _Named) -> Any:
    return pickle.loads(named.given.recipe, buffers=named.given.arrays)


def _whole_mapping(given: Any) -> tuple[str, str, int, Sequence[int], str] | None:
    """Where a mapped array lies in its file, None of any other value."""
    import mmap

    if not isinstance(given, np.memmap) or given.filename is None or not isinstance(given.base, mmap.mmap):
        return None
    order = "C" if given.flags.c_contiguous else "F"
    return os.path.abspath(str(given.filename)), given.dtype.str, int(given.offset), given.shape, order


def _mapped(file: str, dtype: str, offset: int, shape: Sequence[int], order: Any) -> Any:
    return np.memmap(file, np.dtype(dtype), "r", offset, tuple(shape), order)
