"""What a metric returns: a frozen record of plain numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, SupportsFloat, TypeAlias

from labelfree.documents.findings import Noted

Status: TypeAlias = Literal["ok", "undefined", "partial"]
Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

Z95 = 1.96
GREATEST = 1e100
"""Of a value in a report: its square and its cube can still be computed with."""


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
    warnings: tuple[Noted, ...] = ()

    def __post_init__(self) -> None:
        refuse_nonfinite(vars(self))


def refuse_nonfinite(found: Mapping[str, object]) -> None:
    """Stop where a number of a result or a report is NaN or infinite: a fault of ours, not of the data.

    >>> refuse_nonfinite({"parts": {"folds": [0.5, float("nan")]}})
    Traceback (most recent call last):
      ...
    AssertionError: parts.folds[1] is nan: expected finite numbers, and None where there is none
    """
    for name, value in found.items():
        if wrong := _nonfinite(value, name):
            raise AssertionError(f"{wrong}: expected finite numbers, and None where there is none")


def _nonfinite(value: object, where: str) -> str:
    """Where the first number that is NaN or infinite stands, and what it is; empty where all are finite."""
    if value is None or isinstance(value, str | int):
        return ""
    inside: Iterable[tuple[str, object]] = ()
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{where} is {float(value)}"
    if isinstance(value, Mapping):
        inside = ((f"{where}.{key}", one) for key, one in value.items())
    elif isinstance(value, Sequence):
        inside = ((f"{where}[{i}]", one) for i, one in enumerate(value))
    elif isinstance(value, SupportsFloat):  # last: a look at a protocol takes microseconds
        return "" if math.isfinite(value) else f"{where} is {float(value)}"
    return next(filter(None, (_nonfinite(one, name) for name, one in inside)), "")


def in_unit(value: float, exponent: int) -> float | None:
    """value * 2**exponent, exactly; None where it is no number of float64, or lost digits near zero.

    >>> in_unit(3.0, 2), in_unit(0.0, 9000), in_unit(1.0, 2000), in_unit(1.0, -1060)
    (12.0, 0.0, None, None)
    """
    if exponent == 0 or value == 0:
        return value if math.isfinite(value) else None
    if not sys.float_info.min_exp <= math.frexp(value)[1] + exponent <= sys.float_info.max_exp:
        return None
    return math.ldexp(value, exponent)


def measured(
    value: float,
    se: float | None = None,
    *,
    exponent: int = 0,
    low: float = -math.inf,
    high: float = math.inf,
    params: Mapping[str, Plain] | None = None,
    parts: Mapping[str, Plain] | None = None,
    warnings: Sequence[Noted] = (),
) -> Result:
    """A defined value clamped to its mathematical bounds, with its 95 % interval.

    exponent: value, se and bounds are given in units of 2**exponent. Undefined, out_of_range, where a report could not
    hold the value or an end of the interval.
    """
    value = float(min(max(value, low), high)) + 0.0  # -0.0 is 0.0
    if se is not None and not math.isfinite(se):
        se = None
    ends: list[float] = []
    if se is not None:
        ends = [float(max(value - Z95 * se, low)) + 0.0, float(min(value + Z95 * se, high)) + 0.0]
    given = [value] if se is None else [value, float(se), *ends]
    numbers = given if math.isnan(value) else [in_unit(number, exponent) for number in given]
    held = [number for number in numbers if number is not None and not abs(number) > GREATEST]
    if len(held) < len(numbers):
        size = f"{value:.3g}" + (f" times 2^{exponent}" if exponent else "")
        reason = f"{size} is more than {GREATEST:g}, or less than the least number of float64: scale the rows first"
        return undefined("out_of_range", reason, params)
    error, interval = (held[1], (held[2], held[3])) if ends else (None, None)
    return Result(held[0], error, interval, params=params or {}, parts=parts or {}, warnings=tuple(warnings))


def undefined(reason_code: str, reason: str, params: Mapping[str, Plain] | None = None) -> Result:
    """A metric that has no value on these data, and why."""
    return Result(None, status="undefined", reason_code=reason_code, reason=reason, params=params or {})
