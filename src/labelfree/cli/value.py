"""--value: the bare value of one metric for a shell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labelfree.catalog import COLLAPSE_METRICS, COMMANDS, METRIC_NAMES, Command, check_metric, entry, suggestion
from labelfree.cli.printing import printed, shown, told
from labelfree.documents.wording import one_line
from labelfree.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from labelfree.reports.rows import RowsReport
    from labelfree.reports.weights import WeightsReport


def check_value(name: str | None, command: Command, *, form: str) -> None:
    """Refuse a metric that the command does not measure, and a document beside the value."""
    if name is None:
        return
    if form != "table":
        raise UsageError(f"--value: prints one number, and --format {form} a document; keep one")
    if not command.families:
        raise UsageError(f"--value: {command.name} computes no metrics; leave it out")
    check_metric(name, "value")
    family = entry(name).family
    if family not in command.families and not (command.collapse and name in COLLAPSE_METRICS):
        other = next(c.name for c in COMMANDS if c.families == (family,))
        raise UsageError(f"--value: {command.name} does not measure {name}; labelfree {other} does")


def measured_for(name: str | None, asked: tuple[str, ...], *, kept: bool) -> tuple[str, ...]:
    """The metrics to measure: the one alone where nothing else is asked for; kept: whether files keep the reports."""
    if name is None or name in asked or (kept and not asked):
        return asked
    return (*asked, name)


def print_value(reports: Sequence[RowsReport] | Sequence[WeightsReport], name: str) -> ExitCode:
    """Print the value, or source and value in a line for each of several; UNDEFINED where there is none of one of them.

    What has no value is told on stderr with the reason, and is not on stdout.
    """
    found, why = [], []
    for report in reports:
        source = one_line(report.input.sources[0]).replace("\t", " ")
        if name not in report.metrics:
            near = suggestion(name, report.metrics) if name not in METRIC_NAMES else "name it alone, to be told why"
            raise UsageError(f"--value: no {name} in the report of {report.command} on {source}; {near}")
        one = report.metrics[name]
        if one.value is None:
            why.append(f"{source}: {name} is {one.status}: {one.reason}")
        else:
            found.append((source, f"{one.value + 0.0:.12g}"))
    width = max((len(source) for source, _ in found), default=0) if sys.stdout.isatty() else None
    if len(reports) == 1:
        lines = [value for _, value in found]
    else:
        lines = [f"{s}\t{v}" if width is None else f"{s:<{width}}  {v}" for s, v in found]
    printed(lambda: shown("".join(f"{line}\n" for line in lines)))
    for text in why:
        told(text)
    return ExitCode.UNDEFINED if why else ExitCode.DONE
