"""What a report says beside its metrics: the input, the rows, class scores, the audit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.catalog import ENGINES, Command
from labelfree.commands.from_summaries import findings_of, unsampled, value_of
from labelfree.commands.next_command import judged_state
from labelfree.commands.options import MODELS, Options, options_of
from labelfree.commands.process_memory import give_back
from labelfree.commands.report import Report
from labelfree.documents.findings import Finding
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.outputs import Outputs
from labelfree.families import metrics as every_metric
from labelfree.families.clustered import over_row_groups
from labelfree.families.spec import Metric
from labelfree.families.transfer.accuracy import share_error
from labelfree.head import Head
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress, silent
from labelfree.reports.counts import RowCounts, SourceInfo
from labelfree.reports.entries import FindingEntry, MetricEntry
from labelfree.reports.rows import Audit, HeadInfo, Input, OutputInfo, PartInfo, SampleInfo
from labelfree.results import Result
from labelfree.sources.block import Source
from labelfree.sources.row_groups import ChosenGroups
from labelfree.summaries.sample import Drawn
from labelfree.survey.found import Survey
from labelfree.survey.targets import Setting, head_warning


def report_of(
    command: Command, found: Survey, metrics: Sequence[Metric], chosen: Options, progress: Progress = silent
) -> Report:
    """The report of a command on what a pass has found: its metrics, and what is wrong with the rows."""
    results: list[tuple[Metric, Result]] = []
    with limited_threads(chosen.threads):
        for done, metric in enumerate(metrics):
            progress("computing metrics", done / len(metrics))
            results.append((metric, value_of(metric, found)))
            if chosen.memory is not None:
                give_back()
        known = over_row_groups(results, found.evidence)
        entries = {one.name: MetricEntry.of(one, result) for (one, _), result in zip(results, known, strict=True)}
        progress("computing metrics", 1.0)
        lost = sum(entry.reason_code == "no_sample" for entry in entries.values())
        return assembled(command, found, chosen, entries, [*findings_of(found), *unsampled(found, lost)])


def assembled(
    command: Command,
    found: Survey,
    chosen: Options,
    entries: dict[str, MetricEntry],
    found_wrong: Iterable[Finding],
) -> Report:
    """The report of entries and findings, with the input, the rows and the settings that they belong to."""
    source, e = found.source, found.evidence
    said = list(found_wrong)
    if source.part is not None:
        said.append(part_finding(source.part))
    sampled = len(e.drawn.keys) if e.drawn is not None else 0
    if command.whole_groups and e.grouping is not None and e.grouping.given is not None and chosen.group is not None:
        sampled = len(e.grouping.given.keys) if e.grouping.given.sampled else 0
    kept = [name for name in options_of(command) if name not in ("threads", "show_ids", *ENGINES, *MODELS)]
    settings: dict[str, Any] = {name: getattr(chosen, name) for name in kept}
    settings |= {
        name: setting_name(settings[name]) for name in ("source", "head", "groups_from", "freeze") if name in settings
    }
    if "far" in settings:
        settings |= {"far": list(chosen.zone.far), "k": list(chosen.k)}
    settings["only"] = list(chosen.only)
    settings["sample"] = "all" if chosen.sample is None else chosen.sample
    return Report(
        command=command.name,
        input=Input(
            sources=[source.name],
            fingerprint=found.fingerprint,
            rows_hash=found.rows_hash,
            column=source.column,
            id=source.roles.get("id"),
            layout=source.layout,
            dtype=source.dtype,
            n=e.n,
            d=e.d,
            rows=row_counts(found),
            sample=SampleInfo(size=sampled, seed=chosen.seed) if 0 < sampled < e.n else None,
            part=part_info(source),
        ),
        state=judged_state(command, found, chosen) if command.document == "report" else None,
        settings=settings,
        metrics=entries,
        findings=[FindingEntry.of(d, [source.name]) for d in said],
        warnings=[str(d) for d in said],
    )


def part_info(source: Source) -> PartInfo | None:
    """What was read of a data set, where that is not all of it."""
    part = source.part
    if part is None:
        return None
    return PartInfo(
        row_groups=len(part.spans), of_row_groups=part.of, rows=part.total, of_rows=part.rows, kind=part.kind,
        seed=part.seed,
    )  # fmt: skip


def part_finding(part: ChosenGroups) -> Finding:
    """What was read, and what an interval then means."""
    return Finding(
        "part_of_rows",
        f"{part.total:,} of {part.rows:,} rows were read, {len(part.spans):,} of {part.of:,} {part.kind} by the seed: "
        "an interval counts these as what was drawn, and holds the value of all rows",
        f"all rows: leave {option('rows')} out",
    )


def setting_name(given: Any) -> str | None:
    """An option that may be a file or an object in Python, as settings name it."""
    if given is None or isinstance(given, str | os.PathLike):
        return None if given is None else os.fspath(given)
    if isinstance(given, Head):
        return given.key
    return type(given).__name__


def row_counts(found: Survey) -> RowCounts:
    """What became of the rows of a data set."""
    tally, duplicates = found.tally, found.duplicates
    return RowCounts(
        read=tally.read, used=found.evidence.n, null=tally["null"], nonfinite=tally["nonfinite"], zero=tally["zero"],
        duplicate=duplicates.duplicates, estimated=not duplicates.exact,
    )  # fmt: skip


def with_outputs(report: Report, found: Survey, setting: Setting) -> Report:
    """The report with what is to be known of class scores and head, and with the audit where it was asked for."""
    outputs, opened = found.evidence.outputs, found.source
    assert outputs is not None
    head, behind = outputs.head, found.behind
    changes: dict[str, Any] = {}
    if head is not None:
        rows, d = head.weight.shape
        changes["head"] = HeadInfo(
            origin=head.origin, key=head.key, classes=rows, d=d, bias=head.bias is not None,
            residual=head.residual, spread=head.spread,
        )  # fmt: skip
    if opened.outputs is not None:
        changes["outputs"] = OutputInfo(
            column=opened.outputs.name, kind=opened.outputs.kind, classes=max(opened.outputs.classes, 2)
        )  # fmt: skip
    metrics, more = report.metrics, list[Finding]()
    if behind is not None:
        changes["source"] = SourceInfo(
            name=behind.source.name, fingerprint=behind.fingerprint, rows_hash=behind.rows_hash, n=behind.evidence.n,
            d=behind.evidence.d, rows=row_counts(behind),
        )  # fmt: skip
        uses = {metric.name for metric in every_metric() if "source" in metric.needs}
        metrics = {
            name: entry.model_copy(update={"params": {**entry.params, "source": behind.rows_hash}})
            if name in uses
            else entry
            for name, entry in metrics.items()
        }
        more += [
            replace(one, message=f"source: {one.message}", sources=(behind.source.name,)) for one in findings_of(behind)
        ]
    if warning := head_warning(found):
        more.append(Finding("head_mismatch", warning))
    updated = report.model_copy(update={"input": report.input.model_copy(update=changes), "metrics": metrics})
    for one in more:
        updated.note(one)
    if setting.audit is not None:
        updated = _audited(updated, outputs, setting.audit)
    e, drawn = found.evidence, found.evidence.drawn
    if drawn is not None:  # of many candidates keys and logits are kept, never their rows
        drawn = Drawn(drawn.keys, drawn.index, np.empty((len(drawn.keys), 0)))
    updated._candidate = Evidence(e.n, e.d, drawn=drawn, outputs=Outputs(logits=outputs.logits))
    return updated


def _audited(report: Report, outputs: Outputs, column: str) -> Report:
    """The report with the true accuracy, and its difference beside every estimate."""
    labelled = outputs.labelled
    if labelled is None or len(labelled.label) == 0:
        return report
    right, n = int((labelled.predicted == labelled.label).sum()), len(labelled.label)
    audit = Audit(column=column, accuracy=right / n, se=share_error(right, n), rows=n)
    metrics = {
        name: entry.model_copy(update={"parts": {**entry.parts, "audit_difference": entry.value - audit.accuracy}})
        if entry.kind == "estimate" and entry.value is not None
        else entry
        for name, entry in report.metrics.items()
    }
    marked = f"audit: the labels in column {column!r} were used, for nothing but the accuracy beside the estimates"
    report.note(Finding("audit", marked))
    return report.model_copy(update={"audit": audit, "metrics": metrics})
