"""The embeddings of a module while it runs, by hooks that change nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from inspect import signature
from typing import Any

from labelfree.arrays import check_dense
from labelfree.errors import MissingExtra, UsageError
from labelfree.models.features.last_layer import linear_layers
from labelfree.models.features.pooling import Pool, default_pool, pooled, tensor_of
from labelfree.sources.checkpoints.head_names import conventional, follows

_WRAPPERS = {
    "DistributedDataParallel": "module", "FullyShardedDataParallel": "module", "DataParallel": "module",
    "OptimizedModule": "_orig_mod",
}  # fmt: skip
"""What calls a module for several devices, or compiled, and its attribute that is that module."""
_MASK = "attention_mask"
_LISTED = 12


class Hook:
    """Hands the features of every evaluated batch to `receive`, as a function that makes them, so that the receiver
    decides what an error means.

    model: a torch.nn.Module, of which nothing is seen while it trains, in training mode or with gradients; layer: the
    submodule whose output is taken, "" for the model itself; head: the submodule whose input is; neither: the input of
    the classifier's head.
    """

    def __init__(
        self,
        model: Any,
        receive: Callable[[Callable[[], Any]], None],
        *,
        layer: str | None = None,
        head: str | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.model, self.receive, self.pool = _unwrapped(model), receive, pool
        self.name, entering = located(self.model, layer, head)
        self.place = f"{'input' if entering else 'output'} of {self.name or 'the model'}"
        self.calls: list[tuple[int, Any, Any, Any, bool]] = []
        self.entering = entering
        self.classes: int | None = (
            getattr(self.model.get_submodule(self.name), "out_features", None) if entering else None
        )
        self.handles: list[Any] = []
        self.begin()

    @property
    def head(self) -> Any:
        """The module whose input is watched, None where an output is."""
        return self.model.get_submodule(self.name) if self.entering else None

    def begin(self) -> None:
        """Forget what was seen of the evaluations before."""
        self.missed: set[str] = set()
        self.outermost: int | None = None

    def attach(self) -> None:
        """Put the hooks on the model, where code that was compiled without them would leave them out unseen."""
        import torch

        if "torch._dynamo" in sys.modules:
            torch.compiler.reset()
        module = self.model.get_submodule(self.name)
        hook = module.register_forward_pre_hook if self.entering else module.register_forward_hook
        skipped = partial(torch.compiler.disable, reason="labelfree watches this model, which fullgraph=True forbids")
        seen = _Seen(skipped(self._entered if self.entering else self._left))
        self.handles.append(hook(seen, with_kwargs=True))
        for depth, outer in enumerate(_ancestors(self.model, self.name)):
            seen = _Seen(skipped(self._called(depth)))
            self.handles.append(outer.register_forward_pre_hook(seen, with_kwargs=True, prepend=True))

    def remove(self) -> None:
        """Take the hooks away; the model is as it was."""
        for handle in self.handles:
            handle.remove()
        self.handles, self.calls = [], []

    def silence(self) -> str:
        """Why no features came, as far as can be seen, and the way out."""
        if not self.handles:
            return "the monitor was closed"
        if "replicas" in self.missed:
            return (
                "nn.DataParallel ran copies of the model side by side; use DistributedDataParallel, or evaluate the "
                "module inside it"
            )
        if "gradients" in self.missed:
            return (
                "the model was in eval mode but with gradients, as where it trains; evaluate it under torch.no_grad()"
            )
        if "training" in self.missed:
            return "the model ran in training mode alone; evaluate it in eval mode, itself and no copy of it"
        return f"{self.place} did not run in eval mode; evaluate the watched model itself, no copy or export of it"

    def _called(self, depth: int) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], None]:
        """A hook that keeps what a module around the watched one is called with, and whether with gradients."""
        from torch import is_grad_enabled

        def keep(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            if getattr(module, "_is_replica", False):  # in a thread beside others, whose rows come in any order
                self.missed.add("replicas")
            elif self.handles and not self.model.training:
                self.calls = [call for call in self.calls if call[0] < depth]
                self.calls.append((depth, module, given, named, is_grad_enabled()))

        return keep

    def _entered(self, module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._take(lambda: given[0] if given else tensor_of(named))

    def _left(self, module: Any, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        self._take(lambda: tensor_of(output))

    def _take(self, found: Callable[[], Any]) -> None:
        calls, self.calls = self.calls, []
        if not calls:  # in training mode, or where compiled code calls a hook that was removed
            self.missed.add("training")
            return
        outermost, _, given, named, gradients = calls[0]
        if gradients:
            self.missed.add("gradients")
            return

        def features() -> Any:
            tensor = found().detach()
            check_dense(tensor, self.place)
            if self.outermost is not None and outermost > self.outermost:
                raise UsageError(
                    f"{self.place}: expected to run once in each call of the model, found a call beyond that; watch a "
                    "module that runs once for all rows, or hand them to Monitor(history=...).add(features)"
                )
            self.outermost = outermost
            masks = (_mask(module, given, named) for _, module, given, named, _ in calls)
            mask = next((mask for mask in masks if mask is not None), None)
            pool = self.pool or default_pool(tuple(tensor.shape), "mean")
            return pooled(tensor, _rows(tensor, given, named), mask, pool, self.place)

        self.receive(features)


class _Seen(partial[None]):
    """A hook as a module holds it; in a copy of the module, or where it is saved and loaded, one that sees nothing."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _Seen, (_unseen,)


