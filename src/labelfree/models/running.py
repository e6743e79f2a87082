"""A network run over data: rows in their order, embeddings and logits to a file, whatever the batches were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.errors import LabelfreeError, RowsError, UsageError
from labelfree.models.batching import Halving, out_of_memory
from labelfree.models.features.features import FeaturePlan, extracted
from labelfree.models.items.batches import Batch, Data
from labelfree.models.items.kinds import ITEMS
from labelfree.models.networks.network import Network
from labelfree.models.output.file import EmbeddingFile

WINDOW = 2048
"""Texts that are sorted by length at a time: batches of nearly one length need hardly any padding."""


@dataclass
class Account:
    """What a run did: rows that it computed, texts among them that were cut, and whether batches had to be halved."""

    computed: int = 0
    truncated: int = 0
    halved: bool = False


@contextmanager
def inference(device: str, threads: int | None = None) -> Iterator[None]:
    """No gradients, the same numbers each time, and on a GPU mixed precision."""
    import torch

    before = torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if device.startswith("cuda"):
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True))
            stack.enter_context(torch.autocast("cuda", dtype=_half()))
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if threads is not None:
                torch.set_num_threads(before)


def precision(device: str) -> str:
    """The precision of matrix products on a device."""
    return str(_half()).removeprefix("torch.") if device.startswith("cuda") else "float32"


def _half() -> Any:
    import torch

    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def run(
    network: Network,
    plan: FeaturePlan,
    data: Data,
    file: EmbeddingFile,
    *,
    size: int,
    device: str,
    progress: Callable[[str, float], None],
) -> Account:
    """Embed the rows that the file does not hold yet; to be called within `inference`.

    size: rows of a batch, halved where memory is short. Texts are sorted by length inside windows of 2,048 and put
    back in their order; the file is written to a window, or a batch, at a time.
    """
    account, halving, began = Account(), Halving(size), time.monotonic()

    def told(rows: int) -> None:
        account.computed += rows
        rate = account.computed / max(time.monotonic() - began, 1e-9)
        progress(f"embedding: {rate:,.0f} rows/s", min(1.0, (file.done + account.computed) / max(data.total, 1)))

    forward = _Forward(network, plan, data, device, account, told)
    for batch in data.batches(WINDOW if data.kind == "text" else size, file.done):
        rows, logits = forward.window(batch, halving)
        _check_finite(rows, logits, batch, data)
        file.write(rows, logits, batch)
    account.halved = halving.halved
    return account


@dataclass(frozen=True)
class _Forward:
    """One window after the other through the network."""

    network: Network
    plan: FeaturePlan
    data: Data
    device: str
    account: Account
    told: Callable[[int], None]

    def window(self, batch: Batch, halving: Halving) -> tuple[Any, Any]:
        """(m, d) float32 embeddings and (m, K) float32 logits or None of a window, in its order."""
        items = batch.items
        text = self.data.kind == "text"
        order = np.argsort([-len(item) for item in items], kind="stable") if text else np.arange(len(items))
        taken = [items[i] for i in order] if text else items
        parts = halving.run(taken, lambda part: self._part(part, batch))
        rows = _ordered([r for r, _, _ in parts], order)
        self.account.truncated += sum(cut for _, _, cut in parts)
        return rows, None if parts[0][1] is None else _ordered([s for _, s, _ in parts], order)

    def _part(self, items: Sequence[Any], batch: Batch) -> tuple[Any, Any, int]:
        with running(self.network, self.data):
            return self._computed(items, batch)

    def _computed(self, items: Sequence[Any], batch: Batch) -> tuple[Any, Any, int]:
        prepared = self.network.prepare(items)
        if prepared.mask is not None and int(prepared.mask.sum(1).min()) == 0:
            empty = items[int(prepared.mask.sum(1).argmin())]
            row = int(batch.index[batch.items.index(empty)])
            raise RowsError(f"{self.data.name}: row {row}: the tokenizer makes nothing of {empty!r}; remove such rows")
        embedded, logits = extracted(self.network, self.plan, prepared.on(self.device), len(items))
        rows = embedded.float().cpu().numpy()
        self.told(len(rows))
        return rows, None if logits is None else logits.float().cpu().numpy(), prepared.truncated


def _ordered(parts: list[Any], order: Any) -> Any:
    found = np.concatenate(parts)
    out = np.empty_like(found)
    out[order] = found
    return out


def _check_finite(rows: Any, logits: Any, batch: Batch, data: Data) -> None:
    """Refuse what the model made of a row where it is no number."""
    for what, values in (("an embedding", rows), ("logits", logits)):
        if values is not None and not (fine := np.isfinite(values).all(axis=1)).all():
            row = int(batch.index[int(np.flatnonzero(~fine)[0])])
            raise RowsError(
                f"{data.name}: {what} with NaN or infinity for {int((~fine).sum())} of {len(fine)} rows, first for row "
                f"{row}; take a checkpoint from before training diverged, or that row out where the others are fine"
            )


@contextmanager
def running(network: Network, data: Data) -> Iterator[None]:
    """Turns what a network raises into an error that says over which data it was run."""
    try:
        yield
    except (LabelfreeError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{network.name}: expected a network that can be run over {data.name} ({ITEMS[data.kind]}); it raised "
            f"{type(error).__name__}: {said}"
        ) from error


def check_kind(network: Network, data: Data) -> None:
    """Refuse data of a kind that the model does not take."""
    if data.kind not in network.accepts:
        wanted = " or ".join(ITEMS[kind] for kind in network.accepts)
        raise UsageError(f"{data.name}: expected {wanted}, which {network.name} takes, found {ITEMS[data.kind]}")
