"""What tables say of the metrics of transfer beside their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from labelfree.render.changes import ordered
from labelfree.render.numbers import number, signed
from labelfree.report import MetricEntry, Report

SHOWN = (
    "transfer_score", "classifier_nonuniformity", "hopkins", "infomax", "nuclear_norm", "atc_mc",
    "average_confidence", "ensv",
)  # fmt: skip
"""The headline metric and those beside it; what an input is missing for is told in one line instead."""
ABSENT = {
    "no_logits": "logits or probabilities of the rows",
    "no_source": "source rows (--source FILE)",
    "no_labels": "labels of the source rows",
    "one_candidate": "several targets on the same ids",
    "other_rows": "targets of the same ids",
}


def absent(report: Report, name: str) -> bool:
    """Whether a metric has no value because an input is missing that only it and its like need."""
    entry = report.metrics[name]
    return entry.value is None and entry.reason_code in ABSENT and name != SHOWN[0]


def not_computed(report: Report) -> list[str]:
    """One line for each missing input, with the metrics that need it."""
    missing: dict[str, list[str]] = {}
    for name, entry in report.metrics.items():
        if entry.reason_code in ABSENT and entry.value is None:
            missing.setdefault(ABSENT[entry.reason_code], []).append(name)
    return [f"not computed without {what}: {', '.join(names)}" for what, names in missing.items()]


def head_of(report: Report) -> list[str]:
    """One line on where the head is from."""
    head = report.input.head
    if head is None:
        return []
    off = "" if head.residual is None else f", its logits within {number(head.residual, 4)} of those given"
    where = "recovered from embeddings and logits" if head.origin == "recovered" else head.key
    return [f"head: {where}, {head.classes:,} x {head.d:,}{off}"]


def audited(report: Report, entry: MetricEntry) -> str:
    """The true accuracy beside an estimate."""
    if report.audit is None or "audit_difference" not in entry.parts:
        return ""
    return f"truly {number(report.audit.accuracy, 3)}: {signed(entry.parts['audit_difference'], 3)}"


def _hopkins(e: MetricEntry) -> str:
    return f"structure-free: {number(e.parts['null'], 4)}"


def _infomax(e: MetricEntry) -> str:
    share = e.parts["over_log_classes"]
    return "" if share is None else f"{100 * share:.0f} % of ln {e.parts['classes']}"


def _score(e: MetricEntry) -> str:
    return f"-U + H + M / ln {e.parts['classes']}" + (
        "" if e.parts["variant"] == "standard" else f", {e.parts['variant']}"
    )


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "transfer_score": _score,
    "classifier_nonuniformity": lambda e: "U",
    "hopkins": lambda e: f"H; {_hopkins(e)}",
    "infomax": lambda e: f"M; {_infomax(e)}",
}


def trajectory(reports: Sequence[Report]) -> dict[str, Any] | None:
    """Whether the Transfer Score has saturated over these reports, by the steps in their names, and which to keep."""
    from labelfree.metrics.candidates import saturation

    reports, order = ordered(reports)
    scores = [r.metrics["transfer_score"].value for r in reports if "transfer_score" in r.metrics]
    if len(scores) != len(reports) or len(scores) < 2 or all(s is None for s in scores):
        return None
    found = saturation(scores)
    names = [report.input.sources[0] for report in reports]
    named = {
        "order": order,
        "sources": names,
        **asdict(found),
        "best": None if found.best is None else names[found.best],
    }
    named["first"] = None if found.first is None else names[found.first]
    named["window"] = None if found.window is None else [names[i] for i in found.window]
    named["spread"] = list(found.spread)
    named["warnings"] = list(found.warnings)
    return named


def saturated(reports: Sequence[Report], named: Callable[[str], str]) -> list[str]:
    """Which of several targets to keep by the Transfer Score."""
    found = trajectory(reports)
    if found is None:
        return []
    best = named(found["best"])
    if found["saturated"]:
        return [f"transfer_score stood still by {named(found['first'])} (window of 3): keep {best}"]
    return [f"transfer_score has not stood still over these {len(reports)}: the highest is {best}"]
