"""The head of a classifier: found in a checkpoint by its shape and its name, never guessed."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from labelfree.arrays import Float
from labelfree.errors import ArrayError, UsageError, option
from labelfree.head import Head
from labelfree.sources.checkpoints.head_names import bias_name, conventional, follows, left_out
from labelfree.sources.checkpoints.head_tensors import Holder, head_tensors, matrix_shape, numbers
from labelfree.sources.checkpoints.tensors import bare_name
from labelfree.sources.tensor import Tensor

_MOST_LISTED = 40
_QUANTIZED = ("_packed_params", "zero_point", "SCB", "qweight", "absmax", "quant_state")


def find_head(spec: Any, *, d: int, classes: int | None = None, where: str = "head") -> Head:
    """The last linear layer of a classifier over d features.

    spec: a file or Hugging Face directory, `file::key` for one tensor of it, a (K, d) array or tensor, a pair
    (weight, bias), a state dict, a module, or a Head. classes: columns of the logits, where there are any; a layer
    of one logit serves for 1, and for 2 where nothing has two rows. where: the option by its name.

    Candidates are floating (K, d) matrices and 1x1 convolutions. Names decide among them: those that heads have
    before others, the last layer of a Sequential before those that feed it; embeddings, attention, auxiliary,
    adversarial and domain heads and what lies inside a network are never taken unless asked for by key. Two that
    are left are refused with their names and shapes, and so are quantized and transposed ones.
    """
    if isinstance(spec, Head):
        return _fitting(spec, d, classes, where)
    holder = head_tensors(spec, where)
    name = _chosen(holder, d, classes) if holder.key is None else _named(holder, holder.key, d, classes)
    weight = numbers(holder.found[name])
    weight = weight.reshape(weight.shape[:2])
    bias = _bias(holder, name, len(weight))
    place = holder.place(name) or "array"
    _check_finite(weight, bias, place)
    if len(weight) == 1:
        return Head.of_one_logit(weight, bias, "given", place)
    return Head(weight, bias, "given", place)


def _named(holder: Holder, key: str, d: int, classes: int | None) -> str:
    """The tensor asked for, or an error that says why it cannot be the head."""
    bare = bare_name(key)
    name = next((n for n in (key, f"{key}.weight", bare, f"{bare}.weight") if n in holder.found), None)
    if name is None:
        raise UsageError(f"{holder.title}: no tensor {key!r}; {_matrices(holder, d, classes)}")
    shape = matrix_shape(holder.found[name])
    if shape is not None and _fits(shape, d, classes):
        if not _floating(holder.found[name]):
            _refuse_integers(holder, name)
        return name
    if shape is not None and _fits(shape[::-1], d, classes):
        _refuse_transposed(holder, name, d, classes)
    raise UsageError(f"{holder.choice(key)}: expected {_wanted(d, classes)}, found {_shown(holder.found[name])}")


def _chosen(holder: Holder, d: int, classes: int | None) -> str:
    """The one matrix that can be the head, by shape, then by name."""
    shapes = _shapes(holder)
    fitting = [name for name, shape in shapes.items() if _fits(shape, d, classes)]
    usable = [name for name in fitting if _against(holder, name, shapes, classes) is None]
    rank = {name: (shapes[name][0] == classes, conventional(name)) for name in usable}
    best = [name for name in usable if rank[name] == max(rank.values())]
    known = [name for name in fitting if conventional(name) and left_out(name) is None]
    integers = [name for name in known if not _floating(holder.found[name])]
    if integers and not any(conventional(name) for name in best):
        _refuse_integers(holder, integers[0])
    if len(best) == 1:
        return best[0]
    if best:
        found = f"found {len(best)} matrices that could be it; choose one"
        lines = [f"  {holder.choice(name)}  {_shown(holder.found[name])}" for name in best]
        raise UsageError(f"{holder.title}: expected one head, {_wanted(d, classes)}, {found}:\n{_cut(lines)}")
    turned = [n for n, s in shapes.items() if n not in fitting and _fits(s[::-1], d, classes) and not left_out(n)]
    if len(turned) == 1 and (classes is not None or conventional(turned[0])):
        _refuse_transposed(holder, turned[0], d, classes)
    raise UsageError(f"{holder.title}: expected {_wanted(d, classes)}, found none; {_matrices(holder, d, classes)}")


def _against(holder: Holder, name: str, shapes: dict[str, tuple[int, int]], classes: int | None) -> str | None:
    """Why a matrix of the right shape is not taken for the head; None where it may be."""
    if not _floating(holder.found[name]):
        return "no floating numbers"
    reason = left_out(name)
    if reason is not None:
        return reason
    rows, columns = shapes[name]
    if rows == columns and name.rpartition(".")[2].lower() == "kernel":
        return "a kernel is stored as d x K"
    for other, shape in shapes.items():
        if other == name or shape[1] != rows:
            continue
        head = classes is None and shape != (rows, columns) and conventional(other) and left_out(other) is None
        if head or follows(other, name):
            return f"it feeds {other}"
    return None


def _bias(holder: Holder, name: str, classes: int) -> Float | None:
    """The bias beside the weight, if there is one."""
    beside = holder.found.get(bias_name(name))
    if beside is None or (name == "arr_0" and beside.shape != (classes,)):
        return None  # the second of several unnamed arrays is a bias only if it looks like one
    if beside.shape != (classes,):
        raise UsageError(
            f"{holder.title}: expected {classes} numbers in {bias_name(name)}, one for each row of {name}, "
            f"found shape {beside.shape}"
        )
    return numbers(beside)


def _shapes(holder: Holder) -> dict[str, tuple[int, int]]:
    return {name: shape for name, tensor in holder.found.items() if (shape := matrix_shape(tensor)) is not None}


def _fits(shape: tuple[int, int], d: int, classes: int | None) -> bool:
    return shape[1] == d and (classes is None or shape[0] == classes or (classes <= 2 and shape[0] == 1))


def _floating(tensor: Tensor) -> bool:
    return tensor.dtype.startswith(("float", "bfloat", "F8", "F6", "F4"))


def _wanted(d: int, classes: int | None) -> str:
    return f"a matrix of {'K' if classes is None else classes} x {d} (K classes x d features)"


def _shown(tensor: Tensor) -> str:
    return f"{' x '.join(map(str, tensor.shape)) or 'one number'} {tensor.dtype}"


def _cut(lines: list[str]) -> str:
    more = [f"  ... and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    return "\n".join(lines[:_MOST_LISTED] + more)


def _matrices(holder: Holder, d: int, classes: int | None) -> str:
    """All matrices with their shapes, those of the right shape first, with the reason against them."""
    shapes = _shapes(holder)
    quantized = any(mark in name for name in holder.found for mark in _QUANTIZED)
    hint = "; its names are those of quantized weights: save the head as float32" if quantized else ""
    if not shapes:
        held = ", ".join(f"{name or 'array'} {_shown(t)}" for name, t in list(holder.found.items())[:5])
        return f"it holds no matrix, only {held or 'nothing'}{hint}"
    lines = []
    for name in sorted(shapes, key=lambda name: not _fits(shapes[name], d, classes)):
        reason = _against(holder, name, shapes, classes) if _fits(shapes[name], d, classes) else None
        note = f" (not taken: {reason})" if reason else ""
        lines.append(f"  {name or 'array'}  {_shown(holder.found[name])}{note}")
    way = f"name one, {holder.choice('KEY')}," if holder.label else "give the array itself,"
    return f"{way} or give the features that the head sees{hint}; its matrices are\n{_cut(lines)}"


def _refuse_integers(holder: Holder, name: str) -> NoReturn:
    raise UsageError(
        f"{holder.title}: expected floating numbers in {name or 'the array'}, found {_shown(holder.found[name])}; "
        "whole numbers are quantized weights: save the head as float32"
    )


def _refuse_transposed(holder: Holder, name: str, d: int, classes: int | None) -> NoReturn:
    raise UsageError(
        f"{holder.title}: expected {_wanted(d, classes)}, found {name or 'the array'} transposed, "
        f"{_shown(holder.found[name])}; save its transpose"
    )


def _check_finite(weight: Float, bias: Float | None, place: str) -> None:
    bad = np.asarray(~np.isfinite(weight).all(axis=1))
    if bias is not None:
        bad |= ~np.isfinite(bias)
    if bad.any():
        raise ArrayError(
            f"{place}: expected finite numbers, found NaN or infinity in {int(bad.sum())} of {len(bad)} rows, first in "
            f"that of class {int(np.flatnonzero(bad)[0])}; take a checkpoint from before training diverged"
        )


def _fitting(head: Head, d: int, classes: int | None, where: str) -> Head:
    rows, columns = head.weight.shape
    shape = (1 if head.one_logit else rows, columns)
    if not _fits(shape, d, classes):
        raise UsageError(f"{option(where)}: expected {_wanted(d, classes)}, found {shape[0]} x {shape[1]}")
    return head
