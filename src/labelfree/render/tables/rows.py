"""What a table of a report says, before any decision on how it looks: shared by the terminal, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelfree.catalog import command, shown_in
from labelfree.errors import option
from labelfree.render.notes import opis as groups
from labelfree.render.notes.transfer import NOTES, absent, audited, heads, not_computed, once
from labelfree.render.numbers import counted, decimals, direction, interval, number, signed, value
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import Report

SOUND = "nothing wrong: no null, NaN, infinite, zero or repeated rows; the shape is sound"
"""What doctor says where it finds nothing."""

_NAMED = 3
_GRAVE = ("possible collapse", "narrow cone", "all rows are equal", "measured as one", "rows of zeros")
_SLIGHT = "interval can be too narrow"


@dataclass(frozen=True)
class Line:
    """One metric in a table."""

    name: str
    value: str
    interval: str
    better: str
    note: str


def shown(report: Report, everything: bool) -> list[str]:
    """The metrics to show: those asked for by name, in that order; or everything; or the headline and its five."""
    if asked := report.settings.get("only"):
        return [name for name in dict.fromkeys((*asked, *report.metrics)) if name in report.metrics]
    if everything:
        return list(report.metrics)
    first = [name for family in command(report.command).families for name in shown_in(family)]
    first += [n for n, e in report.metrics.items() if report.audit is not None and e.kind == "estimate"]
    return [name for name in dict.fromkeys(first) if name in report.metrics and not hidden(report, name)]


def hidden(report: Report, name: str) -> bool:
    """Whether a metric has no value for a reason that stands elsewhere."""
    return absent(report, name) or groups.elsewhere(report, name)


def family(report: Report, name: str) -> str:
    """The family in whose table a metric stands, for a command that has several."""
    families = command(report.command).families
    return families[0] if len(families) == 1 else next((f for f in families if name in shown_in(f)), "rank")


def lines(report: Report, everything: bool) -> list[Line]:
    """The rows of the table of one report."""
    return [
        Line(name, value(entry), interval(entry), direction(entry), audited(report, entry) or note(name, entry))
        for name in shown(report, everything)
        for entry in (report.metrics[name],)
    ]


def _rankme(e: MetricEntry) -> str:
    share, ceiling = e.parts["fraction_of_ceiling"], e.parts["isotropic_ceiling"]
    return f"{100 * share:.0f} % of pure noise ({number(ceiling, 1)})"


def _alike(other: float, e: MetricEntry) -> str:
    """A number to compare the value with, at as many places."""
    return number(other, decimals(other if e.value is None else e.value, e.se))


def _chance(e: MetricEntry) -> str:
    null = e.parts["surrogate"]
    if null is None:
        return "structure-free: none"
    return f"structure-free: {_alike(null, e)}"


def _separability(e: MetricEntry) -> str:
    share = e.parts["zero_bar_share"]
    equal = f"; {number(100 * share, 1)} % zero bars" if share else ""
    places = decimals(e.parts["max"] if e.value is None else e.value, e.se)
    excess = "" if e.parts["excess"] is None else f", excess {signed(e.parts['excess'], places)}"
    return f"{_chance(e)}{excess}{equal}"


def _persistence_entropy(e: MetricEntry) -> str:
    return f"{number(100 * e.parts['share_of_maximum'], 1)} % of the maximum"


_NOTES: dict[str, Callable[[MetricEntry], str]] = {
    "rankme": _rankme,
    "rankme_centered": lambda e: f"of {e.parts['rank_cap']} possible",
    "alpha_req": lambda e: f"R2 {e.parts['r2']:.3f} on {e.params['fit_range'][0]}..{e.params['fit_range'][1]}",
    "std_l2": lambda e: f"{100 * e.parts['share_of_isotropic']:.0f} % of isotropic",
    "participation_ratio": lambda e: (
        f"{_alike(e.parts['gaussian_unbiased'], e)} without sampling bias" if e.parts["gaussian_unbiased"] else ""
    ),
    "uniformity": lambda e: f"uniform sphere: {_alike(e.parts['uniform_sphere'], e)}",
    "separability": _separability,
    "separability_robust": _chance,
    "persistence_entropy": _persistence_entropy,
    "total_persistence": _chance,
    "h1_total_persistence": lambda e: f"on {counted(e.params['rows'], 'row')}",
    "twonn": lambda e: f"on {counted(e.parts['rows'], 'row')}",
    "id_mle": lambda e: f"on {counted(e.parts['rows'], 'row')}",
    "lidar": lambda e: counted(e.parts["groups"], "group"),
    "alignment": lambda e: counted(e.parts["groups"], "group"),
    **NOTES,
    **groups.NOTES,
}


def note(name: str, entry: MetricEntry) -> str:
    """What to know beside the number: why there is none, or what it compares with."""
    if entry.status != "ok":
        return f"{entry.status}: {entry.reason}"
    if name in _NOTES:
        return _NOTES[name](entry)
    return "estimate of accuracy" if entry.kind == "estimate" else ""


def heading(report: Report) -> str:
    """One line that says what was measured."""
    i = report.input
    rows = counted(i.n, "row") if i.rows.read == i.n else f"{i.n:,} of {counted(i.rows.read, 'row')}"
    column = f", column {i.column}" if i.column else ""
    return f"{rows} x {i.d:,} {i.dtype}{column}"


def sampled(report: Report) -> str:
    """One line on the sample, where there is one."""
    s = report.input.sample
    return (
        ""
        if s is None
        else f"pairs and intervals from a sample of {counted(s.size, 'row')}, seed {s.seed} ({option('sample')})"
    )


def beside(reports: Sequence[Report], everything: bool, named: Callable[[str], str]) -> list[str]:
    """Lines on the head, the audit of one report, and what could not be computed; `named` shortens a source's name."""
    found = heads(reports, named)
    found += groups.about(reports[0]) if len(reports) == 1 else []
    if len(reports) == 1 and (a := reports[0].audit) is not None:
        found.append(f"true accuracy {truth(reports[0])} on {counted(a.rows, 'row')} (labels in {a.column!r})")
    if not everything and not reports[0].settings.get("only"):
        said: dict[str, list[str]] = {}
        for report in reports:
            for text in not_computed(report):
                said.setdefault(text, []).append(named(report.input.sources[0]))
        found += once(said, len(reports))
    return found


