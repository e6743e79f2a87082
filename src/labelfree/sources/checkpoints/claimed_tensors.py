"""What a pickle of torch says of its tensors, worked out without torch: where the numbers lie, and none of them.

No global is imported. The few that tensors are made of have a stand-in here; any other becomes a value that takes what
it is given and does nothing.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from labelfree.sources.guards.torch_calls import Forged

KINDS = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
"""Kinds of storages, and what their numbers are."""


@dataclass(frozen=True, eq=False, slots=True)
class Storage:
    """The numbers of some tensors: the member of the archive that holds them, and what they are."""

    key: str
    dtype: str


@dataclass(frozen=True, eq=False, slots=True)
class Claimed:
    """A tensor, not read: its numbers begin `offset` numbers into a storage; None: it is no plain tensor of one."""

    storage: Storage | None
    dtype: str
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    offset: int = 0

    @property
    def packed(self) -> bool:
        """Whether its numbers lie one after another, row after row."""
        lengths = [math.prod(self.shape[i + 1 :]) for i in range(len(self.shape))]
        return all(n < 2 or one == own for n, one, own in zip(self.shape, self.strides, lengths, strict=True))


class _Nothing:
    """A value that takes what it is given and does nothing."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, item: object) -> None:
        """Nothing."""

    def extend(self, items: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class _Kind:
    """A type of storage, or of numbers."""

    name: str


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any = None, *more: Any) -> Claimed:
    """What torch makes of (storage, offset, size, stride, ...); in version 3 the seventh is the type of the numbers."""
    numbers = (offset, *shape, *(() if strides is None else strides))
    if not isinstance(storage, Storage) or any(type(n) is not int or n < 0 for n in numbers):
        raise Forged("it makes a tensor of what is no storage, offset and shape")
    if strides is None:
        strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    if len(strides) != len(shape):
        raise Forged(f"it makes a tensor of {len(shape)} dimensions with {len(strides)} strides")
    dtype = next((one.name for one in more[2:3] if isinstance(one, _Kind)), storage.dtype)
    return Claimed(storage, dtype, tuple(shape), tuple(strides), offset)


def _parameter(data: Any, *more: Any) -> Any:
    """A parameter is its tensor."""
    return data


def _typed(function: Callable[..., Any], kind: Any, args: Sequence[Any], state: Any) -> Any:
    """A tensor of a type of its own is what it is made of."""
    return function(*args)


def _unplain(name: str) -> Callable[..., Claimed]:
    """What makes tensors that are no plain numbers: sparse, quantized, nested or on another device."""
    return lambda *args: Claimed(None, name)


_TENSORS = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
_PARAMETERS = {
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
}  # fmt: skip

_NUMBERS = ("float", "bfloat", "int", "uint", "complex", "bool")
"""How types of numbers begin."""


class _Claims(pickle.Unpickler):
    """Reads a pickle with the stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a global."""
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full in _TENSORS:
            return _tensor
        if full in _PARAMETERS:
            return _parameter
        if full == "torch._tensor._rebuild_from_type_v2":
            return _typed
        if full == "torch.Size":
            return lambda sizes=(): tuple(sizes)
        if module == "torch._utils" and name.startswith("_rebuild_"):
            return _unplain(name.removeprefix("_rebuild_"))
        if module.split(".")[0] == "torch" and name.endswith("Storage"):
            kind = name.removesuffix("Storage")
            return _Kind(KINDS.get(kind, kind.lower()))
        return _Kind(name) if module == "torch" and name.startswith(_NUMBERS) else _Nothing

    def persistent_load(self, saved: Any) -> Any:
        """The storage that the file names so."""
        if not isinstance(saved, tuple) or len(saved) < 5 or not isinstance(saved[1], _Kind):
            raise Forged("it names a storage otherwise than torch does")
        return Storage(str(saved[2]), saved[1].name)


def claimed(content: bytes) -> Any:
    """What torch would make of a pickle, with `Claimed` in place of tensors; ValueError and its like where it is none.

    content: a pickle whose opcodes were checked by `guards.pickles`.
    """
    return _Claims(BytesIO(content), encoding="utf-8", errors="replace").load()


def checked(one: Claimed, held: int, width: int) -> Claimed:
    """A tensor that lies within the `held` bytes of its storage, with numbers of `width` bytes each."""
    last = one.offset + sum((n - 1) * stride for n, stride in zip(one.shape, one.strides, strict=True))
    if 0 not in one.shape and (last + 1) * width > held:
        raise Forged(f"it claims a tensor of shape {one.shape} in a storage of {held:,} bytes")
    return one