def _unseen(*_: Any) -> None:
    pass


def located(model: Any, layer: str | None, head: str | None) -> tuple[str, bool]:
    """The submodule to watch, and whether its input is taken; a UsageError where it does not exist or is not clear."""
    try:
        from torch import nn
    except ImportError as error:
        raise MissingExtra("watching a model", "torch") from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"model: expected a torch.nn.Module, found {type(model).__name__}; add(features) takes arrays")
    named = dict(model.named_modules())
    for option, name in (("layer", layer), ("head", head)):
        if name is not None:
            if name not in named:
                near = get_close_matches(name, named, n=3)
                hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {_shown(list(named))}"
                raise UsageError(f"{option}: {type(model).__name__} has no module {name!r}; {hint}")
            return name, option == "head"
    return _head(model, list(named)), True


def _head(model: Any, named: list[str]) -> str:
    """The last linear layer of a classifier, by its name alone."""
    known = [name for name in linear_layers(model) if conventional(name)]
    known = [name for name in known if not any(follows(other, name) for other in known if other != name)]
    if len(known) == 1:
        return known[0]
    what = f"found {_shown(known)}" if known else "found no linear layer that is called as heads are (fc, classifier)"
    raise UsageError(
        f"{type(model).__name__}: expected one classifier head, whose input is the embedding, {what}; name it with "
        f"head='NAME', or with layer='NAME' a module whose output is the embedding; the last are {_shown(named[-6:])}"
    )


def _shown(names: list[str]) -> str:
    told = [repr(name) for name in names if name]
    return ", ".join(told[:_LISTED]) + (f" and {len(told) - _LISTED} more" if len(told) > _LISTED else "")


def _unwrapped(model: Any) -> Any:
    """The module inside all wrappers, which call it; a UsageError for one that would break by being watched."""
    while (inside := _WRAPPERS.get(type(model).__name__)) is not None:
        if getattr(getattr(model, "dynamo_ctx", None), "fullgraph", False):
            raise UsageError(
                "model: expected one compiled with fullgraph=False, found fullgraph=True, which cannot be watched; "
                "compile it without, or hand the features to Monitor(history=...).add(features)"
            )
        model = getattr(model, inside)
    return model


def _ancestors(model: Any, name: str) -> list[Any]:
    """The modules around a submodule, outermost first, and itself."""
    parts = name.split(".") if name else []
    return [model.get_submodule(".".join(parts[:depth])) for depth in range(len(parts) + 1)]


def _rows(tensor: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> int:
    """Rows of a batch by what the outermost module was called with, for tokens and maps, whose rows may not come first.

    A matrix is one vector a row whatever it was made of, as the graphs that a batch of nodes becomes.
    """
    from torch import Tensor

    rows = len(tensor) if tensor.dim() else 0
    arguments = [*given, *named.values()]
    arguments += [part for one in arguments if isinstance(one, Mapping) for part in one.values()]
    arguments += [part for one in arguments if isinstance(one, list | tuple) for part in one]
    sizes = [len(one) for one in arguments if isinstance(one, Tensor) and one.dim()]
    return rows if tensor.dim() < 3 or not sizes or rows in sizes else sizes[0]


def _mask(module: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """The (m, t) mask among the arguments of a call, by its name; None where there is none."""
    found = named.get(_MASK)
    for argument in (*given, *named.values()):
        if found is None and isinstance(argument, Mapping):
            found = argument.get(_MASK)
    if found is None and given:
        names = list(signature(module.forward).parameters)
        found = given[names.index(_MASK)] if _MASK in names[: len(given)] else None
    return found if getattr(found, "ndim", None) == 2 else None
