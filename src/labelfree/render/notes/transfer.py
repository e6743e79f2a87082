"""What tables say of the metrics of transfer beside their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from labelfree.catalog import headlines
from labelfree.render.numbers import number, signed
from labelfree.reports.across import trajectory
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport

ABSENT = ("no_logits", "no_source", "no_labels", "one_candidate", "other_rows", "other_classes")
"""Why a metric has no value where an input is missing, or is not what it needs."""


def absent(report: RowsReport, name: str) -> bool:
    """Whether a metric has no value because an input is missing that only it and its like need."""
    entry = report.metrics[name]
    return entry.value is None and entry.reason_code in ABSENT and name not in headlines("transfer")


def not_computed(report: RowsReport) -> list[str]:
    """One line for each missing input, with the metrics that need it."""
    missing: dict[str, list[str]] = {}
    for name, entry in report.metrics.items():
        if entry.reason_code in ABSENT and entry.value is None:
            missing.setdefault(entry.reason or "", []).append(name)
    return [f"not computed: {', '.join(names)}: {why}" for why, names in missing.items()]


def with_sources(said: Mapping[str, Sequence[str]], total: int) -> list[str]:
    """Each text once, with the sources it is true of where these are not all of them."""
    return [text if len(where) == total else f"{', '.join(where)}: {text}" for text, where in said.items()]


def heads(reports: Sequence[RowsReport], named: Callable[[str], str]) -> list[str]:
    """Where the head is from, and how far its logits are from those given: one line for the reports of one head."""
    found: dict[str, list[RowsReport]] = {}
    for report in reports:
        if (head := report.input.head) is not None:
            where = "recovered from embeddings and logits" if head.origin == "recovered" else head.key
            found.setdefault(f"head: {where}, {head.classes:,} x {head.d:,}", []).append(report)
    said = {text + _within(own): [named(r.input.sources[0]) for r in own] for text, own in found.items()}
    return with_sources(said, len(reports))


def _within(reports: Sequence[RowsReport]) -> str:
    off = [r.input.head.residual for r in reports if r.input.head and r.input.head.residual is not None]
    if not off:
        return ""
    if max(off) == 0:
        return ", its logits exactly those given"
    low, high = f"{min(off):.2g}", f"{max(off):.2g}"
    return f", its logits within {high if low == high else f'{low} to {high}'} of those given"


def audited(report: RowsReport, entry: MetricEntry) -> str:
    """The true accuracy beside an estimate."""
    if report.audit is None or "audit_difference" not in entry.parts:
        return ""
    return f"truly {number(report.audit.accuracy, 3)}: {signed(entry.parts['audit_difference'], 3)}"


def _hopkins(e: MetricEntry) -> str:
    return f"structure-free: {number(e.parts['null'], 4)}"


def _infomax(e: MetricEntry) -> str:
    share = e.parts["over_log_classes"]
    return "" if share is None else f"{number(100 * share, 0)} % of ln {e.parts['classes']}"


def _score(e: MetricEntry) -> str:
    formula = f"-U + H + M / ln {e.parts['classes']}"
    if e.parts["variant"] == "standard":
        return formula
    own = ", ".join(f"{name} {number(e.parts[name.lower()], 4)}" for name in "UHM")
    return f"{formula}, {e.parts['variant']}: {own}"


NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "transfer_score": _score,
    "classifier_nonuniformity": lambda e: "U",
    "hopkins": lambda e: f"H; {_hopkins(e)}",
    "infomax": lambda e: f"M; {_infomax(e)}",
}


def saturated(reports: Sequence[RowsReport], named: Callable[[str], str], *, comparable: bool) -> list[str]:
    """Which of several targets to keep by the Transfer Score."""
    found = trajectory(reports)
    if found is None:
        return []
    if not comparable:
        return ["no best by transfer_score is named: the targets are not comparable"]
    best = named(found["best"])
    if found["saturated"]:
        window = found["rule"]["window"]
        return [f"transfer_score stood still by {named(found['first'])} (window of {window}): keep {best}"]
    return [f"transfer_score has not stood still over these {len(reports)}: the highest is {best}"]
