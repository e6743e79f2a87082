"""What every group does at one global threshold: its curves over the calibration range, and what is beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Rows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.curves import Curves, curves_of, exact_curves, rounded, utility
from labelfree.families.opis.equal_errors import unmet
from labelfree.families.opis.positive_pairs import EDGES, genuine
from labelfree.families.opis.range_ends import Pilot, ends
from labelfree.families.opis.sorted_rows import SortedGroups
from labelfree.families.opis.split_halves import Halves, exact_halves_of, halves_of, splits
from labelfree.kernels import Kernels
from labelfree.progress import Progress, silent
from labelfree.results import Result, undefined

EXACT_ROWS = 256
"""Rows up to which the curves are integrated over every distance that occurs."""
STEPS = 256
"""Steps of equal width over which the calibration range of more rows is integrated by the trapezoidal rule."""
_BELOW, _BEYOND, _FURTHEST = 64, 48, 0.6  # thresholds outside the range, and how far they go, for equal error rates
LEVELS = _BELOW + STEPS + 1
"""Thresholds at which the pairs of many rows are counted."""


@dataclass(frozen=True, eq=False)
class Operating:
    """The curves of all groups, the utilities of halves of them, and the cosines behind both.

    own, other (n,): how near each row's nearest is inside its group, and outside: a cosine, or for few rows minus the
    distance, whose ties are ties. genuine, impostor (200,): shares of the positive pairs, and of the negative pairs of
    `pilot` rows, with a cosine between neighboring EDGES; tie: what two such numbers differ by in rounding.
    """

    rows: SortedGroups
    curves: Curves
    halves: Halves
    own: Float
    other: Float
    genuine: Float
    impostor: Float
    pilot: int
    exact: bool
    tie: float = 0.0

    @property
    def hit(self) -> NDArray[np.bool_]:
        """Whether the nearest row of each (n,) is of its own group; a tie with another group is a miss."""
        return np.asarray(self.own - self.other > self.tie)

    @property
    def utility(self) -> Float:
        """Utilities (T, g) at the thresholds inside the calibration range."""
        inside = self.curves.inside
        return utility(self.curves.sensitivity[:, inside], self.curves.specificity[:, inside])

    @property
    def weight(self) -> Float:
        """Weights (g,) of those thresholds."""
        return self.curves.weight[self.curves.inside]


def operating(
    rows: SortedGroups, zone: Calibration, kernels: Kernels, seed: int, progress: Progress = silent
) -> Operating | Result:
    """The curves of groups in the calibration range; or why there is none."""
    few = rows.count <= EXACT_ROWS
    found = _exact(rows, zone, seed) if few else _tiled(rows, zone, kernels, seed, progress)
    if found is not None:
        return found
    low, high = zone.far
    return undefined(
        "degenerate_range",
        f"no two thresholds accept {100 * low:g} % and {100 * high:g} % of the pairs of different groups: their "
        "distances are all but equal, as in a collapsed embedding",
    )


def _exact(rows: SortedGroups, zone: Calibration, seed: int) -> Operating | None:
    unit, code = rows.unit(np.float64), rows.code
    cosine = unit @ unit.T
    distance = zone.distance(cosine)
    near = -rounded(distance)
    curves = exact_curves(distance, code, zone.far)
    if curves is None:
        return None
    same, alone = code[:, None] == code, ~np.eye(len(code), dtype=bool)
    upper = np.triu(alone)
    return Operating(
        rows,
        curves,
        exact_halves_of(rounded(distance), rows, curves, splits(rows.size, seed)),
        np.where(same & alone, near, -np.inf).max(axis=1),
        np.where(same, -np.inf, near).max(axis=1),
        _shares(cosine[upper & same]),
        _shares(cosine[upper & ~same]),
        len(code),
        exact=True,
    )


def _tiled(rows: SortedGroups, zone: Calibration, kernels: Kernels, seed: int, progress: Progress) -> Operating | None:
    pilot = Pilot.of(rows, seed)
    unit = rows.unit(pilot.precision(zone))
    found = ends(unit, rows, zone, pilot, kernels, lambda done: progress("finding the calibration range", done))
    if found is None:
        return None
    low, high = (float(d) for d in zone.distance(np.array(found.cosine)))
    if high <= low:
        return None
    below = np.linspace(0.0, low, _BELOW, endpoint=False) if low > 0 else np.empty(0)
    threshold = np.concatenate([below, np.linspace(low, high, STEPS + 1)])
    inside = slice(len(below), len(threshold))
    weight = np.zeros(len(threshold))
    weight[inside] = np.r_[0.5, np.ones(STEPS - 1), 0.5] / STEPS
    level = zone.similarity(threshold)
    level[[inside.start, -1]] = found.cosine
    split = splits(rows.size, seed)
    accepted = kernels.accepted(unit, rows.code, level, lambda done: progress("counting pairs", done))
    own = genuine(unit, rows.starts, level, split, kernels)
    halves = halves_of(rows, accepted, own, split, inside)
    curves = curves_of(own.accepted, rows.summed(accepted), rows.size, threshold, weight, (low, high))
    del accepted
    if unmet(curves):
        curves = _longer(curves, rows, zone, unit, pilot, kernels, progress)
    return Operating(
        rows, curves, halves, own.nearest.astype(np.float64), found.nearest, own.histogram / own.histogram.sum(),
        _shares(pilot.cosine), pilot.rows, exact=False, tie=8 * float(np.finfo(unit.dtype).eps),
    )  # fmt: skip


def _longer(
    curves: Curves,
    rows: SortedGroups,
    zone: Calibration,
    unit: Rows,
    pilot: Pilot,
    kernels: Kernels,
    progress: Progress,
) -> Curves:
    """The curves with thresholds beyond the range, for groups whose errors are not equal before."""
    cosine = np.unique([pilot.at(far) for far in np.linspace(zone.far[1], _FURTHEST, _BEYOND + 1)[1:]])[::-1]
    level = cosine[zone.distance(cosine) > curves.threshold[-1]]
    if len(level) == 0:
        return curves
    accepted = kernels.accepted(unit, rows.code, level, lambda done: progress("finding equal error rates", done))
    own = genuine(unit, rows.starts, level, np.empty((0, len(unit)), bool), kernels)
    more = curves_of(
        own.accepted, rows.summed(accepted), rows.size, zone.distance(level), np.zeros(len(level)), curves.zone
    )
    longer: dict[str, Any] = {
        name: np.concatenate([getattr(curves, name), getattr(more, name)], axis=-1) for name in _ALONG
    }
    return replace(curves, **longer)


_ALONG = ("threshold", "weight", "sensitivity", "specificity", "far", "frr")


def _shares(cosine: Float) -> Float:
    """The shares of cosines between neighboring EDGES; rounding beyond one is one."""
    return np.histogram(np.clip(cosine, -1.0, 1.0), EDGES)[0] / len(cosine)
