"""Thresholds and regressions: each a condition with its decision, as plain dictionaries for the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from labelfree.catalog import suggestion
from labelfree.documents.findings import Finding
from labelfree.documents.reading import rounded
from labelfree.documents.wording import apart
from labelfree.errors import UsageError, option
from labelfree.gating.bounds import check_drop
from labelfree.gating.grammar import Drop, Requirement, decimal, plain
from labelfree.gating.rules import stdev
from labelfree.gating.series import Reading, oriented, undefined
from labelfree.history import Record, differences

Condition: TypeAlias = dict[str, Any]
Z95, LEVEL = 1.96, 0.95


def required(asked: Requirement, subjects: Sequence[tuple[str, Record]]) -> list[Condition]:
    """A requirement on every subject that holds the metric; one that none holds has failed."""
    about = {"kind": "require", "metric": asked.metric, "required": str(asked)}
    readings = _readings(asked.metric, subjects)
    found = []
    for reading in readings:
        value = reading.value
        if value is None:
            found.append({**about, **_failed("undefined", undefined(reading)), "found": reading.told()})
            continue
        met = asked.met_by(value)
        told = apart(asked.number, value, digits=6)[1] if decimal(value) != asked.number else plain(asked.number)
        said = f"{asked.metric} is {told} at {reading.where}, {'as' if met else 'not as'} required ({asked})"
        outcome = ("pass", "met") if met else ("fail", "not_met")
        found.append({**about, **_outcome(*outcome, said), "found": reading.told()})
    return found or [{**about, **_failed("missing", missing(asked.metric, subjects)), "found": None}]


def missing(metric: str, subjects: Sequence[tuple[str, Record]]) -> str:
    """The message for a metric that nothing holds."""
    where = ", ".join(dict.fromkeys(name for name, _ in subjects))
    held = sorted({name for _, record in subjects for name in record["metrics"]})
    near = suggestion(metric, held)
    if not near.startswith("did"):
        near = f"measure it, for instance with {option('only')}, or {option('append', python='append')} beside it"
    return f"{metric} is not in {where}; {near}"


def _readings(metric: str, subjects: Sequence[tuple[str, Record]]) -> list[Reading]:
    return [Reading(metric, record, name) for name, record in subjects if metric in record["metrics"]]


def dropped(
    asked: Drop,
    subjects: Sequence[tuple[str, Record]],
    base: Sequence[tuple[str, Record]],
    on_undecided: str | None,
) -> list[Condition]:
    """A regression of every subject that holds the metric against the one baseline that does."""
    about = {"kind": "drop", "metric": asked.metric, "max_drop": str(asked)}
    before, now = _readings(asked.metric, base), _readings(asked.metric, subjects)
    if len(before) > 1:
        raise UsageError(
            f"{option('against')}: expected one report with {asked.metric} as the baseline, "
            f"found {len(before)} in {base[0][0]}"
        )
    for reading in before:
        check_drop(asked, reading)
    for readings, where in ((before, base), (now, subjects)):
        if not readings:
            said = missing(asked.metric, where)
            return [{**about, **_failed("missing", said), "found": None, "base": None}]
    return [{**about, **_compared(asked, reading, before[0], on_undecided)} for reading in now]


def _compared(asked: Drop, now: Reading, base: Reading, on_undecided: str | None) -> Condition:
    told: Condition = {"found": now.told(), "base": base.told()}
    for reading in (base, now):
        if reading.value is None:
            return told | _failed("undefined", undefined(reading))
    assert now.value is not None
    assert base.value is not None
    if found := differences(asked.metric, base.record, now.record, rows=False):
        raise UsageError(
            f"{option('against')}: {asked.metric} of {base.where} and {now.where} cannot be compared: "
            f"{'; '.join(found)}; measure both in the same way on the same number of rows"
        )
    oriented(now, now.value, "max_drop")
    drop, limit = _drop(now, base), asked.limit(base.value)
    se, noise = _noise(now, base)
    interval = None if se is None else rounded((float(drop) - Z95 * se, float(drop) + Z95 * se))
    told |= {"estimate": float(drop), "interval": interval, "level": None if interval is None else LEVEL}
    told |= {"limit": float(limit), "se": se, "noise": noise}
    decision, reason = _decided(drop, limit, interval)
    if decision == "undecided" and on_undecided is not None:
        decision, reason = on_undecided, f"undecided_{on_undecided}"
    before, after = apart(base.value, now.value, digits=6)
    most, lost, *ends = apart(limit, drop, *(interval or ()), digits=4)
    said = f"{asked.metric} went from {before} ({base.where}) to {after} ({now.where}), "
    said += f"worse by {lost}" if drop > 0 else f"better by {lost.removeprefix('-')}" if drop else "no worse"
    said += (f" (a drop of {ends[0]} to {ends[1]}, {noise})" if ends else "") + f", {most} allowed"
    if reason == "within_noise":
        rows = _rows_needed(now, drop, limit, se)
        told["rows_needed"] = rows
        enough = "more rows" if rows is None else f"about {rows:,} rows instead of {now.entry['n']:,}"
        said += f"; the difference is inside its noise: measure {enough}, allow more, or decide with "
        said += option("on_undecided")
    elif reason.startswith("undecided"):
        said += f"; the difference is inside its noise, which {option('on_undecided', decision)} decides"
    return told | _outcome(decision, reason, said)


def _rows_needed(now: Reading, drop: Decimal, limit: Decimal, se: float | None) -> int | None:
    """Rows at which a drop of this size would be decided, its noise falling with their root; None above 10^12."""
    n, apart_by = now.entry["n"], abs(float(drop - limit))
    if se is None or not n or apart_by == 0:
        return None
    rows = n * (Z95 * se / apart_by) ** 2
    return math.ceil(rounded(rows)) if rows < 1e12 else None


def _drop(now: Reading, base: Reading) -> Decimal:
    """How much worse the value is, in exact decimals; negative where it is better."""
    assert now.value is not None
    assert base.value is not None
    a, b = decimal(base.value), decimal(now.value)
    direction = now.entry["direction"]
    if direction == "target":
        target = decimal(float(now.entry["params"]["target"]))
        return abs(b - target) - abs(a - target)
    return a - b if direction == "higher" else b - a


def _noise(now: Reading, base: Reading) -> tuple[float | None, str]:
    """Standard error of the difference, and what it was taken from."""
    same_rows = now.record["rows_hash"] == base.record["rows_hash"]
    if same_rows and (now.value, now.se) == (base.value, base.se):
        return 0.0, "identical"
    ours, theirs, factor = now.replicates, base.replicates, now.entry.get("replicate_factor")
    same_draws = same_rows and (now.record["seed"], factor) == (base.record["seed"], base.entry.get("replicate_factor"))
    if ours and theirs and factor and same_draws and len(ours) == len(theirs):
        return float(factor) * stdev([a - b for a, b in zip(ours, theirs, strict=True)]), "paired"
    if now.se is None or base.se is None:
        return None, "unknown"
    return math.hypot(now.se, base.se), "unpaired"


def _decided(drop: Decimal, limit: Decimal, interval: Sequence[float] | None) -> tuple[str, str]:
    low, high = interval if interval is not None else (float(drop), float(drop))
    if low == high:  # no noise: the numbers as they are written
        return ("pass", "within_limit") if drop <= limit else ("fail", "dropped")
    if high <= float(limit):  # at the digits that the verdict shows
        return "pass", "within_limit"
    return ("fail", "dropped") if low > float(limit) else ("undecided", "within_noise")


def remarks(condition: Condition) -> list[Finding]:
    """What to know of the noise of a regression."""
    metric, sources = condition["metric"], tuple(condition[side]["source"] for side in ("base", "found"))
    if condition["noise"] == "unknown":
        said = "no standard error in one of the two reports, so the drop was compared as it is"
        return [Finding("no_error", f"{metric}: {said}", sources=sources)]
    if condition["noise"] == "unpaired":
        said = "without replicates on the same rows its interval is wider than needed where the rows are the same"
        return [Finding("unpaired", f"{metric}: {said}", sources=sources)]
    return []


def _outcome(decision: str, reason: str, message: str) -> Condition:
    return {"decision": decision, "reason": reason, "message": message}


def _failed(reason: str, message: str) -> Condition:
    return _outcome("fail", reason, f"{message}; what is {reason} never passes")
