"""Axes as pixels: ends that hold what is drawn, and ticks at round numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from labelfree.render.pictures.model import Axis

_MARGIN = 0.04
"""Share of an axis that stays free beyond the data."""
_MOST, _LEAST = sys.float_info.max, 5e-324
"""The ends of what a number can be."""
_EXACT = 1e-11
"""A span below this share of its values is one of rounding: it is drawn as one value."""
_PLAIN = (1e-4, 1e7)
"""Sizes of numbers that are written without a power of ten."""


@dataclass(frozen=True)
class Scale:
    """From values to pixels: the ends of an axis, and where they lie."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value that is drawable, kept inside the ends."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2)))
        return self.start + share * (self.end - self.start)

    def draws(self, value: float) -> bool:
        """Whether a value has a place on this axis at all."""
        return math.isfinite(value) and (value > 0 or not self.log)


def ends(values: Iterable[float], axis: Axis, *, margin: float = _MARGIN) -> tuple[float, float]:
    """The ends of an axis: those that are fixed, else what holds the values and a margin, or a span about one.

    >>> ends([2.0, 2.0], Axis("x", low=0))
    (0, 2.08)
    """
    log = axis.scale == "log"
    known = [float(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else ((1.0, 10.0) if log else (0.0, 1.0))
    if axis.low is not None and (axis.low > 0 or not log):
        low = min(axis.low, high)
    if axis.high is not None:
        high = max(axis.high, low)
    if high / 2 - low / 2 <= _EXACT / 2 * max(abs(low), abs(high)):
        low, high = _about(low, log)
    room = margin * (math.log(high) - math.log(low)) if log else 2 * margin * (high / 2 - low / 2)
    first = axis.low if axis.low is not None and axis.low < high else None
    last = axis.high if axis.high is not None and axis.high > low else None
    if first is None:
        first = max(_LEAST, low * math.exp(-room)) if log else max(-_MOST, low - room)
    if last is None:
        last = min(_MOST, high * math.exp(room) if log else high + room)
    return first, last


def _about(value: float, log: bool) -> tuple[float, float]:
    """A span about one value."""
    if log:
        return max(_LEAST, value / 2), min(_MOST, value * 2)
    apart = abs(value) / 20 or 0.5
    return max(-_MOST, value - apart), min(_MOST, value + apart)


def ticks(low: float, high: float, *, log: bool, most: int, whole: bool = False) -> list[tuple[float, str]]:
    """Round numbers between two ends with their labels, at most about as many as asked for; whole: none between two.

    >>> [label for _, label in ticks(0, 1234, log=False, most=5)]
    ['0', '500', '1,000']
    >>> [label for _, label in ticks(0.5, 3000, log=True, most=5)]
    ['1', '10', '100', '1,000']
    """
    if log:
        found = _decades(low, high, max(2, most))
        if len(found) > 1:
            return [(value, number(value, 0.0)) for value in found]
    step = _step((high / 2 - low / 2) / max(1, most) * 2)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [round(i * step, places) if places < 300 else i * step for i in range(first, last + 1)]
    values = [value for value in values if value > 0 or not log] or [high]
    return [(value, number(value, step)) for value in values]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten between two positive ends, or round numbers between them where they are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 2:
        every = -(-(last - first + 1) // most)
        return [float(f"1e{power}") for power in range(first, last + 1, every)]
    found = [float(f"{m}e{power}") for power in range(first - 1, last + 1) for m in (1, 2, 5)]
    return [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _step(least: float) -> float:
    """The least round step that is no smaller: 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(least))
    return next(s for m in (1, 2, 5, 10) if (s := float(f"{m}e{power}")) >= least * (1 - 1e-9))


def number(value: float, step: float) -> str:
    """A number as an axis names it, in the digits that a step between two of them shows; 0: in its own.

    >>> number(0.30000000000000004, 0.1), number(2e6, 1e6), number(5e-08, 1e-08), number(3e12, 1e12)
    ('0.3', '2,000,000', '5e-8', '3e12')
    """
    size = abs(value)
    if not size:
        return "0" if not _PLAIN[0] <= step < _PLAIN[1] else f"{0:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
    if not _PLAIN[0] <= max(size, step) < _PLAIN[1]:
        digits = 0 if not step else max(0, math.floor(math.log10(size) + 1e-9) - math.floor(math.log10(step) + 1e-9))
        mantissa, _, power = f"{value:.{min(digits, 15)}e}".partition("e")
        return f"{mantissa}e{int(power)}"
    if not step:
        return f"{value:,.6g}" if size < 1 else f"{value:,.0f}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
