"""Compressed copies of rows, as an index would hold them: fewer bits, or fewer numbers, for each vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.errors import UsageError, option
from labelfree.evidence.scaling import centered

KINDS = ("float16", "int8", "binary", "pca", "first")
_LEVELS = 255


@dataclass(frozen=True)
class Compression:
    """A way to hold a vector: kind, and for pca and first how many numbers are left."""

    kind: str
    size: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.size}" if self.size else self.kind

    def bytes(self, d: int) -> int:
        """Bytes of a vector of d numbers."""
        return {
            "float16": 2 * d, "int8": d, "binary": math.ceil(d / 8), "pca": 4 * self.size, "first": 4 * self.size
        }[self.kind]  # fmt: skip

    def copy(self, rows: Rows) -> Float:
        """The rows (n, d) as they come back from it."""
        return _COPIES[self.kind](np.asarray(rows, np.float64), self.size)


def compression(text: str, d: int) -> Compression:
    """What a text such as int8 or pca:128 names, for rows of width d.

    >>> compression("pca:128", 384).bytes(384), compression("binary", 384).bytes(384)
    (512, 48)
    """
    kind, colon, size = text.strip().partition(":")
    if kind not in KINDS or (kind in ("pca", "first")) != bool(colon):
        raise UsageError(
            f"{option('compress')}: expected some of float16, int8, binary, pca:N and first:N, such as "
            f"int8,binary,pca:128, found {text!r}"
        )
    if not colon:
        return Compression(kind)
    if not size.isdecimal() or len(size) > 6 or not 1 <= int(size) <= d:
        raise UsageError(
            f"{option('compress')}: expected a number of dimensions from 1 to {d:,} in {text!r}, found {size!r}"
        )
    return Compression(kind, int(size))


def _half(rows: Float, size: int) -> Float:
    with np.errstate(over="ignore"):
        return np.asarray(np.clip(rows, -65504, 65504).astype(np.float16).astype(np.float64))


def _bytes(rows: Float, size: int) -> Float:
    """Each number as one of 256 steps between the least and the greatest of its column."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    step = np.where(high > low, (high - low) / _LEVELS, 1.0)
    return np.asarray(low + np.rint((rows - low) / step) * step)


def _signs(rows: Float, size: int) -> Float:
    return np.where(rows > 0, 1.0, -1.0)


def _principal(rows: Float, size: int) -> Float:
    """Coordinates about the mean along the directions of the greatest variance."""
    about = centered(rows)
    scale = float(np.linalg.norm(about)) or 1.0
    _, vectors = np.linalg.eigh((about.T / scale) @ (about / scale))
    return np.asarray(about @ vectors[:, ::-1][:, :size])


def _first(rows: Float, size: int) -> Float:
    return rows[:, :size]


_COPIES: dict[str, Callable[[Float, int], Float]] = {
    "float16": _half, "int8": _bytes, "binary": _signs, "pca": _principal, "first": _first,
}  # fmt: skip
