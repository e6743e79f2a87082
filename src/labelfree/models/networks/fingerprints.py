"""What tells one set of weights from another: a hash that every one of them has a part in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BLOCK = 1024
_BLOCKS = 16


def fingerprint(module: Any) -> str:
    """32 hexadecimal digits of a network: names, shapes and dtypes of its tensors, and of each the sum of its bits as
    integers and 16 blocks of its bytes. Any single weight that changes changes it; one pass at the speed of memory.
    """
    import torch

    found = hashlib.sha256(" ".join(repr(module).split()).encode())
    for name, tensor in sorted(module.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            continue
        values = tensor.detach().cpu().contiguous().view(-1)
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if values.numel():
            found.update(_bits(values))
    return found.hexdigest()[:32]


def files_fingerprint(directories: Iterable[Path], patterns: Iterable[str]) -> str:
    """32 hexadecimal digits of the contents of the files of these names, wherever the directories lie."""
    found = hashlib.sha256()
    for directory in directories:
        for file in sorted({file for pattern in patterns for file in directory.glob(pattern) if file.is_file()}):
            found.update(f"{file.name} {file.stat().st_size}".encode())
            found.update(file.read_bytes())
    return found.hexdigest()[:32]


def _bits(values: Any) -> bytes:
    """The exact sum of the words of a tensor, and some of its bytes."""
    import numpy as np
    import torch

    size = values.element_size()
    if values.is_complex() or size not in (1, 2, 4, 8):
        values, size = values.view(torch.uint8), 1
    words = values.view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[size])
    total = int(words.sum(dtype=torch.int64))
    octets = words.numpy().view(np.uint8)
    starts = np.linspace(0, max(len(octets) - _BLOCK, 0), _BLOCKS).astype(int)
    return total.to_bytes(8, "little", signed=True) + b"".join(
        octets[s : s + _BLOCK].tobytes() for s in dict.fromkeys(starts)
    )
