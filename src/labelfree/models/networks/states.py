"""Weights put into the network they belong to, name by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelfree.errors import SourceError, option
from labelfree.sources.checkpoints.tensors import bare_name
from labelfree.sources.tensor import Tensor

_COUNTERS = ("num_batches_tracked",)


def filled(module: Any, found: Mapping[str, Tensor], where: str) -> tuple[list[str], list[str]]:
    """Copy the tensors of a checkpoint into a module; what it lacks, and what was of no use, by name.

    Names match as they are, without the prefixes of wrappers, or behind one common prefix that makes them all match
    (`net.` of a Lightning module). Other shapes and a checkpoint that holds nothing of the module are refused.
    """
    wanted = dict(module.state_dict())
    places = _places(wanted, found)
    wrong = [
        f"{name}: {_shape(found[there].shape)} for {_shape(wanted[name].shape)}"
        for name, there in places.items()
        if tuple(found[there].shape) != tuple(wanted[name].shape)
    ]
    if wrong:
        raise SourceError(
            f"{where}: expected the shapes of the module that {option('model')} builds, found {len(wrong)} others: "
            f"{listed(wrong)}; build it with the settings it was trained with (number of classes, widths)"
        )
    if not places:
        raise SourceError(
            f"{where}: holds none of the tensors of the module that {option('model')} builds: "
            f"it has {listed(list(found))}; "
            f"the module {listed(list(wanted))}"
        )
    for name, there in places.items():
        _copy(wanted[name], found[there])
    missing = [name for name in wanted if name not in places and not name.endswith(_COUNTERS)]
    used = set(places.values())
    return missing, [name for name in found if name not in used]


def _places(wanted: Mapping[str, Any], found: Mapping[str, Tensor]) -> dict[str, str]:
    """The tensor of the checkpoint for each of the module's."""
    short = {bare_name(name): name for name in wanted}
    short = short if len(short) == len(wanted) else {}
    best = {name: name for name in wanted if name in found}
    bare = {short[b]: name for name in found if (b := bare_name(name)) in short}
    best = max(best, bare, key=len)
    needed = [name for name in wanted if not name.endswith(_COUNTERS)]
    if all(name in best for name in needed):
        return best
    prefixes = dict.fromkeys(name[: i + 1] for name in found for i, c in enumerate(name) if c == ".")
    spelled = [{name: p + name for name in wanted} for p in prefixes]
    spelled += [{name: p + b for b, name in short.items()} for p in prefixes if short]
    whole = [names for names in spelled if all(names[name] in found for name in needed)]
    if any(names != whole[0] for names in whole) or not whole:
        return best
    return {name: there for name, there in whole[0].items() if there in found}


def _copy(target: Any, tensor: Tensor) -> None:
    import numpy as np
    import torch

    values = np.array(tensor.load())
    if tensor.dtype == "bfloat16":
        source = torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    elif values.dtype.kind == "u" and values.dtype.itemsize > 1:
        source = torch.from_numpy(values.astype(np.int64))
    else:
        source = torch.from_numpy(values)
    with torch.no_grad():
        target.copy_(source.reshape(target.shape))


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"
