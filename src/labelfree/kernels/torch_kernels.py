"""The kernels in torch, for --device cuda: the same results to the rounding of float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.errors import MissingExtra

_BLOCK_ELEMENTS = 1 << 26


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("--device cuda", "torch") from error
    return torch


def cuda_available() -> bool:
    """Whether torch is installed and sees a CUDA device."""
    try:
        return bool(_torch().cuda.is_available())
    except MissingExtra:
        return False


def _silent(_: float) -> None:
    pass


class TorchKernels:
    """See Kernels: the same functions on one torch device. TF32 is off: it would cost the digits that matter."""

    def __init__(self, device: str) -> None:
        self.torch = _torch()
        self.device = self.torch.device(device)
        self.torch.backends.cuda.matmul.allow_tf32 = False

    def _put(self, values: Rows) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def scatter(self, rows: Rows, center: Float, scale: Float | None = None) -> tuple[Float, Float]:
        """See Kernels.scatter."""
        shifted = self._put(rows).double()
        if scale is not None:
            shifted *= self._put(scale)[:, None]
        shifted -= self._put(center)
        return shifted.sum(0).cpu().numpy(), (shifted.T @ shifted).cpu().numpy()

    def nearest(self, rows: Rows, k: int, advance: Callable[[float], None] = _silent) -> tuple[Float, Index]:
        """See Kernels.nearest; float64 throughout, differences for the distances that are kept."""
        torch = self.torch
        points = self._put(rows).double()
        points -= points.mean(0)
        n, d = points.shape
        squares = (points * points).sum(1)
        candidates = min(n - 1, k + max(4, k // 4))
        distance = torch.empty((n, k), dtype=torch.float64, device=self.device)
        index = torch.empty((n, k), dtype=torch.int64, device=self.device)
        step = max(1, min(_BLOCK_ELEMENTS // n, _BLOCK_ELEMENTS // (candidates * d) + 1))
        for start in range(0, n, step):
            block = torch.arange(start, min(start + step, n), device=self.device)
            score = squares - 2 * points[block] @ points.T
            score[torch.arange(len(block), device=self.device), block] = torch.inf
            near = score.topk(candidates, largest=False).indices.sort(dim=1).values
            exact = (points[near] - points[block][:, None, :]).square().sum(-1)
            found, order = exact.sort(dim=1, stable=True)  # ties by position
            distance[block] = found[:, :k].sqrt()
            index[block] = near.gather(1, order[:, :k])
            advance((start + len(block)) / n)
        return distance.cpu().numpy(), index.cpu().numpy()

    def potential(self, unit: Float, t: float, advance: Callable[[float], None] = _silent) -> Float:
        """See Kernels.potential."""
        torch = self.torch
        points = self._put(unit)
        n = len(points)
        total = torch.zeros(n, dtype=torch.float64, device=self.device)
        step = max(1, _BLOCK_ELEMENTS // n)
        for start in range(0, n, step):
            weight = ((points[start : start + step] @ points.T - 1) * (2 * t)).exp()
            rows = torch.arange(len(weight), device=self.device)
            weight[rows, rows + start] = 0
            total[start : start + len(weight)] = weight.sum(1)
            advance((start + len(weight)) / n)
        return np.asarray(total.cpu().numpy())
