"""A checkpoint by its path: which of its kinds it is, and the network it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labelfree.documents.stores.faults import check_here
from labelfree.errors import MissingExtra, SourceError, UsageError, option
from labelfree.models.networks.directories import open_directory
from labelfree.models.networks.modules import needs_model, open_module
from labelfree.models.networks.network import Network
from labelfree.sources.block import CHECKPOINT

_FILES = (*CHECKPOINT, ".jit", ".ts")
_KINDS = "a directory with config.json or modules.json, or a file .safetensors, .pt, .pth, .ckpt, .bin"


def check_checkpoint(checkpoint: str) -> Path:
    """The path of a checkpoint that could be run, or an error, before anything is loaded."""
    check_here(checkpoint, "a checkpoint that is run")
    path = Path(checkpoint)
    if "::" in checkpoint and not path.exists():
        raise UsageError(
            f"{checkpoint}: names one tensor, which cannot be run over data; leave {checkpoint.rpartition('::')[2]!r} "
            f"and its :: out, or leave {option('data')} out to measure the tensor itself"
        )
    if not path.exists():
        raise SourceError(f"{path}: no such file or directory")
    if path.is_dir():
        if any((path / name).exists() for name in ("config.json", "modules.json", "adapter_config.json")):
            return path
        if any(path.glob("*.safetensors")) or any(path.glob("*.bin")):
            return path
        raise SourceError(f"{path}: expected {_KINDS}; the directory has neither")
    if path.suffix.lower() not in _FILES:
        raise UsageError(f"{path}: expected a checkpoint, {_KINDS}; found {path.suffix or 'no suffix'!r}")
    return path


def open_network(
    checkpoint: str,
    *,
    model: str | Callable[[], Any] | None = None,
    trust_code: bool = False,
    image_size: int | None = None,
    device: str = "cpu",
) -> Network:
    """The network of a checkpoint, in evaluation mode on the device; nothing in it is run without trust_code.

    model: what builds the network of a state dict. A directory of weights that transformers or sentence-transformers
    can run needs none.
    """
    path = check_checkpoint(checkpoint)
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(f"running the model {checkpoint}", "torch") from error
    directory = path.is_dir() and any(
        (path / n).exists() for n in ("config.json", "modules.json", "adapter_config.json")
    )
    if directory and model is None:
        if image_size is not None:
            raise UsageError(f"{option('image_size')}: {path} brings its own image processor; leave it out")
        network = open_directory(path, trust_code=trust_code, device=device)
    elif path.is_dir() and model is None:
        raise UsageError(f"{path}: holds weights and no config.json; {needs_model()}")
    else:
        network = open_module(path, model, trust_code=trust_code, image_size=image_size)
    network.module.eval()
    for parameter in network.module.parameters():
        parameter.requires_grad_(False)
    if device == "cpu" and not isinstance(network.module, torch.jit.ScriptModule):
        network.module.float()
    network.module.to(device)
    return network
