"""What a tensor of a checkpoint is, by its name, shape and dtype: a weight matrix of some kind, or left out and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from labelfree.sources.checkpoints.head_names import conventional, follows, left_out, stem
from labelfree.sources.tensor import Tensor

FLOATS = ("float64", "float32", "float16", "bfloat16")
_EMBEDDING = re.compile(r"(^|_)(emb|embed|embeds|embedding|embeddings|embedder|tokens?|wte|wpe|shared|lm_head)(_|$)")
_PROJECTION = re.compile(r"proj|dense|linear|conv|norm|transform|map")
_RECURRENT = re.compile(r"(^|\.|_)weight_(ih|hh)(_l\d+(_reverse)?)?$")
_LOW_RANK = re.compile(r"(^|\.)lora_(embedding_)?[AB](\.|$)")
_QUANTIZED = re.compile(r"u?int(8|4|2|1)$|q|F8|F6|F4|float8|float4")
_EXPERTS = re.compile(r"(^|\.|_)experts?(\.|_|$)")


@dataclass(frozen=True)
class WeightForm:
    """A weight: its kind, the shape (n, d) of its matrix, and what to know of it."""

    kind: str
    n: int
    d: int
    note: str = ""


@dataclass(frozen=True)
class Reason:
    """Why a tensor is left out."""

    code: str
    text: str


def form_of(tensor: Tensor) -> WeightForm | Reason:
    """The weight matrix that a tensor is, or why it is none.

    Convolutions (out, in, kernel...) become (out, in x kernel), whatever their groups; an embedding may have leading
    axes of length one.
    """
    shape, name = tensor.shape, stem(tensor.name)
    last = name.rpartition(".")[2].lower()
    if not shape or 0 in shape:
        return Reason("empty", "a single number" if not shape else "it holds no numbers")
    if reason := _not_floating(tensor):
        return reason
    embedding = _EMBEDDING.search(last) is not None and _PROJECTION.search(last) is None
    if embedding:
        while len(shape) > 2 and shape[0] == 1:
            shape = shape[1:]
    if len(shape) == 1:
        return Reason("vector", "a vector: a bias, a normalization or a statistic")
    if last == "bias" or tensor.name.endswith(".bias"):
        return Reason("bias", "a bias or a mask, by its name")
    form = _form(tensor.name, shape, embedding=embedding)
    if min(form.n, form.d) == 1:
        return Reason("vector", f"one row or column of numbers as a matrix ({form.n} x {form.d})")
    return form


def _not_floating(tensor: Tensor) -> Reason | None:
    if tensor.dtype in FLOATS:
        return None
    if tensor.dtype == "bool":
        return Reason("mask", "true and false: a mask")
    if re.match(r"u?int(8|4|2|1)", tensor.dtype) or tensor.dtype.startswith(
        ("q", "F8", "F6", "F4", "float8", "float4")
    ):
        return Reason("quantized", f"{tensor.dtype}: quantized numbers without their scale; save it as float32")
    if re.match(r"u?int\d+", tensor.dtype):
        return Reason("integer", f"{tensor.dtype}: positions, counts or packed quantized numbers")
    return Reason("dtype", f"{tensor.dtype}: no real numbers of 16 to 64 bits; save it as float32")


def _form(name: str, shape: Sequence[int], *, embedding: bool) -> WeightForm:
    n, d = shape[0], 1
    for size in shape[1:]:
        d *= size
    if len(shape) == 2:
        if _LOW_RANK.search(name):
            return WeightForm(
                "lora", n, d, "a factor of a low-rank update, as it is stored: the update is the product B A"
            )
        if _RECURRENT.search(name):
            return WeightForm("recurrent", n, d, "its rows are those of all gates under one another")
        return WeightForm("embedding" if embedding else "linear", n, d)
    if _EXPERTS.search(name) and len(shape) == 3:
        note = f"{shape[0]} matrices of {shape[1]} x {shape[2]} under one another"
        return WeightForm("stacked", shape[0] * shape[1], shape[2], note)
    if shape[1] == 1:
        return WeightForm("conv", n, d, "depthwise, or of one input channel: a row is one kernel")
    return WeightForm("conv", n, d)


def heads(forms: dict[str, WeightForm]) -> list[str]:
    """The weights that can be the last linear layer of a classifier, by their names; none that feeds another one."""
    named = [
        name
        for name, form in forms.items()
        if form.kind == "linear" and "." in name and conventional(name) and left_out(name) is None
    ]
    return [name for name in named if not any(follows(other, name) for other in forms if other != name)]
