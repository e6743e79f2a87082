"""A plateau: does a metric of a run still improve at its latest check?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from labelfree.documents.findings import Finding
from labelfree.documents.reading import rounded
from labelfree.documents.wording import apart, counted
from labelfree.errors import option
from labelfree.gating import cycles
from labelfree.gating.conditions import Condition
from labelfree.gating.grammar import decimal, plain
from labelfree.gating.guards import sound_steps
from labelfree.gating.rules import patience, slope
from labelfree.gating.schedules import Schedule, schedule
from labelfree.gating.sequential import Fall, Improvement, checks_needed, fall, improvement
from labelfree.gating.series import Reading, collapse_shares, comparable, of_run, oriented, undefined
from labelfree.history import Record

_OPTION = "plateau"
_LEAST_ERROR = 1e-100
"""A standard error whose square is a number."""


def plateau(
    metric: str, records: Sequence[Record], rule: str, numbers: dict[str, Any], classes: int | None = None
) -> Condition:
    """The condition of one metric over the records of one run.

    numbers: the options of the rule, all of them; classes: of the rows, for the collapse guard, where it is known.
    """
    about: Condition = {"kind": "plateau", "metric": metric, "rule": rule, "findings": []}
    about |= dict.fromkeys(("checks", "window", "estimate", "interval", "level", "noise", "best", "latest"))
    readings, latest = comparable(of_run(records, metric)), max(r["step"] for r in records)
    defined = [r for r in readings if r.value is not None]
    better = [oriented(r, r.value, _OPTION) for r in defined if r.value is not None]
    sound = sound_steps(*collapse_shares(records), classes)
    about |= {"checks": len(defined), "best": _best(defined, better, sound, {latest, *(r.step for r in readings)})}
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
        said = f"{metric}: {counted(count, 'earlier check')} without a value left out"
        sources = tuple(r.record["source"] for r in readings if r.value is None)
        about["findings"] = [Finding("checks_left_out", said, sources=sources)]
    about |= {"direction": defined[-1].entry["direction"], "latest": defined[-1].told()}
    if rule != "slope":
        return about | _RULES[rule](defined, better, numbers)
    known = schedule(records, numbers["cycle"], numbers["drops"])
    found = _slope(defined, better, numbers, known)
    return about | {"schedule": known.document()} | (_before(found, known) if found["reason"] == "plateau" else found)


def _best(
    readings: Sequence[Reading], better: Sequence[float], sound: Collection[int], steps: Collection[int]
) -> dict[str, Any] | None:
    """The best defined check that the collapse guard lets pass: a collapsed one is often the highest of all.

    sound: the checks that it lets pass; steps: those of the run up to the latest, whether they have a value or not.
    """
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


def _before(found: Condition, known: Schedule) -> Condition:
    """A plateau as the schedule lets it be: one before a drop of the learning rate is no stop."""
    if known.next_drop is None:
        return found
    said = f"{found['message']}, before the next drop of the learning rate (step {known.next_drop}): it goes on"
    return found | {"decision": "continue", "reason": "plateau_before_drop", "message": said}


@dataclass(frozen=True)
class _Looked:
    """What the rule slope found at the latest check; checks of the latest line, more of them that would decide."""

    found: Improvement
    fallen: Fall | None
    best: int
    checks: int
    unit: str
    more: int | None


def _looked(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any]) -> _Looked:
    """The latest line over checks, the warm-up left out."""
    size, confidence = numbers["window"], numbers["confidence"]
    planned = None if numbers["checks"] is None else numbers["checks"] - numbers["warmup"] - size + 1
    found = improvement(better, window=size, confidence=confidence, planned=planned)
    fallen = fall(better, confidence=confidence, planned=planned)
    more = checks_needed(
        found, window=size, confidence=confidence, seen=len(better), planned=planned, least=numbers["min_delta"]
    )
    best = 0 if fallen is None else readings[fallen.best].step
    return _Looked(found, fallen, best, found.checks, f"{size} checks", more)


def _over_cycles(
    readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any], cycle: int
) -> _Looked | Condition | None:
    """The latest line over whole cycles; None where a cycle has fewer than two checks."""
    seen = cycles.phased([r.step for r in readings], better, cycle)
    if seen is None:
        return None
    needed = seen.fewest * seen.phases
    if not seen.decisions:
        return _too_little(
            numbers["warmup"] + needed, len(readings) + numbers["warmup"], numbers,
            f"{counted(seen.fewest, 'cycle')} of {counted(cycle, 'step')}",
        )  # fmt: skip
    planned = None if numbers["checks"] is None else max(numbers["checks"] - numbers["warmup"] - needed + 1, 1)
    asked: dict[str, Any] = {"confidence": numbers["confidence"], "planned": planned}
    count = -(-numbers["window"] // seen.phases)
    found = cycles.improvement(seen, cycles=count, **asked)
    fallen = cycles.fall(seen, **asked)
    more = cycles.cycles_needed(found, seen, cycles=count, least=numbers["min_delta"], **asked)
    back = 0 if fallen is None else len(seen.values) - 1 - fallen.best
    at = readings[-1].step - back * cycle / seen.phases
    best = min((r.step for r in readings), key=lambda step: abs(step - at))
    first = readings[-1].step - (found.checks - 1) * cycle / seen.phases
    inside = sum(r.step >= first for r in readings)
    unit = f"{counted(count, 'cycle')} of {counted(cycle, 'step')}"
    return _Looked(found, fallen, best, inside, unit, None if more is None else more * seen.phases)


def _slope(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any], known: Schedule) -> Condition:
    warmup, size, least, confidence = (numbers[name] for name in ("warmup", "window", "min_delta", "confidence"))
    seen, after = readings[warmup:], better[warmup:]
    looked = None if known.cycle is None else _over_cycles(seen, after, numbers, known.cycle)
    if isinstance(looked, dict):
        return looked
    if looked is None:
        if len(readings) < warmup + size:
            return _too_little(warmup + size, len(readings), numbers, f"a window of {size}")
        looked = _looked(seen, after, numbers)
    found, fallen = looked.found, looked.fallen
    high, estimate = rounded(found.high), rounded(found.estimate)
    told: Condition = {
        "window": {"checks": looked.checks, "first_step": seen[-looked.checks].step, "last_step": seen[-1].step},
        "estimate": estimate,
        "interval": (rounded(found.low), high),
        "level": rounded(2 * confidence - 1),
        "se": rounded(found.se),
        "noise": "residuals",
    }
    if numbers["checks"] is not None and len(readings) > numbers["checks"]:
        longer = (
            f"{seen[-1].metric}: the run has {counted(len(readings), 'check')}, it was planned for "
            f"{numbers['checks']}: that at most {100 * (1 - confidence):.3g} % of runs are stopped too early is not "
            "promised beyond"
        )
        more = f"say {option('checks', len(readings))} or more"
        told["findings"] = [Finding("past_plan", longer, more, sources=(seen[-1].record["source"],))]
    if fallen is not None and rounded(fallen.least) > least:
        return told | _past_best(seen[-1], looked, rounded(fallen.least), numbers)
    stop = high < least  # at the digits that the verdict shows
    metric = seen[-1].metric
    most, delta = apart(least, high, digits=4)[1], plain(decimal(least))
    changed = f"improves by {estimate:.4g}" if estimate >= 0 else f"gets worse by {-estimate:.4g}"
    said = (
        f"{metric} {changed} in {looked.unit}, by its latest {looked.checks} (steps {told['window']['first_step']} to "
        f"{seen[-1].step}), and by at most {most} at confidence {confidence:g} over the run: "
        + (f"less than {delta}, a plateau" if stop else f"{delta} or more is still possible")
    )
    if not stop:
        told["checks_needed"] = looked.more
        if looked.more is not None:
            said += f"; about {counted(looked.more, 'more check')} like the latest would decide"
        elif estimate < least:
            said += "; at this noise the run ends before that is decided"
    return told | {
        "decision": "stop" if stop else "continue",
        "reason": "plateau" if stop else "not_a_plateau",
        "message": said,
    }


def _past_best(latest: Reading, looked: _Looked, least: float, numbers: dict[str, Any]) -> Condition:
    delta = plain(decimal(numbers["min_delta"]))
    more = apart(numbers["min_delta"], least, digits=4)[1]
    span, lie, same = ("whole cycle", "lies", "one") if "cycle" in looked.unit else ("three checks", "lie", "three")
    return {
        "decision": "stop",
        "reason": "past_best",
        "message": f"{latest.metric} is past its best: its latest {span} (to step {latest.step}) {lie} at least {more} "
        f"below the {same} about step {looked.best}, at confidence {numbers['confidence']:g} over the run: more than "
        f"{delta}",
    }


def _slope_v1(readings: Sequence[Reading], better: Sequence[float], numbers: dict[str, Any]) -> Condition:
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


_RULES = {"slope-v1": _slope_v1, "patience": _patience, "threshold": _threshold}
