"""What a metric returns: a frozen record of plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "undefined", "partial"]
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

Z95 = 1.96


@dataclass(frozen=True)
class Result:
    """The value of one metric on one data set.

    value: the metric, or None where it is undefined (never NaN, 0 or 1 in its place).
    se, interval: standard error over the rows and the 95 % interval value +- 1.96 se, clamped to the bounds of
    the metric; None where no standard error is known.
    status: "ok"; "undefined" with reason_code and reason; "partial" where the value exists but a condition of
    its definition is not met.
    params: what fixes the number's meaning (eps, fit range, rows used); parts: what it is made of.
    """

    value: float | None
    se: float | None = None
    interval: tuple[float, float] | None = None
    status: Status = "ok"
    reason_code: str | None = None
    reason: str | None = None
    params: Mapping[str, Plain] = field(default_factory=dict)
    parts: Mapping[str, Plain] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def measured(
    value: float,
    se: float | None = None,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    params: Mapping[str, Plain] | None = None,
    parts: Mapping[str, Plain] | None = None,
    warnings: Sequence[str] = (),
) -> Result:
    """A defined value clamped to its mathematical bounds, with its 95 % interval."""
    value = float(min(max(value, low), high)) + 0.0  # -0.0 is 0.0
    if se is not None and not math.isfinite(se):
        se = None
    interval = None
    if se is not None:
        se = float(se)
        interval = (float(max(value - Z95 * se, low)) + 0.0, float(min(value + Z95 * se, high)) + 0.0)
    return Result(value, se, interval, params=params or {}, parts=parts or {}, warnings=tuple(warnings))


def undefined(reason_code: str, reason: str, params: Mapping[str, Plain] | None = None) -> Result:
    """A metric that has no value on these data, and why."""
    return Result(None, status="undefined", reason_code=reason_code, reason=reason, params=params or {})
