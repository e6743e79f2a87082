"""`labelfree.drift`: current rows and a reference in, a report of what has moved out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from labelfree.catalog import COLLAPSE_METRICS, command
from labelfree.commands.checkpoints import embedded, run_first
from labelfree.commands.drift_rows import every_row, sliced, unusual
from labelfree.commands.measuring import surveyed
from labelfree.commands.memory import Work, check_memory
from labelfree.commands.options import Options, selected
from labelfree.commands.references import Reference, current_columns
from labelfree.commands.report import Report
from labelfree.commands.reporting import report_of, row_counts
from labelfree.commands.row_maps import check_shown, drift_map, with_ids
from labelfree.commands.unlimited import check_unlimited
from labelfree.documents.findings import Finding
from labelfree.documents.wording import counted
from labelfree.errors import UsageError, option
from labelfree.evidence.evidence import Need
from labelfree.families.drift.energy import PERMUTATIONS
from labelfree.families.drift.spaces import another, strangers
from labelfree.families.spec import Metric
from labelfree.gating.api import judged_by_interval
from labelfree.gating.grammar import requirement
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress
from labelfree.reports.counts import SourceInfo
from labelfree.reports.drift import Drift, Look
from labelfree.reports.drift_words import said, size_of
from labelfree.reports.entries import RequiredVerdict
from labelfree.sources.block import Source
from labelfree.sources.opening import open_source
from labelfree.survey.findings import findings
from labelfree.survey.found import Survey
from labelfree.survey.scores import Wanted

ALPHA = 0.05
"""The chance of a false alarm, over all looks that were stated."""
MOST_LOOKS = 200
_NAMED = 5


def opened_current(source: Any, chosen: Options) -> list[Any]:
    """Current rows, opened; a checkpoint that is to be run over data first as it is."""
    if isinstance(source, Source) or chosen.data is not None:
        return [source]
    return [open_source(source, current_columns(chosen))]


def drift_on(source: Any, chosen: Options, progress: Progress) -> Report:
    """The report of `drift` on one data set."""
    asked = [requirement(text) for text in chosen.require]
    reference = chosen.reference
    if not isinstance(reference, Reference):
        reference = Reference(reference, chosen)
    if chosen.looks is not None and chosen.looks > MOST_LOOKS:
        raise UsageError(
            f"{option('looks', chosen.looks)}: expected at most {MOST_LOOKS}, whose p-values random divisions can tell "
            f"apart; begin another run with {option('run')} after so many"
        )
    if run_first(source, chosen):
        report = embedded(
            source, replace(chosen, require=()), partial(_embedding, reference),
            lambda rows, inner: _held(_measured(rows, replace(inner, reference=reference), progress)), progress,
        )  # fmt: skip
    else:
        (opened,) = opened_current(source, chosen)
        report = _measured(opened, replace(chosen, reference=reference), progress)
    report.settings.update(reference=reference.opened.name, require=list(chosen.require))
    if not asked:
        return report
    judged = judged_by_interval(asked, [(report.input.sources[0], report.model_dump()["metrics"])])
    return report.model_copy(update={"verdict": RequiredVerdict.model_validate(judged)})


def _embedding(reference: Reference, path: Any, chosen: Options) -> Source:
    """The embeddings that a checkpoint gave, if they are of the model of the reference."""
    (opened,) = opened_current(path, chosen)
    reference.check(opened)
    return opened  # type: ignore[no-any-return]


def _held(report: Report) -> Report:
    """The report with all rows scored now: the embeddings of a checkpoint are gone afterwards."""
    if report.every_row is not None:
        columns = report.every_row()
        report._every_row = lambda: columns
    return report


def _measured(opened: Source, chosen: Options, progress: Progress) -> Report:
    """The report on rows that are open."""
    reference = chosen.reference
    reference.check(opened)
    if chosen.show_ids:
        check_shown([opened, reference.opened])
    scored = opened.outputs is not None and reference.opened.outputs is not None
    metrics = [m for m in selected(command("drift"), chosen.only) if chosen.only or _wanted(m, scored, chosen.looks)]
    needs = frozenset[Need](need for metric in metrics for need in metric.needs)
    needs |= frozenset[Need](("moments", "sample"))
    divisions = PERMUTATIONS if chosen.looks is None else max(PERMUTATIONS, round(2 * chosen.looks / ALPHA) - 1)
    work = Work(
        opened, needs, metrics, chosen.sample, threads=chosen.threads, behind=reference.opened, divisions=divisions
    )
    check_memory(work, chosen)
    check_unlimited(work, chosen)
    with limited_threads(chosen.threads):
        behind = reference.survey(needs - {"unit"}, chosen, progress)
        wanted = None if opened.outputs is None else Wanted()
        found = surveyed(opened, needs, chosen, chosen.on_bad, progress, wanted=wanted)
    e = replace(found.evidence, reference=behind.evidence, divisions=divisions)
    found = replace(found, evidence=e, behind=behind)
    with limited_threads(chosen.threads):
        return _written(found, metrics, reference, chosen, progress)


def _wanted(metric: Metric, scored: bool, looks: int | None) -> bool:
    """Whether a metric is measured where none was named: what needs class scores with them, what a history needs of
    every check where looks are counted.
    """
    if metric.name in COLLAPSE_METRICS:
        return looks is not None
    return scored or "outputs" not in metric.needs


def _written(
    found: Survey, metrics: Sequence[Metric], reference: Reference, chosen: Options, progress: Progress
) -> Report:
    """The report on what both passes have found."""
    behind = found.behind
    assert behind is not None
    report = report_of(command("drift"), found, metrics, chosen, progress)
    _about_reference(report, metrics, behind)
    for one in [*_against(found), *_of_reference(behind)]:
        report.note(one)
    rows = unusual(found) if _ready(found) else None
    by = None if chosen.by is None else sliced(found, chosen.by, sliced_too=reference.sliced)
    if rows is not None and rows.told is not None:
        report.note(rows.told)
    look = _look(report, chosen.looks)
    size = size_of(report.metrics, look.different)
    drift = Drift(
        says=said(report.metrics, size, look), size=size, look=look, reference=_described(behind),
        unusual=None if rows is None else rows.part, by=by,
    )  # fmt: skip
    report = report.model_copy(update={"drift": drift})
    report._every_row = (lambda: every_row(found, by)) if rows is not None else None
    report._row_map = drift_map(found.evidence, np.empty(0, np.int64) if rows is None else rows.out)
    if chosen.show_ids:
        report._row_map = with_ids(report._row_map, found.source, behind.source)
    return report


def _ready(found: Survey) -> bool:
    """Whether there are rows to look at, and some of the reference to calibrate by."""
    e = found.evidence
    assert e.reference is not None
    return e.drawn is not None and e.reference.drawn is not None and len(e.reference.drawn.keys) >= 2


def _look(report: Report, looks: int | None) -> Look:
    """This look: what it may alarm by chance, and whether it does."""
    of = looks or 1
    entry = report.metrics.get("energy_ratio")
    p = None if entry is None else entry.parts.get("p_value")
    return Look(number=None, of=of, alpha=ALPHA / of, p_value=p, different=None if p is None else p <= ALPHA / of)


def _described(behind: Survey) -> SourceInfo:
    return SourceInfo(
        name=behind.source.name, fingerprint=behind.fingerprint, rows_hash=behind.rows_hash, n=behind.evidence.n,
        d=behind.evidence.d, rows=row_counts(behind),
    )  # fmt: skip


def _about_reference(report: Report, metrics: Sequence[Metric], behind: Survey) -> None:
    """Name the reference in what fixes the meaning of the metrics that compare with it."""
    for metric in metrics:
        if "source" in metric.needs:
            report.metrics[metric.name].params["reference"] = behind.rows_hash


def _of_reference(behind: Survey) -> list[Finding]:
    """What is wrong with the rows of the reference."""
    return [
        replace(one, message=f"reference: {one.message}", sources=(behind.source.name,))
        for one in findings(behind)
        if one.code in ("nonfinite", "null", "zero", "duplicate", "constant", "collapsed", "outlier", "repeated_id")
    ]


def _against(found: Survey) -> list[Finding]:
    """What is wrong between current rows and the reference."""
    behind, told = found.behind, list[Finding]()
    assert behind is not None
    one, two = found.duplicates.settled(), behind.duplicates.settled()
    shared = len(np.intersect1d(one.hashes, two.hashes, assume_unique=True))
    if shared:
        least = "" if one.exact and two.exact else "at least "
        told.append(
            Finding(
                "shared_rows", f"{least}{counted(shared, 'vector')} of {found.source.name} "
                f"{'is' if shared == 1 else 'are'} in the reference too",
                "leave them out of one side, or know why they are there", shared,
            )
        )  # fmt: skip
    if found.source.dtype != behind.source.dtype:
        said_ = f"{found.source.name} holds {found.source.dtype}, the reference {behind.source.dtype}"
        told.append(Finding("mixed_dtypes", said_, "store both alike: rounding alone can be told apart"))
    told += _left_constant(found)
    if (near := strangers(found.evidence)) is not None and another(near):
        now, usual = (100 * (1 - share) for share in near)
        told.append(
            Finding(
                "other_space", f"current rows lie {max(now, 0):.1f} % nearer to reference rows than if they were "
                f"turned at random, its own rows {usual:.0f} %: perhaps another space",
                "make sure that one model, one version and one pooling wrote both sides",
            )
        )  # fmt: skip
    return told


def _left_constant(found: Survey) -> list[Finding]:
    e = found.evidence
    assert e.reference is not None
    now, before = e.moments, e.reference.moments
    if now is None or before is None or min(now.n, before.n) < 2:
        return []
    still = np.diagonal(before.scatter) / before.n <= (1e-15 * np.abs(before.mean)) ** 2
    moved = (np.diagonal(now.scatter) / now.n > (1e-15 * np.abs(now.mean)) ** 2) | (
        np.abs(now.mean - before.mean) > 1e-12 * np.abs(before.mean)
    )
    columns = np.flatnonzero(still & moved)
    if not len(columns):
        return []
    named = ", ".join(map(str, columns[:_NAMED])) + (", ..." if len(columns) > _NAMED else "")
    words = f"{counted(len(columns), 'column')} that never changed in the reference changed now"
    return [Finding("left_constant", f"{words}: {named} (from 0)", "that is drift by itself", unit="columns")]
