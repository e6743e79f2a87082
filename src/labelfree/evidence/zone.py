"""The operating zone of a threshold: which false accept rates are calibrated to, and what a threshold is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from labelfree.arrays import Float
from labelfree.errors import UsageError, option

Space = Literal["l2", "cosine"]
FAR = (0.01, 0.1)
_COINCIDENT = 1e-14
"""Gap between a cosine and one up to which rows are the same: less than the rounding of a product of unit rows."""


@dataclass(frozen=True)
class Calibration:
    """The operating zone: false accept rates `far` of all pairs of different groups, and what a threshold is of.

    space: "l2", the distance of unit rows, or "cosine", one minus their cosine. The zone holds the same pairs in both,
    but thresholds are weighted by their distance from one another, which differs.
    """

    far: tuple[float, float] = FAR
    space: Space = "l2"

    @classmethod
    def checked(cls, far: Any, space: str) -> Calibration:
        """The zone from "0.01:0.1" or a pair of numbers, or a UsageError that says what is wrong."""
        parts = far.split(":") if isinstance(far, str) else far
        try:
            low, high = (float(part) for part in parts)
        except (TypeError, ValueError):
            low = high = np.nan
        if not 0 < low < high < 1:
            raise UsageError(
                f"{option('far')}: expected LOW:HIGH with 0 < LOW < HIGH < 1, such as 0.01:0.1, found {far!r}"
            )
        if space not in get_args(Space):
            raise UsageError(f"{option('space')}: expected one of {', '.join(get_args(Space))}, found {space!r}")
        return cls((low, high), space)  # type: ignore[arg-type]

    def distance(self, similarity: Any) -> Float:
        """Thresholds of cosines; rows of one direction have no distance."""
        gap = 1.0 - np.asarray(similarity, np.float64)
        gap = np.where(gap > _COINCIDENT, gap, 0.0)
        return np.asarray(np.sqrt(2.0 * gap) if self.space == "l2" else gap)

    def similarity(self, distance: Any) -> Float:
        """Cosines of thresholds."""
        distance = np.asarray(distance, np.float64)
        return np.asarray(1.0 - distance**2 / 2 if self.space == "l2" else 1.0 - distance)
