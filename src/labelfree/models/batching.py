"""Batches as large as memory allows, and half as large where it turns out that it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from labelfree.errors import ResourceError, option
from labelfree.models.networks.network import Network, Prepared

T = TypeVar("T")
MOST = {"cpu": 32, "cuda": 256}
"""Rows of the largest batch: beyond, nothing is gained."""
_SHARE = 0.5
_MARGIN = 3
"""What a layer needs beside its input and output, as a multiple of both: what it computes on the way."""


def batch_rows(network: Network, batch: Prepared, rows: int, device: str, memory: int | None) -> int:
    """Rows of a batch: a power of two that fits into half of the free memory, or into the limit that was set.

    batch: a few rows, run once to see the largest layer; texts are counted at the longest length that the model takes.
    """
    kind = device.partition(":")[0]
    need = _row_bytes(network, batch, rows)
    parameters = sum(p.numel() * p.element_size() for p in network.module.parameters())
    free = _SHARE * _free(device) if memory is None else memory - parameters
    if free < need and memory is not None:
        raise ResourceError(
            f"{option('memory', memory)}: the weights of {network.name} take {parameters / 1e6:.0f} MB, and one row "
            f"about {need / 1e6:.0f} MB; raise the limit"
        )
    fitting = max(1, int(min(MOST.get(kind, 32), free / max(need, 1))))
    return 1 << (fitting.bit_length() - 1)


def _row_bytes(network: Network, batch: Prepared, rows: int) -> float:
    """Bytes that one row needs at its peak: the largest layer's input and output, with a margin."""
    import torch

    largest = 0

    def size(value: Any) -> int:
        if isinstance(value, torch.Tensor):
            return int(value.numel() * value.element_size())
        if hasattr(value, "values") and callable(value.values):
            value = list(value.values())
        return sum(map(size, value)) if isinstance(value, list | tuple) else 0

    def watch(module: Any, given: Any, output: Any) -> None:
        nonlocal largest
        largest = max(largest, size(given) + size(output))

    scripted = isinstance(network.module, torch.jit.ScriptModule)
    leaves = [] if scripted else [m for m in network.module.modules() if not list(m.children())]
    handles = [leaf.register_forward_hook(watch) for leaf in leaves]
    try:
        network.call(batch.values)
    finally:
        for handle in handles:
            handle.remove()
    if not largest:
        largest = _SCRIPTED * size(batch.values)
    longer = 1.0
    if batch.mask is not None and network.longest:
        longer = max(1.0, network.longest / batch.mask.shape[1])
    return _MARGIN * largest / rows * longer


_SCRIPTED = 64
"""Activations over the input, where the layers cannot be watched: a convolution of 64 channels at full size."""


def _free(device: str) -> float:
    """Bytes that are free on a device."""
    import torch

    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 4e9  # where the system does not say


class Halving:
    """Runs batches in parts that fit: halved each time memory is short, and kept so for what follows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.halved = False

    def run(self, items: Sequence[Any], work: Callable[[Sequence[Any]], T]) -> list[T]:
        """What `work` gives for consecutive parts of the items."""
        done: list[T] = []
        start = 0
        while start < len(items):
            try:
                done.append(work(items[start : start + self.rows]))
                start += self.rows
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if self.rows == 1:
                    raise ResourceError(
                        f"not enough memory for one row of this model ({_first_line(error)})"
                    ) from error
                self.rows = max(1, min(self.rows, len(items) - start) // 2)
                self.halved = True
        return done


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory is short, on whatever device."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
