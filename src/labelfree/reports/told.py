"""What is said of the findings of reports: once each, the gravest first, and of several sources in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labelfree.documents.finding_codes import CODES, Severity
from labelfree.documents.findings import SEVERITIES, severity_of, with_fix
from labelfree.documents.wording import some
from labelfree.reports.across import differing
from labelfree.reports.rows import RowsReport
from labelfree.reports.weights import WeightsReport

_OF_A_METRIC = ("partial", "undefined")


@dataclass(frozen=True)
class Told:
    """One finding of one source: its code, how grave it is, the metrics that it is of (none: the rows), the words."""

    code: str
    severity: Severity
    metrics: tuple[str, ...]
    message: str
    fix: str
    source: str

    @property
    def text(self) -> str:
        """The finding in a sentence, with its way out."""
        of = f"{some(self.metrics)}: " if self.metrics else ""
        return of + with_fix(self.message, self.fix)


@dataclass(frozen=True)
class Line:
    """One line of what is said: how grave, in words, and the code that `labelfree explain` knows."""

    severity: Severity
    text: str
    code: str


def of_report(report: RowsReport | WeightsReport, names: Iterable[str]) -> list[Told]:
    """The findings of a report and of these metrics, each once, the gravest first."""
    source = report.input.sources[0]
    found = [Told(f.code, f.severity, (), f.message, f.fix, source) for f in report.findings]
    said: dict[tuple[str, str], list[str]] = {}
    for name in names:
        if (entry := report.metrics.get(name)) is None:
            continue
        for code, message in zip(entry.codes, entry.warnings, strict=True):
            said.setdefault((code, message), []).append(name)
    found += [Told(code, severity_of(code), tuple(of), text, "", source) for (code, text), of in said.items()]
    return sorted(dict.fromkeys(found), key=_order)


def statuses(report: RowsReport, names: Iterable[str]) -> list[Told]:
    """The metrics among these that are undefined or partial, as findings."""
    source = report.input.sources[0]
    return [
        Told(e.status, severity_of(e.status), (n,), e.reason or "", "", source)
        for n in names
        if (e := report.metrics.get(n)) is not None and e.status != "ok"
    ]


def one_by_one(found: Iterable[Told], named: Callable[[str], str] | None = None) -> list[Line]:
    """A line for each finding; named: shortens the name of its source, which then stands before it."""
    return [
        Line(one.severity, f"{named(one.source)}: {_said(one)}" if named else _said(one), one.code)
        for one in sorted(found, key=_order)
    ]


def _said(one: Told) -> str:
    return f"{one.metrics[0]} is {one.code}: {one.message}" if one.code in _OF_A_METRIC else one.text


def grouped(found: Sequence[Told], total: int, named: Callable[[str], str]) -> list[Line]:
    """A line for each code that findings of several sources share, with the sources that it is true of.

    total: how many sources there are; named: shortens their names.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[Told]] = {}
    for one in sorted(found, key=_order):
        groups.setdefault((one.code, one.metrics if one.code in _OF_A_METRIC else ()), []).append(one)
    return [_line(own, total, named) for own in groups.values()]


def _line(own: Sequence[Told], total: int, named: Callable[[str], str]) -> Line:
    """The line of findings of one code."""
    first, sources = own[0], list(dict.fromkeys(one.source for one in own))
    metrics = tuple(dict.fromkeys(name for one in own for name in one.metrics))
    messages, fixes = {one.message for one in own}, {one.fix for one in own}
    where = f" in {len(sources)} of {total} sources: {some([named(s) for s in sources])}"
    if len(sources) == 1 < total and len(own) == 1:
        return Line(first.severity, f"{named(sources[0])}: {_said(first)}", first.code)
    where = "" if len(sources) == total else where
    if first.code in _OF_A_METRIC:
        why = f" ({first.message})" if len(messages) == 1 else ""
        return Line(first.severity, f"{some(metrics)} is {first.code}{where}{why}", first.code)
    general = CODES[first.code].sentence if first.code in CODES else first.message
    message = first.message if len(messages) == 1 else general
    text = (f"{some(metrics)}: " if metrics else "") + message + where
    return Line(first.severity, with_fix(text, first.fix if len(fixes) == 1 else ""), first.code)


def of_weights(reports: Sequence[WeightsReport], named: Callable[[str], str]) -> list[Line]:
    """What is said of checkpoints: what differs between them, what is broken in them."""
    found = [one for report in reports for one in of_report(report, ())]
    return one_by_one(found) if len(reports) == 1 else grouped(found, len(reports), named)


def incomparable(reports: Sequence[RowsReport]) -> list[Line]:
    """Why the reports of several sources should not be compared: what stands above their table.

    A note where nobody asked for a comparison: `doctor` looks at each file on its own.
    """
    alone = all(report.finds for report in reports)
    return [
        Line("note" if alone else severity_of(code), f"not comparable: {text}", code)
        for code, text in differing(reports)
    ]


def _order(one: Told) -> tuple[int, int]:
    return SEVERITIES.index(one.severity), list(CODES).index(one.code) if one.code in CODES else len(CODES)
