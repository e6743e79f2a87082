"""Which of several reports has the highest or lowest value of a metric, and by how much the others are behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labelfree.catalog import command, headlines
from labelfree.errors import option
from labelfree.reports.across import change, differences, ordered, same_scale
from labelfree.reports.rows import RowsReport
from labelfree.results import Z95


@dataclass(frozen=True)
class Leading:
    """The report with the highest value of a metric, or the lowest; or the reason why there is none.

    others: the runner-up and the last of the run, each with its distance.
    """

    metric: str | None
    end: Literal["highest", "lowest"] | None = None
    report: RowsReport | None = None
    others: tuple[Distance, ...] = ()
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """What the JSON says of it."""
        return {
            "metric": self.metric, "end": self.end, "source": _name(self.report), "reason": self.reason or None,
            "others": [one.document() for one in self.others],
        }  # fmt: skip


@dataclass(frozen=True)
class Distance:
    """By how much a report is behind: a positive number in units of the metric, and its 95 % interval.

    noise: "paired" on the same subsamples; "unpaired" from both standard errors, too wide on the same rows; None where
    no interval is known.
    """

    report: RowsReport
    place: Literal["last", "next"]
    by: float
    interval: tuple[float, float] | None
    noise: Literal["paired", "unpaired"] | None

    @property
    def real(self) -> bool:
        """Whether the interval is above zero."""
        return self.interval is not None and self.interval[0] > 0

    def document(self) -> dict[str, Any]:
        """What the JSON says of it."""
        interval = None if self.interval is None else list(self.interval)
        return {
            "source": _name(self.report), "place": self.place, "behind": self.by, "interval": interval,
            "noise": self.noise,
        }  # fmt: skip


def _name(report: RowsReport | None) -> str | None:
    return None if report is None else report.input.sources[0]


def headline(reports: Sequence[RowsReport]) -> str | None:
    """The metric that a command is about: the first of its headlines, or of those asked for, that has a value."""
    asked: Sequence[str] = reports[0].settings.get("only") or ()
    families = command(reports[0].command).families
    known = headlines(families[0]) if len(families) == 1 else ()
    for name in (*known, *asked):
        if any(name in r.metrics and r.metrics[name].value is not None for r in reports):
            return name
    return None


def leading(reports: Sequence[RowsReport], metric: str | None = None) -> Leading:
    """The report that leads in a metric, in the headline where none is named.

    Only where a direction is known in this setting: it is higher or lower, and all reports are of the same rows, of one
    shape, one definition and the same settings.
    """
    name = metric or headline(reports)
    if name is None:
        family = command(reports[0].command).families
        several = f"{reports[0].command} has no single headline; name one metric with {option('only')}"
        return Leading(None, reason=several if len(family) > 1 else "the headline is undefined")
    held = [r for r in reports if name in r.metrics]
    entries = [r.metrics[name] for r in held]
    directions = {entry.direction for entry in entries}
    if not directions <= {"higher", "lower"} or len(directions) != 1:
        return Leading(name, reason=f"no direction is known for {name}")
    if len(held) < 2:
        return Leading(name, reason=f"only one source has {name}")
    if not same_scale(reports):
        return Leading(name, reason=f"not comparable: {differences(reports)[0]}")
    if len({entry.definition for entry in entries}) > 1 or any(e.params != entries[0].params for e in entries):
        return Leading(name, reason=f"not comparable: {name} was measured with other settings")
    defined = [r for r in ordered(held)[0] if r.metrics[name].value is not None]
    if len(defined) < 2:
        return Leading(name, reason=f"{name} is undefined for all sources but {len(defined)}")
    sign = 1.0 if directions == {"higher"} else -1.0
    ranked = sorted(defined, key=lambda r: -sign * _value(r, name))
    best, runner = ranked[0], ranked[1]
    last = defined[-1] if ordered(held)[1] == "step" else None
    others = [_distance(runner, best, name, sign, "last" if runner is last else "next")]
    if last is not None and last is not best and last is not runner:
        others.append(_distance(last, best, name, sign, "last"))
    return Leading(name, "highest" if sign > 0 else "lowest", best, tuple(others))


def _value(report: RowsReport, name: str) -> float:
    value = report.metrics[name].value
    assert value is not None
    return value


def _distance(other: RowsReport, best: RowsReport, name: str, sign: float, place: Literal["last", "next"]) -> Distance:
    by = sign * (_value(best, name) - _value(other, name))
    if (found := change(other, best, name)) is not None:
        se, noise = found["se"], "paired"
    elif (a := best.metrics[name].se) is not None and (b := other.metrics[name].se) is not None:
        se, noise = math.hypot(a, b), "unpaired"
    else:
        return Distance(other, place, by, None, None)
    return Distance(other, place, by, (by - Z95 * se, by + Z95 * se), noise)  # type: ignore[arg-type]
