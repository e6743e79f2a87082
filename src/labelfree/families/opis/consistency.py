"""OPIS and what stands beside it, as functions of the utilities of groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labelfree.arrays import Float
from labelfree.families.opis.curves import EPS


@dataclass(frozen=True, eq=False)
class Consistency:
    """Utilities U (T, g) of groups, and the weights (g,) of an integral over the calibration range.

    mean (g,): the macro mean curve; worst (g,): the mean of the worst `eps` of the groups, chosen anew at every
    threshold.
    """

    utility: Float
    weight: Float
    eps: float = EPS

    @property
    def mean(self) -> Float:
        """The mean utility of all groups at each threshold (g,)."""
        return np.asarray(self.utility.mean(axis=0))

    @property
    def count(self) -> int:
        """How many groups are the worst."""
        return max(1, int(np.ceil(self.eps * len(self.utility) - 1e-12)))

    @cached_property
    def _lowest(self) -> Float:
        """The utilities of the worst groups at each threshold (count, g), the best of them last."""
        return np.partition(self.utility, self.count - 1, axis=0)[: self.count].copy()  # without the rest

    @property
    def worst(self) -> Float:
        """The mean utility of the worst groups at each threshold (g,)."""
        return np.asarray(self._lowest.mean(axis=0))

    @property
    def quantile(self) -> Float:
        """The utility of the best of the worst groups at each threshold (g,)."""
        return np.asarray(self._lowest[-1])

    @property
    def contribution(self) -> Float:
        """What each group adds to OPIS (T,): its mean squared distance from the mean curve; their mean is OPIS."""
        return np.asarray((self.utility - self.mean) ** 2 @ self.weight)

    @property
    def opis(self) -> float:
        """The variance of utility over groups, averaged over the calibration range."""
        return float(self.contribution.mean())

    @property
    def eps_opis(self) -> float:
        """The squared distance of the worst groups from the mean curve, averaged over the range."""
        return float((self.worst - self.mean) ** 2 @ self.weight)

    @property
    def mean_utility(self) -> float:
        """The mean curve, averaged over the range."""
        return float(self.mean @ self.weight)

    @property
    def worst_utility(self) -> float:
        """The utility of the worst groups, averaged over the range."""
        return float(self.worst @ self.weight)

    def about(self, curve: Float) -> float:
        """The mean squared distance of the groups from another curve (g,)."""
        return float(((self.utility - curve) ** 2).mean(axis=0) @ self.weight)
