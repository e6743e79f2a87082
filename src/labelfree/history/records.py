"""A record of a history: what is kept of one report, and when two records can be compared."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from labelfree.catalog import CENTERED, COLLAPSE_METRICS, known_command
from labelfree.documents.forms import NOTHING, NUMBER, RECORD, RECORDED, SCHEDULE, is_number, misfit
from labelfree.documents.reading import MOST_DIGITS, SCHEMA_VERSION, rounded
from labelfree.documents.wording import counted, some, state_reason
from labelfree.errors import HistoryError, UsageError, option

Record: TypeAlias = dict[str, Any]
"""One line of a history; docs/gate.md lists the fields."""

_KEPT = ("value", "se", "interval", "status", "reason_code", "reason", "direction", "definition", "params")
_FROM_DATA = {"params.fit_range", "params.neighbors"}
"""Params that the data may decide: they forbid a comparison of that metric, not the record."""

_OF_STREAMS = ("d", "definition", "params.reference")
"""What must not differ between checks that are of other rows each, such as days beside one reference."""

_SAME = 1e-8
"""Relative difference up to which two numbers are the same measurement: other threads or libraries add in another
order, which moves an effective rank by up to 1e-10 of itself."""
_ASIDE = ("time", "source", "fingerprint", "schedule", "state", "look", "tool")
"""What does not make two records of the same rows and values differ: when, and under which path they were read, where
training was, which look it was, what was said of the numbers, and by which version."""


def record(
    report: Mapping[str, Any],
    *,
    step: int,
    run: str = "default",
    time: str | None = None,
    schedule: Mapping[str, Any] | None = None,
    classes: int | None = None,
) -> Record:
    """The record of a report, given as its JSON document: its place in a run, and what comparisons need.

    schedule, classes: where training was, and the classes of its head (see `labelfree.history.append`).
    time: ISO 8601; now where it is not given. The only clock of labelfree, and no part of what makes two records equal.
    """
    if (known := known_command(report["command"])) is not None and known.document == "weights":
        raise HistoryError(
            f"{report['input']['sources'][0]}: a history holds measurements of rows, and this report is of weights; "
            "give it to the gate itself: labelfree gate REPORT --require 'nonfinite_rows == 0'"
        )
    lacking = [name for name in COLLAPSE_METRICS if name not in report["metrics"]]
    if lacking:
        raise HistoryError(
            f"{report['input']['sources'][0]}: a history needs {' and '.join(COLLAPSE_METRICS)} of every check for the "
            f"collapse guard, and this report ({report['command']}) lacks {' and '.join(lacking)}; write it with "
            f"{option('append', python='labelfree.watch')}, which measures them too, or name them in {option('only')}"
        )
    return {
        **abridged(report),
        "schema_version": SCHEMA_VERSION,
        "run": checked_run(run),
        "step": checked_step(step),
        "time": time or datetime.now(UTC).isoformat(timespec="seconds"),
        "collapse": rounded(collapse(report) | ({} if classes is None else {"classes": classes})),
        **({} if schedule is None else {"schedule": rounded(checked_schedule(schedule))}),
    }


def checked_schedule(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of the learning rate, or a UsageError for what is none of it."""
    known = [name.removesuffix("?") for name in SCHEDULE]
    for name in found:
        if name not in known:
            raise UsageError(f"expected a schedule of {', '.join(known)}, found {name!r} in it")
    if wrong := misfit(dict(found), SCHEDULE, "schedule"):
        raise UsageError(wrong)
    return dict(found)


def abridged(report: Mapping[str, Any]) -> Record:
    """What comparisons need of a report, in the form of a record without a place in a run."""
    given = report["input"]
    sample = given.get("sample")  # neither it nor n and d are there of weights, whose params say which layers
    return {
        "command": report["command"],
        "source": given["sources"][0],
        "fingerprint": given["fingerprint"],
        "rows_hash": given["rows_hash"] if "rows_hash" in given else given["layers_hash"],
        "seed": report["settings"].get("seed"),
        "sample": sample and sample["size"],
        "tool": dict(report["tool"]),
        "metrics": {name: _entry(entry, given) for name, entry in report["metrics"].items()},
        **({"state": stated(report["state"])} if report.get("state") else {}),
        **({"look": dict(report["drift"]["look"])} if report.get("drift") else {}),
    }


