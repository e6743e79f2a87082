"""Rows of length one, centered, standardized: written once, for every metric that looks at rows so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Rows, blocks_of
from labelfree.errors import ArrayError, UsageError, option
from labelfree.kernels.threads import spread

LEAST_SIZE = 1e-150
"""Root mean square of a matrix from which, to its inverse, every metric is held to its scale law."""
FAINT = 1e-290
"""Squared length of a row from which, to its inverse, sums of squares over all rows stay in the range of float64."""
_MODERATE = {4: 1e-30, 8: 1e-60}  # root mean squares by the bytes of a number, far inside its range
_SAFE = 1e-200  # sums of squares from which, to its inverse, no square that matters has left the range
_ROUNDING = 1e-12  # deviations over means that rounding can make of equal numbers
_BLOCK = 256


@dataclass(frozen=True)
class Topology:
    """How the metrics of separability see the rows: scaled how, in which distance, H0 computed by whom."""

    normalize: Literal["l2", "none", "layernorm", "zscore"] = "l2"
    metric: Literal["euclidean", "cosine"] = "euclidean"
    h0: Literal["auto", "giotto"] = "auto"

    @classmethod
    def checked(cls, **given: Any) -> Topology:
        """The settings by name, or a UsageError that says which one is wrong."""
        for name, hint in get_type_hints(cls).items():
            if name in given and given[name] not in get_args(hint):
                expected = ", ".join(get_args(hint))
                raise UsageError(f"{option(name)}: expected one of {expected}, found {given[name]!r}")
        return cls(**given)


def unit(rows: Rows) -> Float:
    """The non-zero rows, scaled to length one, in float64."""
    there = np.asarray(rows.any(axis=1))
    return directions(rows if there.all() else rows[there])


def directions(rows: Rows) -> Float:
    """All rows (m, d) scaled to length one, in float64; zero rows stay zero."""
    points = rows.astype(np.float64)
    for start in range(0, len(points), _BLOCK):
        _to_length_one(points[start : start + _BLOCK])
    return points


def inverse_lengths(squares: Float) -> Float:
    """What rows are multiplied by to have length one, from their squared lengths (m,): those of `measurable` rows.

    For sums in one pass, where the rows themselves are not needed: their lengths are exact there to rounding.
    """
    return np.asarray(1 / np.sqrt(squares))


def centered(rows: Rows) -> Float:
    """Rows about their mean, in float64."""
    return np.asarray(rows - rows.mean(axis=0, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Standard:
    """Mean and standard deviation (d,) of the columns that differ by more than rounding, and which these are."""

    mean: Float
    deviation: Float
    seen: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Float) -> Standard:
        """Those of the columns of rows (m, d)."""
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        seen = deviation > _ROUNDING * np.abs(mean)
        return cls(mean[seen], deviation[seen], seen)

    def standardized(self, rows: Float) -> Float:
        """Rows (m, k) in the columns seen, about the mean and in units of the deviation."""
        return np.asarray((rows[:, self.seen] - self.mean) / self.deviation)


def normalized(rows: Rows, how: Topology, *, own: bool = False) -> Float:
    """Rows as the filtration sees them, (n, d) in float64; `own` float64 rows may be overwritten."""
    points = rows.astype(np.float64, copy=not own)
    if how.normalize in ("zscore", "layernorm"):
        axis = 0 if how.normalize == "zscore" else 1
        points -= points.mean(axis=axis, keepdims=True)
        deviation = points.std(axis=axis, keepdims=True)
        points /= np.where(deviation > 0, deviation, 1.0)
    if how.normalize == "l2" or how.metric == "cosine":

        def work(start: int) -> None:
            _to_length_one(points[start : start + _BLOCK])

        for _ in spread(work, range(0, len(points), _BLOCK)):
            pass
    return points


def _to_length_one(points: Float) -> None:
    """Give each row the length one, in place; zero rows stay as they are."""
    peak = np.abs(points).max(axis=1, keepdims=True, initial=0.0)  # first, since its square may overflow
    points /= np.where(peak > 0, peak, 1.0)
    norm = np.linalg.norm(points, axis=1, keepdims=True)
    points /= np.where(norm > 0, norm, 1.0)


def squared_lengths(rows: Rows) -> tuple[Float, NDArray[np.bool_]]:
    """Squared lengths (m,) of rows, and which of these lie between FAINT and its inverse."""
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return squares, (squares > FAINT) & (squares < 1 / FAINT)


def measurable(rows: Rows) -> NDArray[np.bool_]:
    """Which finite rows have squares in the range of float64, or are zero."""
    return np.asarray(squared_lengths(rows)[1] | ~rows.any(axis=1))


def length(row: Rows) -> float:
    """The length of one row (d,), where its square may be no number of float64."""
    return _root_mean_square(row[None]) * math.sqrt(len(row))


def too_far(what: str, found: float, low: float, of: str = "rows") -> str:
    """What is wrong with rows whose size is not between `low` and its inverse, and the way out."""
    under, cure = ("under", "multiply") if found < 1 else ("over", "divide")
    return (
        f"its squares {under}flow float64; {cure} the {of} by a constant first: expected {what} from {low:.0e} to "
        f"{1 / low:.0e}, found {found:.3g}"
    )


def in_range(*sides: tuple[str, Rows]) -> tuple[list[Rows], int]:
    """Named matrices whose squares, and fourth powers, float64 can hold, and an exponent e that all of them share.

    The matrices given are 2**e times those returned: the same ones with e = 0 where their root mean square is moderate,
    else float64 ones of about 1, every digit kept. An ArrayError where it is not between LEAST_SIZE and its inverse, or
    a row that is not zero vanishes beside the others.
    """
    sizes = [_root_mean_square(rows) for _, rows in sides]
    for (name, _), size in zip(sides, sizes, strict=True):
        if size > 0 and not LEAST_SIZE <= size <= 1 / LEAST_SIZE:
            raise ArrayError(f"{name}: {too_far('a root mean square', size, LEAST_SIZE)}")
    largest = max(sizes)
    moderate = max(_MODERATE[rows.dtype.itemsize] for _, rows in sides)
    if largest == 0 or moderate <= largest <= 1 / moderate:
        return [rows for _, rows in sides], 0
    exponent = math.frexp(largest)[1]
    found = []
    for name, rows in sides:
        scaled = np.ldexp(rows.astype(np.float64), -exponent)
        lost = np.flatnonzero(rows.any(axis=1) & ~scaled.any(axis=1))
        if len(lost):
            raise ArrayError(
                f"{name}: row {lost[0]} vanishes in float64 beside rows of a root mean square of {largest:.3g}: "
                "expected rows of comparable length; find out where it comes from, or remove it"
            )
        found.append(scaled)
    return found, exponent


def _root_mean_square(rows: Rows) -> float:
    """The root mean square of a matrix, exact to rounding wherever the result is a number of float64."""
    total = 0.0
    with np.errstate(over="ignore", under="ignore"):
        for block in blocks_of(rows):
            total += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
    if _SAFE < total < 1 / _SAFE:
        return math.sqrt(total / rows.size)
    peak = max((float(max(block.max(), -block.min())) for block in blocks_of(rows)), default=0.0)
    if peak == 0:
        return 0.0
    total = 0.0
    for block in blocks_of(rows):
        part = block.astype(np.float64) / peak
        total += float(np.einsum("ij,ij->", part, part))
    return peak * math.sqrt(total / rows.size)
