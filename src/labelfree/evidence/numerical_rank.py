"""How many directions rows have that rounding cannot explain: one answer, for every metric that asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.evidence.evidence import COARSE, Evidence
from labelfree.evidence.spectrum import EPS

GAP = 10.0
"""Least ratio of the last singular value above rounding to the first within it, where the two can be told apart."""
_STORING = 0.5  # of the spacing: by the Frobenius norm, what rounding to a dtype is at most
_COMPUTING = {"float32": 1.0, "float64": 32.0}  # of the spacing: with products of matrices and our own arithmetic


@dataclass(frozen=True)
class NumericalRank:
    """Directions of rows above rounding, and whether it is known that there are no others.

    count: singular values above `level`; level: the singular value over sqrt(n) up to which rounding can reach;
    after: the first singular value that is not above it, over the last that is; 0 where there is none.
    seen: whether a singular value of the size of the rounding of the rows would have been seen: False where all that
    is left of float64 rows is their scatter, which hides smaller ones.
    """

    count: int
    level: float
    after: float
    seen: bool

    @property
    def reason(self) -> str | None:
        """Why the count is not the rank, or None where it is."""
        if self.after * GAP <= 1:
            return None
        return (
            f"the singular values run into rounding without a gap: the first within it is {self.after:.2g} of the "
            f"last of {self.count} above it, expected at most {1 / GAP:.2g}"
        )


def rounding_of(stored: str, norm: float) -> float:
    """The singular value up to which rounding can reach, of a matrix of this dtype and Frobenius norm."""
    times = _COMPUTING.get(stored, _STORING) if stored in COARSE else _COMPUTING["float64"]
    return times * COARSE.get(stored, EPS) * norm


def numerical_rank(e: Evidence, *, centered: bool) -> NumericalRank:
    """The rank of the rows, as they are or about their mean, in the precision they were stored and computed in.

    Rounding acts on the numbers as they are: the level comes from the rows that are not centered. A value above it is a
    direction whatever rounding did. One below may be one; that it is none shows in a gap between the two.
    """
    spectrum = e.centered if centered else e.raw
    rounding = rounding_of(e.stored, float(np.sqrt(e.raw.eigenvalues.sum())))
    level = max(rounding, float(np.sqrt(spectrum.floor)))
    sigma = spectrum.sigma
    count = int((sigma > level).sum())
    after = float(sigma[count] / sigma[count - 1]) if 0 < count < len(sigma) else 0.0
    return NumericalRank(count, level, after, seen=level <= rounding or not spectrum.hides_some)
