"""The tensors of a checkpoint, and its weight matrices one after another: nothing in it is run."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Rows, as_rows
from labelfree.documents.stores.names import is_remote
from labelfree.documents.stores.names import shown as shown_name
from labelfree.documents.stores.remote_file import remote_file
from labelfree.errors import SourceError, UsageError, option
from labelfree.families.weights.checkpoint import Layer
from labelfree.families.weights.matrix import MatrixPart, weighed
from labelfree.kernels.threads import spread
from labelfree.layers.kinds import Reason, WeightForm, form_of, heads
from labelfree.sources.arrays.numpy_files import array_tensors
from labelfree.sources.arrays.stored import in_memory
from labelfree.sources.block import CHECKPOINT
from labelfree.sources.checkpoints.tensors import from_bfloat16, state_tensors, tensors
from labelfree.sources.tensor import Tensor

_FILES = ".safetensors, .pt/.pth/.ckpt/.bin, .npz or a directory of a checkpoint"
_MOST_LISTED = 20


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint by name, with its tensors: weights by their form, the others with why they are left out.

    heads: the weights that can be the classifier's head; one of them is it only where it is alone.
    """

    name: str
    tensors: dict[str, Tensor]
    forms: dict[str, WeightForm]
    left_out: dict[str, Reason]
    heads: list[str]


def opened(checkpoint: Any, patterns: Sequence[str] = ()) -> Checkpoint:
    """The checkpoint that a path, a state dict or a module is; patterns: the layers to take, by shell patterns.

    Raises SourceError where it holds no weight matrix, with what it holds instead.
    """
    name, found = _tensors(checkpoint)
    every = {key: form_of(tensor) for key, tensor in found.items()}
    forms = {key: form for key, form in every.items() if isinstance(form, WeightForm)}
    left_out = {key: reason for key, reason in every.items() if isinstance(reason, Reason)}
    if not forms:
        raise SourceError(f"{name}: expected a weight matrix, found none among {_told(found, left_out)}")
    last = heads(forms)
    if len(last) == 1:
        forms[last[0]] = replace(forms[last[0]], kind="head")
    unused = [p for p in patterns if not any(_matches(key, p) for key in forms)]
    if unused:
        listed = "\n".join(f"  {key}" for key in list(forms)[:_MOST_LISTED])
        more = f"\n  ... and {len(forms) - _MOST_LISTED} more" if len(forms) > _MOST_LISTED else ""
        raise UsageError(f"{option('layer', unused[0])}: no layer of {name} matches; its layers are\n{listed}{more}")
    if patterns:
        asked = {key: form for key, form in forms.items() if any(_matches(key, p) for p in patterns)}
        left_out |= {key: Reason("not_asked", f"{option('layer')} names others") for key in forms.keys() - asked.keys()}
        forms = asked
    return Checkpoint(name, found, forms, {key: left_out[key] for key in found if key in left_out}, last)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern) or fnmatchcase(name, f"*{pattern}*")


def _tensors(checkpoint: Any) -> tuple[str, dict[str, Tensor]]:
    if isinstance(checkpoint, str | os.PathLike):
        return os.fspath(checkpoint), _of_file(os.fspath(checkpoint))
    if hasattr(checkpoint, "state_dict") and callable(checkpoint.state_dict):
        checkpoint = checkpoint.state_dict()
    if isinstance(checkpoint, Mapping):
        return "state dict", state_tensors(checkpoint)
    raise UsageError(
        f"checkpoint: expected a path, a state dict or a module, found an object of type {type(checkpoint).__name__}"
    )


def _of_file(name: str) -> dict[str, Tensor]:
    if is_remote(name):
        return _in_store(name)
    path = Path(name)
    if not name or not path.exists():
        file, _, key = name.rpartition("::")
        if file and Path(file).exists():
            raise UsageError(
                f"{name}: expected a whole checkpoint, found a tensor of one; name {file} with {option('layer', key)}"
            )
        raise SourceError(f"{name or 'CHECKPOINT'}: no such file or directory; expected {_FILES}")
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in CHECKPOINT:
        return tensors(path)
    if suffix == ".npz" and path.is_file():
        return array_tensors(path)
    raise SourceError(f"{name}: expected {_FILES}, found {path.suffix or 'no suffix'!r}")


def _in_store(name: str) -> dict[str, Tensor]:
    """The tensors of a file or directory in a store; each is read by ranges when it is measured, and no other bytes."""
    place, separator, key = name.rpartition("::")
    if separator:
        raise UsageError(
            f"{shown_name(place)}::{key}: expected a whole checkpoint, found a tensor of one; name "
            f"{shown_name(place)} with {option('layer', key)}"
        )
    file = remote_file(name)
    suffix = file.suffix.lower()
    if suffix == ".npz":
        return array_tensors(file)
    if not suffix or suffix in CHECKPOINT:
        return tensors(file)
    raise SourceError(f"{file}: expected {_FILES}, found {suffix!r}")


def _told(found: Mapping[str, Tensor], left_out: Mapping[str, Reason]) -> str:
    """All tensors with their shapes and why they are no weight matrix."""
    lines = [f"  {key}  {shown(found[key].shape)} {found[key].dtype}: {why.text}" for key, why in left_out.items()]
    more = [f"  ... and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    count = f"{len(lines)} tensor" + ("" if len(lines) == 1 else "s")
    return f"its {count}:\n" + "\n".join(lines[:_MOST_LISTED] + more) if lines else "its tensors: there are none"


def shown(shape: Sequence[int]) -> str:
    """A shape as people write it.

    >>> shown((32, 3, 3, 3))
    '32 x 3 x 3 x 3'
    """
    return " x ".join(map(str, shape)) or "one number"


def layers(checkpoint: Checkpoint) -> Iterator[Layer]:
    """The weights of a checkpoint, measured, the dearest first; as many at a time as there are threads.

    A head is the largest matrix of many a checkpoint and the last one in it: begun last, it would be measured alone.
    """

    def measured(key: str) -> Layer:
        form = checkpoint.forms[key]
        part = _part(checkpoint.tensors[key], form)
        kind = form.kind
        weight = weighed(part, form.n, form.d, name=key, directed=kind == "embedding", kept=kind == "head")
        return Layer.of(weight, kind)

    def cost(key: str) -> int:
        form = checkpoint.forms[key]
        return form.n * form.d * min(form.n, form.d)

    return spread(measured, sorted(checkpoint.forms, key=cost, reverse=True))


def _part(tensor: Tensor, form: WeightForm) -> MatrixPart:
    """Rows and columns of the matrix; pages of a mapped file that were read are given back."""
    loaded = in_memory(tensor.load())
    array = loaded.reshape(form.n, form.d)
    convert = from_bfloat16 if tensor.dtype == "bfloat16" else as_rows
    mapping = getattr(loaded, "_mmap", None)

    def part(rows: slice, columns: slice) -> Rows:
        read = convert(np.array(array[rows, columns], order="C"))
        if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
        return read

    return part
