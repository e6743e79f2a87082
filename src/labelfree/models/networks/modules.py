"""Networks from files of weights: a state dict put into what a factory builds, or whole modules where trusted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labelfree.errors import LabelfreeError, SourceError, UnsafeCheckpoint, UsageError, option
from labelfree.models.networks.factories import Transform, made
from labelfree.models.networks.network import Network
from labelfree.models.networks.preparation import described, preparation
from labelfree.models.networks.states import filled, listed
from labelfree.models.networks.trust import allows
from labelfree.sources.checkpoints.tensors import state_tensors, tensors
from labelfree.sources.tensor import Tensor


def needs_model() -> str:
    """What a checkpoint of weights alone lacks, and how to give it."""
    return (
        "a checkpoint of weights alone does not say which network they belong to: name a function without arguments "
        f"that builds it, {option('model', 'package.module:factory')} (for instance your own, which returns "
        "torchvision.models.resnet50() or timm.create_model(...))"
    )


def open_module(
    path: Path, factory: str | Callable[[], Any] | None, *, trust_code: bool, image_size: int | None
) -> Network:
    """The network of a checkpoint file, or of a directory of weights."""
    if factory is None:
        return _whole(path, trust_code, image_size)
    found = _tensors(path, trust_code)
    module, transform = made(factory)
    missing, unused = filled(module, found, str(path))
    notes = []
    if unused:
        notes.append(f"{len(unused)} tensors are not used by the module of {option('model')}: {listed(unused)}")
    named = factory if isinstance(factory, str) else getattr(factory, "__name__", type(factory).__name__)
    return _network(path, module, transform, image_size, notes, {"factory": named}, missing)


def _network(
    path: Path,
    module: Any,
    transform: Transform | None,
    image_size: int | None,
    notes: list[str],
    facts: dict[str, Any],
    missing: list[str],
) -> Network:
    facts = {"architecture": type(module).__name__, "normalization": None, **described(transform, image_size), **facts}
    return Network(
        str(path), "module", module, ("text", "image", "array"), preparation(transform, image_size), module, facts,
        notes=notes, random=tuple(missing),
    )  # fmt: skip


def _tensors(path: Path, trust_code: bool) -> Mapping[str, Tensor]:
    """The tensors of a checkpoint; one that wants foreign globals is unpickled only where it is trusted."""
    try:
        return tensors(path)
    except UnsafeCheckpoint as error:
        if not trust_code or path.is_dir():
            raise _offered(error) from error
        loaded = _trusted(path)
        found = state_tensors(loaded.state_dict() if hasattr(loaded, "state_dict") else loaded)
        if not found:
            raise SourceError(f"{path}: expected tensors by name, found {type(loaded).__name__}") from error
        return found


def _whole(path: Path, trust_code: bool, image_size: int | None) -> Network:
    """A file that holds the network itself: TorchScript, or a pickled module. Reading one runs what is in it."""
    from torch import nn

    try:
        found = tensors(path)
    except UnsafeCheckpoint as error:
        if not trust_code or path.is_dir():
            raise _offered(error) from error
    else:
        raise UsageError(f"{path}: holds {len(found)} tensors and no network; {needs_model()}")
    loaded = _trusted(path)
    modules = [loaded] if isinstance(loaded, nn.Module) else []
    if isinstance(loaded, Mapping):
        modules = [value for value in loaded.values() if isinstance(value, nn.Module)]
    if len(modules) != 1:
        raise UsageError(f"{path}: expected one network in the file, found {len(modules)}; {needs_model()}")
    return _network(path, modules[0], None, image_size, [], {}, [])


def _offered(error: UnsafeCheckpoint) -> UnsafeCheckpoint:
    """The refusal, with the option that lifts it."""
    said = str(error)
    return error if option("trust_code", True) in said else UnsafeCheckpoint(f"{said}. {allows()}")


def _trusted(path: Path) -> Any:
    """What a file unpickles to, or the TorchScript program in it. It may do anything."""
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if zipfile.is_zipfile(path) and _scripted(path):
                return torch.jit.load(path, map_location="cpu")
            return torch.load(path, map_location="cpu", weights_only=False)
    except LabelfreeError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise SourceError(
            f"{path}: cannot be loaded ({type(error).__name__}: {said}); the classes it names must be importable here"
        ) from error


def _scripted(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())