def truth(report: Report) -> str:
    """The true accuracy of an audit."""
    return number(None if report.audit is None else report.audit.accuracy, 3)


def remarks(report: Report, names: Sequence[str]) -> list[str]:
    """Warnings of the report and of these metrics, each once, the gravest first."""
    found: dict[str, list[str]] = {}
    for name in names:
        for warning in report.metrics[name].warnings:
            found.setdefault(warning, []).append(name)
    told = [f"{_some(metrics)}: {warning}" for warning, metrics in found.items()]
    return sorted(dict.fromkeys([*report.warnings, *told]), key=gravity)


def _some(metrics: Sequence[str]) -> str:
    return ", ".join(metrics[:_NAMED]) + (f" and {len(metrics) - _NAMED} more" if len(metrics) > _NAMED else "")


def gravity(warning: str) -> int:
    """A sort key: first what makes numbers mean something else, last what is only said of an interval."""
    return 0 if any(sign in warning for sign in _GRAVE) else 2 if _SLIGHT in warning else 1


def differences(reports: Sequence[Report]) -> list[str]:
    """Why the reports of several sources should not be compared."""
    found = []
    for label, of in (
        ("n", lambda r: str(r.input.n)),
        ("d", lambda r: str(r.input.d)),
        ("classes", lambda r: str(r.input.outputs and r.input.outputs.classes)),
        ("dtype", lambda r: r.input.dtype),
        ("rows", lambda r: r.input.rows_hash),
    ):
        values = list(dict.fromkeys(of(r) for r in reports))
        if len(values) > 1:
            what = f"{label} {'differ' if label == 'classes' else 'differs'}"
            what = "the sets of rows differ (other ids or positions)" if label == "rows" else what
            found.append(what if label == "rows" else f"{what}: {', '.join(values[:4])}")
    return found[:-1] if len(found) > 1 and found[-1].startswith("the sets") and found[0].startswith("n ") else found


def same_scale(reports: Sequence[Report]) -> bool:
    """Whether a score of several targets is on one scale: as many rows, columns and classes, the same rows."""
    return not any(not text.startswith("dtype") for text in differences(reports))
