"""What the rest of labelfree knows of a metric beside its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, TypeAlias

from labelfree.catalog import CatalogEntry, Direction, Kind, entry
from labelfree.evidence.evidence import Need
from labelfree.results import Result

FROM_MOMENTS: tuple[Need, ...] = ("moments", "sample")
FROM_UNIT_ROWS: tuple[Need, ...] = ("unit", "sample")
FROM_SAMPLE: tuple[Need, ...] = ("sample",)
FROM_VIEWS: tuple[Need, ...] = ("views",)
FROM_SAMPLED_OUTPUTS: tuple[Need, ...] = ("outputs", "sample")
NO_DIRECTION = "a description: no setting is known in which more is better"

Scale: TypeAlias = int | None
"""p where rows times s give the value times s^p; None where no row is looked at."""
INVARIANT: Scale = 0
"""A common scale of all rows changes nothing."""
LOGITS: Scale = None
"""Made of logits and labels alone, whose scale has a meaning."""


@dataclass(frozen=True)
class Metric:
    """One metric: `function` takes arrays and is public, `compute` takes evidence and is pure.

    compute: takes Evidence; in the family "weights" one Weight, or all layers of a checkpoint. needs: of the evidence;
    scale: what a common scale of all rows does to the value; holds_in: where its direction is known, and where it is
    known to mislead; definition: one line that fixes the number; another definition is another, not comparable, metric.
    What is known of it without importing it stands in `labelfree.catalog`.
    """

    function: Callable[..., Result]
    compute: Callable[[Any], Result]
    needs: tuple[Need, ...]
    scale: Scale
    holds_in: str
    definition: str

    @property
    def name(self) -> str:
        """The key under `metrics` in a report, the name for `only` and explain."""
        return self.function.__name__

    @property
    def entry(self) -> CatalogEntry:
        """The row of this metric in the catalog."""
        return entry(self.name)

    @property
    def family(self) -> str:
        """The family that it belongs to."""
        return self.entry.family

    @property
    def kind(self) -> Kind:
        """Whether the value estimates accuracy, ranks models, or describes the data."""
        return self.entry.kind

    @property
    def direction(self) -> Direction:
        """Which way is better, where that is known; `holds_in` says where."""
        return self.entry.direction

    @property
    def explanation(self) -> str:
        """The docstring of the public function: what `labelfree explain` prints."""
        return cleandoc(self.function.__doc__ or "")
