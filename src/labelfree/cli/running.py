"""From parsed options to output: the one way in which every measuring command runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from labelfree.catalog import COLLAPSE_METRICS, Command
from labelfree.catalog import command as known
from labelfree.cli.options import Shared
from labelfree.cli.parsing import parse_memory, parse_sample
from labelfree.cli.printing import chosen_format, printed, shown, told
from labelfree.cli.progress import Bar
from labelfree.cli.value import check_value, measured_for, print_value
from labelfree.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from labelfree.commands.report import Report
    from labelfree.render.tables.rows import Telling
    from labelfree.reports.entries import MetricEntry


def run(
    name: str,
    sources: Sequence[str],
    shared: Shared,
    *,
    reads: Mapping[str, Sequence[str]] | None = None,
    finish: Callable[[list[Report], Sequence[int]], None] | None = None,
    **own: Any,
) -> None:
    """Measure every source, write the files, print once, and exit with 3 where the answer is undefined.

    reads: further files that are read, by what they are; finish: changes the reports before anything is written.
    """
    command = known(name)
    form = chosen_format(shared.format, shared.json)
    check_value(shared.value, command, form=form)
    outputs = shared.output or []
    steps = [] if command.by_epoch else steps_to_append(command, sources, shared)
    from labelfree.commands import api
    from labelfree.commands.candidates import compared
    from labelfree.commands.checkpoints import checkpoint_files
    from labelfree.commands.drifting import opened_current
    from labelfree.commands.engines import told_of
    from labelfree.commands.measuring import opened_for
    from labelfree.commands.options import checked
    from labelfree.documents.files import check_apart, check_targets
    from labelfree.render import files
    from labelfree.sources.block import PARQUET

    files.check(outputs, command)
    asked = named_metrics(command, shared)
    asked = measured_for(shared.value, asked, kept=bool(outputs or shared.append))
    options = {**measuring(shared), **{name: value for name, value in own.items() if name != "strict"}}
    if command.families:
        options["only"] = measured_names(asked, appending=shared.append is not None)
    if shared.show_ids:
        options["show_ids"] = shown_ids(outputs)
    measure: Callable[..., Report] = getattr(api, name)
    if shared.verbose:
        tell_retries()
    data_sets: list[Any] = [list(sources)] if shared.concat and len(sources) > 1 else list(sources)
    chosen = checked(command, options)
    if chosen.data is None:
        opening = opened_for if own.get("reference") is None else lambda _, names, chosen: opened_current(names, chosen)
        data_sets = [s for names in data_sets for s in opening(command, names, chosen)]  # all, before any work
        read = {"SOURCE": [f for s in data_sets for f in s.files]}
    else:
        read = checkpoint_files(data_sets, chosen)
    if command.by_epoch:  # a file may hold several epochs
        steps = steps_to_append(command, [getattr(source, "name", source) for source in data_sets], shared)
    kept = {"the history": [shared.append] if shared.append else [], **read, **(reads or {})}
    check_apart(outputs, kept)
    if (freeze := own.get("freeze")) is not None:
        if len(data_sets) > 1:
            raise UsageError(f"--freeze: expected one SOURCE, whose groups are kept, found {len(data_sets)}")
        check_targets([freeze], PARQUET, "freeze")
        check_apart([freeze], {**kept, "-o": outputs}, "freeze")
    if not shared.quiet:
        unread: dict[tuple[tuple[str, ...], str], str] = {}  # once for the epochs of one file
        for opened in data_sets if chosen.data is None else ():
            for note in opened.notes:
                unread.setdefault((opened.files, note), opened.files[0] if len(opened.files) == 1 else opened.name)
        for (_, note), name in unread.items():
            told(f"{name}: {note}")
    reports = []
    with Bar(enabled=not shared.quiet and sys.stderr.isatty()) as bar:
        for i, source in enumerate(data_sets):
            began = time.perf_counter()
            prefix = f"{i + 1}/{len(data_sets)} " if len(data_sets) > 1 else ""
            report = measure(source, progress=lambda stage, done, prefix=prefix: bar(prefix + stage, done), **options)
            reports.append(report)
            if shared.verbose:
                bar.clear()
                said = f"{report.input.n:,} rows in {time.perf_counter() - began:.2f} s, {report.input.layout}"
                told(f"{report.input.sources[0]}: {said}")
    if shared.verbose:
        for line in told_of(chosen):
            told(line)
    if command.by_epoch and len(reports) > 1:
        compared(reports)
    if finish is not None:
        finish(reports, steps)
    files.check_content(reports, outputs)
    append(reports, steps, shared)
    for path in outputs:
        files.write(reports, path, everything=shared.all)
    telling: Telling = "none" if shared.quiet else "all" if shared.verbose else "grouped"
    code = ExitCode.DONE
    if shared.value is None:
        emit(reports, form, everything=shared.all, telling=telling)
        code = ExitCode.UNDEFINED if any(unanswered(report, asked) for report in reports) else code
    else:
        code = print_value(reports, shared.value)
    if (form != "table" or shared.value is not None) and not shared.quiet:
        tell(reports, telling)
    if any(report.verdict is not None for report in reports):
        code = judged(reports) or code
    if own.get("strict") and any(refused(report) for report in reports):
        raise typer.Exit(ExitCode.GATE_FAILED)
    if code:
        raise typer.Exit(code)


def shown_ids(outputs: Sequence[Path]) -> bool:
    """That ids are to be shown, on a page that there must be."""
    if all(path.suffix != ".html" for path in outputs):
        raise UsageError("--show-ids: has no effect without a page, whose map shows them; add -o FILE.html")
    return True


def tell_retries() -> None:
    """Say on stderr when a store is asked again, and what nodes report."""
    import logging

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told(record.getMessage())

    for name in ("labelfree.stores", "labelfree.engines"):
        log = logging.getLogger(name)
        log.setLevel(logging.INFO)
        log.addHandler(Told())


def judged(reports: Sequence[Report]) -> ExitCode:
    """The exit code of the worst verdict on reports."""
    from labelfree.gating import EXIT_CODES

    decisions = {report.verdict.decision for report in reports if report.verdict is not None}
    return next(code for decision, code in EXIT_CODES.items() if decision in decisions)


def measuring(shared: Shared) -> dict[str, Any]:
    """The options of every measuring function that the command line gives."""
    from labelfree.commands.options import MODELS

    options = {
        "column": shared.column,
        "id": shared.id,
        "on_bad": shared.on_bad,
        "rows": shared.rows,
        "seed": shared.seed,
        "device": shared.device,
        "memory": parse_memory(shared.memory),
        "threads": shared.threads,
        **{name: getattr(shared, name) for name in (*MODELS, *_engine(shared))},
    }
    return options if shared.sample is None else {**options, "sample": parse_sample(shared.sample)}


def _engine(shared: Shared) -> tuple[str, ...]:
    """The options of an engine that are given; of commands that have none none are."""
    from labelfree.catalog import ENGINES

    return tuple(name for name in ENGINES if getattr(shared, name) not in (None, "threads"))


def steps_to_append(command: Command, sources: Sequence[str], shared: Shared) -> list[int]:
    """The step of every data set where --append is given; what cannot be appended is refused before any work."""
    if shared.append is None:
        for name in ("step", "run", "replace"):
            given = getattr(shared, name)
            if given is not None and given is not False:
                raise UsageError(f"--{name}: has no effect without --append HISTORY; leave it out, or add that")
        return []
    if not command.families:
        raise UsageError(f"--append: {command.name} measures nothing that a history holds; append rank or evaluate")
    from labelfree.history.records import checked_run
    from labelfree.history.steps import day_of, step_of, steps_of
    from labelfree.history.store import exists, stored

    checked_run("default" if shared.run is None else shared.run)
    if exists(shared.append):
        stored(shared.append)
    return steps_of(sources, shared.step, shared.concat, day_of if command.other_rows else step_of)


def named_metrics(command: Command, shared: Shared) -> tuple[str, ...]:
    """The metrics that --only names, none where it is not given; doctor has none to choose among."""
    if not command.families and (shared.only or shared.all):
        name = "only" if shared.only else "all"
        raise UsageError(f"--{name}: {command.name} computes no metrics and shows every defect; leave it out")
    asked = tuple(name.strip() for names in shared.only or () for name in names.split(",") if name.strip())
    if shared.only and not asked:
        raise UsageError(f"--only: expected names of metrics, separated by commas, found {shared.only[0]!r}")
    return asked


def measured_names(asked: tuple[str, ...], *, appending: bool) -> tuple[str, ...]:
    """The metrics of --only, and with --append those that the collapse guard of a gate looks at."""
    return (*asked, *(name for name in COLLAPSE_METRICS if name not in asked)) if asked and appending else asked


def append(reports: Sequence[Report], steps: Sequence[int], shared: Shared) -> None:
    """Append the reports to the history, all of them or none."""
    if shared.append is None:
        return
    from labelfree import history
    from labelfree.documents.stores.names import shown as where

    run, pairs = shared.run or "default", list(zip(reports, steps, strict=True))
    changed = history.extend(shared.append, [(r, s) for r, s in pairs], run=run, replace=shared.replace)
    if shared.verbose:
        said = f"{changed} of {len(pairs)} records appended" + (
            "" if changed == len(pairs) else ", the others were there"
        )
        told(f"{where(shared.append)}: run {run}: {said}")


def tell(reports: Sequence[Report], telling: Telling) -> None:
    """Say the findings of reports on stderr: beside one source each, of several in groups."""
    from labelfree.render.tables.rows import findings
    from labelfree.reports.told import incomparable

    names = list(dict.fromkeys(name for report in reports for name in report.metrics))
    for one in [*(incomparable(reports) if len(reports) > 1 else ()), *findings(reports, names, str, telling)]:
        source = f"{reports[0].input.sources[0]}: " if len(reports) == 1 else ""
        told(f"{one.severity}: {source}{one.text} [{one.code}]")


def emit(reports: Sequence[Report], form: str, *, everything: bool, telling: Telling) -> None:
    """Print the reports to stdout in one go."""
    from labelfree.render.tables import text

    if form == "table":
        from labelfree.render.console import console_for
        from labelfree.render.tables.table import show

        printed(lambda: show(console_for(sys.stdout), reports, everything=everything, telling=telling))
    elif form == "json":
        printed(lambda: shown(text.to_json(reports)))
    elif form == "ndjson":
        printed(lambda: shown(text.to_ndjson(reports)))
    elif form == "csv":
        printed(lambda: shown(text.to_csv(reports)))
    else:
        printed(lambda: shown(text.to_markdown(reports, everything=everything)))


def refused(report: Report) -> bool:
    """Whether other commands would refuse these rows, or what was found makes them worthless."""
    from labelfree.documents.finding_codes import CODES

    return any(f.severity == "error" or (f.code in CODES and CODES[f.code].refused) for f in report.findings)


def unanswered(report: Report, only: Sequence[str]) -> bool:
    """Whether what was asked for has no value: the headline, or a metric named by --only."""
    command = known(report.command)
    if not command.families:
        return False
    if only:
        return any(_missing(report.metrics[name]) for name in only)
    if command.headline:
        return all(_missing(report.metrics[name]) for name in command.headline)
    return all(entry.value is None for entry in report.metrics.values())


def _missing(entry: MetricEntry) -> bool:
    """Whether a metric has no value and no part of one."""
    return entry.value is None and entry.status != "partial"
