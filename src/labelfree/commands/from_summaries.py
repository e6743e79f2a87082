"""The metrics of summaries: those of a pass over the rows, or undefined with the reason, never another value."""

from __future__ import annotations

from dataclasses import replace

from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence, RowsGone
from labelfree.families.spec import Metric
from labelfree.results import Result, undefined
from labelfree.survey.findings import findings
from labelfree.survey.found import Survey

_EVERY_ROW = ("hopkins", "transfer_score")
"""Metrics that look at every row, whatever sample there is."""
_THRESHOLDS = ("atc_mc", "atc_ne")
"""Metrics of rows that are counted at thresholds of a source, which were not known when the rows were read."""
_FROM_SUMS = (
    "rank/effective", "rank/shape", "rank/numerical", "rank/unit_rows", "transfer/predictions", "transfer/parts",
)  # fmt: skip
"""Files whose metrics take their value from sums, and their interval from the sample."""
_FROM_SAMPLE = ("uniformity",)
"""Metrics in these files whose value is of the sample."""


def value_of(metric: Metric, found: Survey) -> Result:
    """The value of a metric on what was found, in rows or in summaries."""
    e, behind = found.evidence, found.behind
    one = bool(found.source.summaries)
    other = behind is not None and bool(behind.source.summaries) and "source" in metric.needs
    if not (one or other):
        return metric.compute(e)
    alone = "source" in metric.needs and e.reference is None  # which is said first
    if one and not alone and (why := _withheld(metric, e)):
        return why
    if other and e.reference is not None and (why := _withheld(metric, e.reference)):
        return why
    try:
        return metric.compute(e)
    except RowsGone as error:
        said = "it looks at every row" if metric.name in _EVERY_ROW else str(error)
        return undefined("rows_gone", f"{said}, and a summary holds none: measure the rows themselves")


def _withheld(metric: Metric, e: Evidence) -> Result | None:
    """Why a metric cannot be had from the summary behind this evidence."""
    if e.n == 0:
        return None
    if metric.name in _THRESHOLDS and e.reference is not None:
        return undefined("rows_gone", "it counts every row, and a summary holds none: measure the rows themselves")
    held = metric.entry.file in _FROM_SUMS and metric.name not in _FROM_SAMPLE
    held = held and ("moments" not in metric.needs or e.n >= e.d) and ("unit" not in metric.needs or e.unit is not None)
    if e.drawn is not None or held or not {"sample", "groups"} & {*metric.needs}:
        return None
    if metric.name in _EVERY_ROW:
        return undefined("rows_gone", "it looks at every row, and a summary holds none: measure the rows themselves")
    way = f"summarize with {option('with_sample', True)}"
    return undefined("no_sample", f"the summary holds no sampled rows: {way}")


def unsampled(found: Survey, undefined_here: int) -> list[Finding]:
    """What is to be said of a report on a summary without rows."""
    if not found.source.summaries or found.evidence.drawn is not None or found.evidence.n == 0:
        return []
    lost = f", and {counted(undefined_here, 'metric')} undefined" if undefined_here else ""
    return [
        Finding(
            "no_sample", f"the summary holds no sampled rows: no interval{lost}",
            f"summarize the rows with {option('with_sample', True)}",
        )
    ]  # fmt: skip


def findings_of(found: Survey, *, located: bool = False) -> list[Finding]:
    """What is wrong with the rows behind a survey.

    What findings ask of a spectrum lies far above what a second look at the rows would show.
    """
    try:
        return findings(found, located=located)
    except RowsGone:
        return findings(replace(found, evidence=replace(found.evidence, rescan=None)), located=located)