def stated(state: Mapping[str, Any]) -> dict[str, str]:
    """What a record keeps of a state: the word, the rule behind it, and the reasons in a sentence."""
    return {"rule": state["rule"], "state": state["state"], "message": state_reason(state)}


def _entry(entry: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: entry.get(name) for name in _KEPT} | {"n": given.get("n"), "d": given.get("d")}
    parts = entry.get("parts") or {}
    return kept | {name: parts[name] for name in ("replicates", "replicate_factor") if name in parts}


def collapse(report: Mapping[str, Any]) -> dict[str, float | None]:
    """What the collapse guard looks at: ranks and cosines, the rows about their mean, and the shares of repeated rows
    and of zero bars, and the classes where the report has scores of them. Of a report of an earlier version the numbers
    about the mean are None.
    """
    metrics, given = report["metrics"], report["input"]
    parts = (metrics.get("separability") or {}).get("parts") or {}
    about = (metrics["effective_rank"].get("parts") or {}).get("about_mean") or {}
    outputs: Mapping[str, Any] = given.get("outputs") or {}
    return {
        **{name: metrics[name]["value"] for name in COLLAPSE_METRICS},
        **{name: about.get(name) for name in CENTERED},
        "duplicate_share": given["rows"]["duplicate"] / given["n"] if given["n"] else None,
        "zero_bar_share": parts.get("zero_bar_share"),
        **({"classes": outputs["classes"]} if outputs.get("classes") else {}),
    }


def checked_run(run: str, name: str = "run") -> str:
    """The name of a run, or of what else an option names, or a UsageError."""
    if not isinstance(run, str) or not run.strip() or not run.isprintable():
        raise UsageError(f"{option(name)}: expected a name, found {run!r}")
    return run


def checked_step(step: Any) -> int:
    """The number of a step, or a UsageError."""
    number = whole(step)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        kind = "" if type(step) is int else f" of type {type(step).__name__}"
        raise UsageError(f"{option('step')}: expected a whole number of at least 0, found {step!r}{kind}")
    if number >= 10**MOST_DIGITS:
        raise UsageError(
            f"{option('step')}: expected a whole number of at most {MOST_DIGITS} digits, which a history can be read "
            "back with, found one of more; count in larger steps"
        )
    return number


def whole(value: Any) -> Any:
    """A whole number of any library (numpy, torch) as an int; anything else as it is.

    >>> import numpy as np
    >>> whole(np.int64(3)), whole(3.0), whole(True)
    (3, 3.0, True)
    """
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):  # the last two of a tensor of several numbers
        return value


def key(record: Record) -> tuple[str, int, str]:
    """What identifies a record: run, step, command."""
    return record["run"], record["step"], record["command"]


def named(record: Record) -> str:
    """How messages name a record."""
    return f"run {record['run']!r}, step {record['step']}, {record['command']}"


def same(one: Record, other: Record) -> bool:
    """Whether two records say the same: time and path aside, numbers up to rounding."""
    return not unlike(one, other)


def unlike(one: Record, other: Record) -> list[str]:
    """The fields in which two records differ: time, path and version aside, numbers up to rounding."""
    names = sorted({*one, *other} - {*_ASIDE})
    return [k for k in names if not alike(one.get(k), other.get(k), 1.0 if k == "collapse" else 0.0)]


