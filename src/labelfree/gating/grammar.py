"""The strict grammar of what a gate requires: `rankme >= 120`, and of what it may lose: `separability=5%`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt

from labelfree.catalog import check_metric
from labelfree.errors import UsageError, option

OPERATORS: dict[str, Callable[[Decimal, Decimal], bool]] = {">=": ge, "<=": le, "==": eq, ">": gt, "<": lt}
"""What may stand between a metric and a number; equality counts as it is written."""

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_REQUIREMENT = re.compile(rf"\s*([A-Za-z_]\w*)\s*(>=|<=|==|>|<)\s*({_NUMBER})\s*", re.ASCII)
_DROP = re.compile(rf"\s*([A-Za-z_]\w*)\s*=\s*({_NUMBER})\s*(%?)\s*", re.ASCII)


@dataclass(frozen=True)
class Requirement:
    """A metric, an operator and a number: what the value must be."""

    metric: str
    operator: str
    number: Decimal

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {plain(self.number)}"

    def met_by(self, value: float) -> bool:
        """Whether a value meets it, in decimals: 0.1 is 0.1."""
        return OPERATORS[self.operator](decimal(value), self.number)


@dataclass(frozen=True)
class Drop:
    """How much of a metric may be lost against a baseline: an amount, or a percentage of the baseline's value."""

    metric: str
    number: Decimal
    percent: bool

    def __str__(self) -> str:
        return f"{self.metric}={plain(self.number)}{'%' if self.percent else ''}"

    def limit(self, base: float) -> Decimal:
        """The most that may be lost from a baseline's value."""
        return abs(decimal(base)) * self.number / 100 if self.percent else self.number


def requirement(text: str) -> Requirement:
    """A requirement from its text.

    >>> str(requirement("rankme>=120"))
    'rankme >= 120'
    """
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{option('require')}: expected METRIC OP NUMBER, such as 'rankme >= 120', found {text!r}{_hint(text)}"
        )
    return Requirement(check_metric(match[1], "require"), match[2], Decimal(match[3]))


def drop(text: str) -> Drop:
    """An allowed drop from its text.

    >>> str(drop("separability = 5 %"))
    'separability=5%'
    """
    match = _DROP.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{option('max_drop')}: expected METRIC=NUMBER or METRIC=NUMBER%, "
            f"such as separability=5% or rankme=2, found {text!r}"
        )
    number = Decimal(match[2])
    if number < 0:
        raise UsageError(f"{option('max_drop')}: expected a drop of at least 0, found {text!r}: leave the sign out")
    return Drop(check_metric(match[1], "max_drop"), number, match[3] == "%")


def decimal(value: float) -> Decimal:
    """The decimal number that a float is written as: reports are decimal, and a limit means what it says."""
    return Decimal(repr(value))


def plain(number: Decimal) -> str:
    """A decimal as people write it."""
    text = f"{number:f}" if -6 <= number.adjusted() <= 15 else str(number)
    return text.rstrip("0").rstrip(".") if "." in text and "E" not in text else text


def _hint(text: str) -> str:
    if re.search(r"\b(and|or)\b|&&|\|\||,|;", text):
        return f"; one condition each: {option('require', python='give a list')}"
    if any(sign in text for sign in ("≥", "≤", "=>", "=<")):
        return "; write >= or <="
    if "!=" in text or "<>" in text:
        return "; the operators are >= <= > < =="
    if re.search(r"(?<![<>=!])=(?!=)", text):
        return "; write == for equality"
    if "%" in text:
        return (
            f"; a percentage needs a baseline: {option('against', like='BASE')} with {option('max_drop', 'METRIC=5%')}"
        )
    if re.match(r"\s*[+-]?[\d.]", text):
        return "; the metric stands first"
    if re.search(r"\b(nan|inf|infinity)\b", text, re.IGNORECASE):
        return "; a finite number"
    return "; the operators are >= <= > < =="
