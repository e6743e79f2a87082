"""What is known of one weight matrix: counts of its rows and the eigenvalues of W^T W, from parts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

import numpy as np

from labelfree.arrays import Float, Keys, Rows
from labelfree.evidence.numerical_rank import rounding_of
from labelfree.evidence.scaling import directions
from labelfree.evidence.spectrum import EPS
from labelfree.kernels.threads import one_core
from labelfree.summaries.hashing import hash_rows

MatrixPart: TypeAlias = Callable[[slice, slice], Rows]
"""Rows and columns of a matrix (n, d), read when they are asked for: float32 or float64."""

_ELEMENTS = 1 << 21  # of a matrix at a time: 16 MB of float64
_HELD = 1e75  # entries from its inverse up to here have sums of squares in the range of float64
_UNSEEN = 1e-8  # largest relative change of an effective rank by rounding that is left as it is


@dataclass(frozen=True, eq=False)
class Weight:
    """A weight matrix (n, d), rows the first axis of the tensor.

    zero, duplicate, nonfinite: rows that are all zero, that repeat an earlier row exactly (zero ones aside), that
    hold NaN or infinity. lam: (min(n, d),) eigenvalues of W^T W over 4**exponent, descending; None where entries are
    not finite. floor: what rounding alone, of the entries and of what made them, can make of an eigenvalue that is
    zero. direction: (d,) sum of the non-zero rows scaled to length one, where it was asked for. digest: a hash of all
    values.
    values: the matrix itself, kept where it was asked for.
    """

    name: str
    n: int
    d: int
    zero: int
    duplicate: int
    nonfinite: int
    lam: Float | None
    exponent: int
    floor: float
    digest: str
    direction: Float | None = None
    values: Float | None = None

    @property
    def sigma(self) -> Float | None:
        """Singular values over 2**exponent, descending."""
        return None if self.lam is None else np.sqrt(self.lam)


def weighed(part: MatrixPart, n: int, d: int, *, name: str = "", directed: bool = False, kept: bool = False) -> Weight:
    """The counts and eigenvalues of a matrix (n, d); directed, kept: with its `direction`, with its `values`.

    Cost: n d min(n, d) flop and one decomposition of the smaller side. Memory: some parts of 2,000,000 entries, a
    square matrix of the smaller side, 8 bytes a row.
    """
    hashes = np.empty(n, np.uint64)
    usable = np.zeros(n, bool)  # finite and not zero
    nonfinite, peak = 0, 0.0
    total = np.zeros(d) if directed else None
    everything = slice(None)
    if n * d <= _ELEMENTS:
        part = held(part(everything, everything))
    for rows in _slices(n, d):
        block = part(rows, everything) + np.float32(0.0)  # -0.0 is 0.0
        finite = np.isfinite(block).all(axis=1)
        live = finite & block.any(axis=1)
        hashes[rows] = hash_rows(block)
        usable[rows] = live
        nonfinite += int((~finite).sum())
        whole = block if finite.all() else block[finite]
        peak = max(peak, float(np.abs(whole).max(initial=0.0)))
        if total is not None:
            total += directions(block[live]).sum(axis=0)
    duplicate = int(usable.sum()) - len(np.unique(hashes[usable]))
    zero = n - nonfinite - int(usable.sum())
    exponent = 0 if peak == 0 or 1 / _HELD < peak < _HELD else int(np.frexp(peak)[1]) - 1
    lam, floor = (None, 0.0) if nonfinite else _eigenvalues(part, n, d, 2.0**exponent)
    if lam is not None:
        floor = max(floor, rounding_of(str(block.dtype), float(np.sqrt(lam.sum()))) ** 2)
    values = np.asarray(part(everything, everything), np.float64) if kept and not nonfinite else None
    return Weight(name, n, d, zero, duplicate, nonfinite, lam, exponent, floor, _digest(n, d, hashes), total, values)


def held(rows: Rows) -> MatrixPart:
    """The parts of a matrix (n, d) in memory."""
    return lambda some, columns: rows[some, columns]


def _slices(length: int, width: int, at_most: int = _ELEMENTS) -> Iterator[slice]:
    step = max(1, at_most // max(width, 1))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _digest(n: int, d: int, hashes: Keys) -> str:
    return blake2b(f"{n} {d}".encode() + hashes.astype("<u8").tobytes(), digest_size=16).hexdigest()


def _eigenvalues(part: MatrixPart, n: int, d: int, scale: float) -> tuple[Float, float]:
    """Eigenvalues of W^T W / scale^2, descending, and what rounding makes of a zero.

    From the product of the smaller side with itself; where its rounding could move an effective rank, from singular
    values instead.
    """
    k = min(n, d)
    gram: Float | None = None
    for block in _narrow(part, n, d, scale):
        product = block.T @ block
        gram = product if gram is None else np.add(gram, product, out=gram)
    assert gram is not None
    with one_core():
        lam = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0.0)
    floor = 16 * EPS * float(lam[0])
    sigma = np.sqrt(lam)
    total = float(sigma.sum())
    moved = np.minimum(np.divide(floor, 2 * sigma, out=np.full(k, np.inf), where=sigma > 0), floor**0.5)
    share = float(moved.sum()) / total if total > 0 else 0.0
    if share * (1 + np.log(k) - np.log(max(share / k, 1e-300))) <= _UNSEEN:
        return lam, floor
    del gram
    sigma = _singular_values(part, n, d, scale)
    return sigma**2, float((4 * EPS * k**0.5 * sigma[0]) ** 2)


def _narrow(part: MatrixPart, n: int, d: int, scale: float) -> Iterator[Float]:
    """The matrix, or its transpose where it is wider than tall, in blocks of rows, divided by scale."""
    for piece in _slices(max(n, d), min(n, d)):
        block = part(piece, slice(None)) if n >= d else part(slice(None), piece).T
        yield block.astype(np.float64) / scale if scale != 1.0 else block.astype(np.float64)


def _singular_values(part: MatrixPart, n: int, d: int, scale: float) -> Float:
    """(min(n, d),) singular values, descending: of the triangle that blocks of rows are reduced to one by one."""
    triangle = np.empty((0, min(n, d)))
    with one_core():
        for block in _narrow(part, n, d, scale):
            triangle = np.concatenate([triangle, block])
            if len(triangle) > triangle.shape[1]:
                triangle = np.asarray(np.linalg.qr(triangle, mode="r"))
        return np.asarray(np.linalg.svd(triangle, compute_uv=False))
