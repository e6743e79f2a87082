"""The calibration range of many rows: the distances at which given shares of the negative pairs are accepted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.curves import rank_of
from labelfree.families.opis.sorted_rows import SortedGroups
from labelfree.kernels import Kernels
from labelfree.progress import Advance

ROWS = 2_048
"""Rows of the pilot."""
_BINS = 1 << 16
_MARGIN = 0.4  # of a false accept rate, to both sides, in which that of all pairs lies if the pilot has it
_FINE, _FINEST = 2e-7, 1e-14  # width of a bin of cosines that need not be divided again: in a narrow range, and at all
_PARTS = 1_000  # of the range, each as wide as such a bin
_NARROW = 0.05  # distance below which float32 products cannot tell thresholds apart
_SEED = 0x0615


@dataclass(frozen=True, eq=False)
class Pilot:
    """Cosines (m,), ascending, of the negative pairs of some `rows`, which say where to look among all pairs."""

    cosine: Float
    rows: int

    @classmethod
    def of(cls, given: SortedGroups, seed: int) -> Pilot:
        """The pairs of at most 2,048 rows."""
        order = np.random.default_rng((seed, _SEED)).permutation(given.count)
        largest = given.code[order] == given.size.argmax()
        if largest[:ROWS].all():  # then without pairs: half of them from other groups, as far as there are as many
            others = order[~largest][: ROWS // 2]
            order = np.concatenate([others, order[largest]])
        chosen = np.sort(order[:ROWS])
        code = given.code[chosen]
        part = given.unit(np.float64, chosen)
        different = np.triu(code[:, None] != code, 1)
        return cls(np.sort((part @ part.T)[different]), len(chosen))

    def at(self, far: float) -> float:
        """The cosine that this share of the pairs reaches."""
        place = int(np.clip(np.ceil(far * len(self.cosine)), 1, len(self.cosine)))
        return float(self.cosine[-place])

    def precision(self, zone: Calibration) -> type[np.float32] | type[np.float64]:
        """The dtype in which the thresholds of the zone can be told apart."""
        reach = Calibration(zone.far).distance(self.at(zone.far[1]))
        return np.float32 if reach >= _NARROW else np.float64


@dataclass(frozen=True, eq=False)
class Ends:
    """cosine: at the ends of the calibration range; nearest (n,): each row's largest cosine to another group."""

    cosine: tuple[float, float]
    nearest: Float


def ends(
    unit: Rows, given: SortedGroups, zone: Calibration, pilot: Pilot, kernels: Kernels, advance: Advance
) -> Ends | None:
    """The ends of the range among all negative pairs, to the rounding of a product; None where it is empty.

    One pass over half of the pairs, and more only where the pilot misled: n^2 d flop.
    """
    wanted = [rank_of(far, given.pairs) for far in zone.far]
    windows = np.array([_window(pilot, far) for far in zone.far])
    code = given.code
    while True:
        above, counts, nearest = kernels.tail(unit, code, windows, _BINS, advance)
        found, accepted, settled, crowded = [], [], True, []
        for i, rank in enumerate(wanted):
            low, high = windows[i]
            reached = above[i] + counts[i][::-1].cumsum()
            width = (high - low) / _BINS
            if not above[i] < rank <= reached[-1]:
                windows[i], settled = (-1.001, 1.001), False
                continue
            place = int(np.searchsorted(reached, rank))
            found.append(high - (place + 1) * width)
            accepted.append(int(reached[place]))
            crowded.append(width if counts[i][-1 - place] > 1 else 0.0)
        if settled:
            fine = float(np.clip((found[0] - found[1]) / _PARTS, _FINEST, _FINE))
            if max(crowded) <= fine:
                break
        for i, width in enumerate(crowded if settled else []):
            if width > fine:
                windows[i] = (found[i] - width / 8, found[i] + 9 * width / 8)
    if found[1] >= found[0] or accepted[0] > zone.far[1] * given.pairs:
        return None
    return Ends((found[0], found[1]), nearest.astype(np.float64))


def _window(pilot: Pilot, far: float) -> tuple[float, float]:
    low, high = pilot.at(min(1.0, far * (1 + _MARGIN))), pilot.at(far * (1 - _MARGIN))
    return low - 1e-5, high + 1e-5
