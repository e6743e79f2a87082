"""What a pickle may ask of torch: calls that no saved tensor needs are found before torch makes them.

torch runs pickles with a short list of names. None of them runs foreign code, but some take memory or time without
end: `bytearray(10**10)`, a tensor of a billion rows over one number, a key nested a million deep.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_DEEPEST = 10
_LARGEST = 100
"""How deep a key may be nested, and how many values it may hold: all of them are hashed at every use."""
_MOST_NESTED = 1_000
"""What python itself can pickle."""
_MOST_DIMENSIONS = 64
_CODECS = {"latin1", "latin-1", "ascii", "utf-8", "utf8"}
_WRAPS = {
    "torch.nn.parameter.Parameter", "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
}  # fmt: skip
"""Calls that leave the numbers of a tensor where they are."""
_GATHERS = {"collections.OrderedDict", "collections.Counter", "builtins.set", "builtins.complex", "torch.Size"}
_TENSOR = re.compile(r"torch\.([\w.]+\.)?\w*Tensor")
_STORAGE = re.compile(r"torch\.([\w.]+\.)?\w*Storage")
_VIEWS = {f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3")}
"""Calls that make a tensor over the numbers of a storage, without a copy."""
_WIDTHS = {
    1: "Byte Char Bool QInt8 QUInt8 QUInt4x2 QUInt2x4 Untyped uint8 int8 bool",
    2: "Half BFloat16 Short float16 bfloat16 half int16 short uint16",
    4: "Float Int QInt32 float32 float int32 int uint32 complex32",
    8: "Double Long ComplexFloat float64 double int64 long uint64 complex64",
    16: "ComplexDouble complex128",
}
_BYTES = {name: width for width, names in _WIDTHS.items() for name in names.split()}


class Forged(ValueError):
    """A pickle that claims what its file does not hold, or that would take memory or time without end."""


@dataclass(frozen=True, eq=False, slots=True)
class Named:
    """A global, not imported."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """The numbers of a tensor, not read: how many bytes, and how many for each number."""

    nbytes: int
    width: int


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """What a call would return. spread: a tensor of more numbers than its storage holds, such as one expanded."""

    by: str
    args: tuple[Any, ...] = ()
    spread: bool = False


class ClaimedTuple:
    """A tuple: its items, how many values they hold in all, and how deep they are nested."""

    __slots__ = ("depth", "items", "size")

    def __init__(self, items: tuple[Any, ...]) -> None:
        inner: list[ClaimedTuple] = [item for item in items if isinstance(item, ClaimedTuple)]
        self.items = items
        self.size: int = min(len(items) + 1 + sum(row.size for row in inner), 1 << 62)
        self.depth: int = 1 + max((row.depth for row in inner), default=0)
        if self.depth > _MOST_NESTED:
            raise Forged(f"it nests tuples more than {_MOST_NESTED:,} deep")


class Bag(list[Any]):
    """A dict, as keys and values in turn, or a set."""


def width_of(kind: str) -> int:
    """Bytes of a number of this dtype or storage, by its name; 1 where it is not known."""
    return _BYTES.get(kind.rpartition(".")[2].removesuffix("Storage"), 1)


def cost(items: tuple[Any, ...]) -> int:
    """Values that a call must look at."""
    flat = [*items, *(inner for item in items if isinstance(item, ClaimedTuple) for inner in item.items)]
    return len(flat) + sum(len(item) for item in flat if isinstance(item, str | bytes | list))


def called(name: str, items: tuple[Any, ...]) -> bool:
    """Whether a call makes a tensor that is spread; a Forged where it would take memory or time without end."""
    if name == "torch._tensor._rebuild_from_type_v2" and len(items) > 2 and isinstance(items[0], Named):
        return called(items[0].name, items[2].items if isinstance(items[2], ClaimedTuple) else ())
    spread = any(isinstance(item, Made) and item.spread for item in items)
    if spread and name not in _WRAPS:
        raise Forged(f"it calls {name} on a tensor of more numbers than the file holds")
    if name == "builtins.bytearray":
        plain = all(isinstance(x, str | bytes) or (isinstance(x, Made) and x.by == "_codecs.encode") for x in items)
    elif name == "_codecs.encode":
        plain = bool(items) and isinstance(items[0], str) and all(x in _CODECS for x in items[1:])
    elif name in _GATHERS:
        plain = not any(isinstance(item, Made | Stored) for item in items)
        for item in items:
            check_keys(item, pairs=name == "collections.OrderedDict")
    else:
        plain = not _STORAGE.fullmatch(name) and not (items and _TENSOR.fullmatch(name))
    if not plain:
        raise Forged(f"it calls {name} with arguments that no saved tensor needs")
    if view(items):
        if name not in _VIEWS:
            raise Forged(f"it calls {name} for more numbers than the file holds")
        return True
    return spread


def view(items: tuple[Any, ...]) -> bool:
    """Whether (storage, offset, size, stride, ...) is spread; a Forged where it leads beyond the storage."""
    if len(items) < 3 or not isinstance(items[0], Stored):
        return False
    stored, offset, shape = items[0], items[1], _numbers(items[2])
    strides = _numbers(items[3]) if len(items) > 3 else shape and [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    if shape is None or strides is None or type(offset) is not int:
        raise Forged("it makes a tensor whose shape is no tuple of whole numbers")
    if len(shape) != len(strides) or min([offset, *shape, *strides]) < 0:
        raise Forged(f"it makes a tensor of shape {shown_claim(shape)} with strides {shown_claim(strides)}")
    if 0 in shape:
        return False
    dtype = items[6] if len(items) > 6 else None
    width = width_of(dtype.name) if isinstance(dtype, Named) else stored.width
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if (last + 1) * width > stored.nbytes:
        raise Forged(f"it claims a tensor of shape {shown_claim(shape)} in a storage of {stored.nbytes:,} bytes")
    return math.prod(shape) * width > stored.nbytes


def check_keys(value: Any, *, pairs: bool = False) -> None:
    """Refuse what cannot be hashed in reasonable time, among the items of a list or tuple, or the first of pairs."""
    if not isinstance(value, list | ClaimedTuple):
        return
    for item in value.items if isinstance(value, ClaimedTuple) else value:
        if pairs and isinstance(item, list | ClaimedTuple):
            item = next(iter(item.items if isinstance(item, ClaimedTuple) else item), None)
        if isinstance(item, Made) and item.by == "torch.Size":
            item = ClaimedTuple(item.args)
        if isinstance(item, ClaimedTuple) and (item.depth > _DEEPEST or item.size > _LARGEST):
            raise Forged(f"it has a key of {item.size:,} values, nested {item.depth:,} deep")


def shown_claim(value: Any) -> str:
    """A claimed value in a message, cut where it is long."""
    text = " x ".join(map(str, value)) if isinstance(value, list) else repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _numbers(value: Any) -> list[int] | None:
    if isinstance(value, Made) and value.by == "torch.Size" and len(value.args) == 1:
        value = value.args[0]
    if not isinstance(value, ClaimedTuple) or len(value.items) > _MOST_DIMENSIONS:
        return None
    return list(value.items) if all(type(item) is int for item in value.items) else None
