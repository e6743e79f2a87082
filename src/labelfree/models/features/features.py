"""Which output of a network is the embedding, decided once on a few rows, and taken from every batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from labelfree.errors import UsageError, option
from labelfree.head import Head
from labelfree.models.features.last_layer import LayerTrace, head_name, linear_layers, weights
from labelfree.models.features.pooling import default_pool, pooled, tensor_of
from labelfree.models.networks.network import Network, Prepared, TorchTensor

_LISTED = 12


@dataclass(frozen=True)
class FeaturePlan:
    """What is taken from a run of the network.

    layer: the layer whose output it is, or whose input where `entering`; empty for what the network returns; pool: how
    its rows become vectors; head: the last linear layer; scored: whether the network returns logits, (m, K).
    """

    layer: str
    entering: bool
    pool: str
    head: str | None
    scored: bool

    @property
    def what(self) -> str:
        """What is taken, in words: for messages and for the file."""
        if not self.layer:
            return "output of the model"
        return f"{'input' if self.entering else 'output'} of {self.layer}"

    @property
    def beneath(self) -> bool:
        """Whether the rows are what the head is applied to."""
        return self.entering and self.layer == self.head


def planned(network: Network, batch: Prepared, rows: int, *, layer: str | None, pool: str | None) -> FeaturePlan:
    """Decide on a batch what is taken from the network.

    layer: a named module, whose output it is; by default the input of the classifier's last linear layer, where there
    is one, else what the network returns. Sentence-transformers pool themselves: pool is for a layer of theirs.
    """
    named = dict(network.module.named_modules())
    if layer is not None:
        layer = _layer(layer, named, network)
    if network.final and layer is None:
        if pool is not None:
            raise UsageError(
                f"{option('pool', pool)}: {network.name} pools as its own settings say; leave it out, or name the "
                f"tokens to pool with {option('layer')}, for instance {option('layer', '0')}"
            )
        return FeaturePlan("", False, "none", None, False)
    ran, tapped, output = _probed(network, batch, layer)
    logits = _scores(output, rows)
    head = None if logits is None else head_name(ran, logits)
    if head is None and layer is None and getattr(output, "logits", None) is not None:
        raise UsageError(
            f"{network.name}: the last linear layer of its classifier was not found; name one with {option('layer')}"
        )
    without_head = bool(network.random) and head is not None and all(n.startswith(f"{head}.") for n in network.random)
    if network.random and (not without_head or layer == head):
        raise UsageError(_incomplete(network))
    scored = head is not None and not network.random
    if layer is not None:
        taken, entering, where = tapped, False, layer
    elif head is not None:
        taken, entering, where = ran[head].before, True, head
    else:
        taken, entering, where = tensor_of(output), False, ""
    if pool is None:
        pool = default_pool(tuple(taken.shape), network.pool or "mean")
        if entering and taken.dim() == 3 and logits is not None and head is not None:
            pool = _as_the_head(ran[head].after, logits, batch.mask, pool)
    plan = FeaturePlan(where, entering, pool, head, scored)
    pooled(taken, rows, batch.mask, pool, plan.what)
    return plan


def extracted(
    network: Network, plan: FeaturePlan, batch: Prepared, rows: int
) -> tuple[TorchTensor, TorchTensor | None]:
    """(m, d) embeddings and (m, K) logits, or None, of one batch."""
    if not plan.layer:
        output = network.call(batch.values)
        return pooled(tensor_of(output), rows, batch.mask, plan.pool, plan.what), None
    with _tapped({plan.layer: network.module.get_submodule(plan.layer)}, outputs=not plan.entering) as ran:
        output = network.call(batch.values)
    run = ran[plan.layer]
    taken = run.before if plan.entering else run.after
    return pooled(taken, rows, batch.mask, plan.pool, plan.what), _scores(output, rows) if plan.scored else None


def head_of(network: Network, plan: FeaturePlan) -> Head | None:
    """The last linear layer as a Head, where the rows are what it is applied to."""
    if not plan.beneath or not plan.scored or plan.head is None:
        return None
    weight, bias = weights(network.module.get_submodule(plan.head))
    key = f"{network.name}::{plan.head}"
    if len(weight) == 1:
        return Head.of_one_logit(weight, bias, "given", key)
    return Head(weight, bias, "given", key)


@contextmanager
def _tapped(layers: dict[str, Any], *, outputs: bool = True) -> Iterator[dict[str, LayerTrace]]:
    """What goes in and out of these layers while they run, in that order; of one that runs several times, the last.

    Outputs are copied, since what follows may change them in place.
    """
    ran: dict[str, LayerTrace] = {}

    def tap(name: str) -> Any:
        def hook(module: Any, given: tuple[Any, ...], output: Any) -> None:
            ran.pop(name, None)
            ran[name] = LayerTrace(given[0] if given else None, tensor_of(output).clone() if outputs else None)

        return hook

    handles = [layer.register_forward_hook(tap(name)) for name, layer in layers.items()]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def _probed(network: Network, batch: Prepared, layer: str | None) -> tuple[dict[str, LayerTrace], TorchTensor, Any]:
    """One run: the linear layers that ran, the output of the layer asked for, and what the network returns."""
    import torch

    scripted = isinstance(network.module, torch.jit.ScriptModule)
    if layer is not None and scripted:
        raise UsageError(
            f"{option('layer', layer)}: the layers of a TorchScript program cannot be watched; leave it out"
        )
    linear = {} if scripted or network.final else linear_layers(network.module)
    asked = {} if layer is None else {layer: network.module.get_submodule(layer)}
    with _tapped({**linear, **asked}) as ran:
        output = network.call(batch.values)
    if layer is not None and layer not in ran:
        raise UsageError(f"{option('layer', layer)}: the model has it, and does not run it on these data; name another")
    tapped = None if layer is None else ran[layer].after
    return {name: run for name, run in ran.items() if name in linear and run.before is not None}, tapped, output


def _scores(output: Any, rows: int) -> TorchTensor | None:
    """(m, K) logits among what a network returns: by that name, or the tensor itself."""
    import torch

    found = getattr(output, "logits", None)
    if found is None and hasattr(output, "get"):
        found = output.get("logits")
    if found is None and not hasattr(output, "keys"):
        first = output[0] if isinstance(output, list | tuple) and output else output
        found = first if isinstance(first, torch.Tensor) else None
    return found if found is not None and found.dim() == 2 and found.shape[0] == rows else None


def _as_the_head(scores: TorchTensor, logits: TorchTensor, mask: TorchTensor | None, otherwise: str) -> str:
    """The pooling of (m, t, K) scores of all tokens that the network itself uses for its logits."""
    import torch

    if scores.dim() == 3:
        for pool in dict.fromkeys((otherwise, "last", "cls", "mean")):
            if torch.allclose(pooled(scores, len(scores), mask, pool, "head"), logits, rtol=1e-4, atol=1e-5):
                return pool
    return otherwise


def _layer(layer: str, named: dict[str, Any], network: Network) -> str:
    if layer in named and layer:
        return layer
    names = [name for name in named if name]
    near = get_close_matches(layer, names, n=5, cutoff=0.4)
    ends = [name for name in names if name.endswith(f".{layer}")]
    shown = (ends + [name for name in near if name not in ends])[:5] or names[:_LISTED]
    what = "near ones are" if ends or near else "its layers are"
    more = "" if ends or near or len(names) <= _LISTED else f", ... ({len(names)} in all)"
    raise UsageError(f"{option('layer', layer)}: {network.name} has no such layer; {what} {', '.join(shown)}{more}")


def _incomplete(network: Network) -> str:
    names = list(network.random)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return (
        f"{network.name}: lacks {len(names)} tensors of the module that {option('model')} builds ({shown}), which "
        "would be random numbers; build the module that this checkpoint was saved from"
    )
