"""The groups of a data set and what they do at one threshold, computed once for all metrics of OPIS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from labelfree.evidence.evidence import Evidence
from labelfree.evidence.groups import GroupRows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.consistency import Consistency
from labelfree.families.opis.operating_point import Operating, operating
from labelfree.families.opis.sorted_rows import grouped
from labelfree.results import Plain, Result

UNSTABLE = 0.5
"""Adjusted Rand index over seeds below which pseudo-groups are called unstable."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Groups and what they do at one threshold.

    pseudo: whether the groups are clusters of the rows themselves; runs: what is to be known of them.
    """

    given: GroupRows
    operating: Operating
    pseudo: bool = False
    runs: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def stable(self) -> bool | None:
        """Whether pseudo-groups agree from seed to seed; None where that is not known."""
        agreed = self.runs.get("stability_ari")
        return agreed >= UNSTABLE if isinstance(agreed, float) else None

    @cached_property
    def consistency(self) -> Consistency:
        """The utilities of all groups in the calibration range."""
        return Consistency(self.operating.utility, self.operating.weight)


def of_groups(e: Evidence, given: GroupRows, zone: Calibration, *, pseudo: bool = False) -> Judged | Result:
    """The operating curves of given groups at one threshold for all; or why there are none."""
    rows = grouped(given, 1 / zone.far[0])
    if isinstance(rows, Result):
        return rows
    found = operating(rows, zone, e.kernels, e.seed, e.progress)
    return found if isinstance(found, Result) else Judged(given, found, pseudo)
