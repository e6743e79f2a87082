"""The last linear layer of a network, found by what it computes and by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelfree.models.networks.network import TorchTensor
from labelfree.sources.checkpoints.head_names import conventional, left_out


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """What went in and out of a layer when a batch was run, in the order of the layers."""

    before: TorchTensor
    after: TorchTensor


def linear_layers(module: Any) -> dict[str, Any]:
    """Linear layers and 1x1 convolutions that may be a head by their names."""
    from torch import nn

    found = {}
    for name, layer in module.named_modules():
        linear = isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D"
        point = isinstance(layer, nn.Conv2d) and tuple(layer.kernel_size) == (1, 1) and layer.groups == 1
        if (linear or point) and left_out(name) is None:
            found[name] = layer
    return found


def head_name(ran: Mapping[str, LayerTrace], logits: TorchTensor) -> str | None:
    """Which of the layers that ran is the head of (m, K) logits.

    The last one whose output the logits are; else the last one that is called as heads are and has K outputs (its
    output was pooled afterwards, or averaged with that of another).
    """
    import torch

    shape, flat = tuple(logits.shape), None
    for name, run in reversed(list(ran.items())):
        after = run.after
        if after.numel() == logits.numel() and after.shape[0] == shape[0]:
            flat = logits.flatten(1) if flat is None else flat
            if torch.equal(after.flatten(1), flat):
                return name
    for name, run in reversed(list(ran.items())):
        if conventional(name) and shape[1] in (run.after.shape[1], run.after.shape[-1]):
            return name
    return None


def weights(layer: Any) -> tuple[Any, Any]:
    """(K, d) weight and (K,) bias or None of a linear layer as numpy float64."""
    import numpy as np

    weight = layer.weight.detach().cpu().double().numpy()
    weight = weight.T if type(layer).__name__ == "Conv1D" else weight.reshape(weight.shape[:2])
    bias = None if layer.bias is None else layer.bias.detach().cpu().double().numpy()
    return np.ascontiguousarray(weight), bias