def alike(one: Any, other: Any, scale: float = 0.0) -> bool:
    """Whether two parts of records are equal, fractions up to rounding: that of their own size, or of `scale`.

    What belongs to a metric (standard error, interval, replicates) rounds on the scale of its value. Of the reason why
    there is none only the code counts: its words name options as whoever measured writes them.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        size = max(scale, _size(one.get("value")), _size(one.get("interval")))
        names = {*one, *other} - {"reason"}
        return all(alike(one.get(k), other.get(k), 0.0 if k == "params" else size) for k in names)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(alike(a, b, scale) for a, b in zip(one, other, strict=True))
    if is_number(one) and is_number(other) and float in (type(one), type(other)):
        return bool(abs(one - other) <= _SAME * max(abs(one), abs(other), scale))
    return bool(one == other)


def _size(value: Any) -> float:
    return max(map(abs, value), default=0.0) if isinstance(value, list | tuple) else abs(value or 0.0)


def contradictions(one: Record, other: Record) -> list[tuple[str, float | None, float | None]]:
    """The metrics to which two records of one step give two values, beyond rounding, with both of them."""
    found = []
    for metric in one["metrics"]:
        if metric in other["metrics"]:
            a, b = one["metrics"][metric]["value"], other["metrics"][metric]["value"]
            if not alike(a, b, _size(one["metrics"][metric].get("interval"))):
                found.append((metric, a, b))
    return found


def validated(found: Any, where: str) -> Record:
    """A record as it was read from a file, or a HistoryError that says why it is none."""
    if not isinstance(found, dict) or "schema_version" not in found:
        raise HistoryError(f"{where}: expected a record of a history, found JSON of another kind; nothing was changed")
    version = found["schema_version"]
    if is_number(version) and version > SCHEMA_VERSION:
        raise HistoryError(
            f"{where}: a record of schema version {version}, which a later labelfree wrote; this one reads up to "
            f"{SCHEMA_VERSION}: upgrade it, or keep another file; nothing was changed"
        )
    texts = all(isinstance(found.get(name), str) for name in ("run", "command", "time", "source", "rows_hash"))
    step, metrics, shares = found.get("step"), found.get("metrics"), found.get("collapse")
    whole = texts and isinstance(step, int) and not isinstance(step, bool) and version == SCHEMA_VERSION
    if not (whole and isinstance(metrics, dict) and isinstance(shares, dict)) or misfit(found, RECORD):
        raise HistoryError(
            f"{where}: expected a record with run, step, command, time, source, rows_hash, metrics and collapse, found "
            "one that lacks some; labelfree history add writes them; nothing was changed"
        )
    for name, entry in metrics.items():
        if wrong := misfit(entry, RECORDED):
            raise HistoryError(
                f"{where}: its metric {name!r} is not in the form of a record ({wrong}); nothing was changed"
            )
    for name, share in shares.items():
        if not (NUMBER | NOTHING).holds(share):
            raise HistoryError(f"{where}: its collapse.{name} is no number; nothing was changed")
    return found


def differences(metric: str, one: Record, other: Record, *, rows: bool = True) -> list[str]:
    """Why a metric of two records cannot be compared: each difference, named."""
    a, b = one["metrics"][metric], other["metrics"][metric]
    found = [f"{name} {a[name]} and {b[name]}" for name in ("n", "d") if a[name] != b[name]]
    if not found and rows and one["rows_hash"] != other["rows_hash"]:
        found.append(f"other rows (rows_hash {one['rows_hash'][:8]} and {other['rows_hash'][:8]})")
    if a["definition"] != b["definition"]:
        found.append(f"definition {a['definition']!r} and {b['definition']!r}")
    sampled = any(m["params"].get("rows") == "sample" or _drawn(m, r) for m, r in ((a, one), (b, other)))
    if sampled and not found and _sample(one) != _sample(other):
        found.append(f"sample {_sample(one)} and {_sample(other)}")
    for name in sorted({*a["params"], *b["params"]}):
        mine, theirs = a["params"].get(name), b["params"].get(name)
        if mine != theirs:
            found.append(f"params.{name} {_told(mine)} and {_told(theirs)}")
    return found


def _told(value: Any) -> str:
    return "(none)" if value is None else str(value)


def _drawn(entry: Mapping[str, Any], record: Record) -> bool:
    """Whether a metric that counts its rows was measured on the sample."""
    return record["sample"] is not None and bool(entry["params"].get("rows") == record["sample"])


def _sample(record: Record) -> str:
    """The rows that a sample holds; without one all rows are used, and the seed decides nothing."""
    return "all rows" if record["sample"] is None else f"{counted(record['sample'], 'row')} with seed {record['seed']}"


def misfits(new: Record, earlier: Record) -> list[str]:
    """Why a record does not belong into the run of an earlier one: per metric, each difference."""
    found: dict[str, list[str]] = {}
    streams = any((known := known_command(one["command"])) is not None and known.other_rows for one in (new, earlier))
    for metric, entry in new["metrics"].items():
        before = earlier["metrics"].get(metric)
        if before is None or before["value"] is None or entry["value"] is None:
            continue
        for difference in differences(metric, earlier, new, rows=not streams):
            if streams and difference.split()[0] not in _OF_STREAMS:
                continue
            if difference.split()[0] not in _FROM_DATA:
                found.setdefault(difference, []).append(metric)
    return [f"{some(metrics)}: {difference}" for difference, metrics in found.items()]
