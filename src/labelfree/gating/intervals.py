"""Requirements judged by the interval of a metric: it passes where all of it meets them, and fails where none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from labelfree.catalog import suggestion
from labelfree.documents.wording import apart
from labelfree.errors import option
from labelfree.gating.grammar import Requirement, decimal

Measured: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Metrics by name as a document holds them: value, interval, and why there is none."""
BY = ("value", "interval")
"""What a requirement may be judged by."""
LEVEL = 0.95
"""What share of intervals holds the truth."""


def required_by_interval(asked: Requirement, subjects: Sequence[tuple[str, Measured]]) -> list[dict[str, Any]]:
    """A requirement on the interval of every subject that holds the metric, as conditions of a verdict.

    Pass where the whole interval meets it, fail where no number of it does, undecided in between and where there is a
    value without an interval; what is undefined, or held by no subject, fails. subjects: each by the name to tell.

    >>> from labelfree.gating.grammar import requirement
    >>> measured = {"rankme": {"value": 8.0, "interval": (7.5, 8.5)}}
    >>> [required_by_interval(requirement(f"rankme >= {least}"), [("b", measured)])[0]["decision"] for least in (7, 8)]
    ['pass', 'undecided']
    """
    about = {"kind": "require", "by": "interval", "metric": asked.metric, "required": str(asked)}
    holding = [(name, measured[asked.metric]) for name, measured in subjects if asked.metric in measured]
    if not holding:
        where = ", ".join(dict.fromkeys(name for name, _ in subjects))
        near = suggestion(asked.metric, sorted({one for _, measured in subjects for one in measured}))
        way = near if near.startswith("did") else f"measure it, for instance with {option('only')}"
        said = f"{asked.metric} is not in {where}; {way}; what is missing never passes"
        return [{**about, "decision": "fail", "reason": "missing", "message": said, "found": None}]
    return [{**about, **_judged(asked, name, entry)} for name, entry in holding]


def _judged(asked: Requirement, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The decision on one subject."""
    value, interval = entry.get("value"), entry.get("interval")
    found = {"value": value, "se": entry.get("se"), "source": name, "file": name}
    if value is None:
        why = entry.get("reason") or entry.get("reason_code")
        said = f"{asked.metric} is undefined at {name}: {why}; what is undefined never passes"
        return {"found": found, "decision": "fail", "reason": "undefined", "message": said}
    if interval is None:
        said = (
            f"{asked.metric} is {value:.6g} at {name} and has no interval to judge ({asked}): judge the value, with "
            f"{option('require')} of labelfree gate"
        )
        return {"found": found, "decision": "undecided", "reason": "no_interval", "message": said}
    low, high = sorted(map(float, interval))
    decision = decided(asked, low, high)
    told = apart(asked.number, value, low, high, digits=4)[1:]
    how = {"pass": "all of it as", "fail": "none of it as", "undecided": "only a part of it as"}[decision]
    said = f"{asked.metric} is {told[0]} ({told[1]} to {told[2]}) at {name}, {how} required ({asked})"
    if decision == "undecided":
        said += "; more rows make the interval shorter"
    reason = {"pass": "met", "fail": "not_met", "undecided": "within_noise"}[decision]
    return {
        "found": found, "estimate": value, "interval": [low, high], "level": LEVEL, "limit": float(asked.number),
        "decision": decision, "reason": reason, "message": said,
    }  # fmt: skip


def decided(asked: Requirement, low: float, high: float) -> str:
    """pass, fail or undecided: whether all numbers from low to high meet a requirement, none, or some.

    >>> from labelfree.gating.grammar import requirement
    >>> decided(requirement("rankme > 0.5"), 0.5, 0.6), decided(requirement("rankme == 0.5"), 0.6, 0.7)
    ('undecided', 'fail')
    """
    ends = asked.met_by(low), asked.met_by(high)
    if all(ends):
        return "pass"
    if any(ends) or (asked.operator == "==" and decimal(low) < asked.number < decimal(high)):
        return "undecided"
    return "fail"
