"""A plateau: does a metric of a run still improve at its latest check?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from labelfree.documents.reading import rounded
from labelfree.documents.wording import apart, counted
from labelfree.gating.conditions import Condition
from labelfree.gating.grammar import decimal, plain
from labelfree.gating.guards import sound_steps
from labelfree.gating.rules import patience, slope
from labelfree.gating.series import Reading, collapse_shares, comparable, of_run, oriented, undefined
from labelfree.history import Record

_OPTION = "plateau"
_LEAST_ERROR = 1e-100
"""A standard error whose square is a number."""


def plateau(metric: str, records: Sequence[Record], rule: str, numbers: dict[str, Any]) -> Condition:
    """The condition of one metric over the records of one run."""
    about: Condition = {"kind": "plateau", "metric": metric, "rule": rule, "warnings": []}
    about |= dict.fromkeys(("checks", "window", "estimate", "interval", "level", "noise", "best", "latest"))
    readings, latest = comparable(of_run(records, metric)), max(r["step"] for r in records)
    defined = [r for r in readings if r.value is not None]
    better = [oriented(r, r.value, _OPTION) for r in defined if r.value is not None]
    about |= {"checks": len(defined), "best": _best(defined, better, records, {latest, *(r.step for r in readings)})}
    if not readings or readings[-1].step != latest:
        held = f"its last is at step {readings[-1].step}" if readings else "no check holds it"
        return about | {
            "decision": "fail",
            "reason": "missing",
            "message": f"{metric} is not in the latest check (step {latest}), {held}; what is missing never passes: "
            "append it at every step",
        }
    if readings[-1].value is None:
        said = f"{undefined(readings[-1])}; what is undefined never passes"
        return about | {"decision": "fail", "reason": "undefined", "message": said}
    if len(defined) < len(readings):
        count = len(readings) - len(defined)
        about["warnings"] = [f"{metric}: {counted(count, 'earlier check')} without a value left out"]
    about |= {"direction": defined[-1].entry["direction"], "latest": defined[-1].told()}
    judged = {"slope": _slope, "patience": _patience, "threshold": _threshold}[rule]
    return about | judged(defined, better, numbers)


def _best(
    readings: Sequence[Reading], better: Sequence[float], records: Sequence[Record], steps: Collection[int]
) -> dict[str, Any] | None:
    """The best defined check that the collapse guard lets pass: a collapsed one is often the highest of all.

    steps: the checks of the run up to the latest, whether they have a value or not.
    """
    sound = sound_steps(*collapse_shares(records))
    kept = [(value, -i) for i, value in enumerate(better) if readings[i].step in sound]
    if not kept:
        return None
    best = readings[-max(kept)[1]]
    since = {"checks_since": sum(step > best.step for step in steps), "steps_since": max(steps) - best.step}
    return {**best.told(), **since}


def _too_little(needed: int, found: int, numbers: dict[str, Any], what: str) -> Condition:
    return {
        "decision": "continue",
        "reason": "too_little_history",
        "message": f"{counted(found, 'check')} so far; the first decision comes at {needed} ({numbers['warmup']} of "
        f"warm-up and {what})",
    }


def _slope(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any]) -> Condition:
    size, least = numbers["window"], numbers["min_delta"]
    needed = numbers["warmup"] + size
    if len(readings) < needed:
        return _too_little(needed, len(readings), numbers, f"a window of {size}")
    window = readings[-size:]
    errors = [r.se for r in window]
    known = [e for e in errors if e is not None and e > _LEAST_ERROR]
    replicates, factor = _replicates(window)
    trend = slope(
        better[-size:],
        confidence=numbers["confidence"],
        errors=known if len(known) == size else None,
        replicates=replicates,
        factor=factor,
    )
    high, estimate = rounded(trend.high), rounded(trend.estimate)
    stop = high < least  # at the digits that the verdict shows
    metric, first, last = window[-1].metric, window[0].step, window[-1].step
    most, delta = apart(least, high, digits=4)[1], plain(decimal(least))
    changed = f"improved by {estimate:.4g}" if estimate >= 0 else f"got worse by {-estimate:.4g}"
    said = (
        f"{metric} {changed} over the last {size} checks (steps {first} to {last}); it improved by at most {most} at "
        f"confidence {numbers['confidence']:g}: "
        + (f"less than {delta}, a plateau" if stop else f"{delta} or more is still possible")
    )
    found: Condition = {
        "window": {"checks": size, "first_step": first, "last_step": last},
        "estimate": estimate,
        "interval": (rounded(trend.low), high),
        "level": rounded(2 * numbers["confidence"] - 1),
        "se": rounded(trend.se),
        "noise": trend.noise,
    }
    return found | {
        "decision": "stop" if stop else "continue",
        "reason": "plateau" if stop else "not_a_plateau",
        "message": said,
    }


def _replicates(window: Sequence[Reading]) -> tuple[list[list[float]] | None, float]:
    """The replicates of every check where they were computed on the same rows and can be oriented alike."""
    found = [r.replicates for r in window]
    alike = {
        (len(b or ()), r.entry.get("replicate_factor"), r.record["seed"]) for b, r in zip(found, window, strict=True)
    }
    if None in found or len(alike) > 1:
        return None, 1.0
    factor = float(window[0].entry["replicate_factor"])
    return [[oriented(r, v, _OPTION) for v in b or ()] for b, r in zip(found, window, strict=True)], factor


def _patience(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any]) -> Condition:
    warmup, most = numbers["warmup"], numbers["patience"]
    needed = warmup + 1 + most
    if len(readings) < needed:
        return _too_little(needed, len(readings), numbers, f"{most} without improvement after the first")
    wait = patience(better[warmup:], min_delta=numbers["min_delta"])
    best = readings[warmup + wait.best]
    stop = wait.checks >= most
    said = (
        f"{best.metric} last improved by more than {numbers['min_delta']:g} at step {best.step} ({best.value:.6g}), "
        f"{counted(wait.checks, 'check')} ago; patience is {counted(most, 'check')}"
    )
    return {
        "waited": wait.checks,
        "window": {"checks": wait.checks + 1, "first_step": best.step, "last_step": readings[-1].step},
        "decision": "stop" if stop else "continue",
        "reason": "patience_exhausted" if stop else "improving",
        "message": said,
    }


def _threshold(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any]) -> Condition:
    warmup, level = numbers["warmup"], numbers["stop_at"]
    if len(readings) <= warmup:
        return _too_little(warmup + 1, len(readings), numbers, "one more")
    now = readings[-1]
    reached = better[-1] >= (-level if now.entry["direction"] == "target" else oriented(now, level, _OPTION))
    away = "distance from its target " if now.entry["direction"] == "target" else ""
    assert now.value is not None
    value = f"{now.value:.6g}" if away else apart(level, now.value, digits=6)[1]
    told = f"{'has' if reached else 'has not'} reached {away}{plain(decimal(level))}"
    said = f"{now.metric} is {value} at {now.where}, {told}"
    return {
        "decision": "stop" if reached else "continue",
        "reason": "reached" if reached else "not_reached",
        "message": said,
    }
