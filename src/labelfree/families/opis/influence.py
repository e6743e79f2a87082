"""How much each group moves the values of OPIS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labelfree.arrays import Float
from labelfree.families.opis.consistency import Consistency
from labelfree.families.opis.curves import Curves, pairs_of

_ABOUT = ((0.7, 1.4), (0.8, 1.0))
"""Of the false accept rates of both ends of the range: where the distance per rate is measured."""


@dataclass(frozen=True, eq=False)
class Influences:
    """The influence of each of T groups on the metrics of OPIS (T,): T times what one more group like it would add.

    A group counts by its own utility; it also moves the ends of the calibration range, which are shares of the pairs of
    all groups, and the specificity of the others. What it takes from each other group is what it takes from the mean.
    """

    curves: Curves
    scores: Consistency

    @property
    def opis(self) -> Float:
        """On the mean squared distance from the mean curve."""
        scores = self.scores
        apart = scores.utility - scores.mean
        return self._whole(
            scores.contribution - scores.opis, (apart**2).mean(axis=0), 2 * (apart * self._steepness).mean(axis=0)
        )

    @property
    def mean_utility(self) -> Float:
        """On the mean curve."""
        own = self.scores.utility @ self.scores.weight - self.scores.mean_utility
        return self._whole(own, self.scores.mean, self._steepness.mean(axis=0))

    @property
    def worst_utility(self) -> Float:
        """On the mean of the worst groups, the mean below a quantile."""
        return self._whole(self._below @ self.scores.weight, self.scores.worst, self._worst_steepness)

    @property
    def eps_opis(self) -> Float:
        """On the squared distance of the worst groups from the mean curve."""
        scores = self.scores
        gap = scores.worst - scores.mean
        own = (self._below - (scores.utility - scores.mean)) @ (2 * gap * scores.weight)
        return self._whole(own, gap**2, 2 * gap * (self._worst_steepness - self._steepness.mean(axis=0)))

    def _whole(self, own: Float, curve: Float, slope: Float) -> Float:
        """The influence on the mean over the range of a curve (g,) that rises by `slope` (g,) with specificity."""
        weight = self.scores.weight
        value, (low, high) = float(curve @ weight), self.curves.zone
        ends = (value - curve[0]) * self._ends[:, 0] + (curve[-1] - value) * self._ends[:, 1]
        return np.asarray(own + ends / (high - low) - self._accepted @ (slope * weight))

    @cached_property
    def _share(self) -> Float:
        """Pairs with one end in each group over their mean (T,)."""
        outside = pairs_of(self.curves.size)[1]
        return np.asarray(outside / outside.mean())

    @cached_property
    def _accepted(self) -> Float:
        """What each group adds to the false accept rate of the others (T, g)."""
        inside = self.curves.inside
        return np.asarray((1 - self.curves.specificity[:, inside] - self.curves.far[inside]) * self._share[:, None])

    @cached_property
    def _ends(self) -> Float:
        """How far each group moves both ends of the range (T, 2): the rate of all pairs has to stay what it is."""
        curves, at = self.curves, self.curves.ends
        rate = curves.far[at]
        more = 2 * (1 - curves.specificity[:, at] - rate) * self._share[:, None]
        found = np.empty(2)
        for i, (below, above) in enumerate(_ABOUT):
            near = np.clip([below * rate[i], above * rate[i]], 0.0, rate[1])
            first, last = np.interp(near, curves.far, curves.threshold)
            found[i] = (last - first) / (near[1] - near[0])
        return np.asarray(-more * found)

    @cached_property
    def _steepness(self) -> Float:
        """How fast each utility rises with its group's specificity (T, g)."""
        inside = self.curves.inside
        sens, spec = self.curves.sensitivity[:, inside], self.curves.specificity[:, inside]
        total = sens + spec
        return np.asarray(2 * np.divide(sens, total, out=np.zeros_like(total), where=total > 0) ** 2)

    @cached_property
    def _worst_steepness(self) -> Float:
        """How fast the mean utility of the worst groups rises with their specificity (g,)."""
        worst = self.scores.utility <= self.scores.quantile
        return np.asarray((self._steepness * worst).sum(axis=0) / worst.sum(axis=0))

    @cached_property
    def _below(self) -> Float:
        """The influence of each group on the worst curve by its own utility (T, g)."""
        scores = self.scores
        below = np.maximum(scores.quantile - scores.utility, 0.0) * (len(scores.utility) / scores.count)
        return np.asarray(below.mean(axis=0) - below)
