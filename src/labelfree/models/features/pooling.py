"""One vector a row from what a layer gives: tokens and feature maps pooled."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from labelfree.arrays import check_dense
from labelfree.errors import UsageError, option
from labelfree.models.networks.network import TorchTensor

Pool: TypeAlias = Literal["mean", "cls", "last", "none"]
POOLS: tuple[Pool, ...] = ("mean", "cls", "last", "none")
_NAMED = ("sentence_embedding", "last_hidden_state", "token_embeddings", "image_embeds", "text_embeds", "logits")


def tensor_of(output: Any) -> TorchTensor:
    """The tensor that a layer's output is about: itself, that of a usual name, or the first one."""
    import torch

    if isinstance(output, torch.Tensor):
        return output
    if hasattr(output, "items"):
        named = dict(output.items())
        for name in _NAMED:
            if isinstance(named.get(name), torch.Tensor):
                return named[name]
        output = list(named.values())
    if isinstance(output, list | tuple):
        for part in output:
            if isinstance(part, torch.Tensor) and part.is_floating_point():
                return part
    raise UsageError(
        f"{option('layer')}: expected a layer that gives a tensor, found {type(output).__name__}; name another"
    )


def pooled(tensor: TorchTensor, rows: int, mask: TorchTensor | None, pool: str, where: str) -> TorchTensor:
    """(m, d) rows of a batch.

    tensor: (m, d), (m, t, d) tokens, or (m, c, h, w) a feature map; mask: (m, t), ones for real tokens. mean is over
    the real tokens, or over all places of the map; cls is the first real token, last the last one. "none" takes a
    tensor that is one vector a row already, (m, d) or (m, d, 1, 1).
    """
    check_dense(tensor, where)
    shape = tuple(tensor.shape)
    if not shape or shape[0] != rows or tensor.numel() == 0:
        raise UsageError(
            f"{where}: expected one output for each of {rows} rows, found shape {shape}; name another layer"
        )
    if len(shape) == 4 and pool in ("mean", "none"):
        if pool == "none" and shape[2:] != (1, 1):
            raise _unpooled(where, shape, "mean")
        return tensor.mean(dim=(2, 3))
    if len(shape) == 2 and pool == "none":
        return tensor
    if len(shape) == 3 and pool != "none":
        return _tokens(tensor, mask if mask is not None and mask.shape[1] == shape[1] else None, pool)
    if len(shape) == 3:
        raise _unpooled(where, shape, "mean, cls or last")
    fitting = {2: "none", 4: "mean"}.get(len(shape))
    if fitting is None:
        raise UsageError(f"{where}: expected (rows, d), (rows, tokens, d) or (rows, c, h, w), found shape {shape}")
    raise UsageError(
        f"{option('pool', pool)}: {where} gives shape {shape}, which has no tokens; leave {option('pool')} out"
    )


def default_pool(shape: tuple[int, ...], tokens: str) -> str:
    """How an output of this shape is pooled unless asked otherwise; tokens: for (m, t, d)."""
    return {3: tokens, 4: "mean"}.get(len(shape), "none")


def _tokens(tensor: TorchTensor, mask: TorchTensor | None, pool: str) -> TorchTensor:
    import torch

    rows = torch.arange(len(tensor), device=tensor.device)
    if mask is None:
        return {"mean": lambda: tensor.mean(dim=1), "cls": lambda: tensor[:, 0], "last": lambda: tensor[:, -1]}[pool]()
    if pool == "mean":
        weight = mask.unsqueeze(-1).to(torch.promote_types(tensor.dtype, torch.float32))  # a sum in float16 overflows
        return (tensor * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-9)
    place = torch.arange(mask.shape[1], device=mask.device)
    real = mask.bool()
    at = real.int().argmax(dim=1) if pool == "cls" else torch.where(real, place, -1).max(dim=1).values
    return tensor[rows, at.clamp(min=0)]


def _unpooled(where: str, shape: tuple[int, ...], ways: str) -> UsageError:
    said = f"{where} gives shape {shape}, not one vector a row; expected {option('pool')} {ways}"
    return UsageError(f"{option('pool', 'none')}: {said}")
