"""Rows of length one, centered, standardized: written once, for every metric that looks at rows so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.errors import UsageError, option
from labelfree.kernels.threads import spread

_BLOCK = 256


@dataclass(frozen=True)
class Topology:
    """How the metrics of separability see the rows: scaled how, in which distance, by which engine."""

    normalize: Literal["l2", "none", "layernorm", "zscore"] = "l2"
    metric: Literal["euclidean", "cosine"] = "euclidean"
    engine: Literal["auto", "giotto"] = "auto"

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
    rows = rows.astype(np.float64)
    peak = np.abs(rows).max(axis=1, initial=0.0)
    rows = rows[peak > 0] / peak[peak > 0, None]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def normalized(rows: Rows, how: Topology, *, own: bool = False) -> Float:
    """Rows as the filtration sees them, (n, d) in float64; `own` float64 rows may be overwritten."""
    points = rows.astype(np.float64, copy=not own)
    if how.normalize == "zscore":
        points -= points.mean(axis=0)
        deviation = points.std(axis=0)
        points /= np.where(deviation > 0, deviation, 1.0)
    elif how.normalize == "layernorm":
        points -= points.mean(axis=1, keepdims=True)
        deviation = points.std(axis=1, keepdims=True)
        points /= np.where(deviation > 0, deviation, 1.0)
    if how.normalize == "l2" or how.metric == "cosine":
        _scale_to_one(points)
    return points


def _scale_to_one(points: Float) -> None:
    """Give each row the length one, in place; zero rows stay as they are."""

    def work(start: int) -> None:
        part = points[start : start + _BLOCK]
        peak = np.abs(part).max(axis=1, keepdims=True)  # first, since its square may overflow
        part /= np.where(peak > 0, peak, 1.0)
        norm = np.linalg.norm(part, axis=1, keepdims=True)
        part /= np.where(norm > 0, norm, 1.0)

    for _ in spread(work, range(0, len(points), _BLOCK)):
        pass
