"""Intervals of the values of OPIS for other groups of the same law, where groups are enough to have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.evidence.once import once
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.curves import utility
from labelfree.families.opis.influence import Influences
from labelfree.families.opis.tables import chance

LEAST: Mapping[str, int] = {"mean_utility": 40, "opis": 100, "eps_opis": 150, "worst_utility": 150}
"""Groups from which on each metric has an interval: see the measured coverage in docs/opis.md."""
ROOM = 0.01
"""Share of the way from the utility that the range allows to chance; where the mean utility is nearer, what is left
hangs on a few groups, too few for an interval of anything but the mean."""
_STRAIGHT = 1e-6  # a skewness whose correction is lost in rounding

Interval = tuple[float, float]


@dataclass(frozen=True)
class Sureness:
    """The standard error and the interval of a value, or a warning that says why there are none."""

    se: float | None = None
    interval: Interval | None = None
    warnings: tuple[Noted, ...] = ()


def sureness(found: Judged, name: str, value: float, high: float) -> Sureness:
    """How sure a metric of OPIS is of its value, which lies between 0 and `high`."""
    if reason := _why_none(found, name):
        return Sureness(warnings=(Noted("no_interval", f"no interval: {reason}"),))
    influence = _OF[name](once(found, _influences))
    if not influence.std() > 0:
        return Sureness(warnings=(Noted("no_interval", "no interval: all groups behave alike"),))
    return Sureness(standard_error(influence), skewed_interval(value, influence, 0.0, high))


def _influences(found: Judged) -> Influences:
    return Influences(found.operating.curves, found.consistency)


_OF: Mapping[str, Callable[[Influences], Float]] = {
    "opis": lambda i: i.opis,
    "eps_opis": lambda i: i.eps_opis,
    "mean_utility": lambda i: i.mean_utility,
    "worst_utility": lambda i: i.worst_utility,
}


def _why_none(found: Judged, name: str) -> str:
    """Why a metric has no interval; empty where it has one."""
    groups = len(found.consistency.utility)
    if found.given.origin != "column":
        return "the groups are clusters of the rows, no sample of groups"
    if groups < LEAST[name]:
        return (
            f"{groups} groups are too few (mean_utility has one from {LEAST['mean_utility']} groups on, opis from "
            f"{LEAST['opis']}, eps_opis and worst_utility from {LEAST['eps_opis']})"
        )
    if name != "mean_utility" and once(found, _room) < ROOM:
        return "nearly all groups have the utility that the calibration range allows, and the rest are too few"
    return ""


def _room(found: Judged) -> float:
    """The share of the way from the utility of a perfect model to chance that the mean utility has gone."""
    op = found.operating
    far = op.curves.far[op.curves.inside]
    perfect = float(utility(np.ones_like(far), 1 - far) @ op.weight)
    return (perfect - found.consistency.mean_utility) / (perfect - chance(far, op.weight))


def standard_error(influence: Float) -> float:
    """The standard error of a value that groups of these influences (T,) make up."""
    return float(np.std(influence, ddof=1) / len(influence) ** 0.5)


def skewed_interval(value: float, influence: Float, low: float, high: float) -> Interval:
    """The 95 % interval of a value from the influences of T groups (T,), which may be skewed; between low and high.

    Hall (1992), "On the removal of skewness by transformation": with e = error / standard deviation and the skewness g
    of the influences, e + g e^2 / 3 + g^2 e^3 / 27 + g / (6 T) is symmetric to the next order; its quantiles are those
    of Student's t over sqrt(T). The value is always inside. Without skewness: value +- t se.
    """
    from scipy.special import stdtrit

    groups, deviation = len(influence), float(np.std(influence, ddof=1))
    apart = influence - influence.mean()
    square = float((apart**2).mean())
    skewness = float((apart**3).mean()) / square**1.5 if square > 0 else 0.0
    reach = float(stdtrit(groups - 1, 0.975)) / groups**0.5
    lower, upper = (value - _unskewed(end, skewness, groups) * deviation for end in (reach, -reach))
    return max(lower, low), min(upper, high)


def _unskewed(symmetric: float, skewness: float, groups: int) -> float:
    """The error whose transformation is `symmetric`, in standard deviations of one influence."""
    if abs(skewness) < _STRAIGHT:
        return symmetric
    return float(3 / skewness * (np.cbrt(1 + skewness * (symmetric - skewness / (6 * groups))) - 1))
