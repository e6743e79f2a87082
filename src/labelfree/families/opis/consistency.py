"""OPIS and what stands beside it, as functions of the utilities of groups, with their standard errors over groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float
from labelfree.families.opis.curves import EPS
from labelfree.results import Z95

RESAMPLES = 300
LEAST_GROUPS = 5
"""Groups from which on a spread over them says something."""
LEAST_WORST = 3
"""Worst groups from which on their mean has a standard error."""
_SEED = 0xB007


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

    @property
    def worst(self) -> Float:
        """The mean utility of the worst groups at each threshold (g,)."""
        return np.asarray(np.partition(self.utility, self.count - 1, axis=0)[: self.count].mean(axis=0))

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

    def _worst_influence(self) -> Float:
        """The influence of each group on the worst curve (T, g): that of the mean below a quantile."""
        quantile = np.partition(self.utility, self.count - 1, axis=0)[self.count - 1]
        below = np.maximum(quantile - self.utility, 0.0) * (len(self.utility) / self.count)
        return np.asarray(below.mean(axis=0) - below)

    def _error(self, influence: Float) -> float | None:
        groups = len(influence)
        return None if groups < LEAST_GROUPS else float(np.std(influence, ddof=1) / groups**0.5)

    @property
    def mean_utility_error(self) -> float | None:
        """Standard error of `mean_utility` over groups."""
        return self._error(self.utility @ self.weight)

    @property
    def worst_utility_error(self) -> float | None:
        """Standard error of `worst_utility` over groups; None where few of them are the worst."""
        return None if self.count < LEAST_WORST else self._error(self._worst_influence() @ self.weight)

    @property
    def eps_opis_error(self) -> float | None:
        """Standard error of `eps_opis` over groups; None where few of them are the worst."""
        if self.count < LEAST_WORST:
            return None
        moved = self._worst_influence() - (self.utility - self.mean)
        return self._error(moved @ (2 * (self.worst - self.mean) * self.weight))

    def log_error(self, seed: int) -> float | None:
        """Standard deviation of log OPIS over resamples of whole groups; None for few groups, or equal ones."""
        groups = len(self.utility)
        if groups < LEAST_GROUPS:
            return None
        random = np.random.default_rng((seed, _SEED))
        drawn = random.multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES) / groups
        drawn = drawn[drawn.max(axis=1) < 1]  # one group alone has no spread, and says nothing of the others
        apart = self.utility - self.mean
        values = (drawn @ apart**2 - (drawn @ apart) ** 2) @ self.weight
        return float(np.log(values).std(ddof=1)) if (values > 0).all() else None


def log_interval(value: float, error: float | None, high: float, factor: float = 1.0) -> tuple[float, float] | None:
    """The 95 % interval of a positive value whose logarithm has this standard error."""
    if error is None or value <= 0:
        return None
    center = value * factor
    return float(center * np.exp(-Z95 * error)), float(min(high, center * np.exp(Z95 * error)))
