"""The gate as a function: conditions judged, the worst of them the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelfree import __version__
from labelfree.catalog import STATES, listed
from labelfree.documents.findings import SEVERITIES, Finding
from labelfree.documents.reading import SCHEMA_VERSION, as_json, report_documents, reports_in, rounded
from labelfree.errors import ExitCode, SourceError, UsageError, option
from labelfree.gating.conditions import Condition, dropped, remarks, required
from labelfree.gating.grammar import Requirement
from labelfree.gating.guards import LIMITS, collapse_guard
from labelfree.gating.intervals import Measured, required_by_interval
from labelfree.gating.plateau import plateau as judged_plateau
from labelfree.gating.series import Reading, collapse_shares, of_run, records_of
from labelfree.gating.settings import settings
from labelfree.history import Record, plain
from labelfree.history.records import abridged

EXIT_CODES = {
    "collapse": ExitCode.COLLAPSE,
    "fail": ExitCode.GATE_FAILED,
    "undecided": ExitCode.UNDECIDED,
    "stop": ExitCode.PLATEAU,
    "continue": ExitCode.DONE,
    "pass": ExitCode.DONE,
}
"""The exit code of every decision, worst first."""
STOPPING = ("stop", "collapse")
"""Decisions that end a run; a check that fails or is undecided is told, and the run goes on."""
_BEYOND = (
    "expected numbers that can be compared, found some too large or too near to zero to compute with; the reports or "
    "the history were changed: measure again"
)
Subjects = list[tuple[str, Record]]


def gate(
    reports: Any = (),
    *,
    history: str | Path | None = None,
    run: str | None = None,
    require: str | Sequence[str] = (),
    against: Any = None,
    max_drop: str | Sequence[str] = (),
    plateau: str | Sequence[str] = (),
    when: str | None = None,
    classes: int | None = None,
    rule: str | None = None,
    warmup: int | None = None,
    window: int | None = None,
    confidence: float | None = None,
    min_delta: float | None = None,
    checks: int | None = None,
    cycle: int | None = None,
    drops: str | Sequence[int] | None = None,
    patience: int | None = None,
    stop_at: float | None = None,
    on_undecided: str | None = None,
    by: str | None = None,
) -> dict[str, Any]:
    """The verdict on reports, on the latest check of a history, or on both, as the document that the command prints.

    reports, against: a Report, a JSON document of one or several, or the path of a file of them; reports may be a list
    of those, or Reports.
    The options are those of `labelfree gate`; warmup, window, checks and patience count checks, cycle and drops
    ("100,200", or a list) steps; by: whether `require` judges the "value" (the default) or the whole "interval".
    Raises LabelfreeError on bad input or usage; a verdict, whatever it is, is returned: `gate(...)["verdict"]
    ["decision"]` is one of pass, continue, fail, stop, collapse, undecided.

    >>> import labelfree, numpy as np
    >>> labelfree.gate(labelfree.rank(np.eye(8)), require="rankme >= 8")["verdict"]["decision"]
    'pass'
    """
    chosen = settings(
        require=listed(require), max_drop=listed(max_drop), plateau=listed(plateau), against=against is not None,
        history=history is not None, run=run, when=when, classes=classes, rule=rule, on_undecided=on_undecided, by=by,
        numbers={
            "warmup": warmup, "window": window, "confidence": confidence, "min_delta": min_delta, "checks": checks,
            "cycle": cycle, "drops": drops, "patience": patience, "stop_at": stop_at,
        },
    )  # fmt: skip
    given = list(reports) if isinstance(reports, Sequence) and not isinstance(reports, str) else [reports]
    if [*given, against].count("-") > 1:
        raise UsageError("-: standard input can be read once; name a file for the other")
    if not given and history is None:
        raise UsageError(
            f"expected a report or {option('history', like='FILE')} to judge, found neither; labelfree rank -o writes "
            "reports"
        )
    if given and not (require or max_drop):
        raise UsageError(
            f"{option('plateau')} reads the history alone: leave the reports out, or add {option('require')} or "
            + option("against")
        )
    if given and history is not None and not plateau:
        raise UsageError(
            f"{option('history')}: has no effect beside reports without {option('plateau', 'METRIC')}; leave one of "
            "them out"
        )
    subjects = [subject for report in given for subject in _subjects(report)]
    base = [] if against is None else _subjects(against)
    records = [] if history is None else records_of(history, chosen.run)
    judged = subjects if given else _latest(records)
    with _computable():
        require_one = _by_interval if chosen.by == "interval" else required
        conditions = [c for asked in chosen.require for c in require_one(asked, judged)]
        conditions += [c for asked in chosen.max_drop for c in dropped(asked, judged, base, chosen.on_undecided)]
        conditions += [
            judged_plateau(metric, records, chosen.rule, chosen.each, chosen.classes) for metric in chosen.plateau
        ]
        guards = [collapse_guard(*collapse_shares(records), chosen.classes).document()] if chosen.plateau else []
    used = chosen.document(_named(history), _named(against))
    if chosen.plateau:
        used["collapse"] = {"version": guards[0]["version"], "classes": chosen.classes, **LIMITS}
    inputs = [_input("report", name, r) for name, r in subjects] + [_input("base", name, r) for name, r in base]
    return _plain({
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "labelfree", "version": __version__},
        "command": "gate",
        "inputs": inputs + ([_history(history, chosen.run, records)] if history is not None else []),
        "settings": used,
        "verdict": {
            **verdict(conditions, guards, chosen.when), "state": _state(_latest(records) if records else subjects),
        },
    })  # fmt: skip


def _by_interval(asked: Requirement, subjects: Subjects) -> list[Condition]:
    """A requirement on the intervals of reports or of the latest check."""
    for name, record in subjects:
        if asked.metric in record["metrics"]:
            Reading(asked.metric, record, name)  # refuses what no gate may trust
    return required_by_interval(asked, [(name, record["metrics"]) for name, record in subjects])


def judged_by_interval(asked: Sequence[Requirement], subjects: Sequence[tuple[str, Measured]]) -> dict[str, Any]:
    """The verdict on the intervals of metrics by subject: what `compare` and `drift` put under `verdict`.

    asked: at least one; subjects: the metrics of each as a document holds them, by the name to tell. Several
    conditions: the worst wins, fail (10), undecided (13), pass (0).

    >>> from labelfree.gating.grammar import requirement
    >>> measured = {"rankme": {"value": 8.0, "interval": (7.5, 8.5)}}
    >>> judged_by_interval([requirement("rankme >= 8")], [("b", measured)])["exit_code"]
    13
    """
    conditions = [condition for one in asked for condition in required_by_interval(one, subjects)]
    found = verdict(conditions, [])
    return {name: found[name] for name in ("decision", "exit_code", "reason", "message", "conditions")}


def verdict(conditions: Sequence[Condition], guards: Sequence[dict[str, Any]], when: str = "any") -> dict[str, Any]:
    """The worst of all conditions and guards: collapse, fail, undecided, stop, then continue or pass.

    when: "any" plateau stops, or "all" of them must be there.
    """
    everything = [*guards, *conditions]
    plateaus = {c["decision"] for c in conditions if c["kind"] == "plateau"}
    waiting = when == "all" and "continue" in plateaus
    decisions = [c["decision"] for c in everything if not (waiting and c["decision"] == "stop")]
    worst = next(d for d in EXIT_CODES if d in decisions and (d != "pass" or "continue" not in decisions))
    first = next(c for c in (*conditions, *guards) if c["decision"] == worst)
    if worst == "pass":  # what passed by on_undecided alone is never said to hold
        waved = [c for c in conditions if c["reason"] == "undecided_pass"]
        first = waved[0] if waved else {"reason": "all_met", "message": "every condition holds"}
    found = [one for c in conditions for one in c.get("findings", ())]
    found += [one for c in conditions if c.get("noise") and c["kind"] == "drop" for one in remarks(c)]
    findings = _once(found)
    best = [{"metric": c["metric"], **c["best"]} for c in conditions if c.get("best")]
    return {
        "decision": worst,
        "exit_code": int(EXIT_CODES[worst]),
        "reason": first["reason"],
        "message": first["message"],
        "conditions": [{k: v for k, v in c.items() if k != "findings"} for c in conditions],
        "guards": list(guards),
        "best": best[0] if best else None,
        "findings": [one.document() for one in findings],
        "warnings": [str(one) for one in findings],
    }


def _once(found: Iterable[Finding]) -> list[Finding]:
    """Each finding once, with the sources of all that say the same, the gravest first."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        said.setdefault((one.code, one.message, one.fix), []).extend(one.sources)
    once = [Finding(*words, sources=tuple(dict.fromkeys(sources))) for words, sources in said.items()]
    return sorted(once, key=lambda one: SEVERITIES.index(one.severity))


