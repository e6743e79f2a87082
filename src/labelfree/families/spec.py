"""What the rest of labelfree knows of a metric beside its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal, TypeAlias

from labelfree.evidence.evidence import Need
from labelfree.results import Result

Kind: TypeAlias = Literal["estimate", "rank", "description"]
Direction: TypeAlias = Literal["higher", "lower", "target", "none"]


FROM_MOMENTS: tuple[Need, ...] = ("moments", "sample")
FROM_UNIT_ROWS: tuple[Need, ...] = ("unit", "sample")
FROM_SAMPLE: tuple[Need, ...] = ("sample",)
FROM_VIEWS: tuple[Need, ...] = ("views",)
NO_DIRECTION = "a description: no setting is known in which more is better"


@dataclass(frozen=True)
class Metric:
    """One metric: `function` takes arrays and is public, `compute` takes evidence and is pure.

    compute: takes Evidence; in the family "weights" one Weight, or all layers of a checkpoint.

    kind: whether the value estimates accuracy, ranks models, or describes the data.
    direction: which way is better, where that is known; holds_in says where, and where it is known to mislead.
    definition: one line that fixes the number; another definition is another, not comparable, metric.
    """

    function: Callable[..., Result]
    compute: Callable[[Any], Result]
    family: str
    needs: tuple[Need, ...]
    kind: Kind
    direction: Direction
    holds_in: str
    definition: str

    @property
    def name(self) -> str:
        """The key under `metrics` in a report, the name for --only and explain."""
        return self.function.__name__

    @property
    def explanation(self) -> str:
        """The docstring of the public function: what `labelfree explain` prints."""
        return cleandoc(self.function.__doc__ or "")
