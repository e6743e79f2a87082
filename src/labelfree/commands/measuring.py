"""The one way from a source to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.catalog import GROUP_ROWS, SAMPLE, Command
from labelfree.commands.checkpoints import embedded, run_first
from labelfree.commands.memory import Work, check_memory
from labelfree.commands.options import Options, selected
from labelfree.commands.process_memory import give_back
from labelfree.commands.report import Report
from labelfree.commands.reporting import assembled, report_of, with_outputs
from labelfree.commands.row_maps import check_shown, row_map, with_ids
from labelfree.commands.series import death_series, group_series, spectrum_series
from labelfree.commands.unlimited import check_unlimited
from labelfree.documents.findings import Finding
from labelfree.errors import UsageError, option
from labelfree.evidence.evidence import Need
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.judging import judged
from labelfree.families.spec import Metric
from labelfree.kernels.devices import kernels_for
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Progress
from labelfree.sources.block import AUTO, Source
from labelfree.sources.checkpoints.heads import find_head
from labelfree.sources.opening import open_source
from labelfree.sources.tables.group_files import write_groups
from labelfree.summaries.hashing import hash_ids
from labelfree.survey import targets
from labelfree.survey.findings import findings
from labelfree.survey.found import OnBad, Survey
from labelfree.survey.groups import grouping_of, row_keys
from labelfree.survey.reading import survey
from labelfree.survey.scores import Wanted


def freeze(found: Survey, judged: Judged, path: Any) -> None:
    """Write the pseudo-groups of a report, for `groups_from` at other checkpoints."""
    e, given = found.evidence, judged.given
    ids = None
    if "id" in found.source.roles:
        ids = found.source.every("id")[given.index]
    about = {
        "source": given.origin, "circular": given.origin == "same_space", "k": judged.runs["k"],
        "seed": judged.runs["chosen_seed"], "rows_hash": found.rows_hash,
        "content": found.content,
    }  # fmt: skip
    write_groups(Path(path), row_keys(e), given.names.astype(np.int64), about, ids)  # type: ignore[union-attr]


def opened_for(command: Command, source: Any, chosen: Options) -> list[Any]:
    """The data sets that a source holds for a command: one, and for `transfer` one for each epoch.

    A checkpoint that is to be run over data first is left as it is.
    """
    if isinstance(source, Source) or chosen.data is not None:
        return [source]
    if command.by_epoch:
        return targets.open_targets(source, chosen.columns, chosen.setting)
    scores = (chosen.logits or AUTO) if command.scores == "if_there" else None
    return [open_source(source, replace(chosen.columns, outputs=scores))]


def findings_on(command: Command, source: Any, chosen: Options, progress: Progress) -> Report:
    """The report of `doctor`: what is wrong with the rows, without a metric."""
    opened = open_source(source, chosen.columns)
    needs: frozenset[Need] = frozenset({"moments", "sample"})
    _check(Work(opened, needs, (), chosen.sample, threads=chosen.threads), chosen)
    with limited_threads(chosen.threads):
        found = surveyed(opened, needs, chosen, "count", progress)
        said = findings(found, located=True)
    return assembled(command, found, chosen, {}, said)


def measured_on(command: Command, source: Any, chosen: Options, progress: Progress) -> Report:
    """The report of any measuring command on one source, of `doctor` too."""
    if command.document != "findings":
        return report_on(command, source, chosen, progress)
    if run_first(source, chosen):
        return embedded(
            source, chosen, lambda path, inner: opened_for(command, path, inner)[0],
            lambda rows, inner: findings_on(command, rows, inner, progress), progress,
        )  # fmt: skip
    return findings_on(command, source, chosen, progress)


def report_on(command: Command, source: Any, chosen: Options, progress: Progress) -> Report:
    """The report of a command on one source: opened, surveyed once, and every metric computed."""
    if run_first(source, chosen):
        return embedded(
            source, chosen, lambda path, inner: opened_for(command, path, inner)[0],
            lambda rows, inner: report_on(command, rows, inner, progress), progress,
        )  # fmt: skip
    (opened,) = opened_for(command, source, chosen)
    if chosen.show_ids:
        check_shown([opened])
    scored = opened.outputs is not None or chosen.head is not None
    metrics = selected(
        command, chosen.only, requested=chosen.homology > 0, scored=scored, grouped=chosen.group is not None
    )
    asked = frozenset[Need](need for metric in metrics for need in metric.needs)
    needs = asked | frozenset[Need](("moments",))  # for the state
    adapted = any(metric.family == "transfer" for metric in metrics)
    behind = targets.source_of(opened, chosen.columns, chosen.setting) if command.scores == "always" else None
    group_rows = chosen.sample if command.whole_groups else GROUP_ROWS
    _check(work_of(opened, needs, metrics, chosen, group_rows, behind), chosen)
    with limited_threads(chosen.threads):
        refuse_zero = command.zero_rows == "refused"

        def of(one: Source, wanted: Wanted | None) -> Survey:
            return surveyed(
                one, needs, chosen, chosen.on_bad, progress, refuse_zero=refuse_zero, wanted=wanted,
                group_rows=group_rows,
            )  # fmt: skip

        found = (
            targets.surveyed(opened, behind, chosen.setting, of, headed="head" in needs)
            if adapted
            else of(opened, None)
        )
        grouping = grouping_of(found, chosen.grouping, lambda one: of(one, None)) if "groups" in needs else None
        found = replace(found, evidence=replace(found.evidence, topology=chosen.topology, grouping=grouping))
    report = report_of(command, found, metrics, chosen, progress)
    if chosen.freeze is not None:
        if "groups" not in needs:
            raise UsageError(
                f"{option('freeze')}: none of the metrics of {option('only')} makes groups; name pseudo_opis there too"
            )
        if isinstance(done_with := judged(found.evidence), Judged):
            freeze(found, done_with, chosen.freeze)
        else:
            report.note(Finding("not_frozen", f"no groups were frozen: {done_with.reason}"))
    if adapted:
        report = with_outputs(report, found, chosen.setting)
    if "moments" in asked and found.evidence.n >= 2 and "pictures" in command.spectrum:
        report.series["spectrum"] = spectrum_series(found.evidence)
    report.series.update(group_series(found.evidence))
    if (deaths := death_series(found.evidence)) is not None:
        report.series["deaths"] = deaths
    report._row_map = row_map(found.evidence)
    if chosen.show_ids:
        report._row_map = with_ids(report._row_map, found.source)
    return report


def _check(work: Work, chosen: Options) -> None:
    """Refuse what a memory limit does not allow, or what the size of the file does not explain where none is given."""
    check_memory(work, chosen)
    check_unlimited(work, chosen)


def sample_of(needs: frozenset[Need], chosen: Options) -> int | None:
    """Rows of the sample; where a column names the groups their pairs are of the sample of groups, not of this one."""
    if "groups" in needs and chosen.group is not None:
        return SAMPLE if chosen.sample is None else min(chosen.sample, SAMPLE)
    return chosen.sample


def work_of(
    opened: Source,
    needs: frozenset[Need],
    metrics: Sequence[Metric],
    chosen: Options,
    group_rows: int | None,
    behind: Source | None,
) -> Work:
    """What is to be done, for a memory limit."""
    classes = 0
    if chosen.memory is not None and chosen.head is not None:
        stored = opened.outputs.classes if opened.outputs else None
        classes = len(find_head(chosen.head, d=opened.d, classes=stored).weight)
    made, groups = "groups" in needs and chosen.group is None, 0
    if chosen.memory is not None and "groups" in needs and "group" in opened.roles and opened.values is not None:
        named = [hash_ids(np.asarray(values)) for values in opened.values(opened.roles["group"])]
        groups = len(np.unique(np.concatenate(named))) if named else 0
    return Work(
        opened, needs, metrics, sample_of(needs, chosen), group_rows, groups, chosen.threads, pseudo=made,
        classes=classes, behind=behind,
    )  # fmt: skip


def surveyed(
    opened: Source,
    needs: frozenset[Need],
    chosen: Options,
    on_bad: OnBad,
    progress: Progress,
    *,
    refuse_zero: bool = False,
    wanted: Wanted | None = None,
    group_rows: int | None = None,
) -> Survey:
    """One pass over an open source; arguments as for `survey.reading.survey`."""
    found = survey(
        opened,
        needs,
        kernels=kernels_for(chosen.device),
        on_bad=on_bad,
        refuse_zero=refuse_zero,
        sample=sample_of(needs, chosen),
        group_rows=group_rows,
        seed=chosen.seed,
        threads=chosen.threads,
        progress=progress,
        wanted=wanted,
    )
    if chosen.memory is not None:
        give_back()
    return found
