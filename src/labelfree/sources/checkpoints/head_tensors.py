"""What a head may be given as: files, checkpoints, arrays and modules, all as tensors by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Float, check_dense
from labelfree.documents.stores.names import is_remote
from labelfree.documents.stores.remote_file import remote_file
from labelfree.errors import ArrayError, SourceError, UsageError, option
from labelfree.sources.arrays.numpy_files import array_tensors
from labelfree.sources.arrays.stored import in_memory
from labelfree.sources.block import CHECKPOINT
from labelfree.sources.checkpoints.tensors import from_bfloat16, state_tensors, tensors
from labelfree.sources.tensor import Tensor

_FILES = ".npy, .npz, .safetensors, .pt/.pth/.ckpt/.bin or a checkpoint directory"
_OBJECTS = "a path, a (K, d) array, a pair (weight, bias), a state dict or a module"
_NORMED = (
    (".weight_v", ".weight_g"),
    (".parametrizations.weight.original1", ".parametrizations.weight.original0"),
)


@dataclass(frozen=True, eq=False)
class Holder:
    """The tensors among which the head is looked for.

    where: the option by its name; label: the file, empty in memory; found: its tensors; key: the one asked for.
    """

    where: str
    label: str
    found: dict[str, Tensor]
    key: str | None = None

    @property
    def title(self) -> str:
        """The option and the file, for messages."""
        return option(self.where, self.label or None)

    def place(self, name: str) -> str:
        """How to name one of these tensors."""
        return f"{self.label}::{name}" if self.label and name else self.label or name

    def choice(self, name: str) -> str:
        """The option as it takes one of these tensors of a file; in memory the name alone."""
        return option(self.where, self.place(name)) if self.label else name


def head_tensors(spec: Any, where: str) -> Holder:
    """The tensors of a file, `file::key`, array, pair (weight, bias), state dict or module."""
    if isinstance(spec, str | os.PathLike):
        return _of_file(os.fspath(spec), where)
    if hasattr(spec, "state_dict") and callable(spec.state_dict):
        spec = spec.state_dict()
    for part in spec if isinstance(spec, list | tuple) else [spec]:
        check_dense(part, where)
    if isinstance(spec, list | tuple) and len(spec) == 2 and np.ndim(spec[0]) == 2 and np.ndim(spec[1]) < 2:
        spec = {"weight": spec[0]} if spec[1] is None else {"weight": spec[0], "bias": spec[1]}
    if isinstance(spec, Mapping):
        return Holder(where, "", _unnormed(state_tensors(spec)))
    if not (hasattr(spec, "shape") or isinstance(spec, list | tuple)):
        raise UsageError(f"{option(where)}: expected {_OBJECTS}, found an object of type {type(spec).__name__}")
    return Holder(where, "", _counted(state_tensors({"": spec})))


def matrix_shape(tensor: Tensor) -> tuple[int, int] | None:
    """(K, d) of a matrix or a 1x1 convolution, else None."""
    shape = tensor.shape
    plain = len(shape) >= 2 and min(shape) > 0 and all(size == 1 for size in shape[2:])
    return (shape[0], shape[1]) if plain else None


def numbers(tensor: Tensor) -> Float:
    """The exact values in float64."""
    values = in_memory(tensor.load())
    if values.dtype.kind not in "fiu":
        raise ArrayError(f"{tensor.name or 'the array'}: expected real numbers, found dtype {values.dtype}")
    return np.array(from_bfloat16(values) if tensor.dtype == "bfloat16" else values, np.float64)


def _counted(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """An array alone may hold integers of 32 bits and more, which are exact; narrower ones are quantized weights."""
    for name, tensor in found.items():
        if name == "" and tensor.dtype in ("int32", "uint32", "int64", "uint64"):
            return {"": Tensor("", tensor.shape, "float64", tensor.file, partial(numbers, tensor))}
    return found


def _of_file(name: str, where: str) -> Holder:
    if is_remote(name):
        place, separator, inside = name.rpartition("::")
        stored = remote_file(place if separator else name)
        arrays = stored.suffix.lower() in (".npy", ".npz")
        found = _counted(array_tensors(stored)) if arrays else _unnormed(tensors(stored))
        return Holder(where, str(stored), found, inside if separator else None)
    file, key = (name, None) if "::" not in name or Path(name).exists() else name.rsplit("::", 1)
    path = Path(file)
    if not file or not path.exists():
        raise SourceError(f"{option(where, name)}: no such file or directory")
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return Holder(where, file, _counted(array_tensors(path)), key)
    if path.is_dir() or suffix in CHECKPOINT:
        return Holder(where, file, _unnormed(tensors(path)), key)
    raise UsageError(f"{option(where, name)}: expected {_FILES}, found {path.suffix or 'no suffix'!r}")


def _unnormed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with one weight for each two in which weight_norm of torch stores direction and length."""
    kept = dict(found)
    for direction, length in _NORMED:
        for name in [name for name in found if name.endswith(direction)]:
            layer = name.removesuffix(direction)
            v, g = found[name], found.get(layer + length)
            shape = matrix_shape(v)
            if g is None or shape is None or matrix_shape(g) != (shape[0], 1):
                continue
            del kept[name], kept[layer + length]
            kept[f"{layer}.weight"] = Tensor(f"{layer}.weight", shape, "float64", v.file, partial(_scaled, v, g))
    return kept


def _scaled(direction: Tensor, length: Tensor) -> Float:
    v = numbers(direction)
    v = v.reshape(v.shape[:2])
    with np.errstate(invalid="ignore"):  # a direction of length zero has no weight: found as NaN
        return np.asarray(numbers(length).reshape(-1, 1) * v / np.linalg.norm(v, axis=1, keepdims=True))