def _subjects(given: Any) -> Subjects:
    """The reports that an argument names or is, as records without a place in a run, each with a name to tell."""
    if isinstance(given, str | Path):
        documents = report_documents(str(given))
        name = "standard input" if str(given) == "-" else str(given)
        if len(documents) == 1:
            return [(name, abridged(documents[0]))]
        return [(f"{name} ({d['input']['sources'][0]})", abridged(d)) for d in documents]
    documents = reports_in(dict(given), "report") if isinstance(given, Mapping) else [plain(given)]
    return [(document["input"]["sources"][0], abridged(document)) for document in documents]


def _latest(records: Sequence[Record]) -> Subjects:
    """The records of the latest step; a metric that two commands measured alike is taken once."""
    step = max(r["step"] for r in records)
    found, seen = [], set()
    for record in (r for r in records if r["step"] == step):
        metrics = {name: entry for name, entry in record["metrics"].items() if name not in seen}
        seen |= set(metrics)
        found.append((f"step {step}", {**record, "metrics": metrics}))
    for name in seen:
        of_run([r for r in records if r["step"] == step], name)  # refuses two values that differ
    return found


def _state(judged: Subjects) -> dict[str, str] | None:
    """The worst state of what was judged, and of what it is; it decides nothing. None of records without one."""
    found = [{**record["state"], "of": name} for name, record in judged if record.get("state")]
    return min(found, key=lambda one: [*STATES, one["state"]].index(one["state"]), default=None)


def _named(given: Any) -> str | None:
    return None if given is None else str(given) if isinstance(given, str | Path) else "given in Python"


def _input(role: str, name: str, record: Record) -> dict[str, Any]:
    return {
        "role": role, "path": name, "command": record["command"], "source": record["source"],
        "fingerprint": record["fingerprint"], "rows_hash": record["rows_hash"],
    }  # fmt: skip


def _history(path: str | Path, run: str, records: Iterable[Record]) -> dict[str, Any]:
    steps = sorted({r["step"] for r in records})
    return {
        "role": "history", "path": str(path), "run": run, "checks": len(steps), "first_step": steps[0],
        "last_step": steps[-1],
    }  # fmt: skip


@contextmanager
def _computable() -> Iterator[None]:
    """Turns numbers that no metric has into what to do about them."""
    try:
        yield
    except OverflowError as error:
        raise SourceError(_BEYOND) from error


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """The document as its JSON says it: lists for tuples, 12 significant digits."""
    found: dict[str, Any] = rounded(document)
    try:
        as_json(found)
    except ValueError as error:  # infinite
        raise SourceError(_BEYOND) from error
    return found
