"""A model that is ready to run, whatever it was loaded from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from labelfree.models.items.kinds import ItemKind

TorchTensor: TypeAlias = Any
"""A torch.Tensor; torch is imported where it is used."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A batch as the model takes it.

    values: one tensor, or tensors by the name of their argument; mask: (m, t) one for each real token, where the items
    are texts; truncated: items that were cut to the longest input of the model.
    """

    values: TorchTensor | dict[str, TorchTensor]
    mask: TorchTensor | None = None
    truncated: int = 0

    def on(self, device: str) -> Prepared:
        """This batch on a device."""
        moved = (
            {k: v.to(device) if hasattr(v, "to") else v for k, v in self.values.items()}
            if isinstance(self.values, dict)
            else self.values.to(device)
        )
        return Prepared(moved, None if self.mask is None else self.mask.to(device), self.truncated)


@dataclass(frozen=True, eq=False)
class Network:
    """A model and how it is called.

    name: the checkpoint; kind: who runs it; module: the torch.nn.Module; accepts: kinds of data; prepare: items to a
    batch; call: a batch to what the model returns; facts: what fixes the numbers, JSON-able; final: whether what it
    returns is the embedding itself; pool: how tokens are pooled unless asked otherwise; notes: what a user should be
    told; longest: tokens of the longest input; random: tensors that the
    checkpoint did not have.
    """

    name: str
    kind: Literal["sentence-transformers", "transformers", "module"]
    module: Any
    accepts: tuple[ItemKind, ...]
    prepare: Callable[[Sequence[Any]], Prepared]
    call: Callable[[Any], Any]
    facts: dict[str, Any]
    final: bool = False
    pool: str | None = None
    notes: list[str] = field(default_factory=list)
    longest: int | None = None
    random: tuple[str, ...] = ()
