"""The kernels in torch, for the device cuda: the same results to the rounding of float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.errors import MissingExtra, option
from labelfree.kernels import numpy_kernels
from labelfree.kernels.numpy_pairs import ends, rounded_up
from labelfree.kernels.numpy_trees import Crowd, Near, facing, lifted
from labelfree.kernels.ranges import Highest
from labelfree.progress import Advance, still

T = TypeVar("T")
R = TypeVar("R")
_BLOCK_ELEMENTS = 1 << 26
_ROOM = 32  # as in numpy_trees


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(option("device", "cuda"), "torch") from error
    return torch


def cuda_available() -> bool:
    """Whether torch is installed and sees a CUDA device."""
    try:
        return bool(_torch().cuda.is_available())
    except MissingExtra:
        return False


class TorchKernels:
    """See Kernels: the same functions on one torch device. TF32 is off: it would cost the digits that matter."""

    def __init__(self, device: str) -> None:
        self.torch = _torch()
        self.device = self.torch.device(device)
        self.torch.backends.cuda.matmul.allow_tf32 = False

    def _put(self, values: NDArray[Any]) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def scatter(self, rows: Rows, center: Float, scale: Float | None = None) -> tuple[Float, Float]:
        """See Kernels.scatter."""
        shifted = self._put(rows).to(self.torch.float64, copy=True)
        if scale is not None:
            shifted *= self._put(scale)[:, None]
        shifted -= self._put(center)
        return shifted.sum(0).cpu().numpy(), (shifted.T @ shifted).cpu().numpy()

    def nearest(self, rows: Rows, k: int, advance: Advance = still) -> tuple[Float, Index]:
        """See Kernels.nearest: float64 proposes, differences decide, rows that rounding leaves unsure are redone."""
        torch = self.torch
        exact = self._put(rows).to(torch.float64, copy=True)
        scale = float((exact - exact.mean(0)).abs().max()) or 1.0
        exact /= scale
        points = exact - exact.mean(0)
        n, d = points.shape
        squares = (points * points).sum(1)
        rounding = 8 * float(np.finfo(np.float64).eps) * (squares.max() + squares)
        candidates = min(n - 1, k + max(4, k // 4))
        distance = torch.empty((n, k), dtype=torch.float64, device=self.device)
        index = torch.empty((n, k), dtype=torch.int64, device=self.device)
        step = max(1, min(_BLOCK_ELEMENTS // n, _BLOCK_ELEMENTS // (candidates * d) + 1))
        for start in range(0, n, step):
            block = torch.arange(start, min(start + step, n), device=self.device)
            score = squares - 2 * points[block] @ points.T + squares[block, None]
            score[torch.arange(len(block), device=self.device), block] = torch.inf
            proposed = score.topk(candidates, largest=False)
            found, where = self._measured(exact, block, proposed.indices, k)
            if candidates < n - 1:
                unsure = found[:, -1] ** 2 > proposed.values.max(1).values - rounding[block]
                for row in unsure.nonzero()[:, 0].tolist():
                    reach = found[row, -1] ** 2 + rounding[start + row]
                    near = (score[row] <= reach).nonzero()[:, 0][None]
                    found[row], where[row] = (x[0] for x in self._measured(exact, block[row : row + 1], near, k))
            distance[block], index[block] = found, where
            advance((start + len(block)) / n)
        return distance.cpu().numpy() * scale, index.cpu().numpy()

    def _measured(self, points: Any, block: Any, near: Any, k: int) -> tuple[Any, Any]:
        """The k smallest distances, ascending, from differences; ties by position."""
        near = near.sort(dim=1).values
        exact = self.torch.linalg.vector_norm(points[near] - points[block][:, None, :], dim=-1)
        found, order = exact.sort(dim=1, stable=True)
        return found[:, :k], near.gather(1, order[:, :k])

    def potential(self, unit: Float, t: float, advance: Advance = still) -> Float:
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

    def nearest_of(self, points: Rows, others: Rows, advance: Advance = still) -> Index:
        """See Kernels.nearest_of."""
        right = self._put(lifted(others))
        step = max(1, _BLOCK_ELEMENTS // max(len(others), 1))
        found = []
        for start in range(0, len(points), step):
            left = self._put(facing(lifted(points[start : start + step])))
            found.append((left @ right.T).argmin(1).cpu().numpy())
            advance(min(start + step, len(points)) / len(points))
        return np.concatenate(found)

    def below(
        self,
        left: Rows,
        right: Rows,
        at: Index,
        to: Index,
        limit: Float,
        share: float,
        *,
        forward: bool,
        whole: bool = False,
        advance: Advance = still,
    ) -> Iterator[Near | Crowd]:
        """See Kernels.below."""
        torch = self.torch
        lifted_right = lifted(right, share)
        columns_of = self._put(lifted_right)
        rows_of = self._put(facing(lifted_right if left is right else lifted(left, share)))
        highest = Highest(rounded_up(limit, left.dtype))
        table, level = self._put(highest.table), self._put(highest.level)
        own, other = self._put(at), self._put(to)
        step = max(1, _BLOCK_ELEMENTS // max(len(to), 1))
        for start in range(0, len(at), step):
            rows = slice(start, min(start + step, len(at)))
            squared = rows_of[rows] @ columns_of.T
            low, high = torch.minimum(own[rows, None], other), torch.maximum(own[rows, None], other)
            k = level[high - low]
            reach = torch.maximum(table[k, low.clamp(max=table.shape[1] - 1)], table[k, (high - (1 << k)).clamp(min=0)])
            near = (squared <= reach) & (own[rows, None] != other)
            if forward:
                near &= own[rows, None] < other
            if not whole and int(near.sum()) > squared.numel() // _ROOM:
                yield rows, slice(0, len(to))
            else:
                row, column = near.nonzero(as_tuple=True)
                yield (row + start).cpu().numpy(), column.cpu().numpy(), squared[row, column].cpu().numpy()
            advance(rows.stop / len(at))

    def _pairs(self, unit: Rows, group: Index, advance: Callable[[float], None]) -> Iterator[tuple[slice, slice, Any]]:
        """Blocks of rows, the columns in which their pairs lie, and similarities: -inf unless of a later group."""
        torch = self.torch
        points, end = self._put(unit), ends(group)
        behind = self._put(end)
        n = len(points)
        step = max(1, _BLOCK_ELEMENTS // max(n, 1))
        for start in range(0, n, step):
            rows, columns = slice(start, min(start + step, n)), slice(int(end[start]), n)
            if columns.start < n:
                similarity = points[rows] @ points[columns].T
                places = torch.arange(columns.start, n, device=self.device)
                similarity[places < behind[rows, None]] = -torch.inf
                yield rows, columns, similarity
            advance(1 - (1 - rows.stop / n) ** 2)

    def tail(
        self, unit: Rows, group: Index, windows: Float, bins: int, advance: Advance = still
    ) -> tuple[Index, Index, Rows]:
        """See Kernels.tail."""
        torch = self.torch
        limits = rounded_up(windows, unit.dtype).tolist()
        edges = [self._put(np.linspace(low, high, bins + 1)) for low, high in windows]
        above = torch.zeros(len(windows), dtype=torch.int64, device=self.device)
        counts = torch.zeros((len(windows), bins), dtype=torch.int64, device=self.device)
        nearest = self._put(np.full(len(unit), -np.inf, unit.dtype))
        for rows, columns, similarity in self._pairs(unit, group, advance):
            nearest[rows] = torch.maximum(nearest[rows], similarity.amax(1))
            nearest[columns] = torch.maximum(nearest[columns], similarity.amax(0))
            for w, (low, high) in enumerate(limits):
                values = similarity[similarity >= low]
                passed = values >= high
                above[w] += passed.sum()
                place = torch.bucketize(values[~passed].double(), edges[w], right=True) - 1
                counts[w] += torch.bincount(place, minlength=bins)
        return above.cpu().numpy(), counts.cpu().numpy(), nearest.cpu().numpy()

    def accepted(self, unit: Rows, group: Index, levels: Float, advance: Advance = still) -> NDArray[np.int32]:
        """See Kernels.accepted."""
        torch = self.torch
        g = len(levels)
        ascending = self._put(rounded_up(levels, unit.dtype)[::-1])
        counts = torch.zeros((len(unit), g), dtype=torch.int32, device=self.device)
        one = torch.ones(1, dtype=torch.int32, device=self.device)
        for rows, columns, similarity in self._pairs(unit, group, advance):
            row, column = (similarity >= ascending[0]).nonzero(as_tuple=True)
            first = g - torch.bucketize(similarity[row, column], ascending, right=True)
            counts[rows].view(-1).scatter_add_(0, row * g + first, one.expand(len(row)))
            counts[columns].view(-1).scatter_add_(0, column * g + first, one.expand(len(row)))
        return np.asarray(counts.cumsum(1, dtype=torch.int32).cpu().numpy())

    def over(self, rows: Rows, work: Callable[[Rows, T], R], items: Iterable[T]) -> Iterator[R]:
        """See Kernels.over: on the cores beside the device."""
        return numpy_kernels.over(rows, work, items)
