"""gate: thresholds, regressions and plateaus; the one command whose exit code is a verdict."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.printing import flag_first
from labelfree.cli.rules import (
    JUDGE,
    Checks,
    Classes,
    Confidence,
    Cycle,
    Drops,
    MinDelta,
    Patience,
    Plateau,
    Rule,
    StopAt,
    Warmup,
    When,
    Window,
)
from labelfree.errors import ExitCode, LabelfreeError, UsageError
from labelfree.gating import gate as judged
from labelfree.gating.configured import configured

_OUT = "Output"
PLAN = "A plan"


def gate(
    reports: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REPORT",
            help="Reports of labelfree, .json or .ndjson; - reads standard input. None: the latest check of --history.",
            show_default=False,
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="What must hold, such as 'rankme >= 120'; the operators are >= <= > < ==. Repeatable.",
            metavar="'METRIC OP NUMBER'",
            rich_help_panel=JUDGE,
        ),
    ] = None,
    by: Annotated[
        Literal["value", "interval"] | None,
        typer.Option(
            help="What --require judges: the value, or the whole interval, undecided where only a part of it holds.",
            show_default="value",
            rich_help_panel=JUDGE,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A report to compare with, for --max-drop.", metavar="BASE", rich_help_panel=JUDGE),
    ] = None,
    max_drop: Annotated[
        list[str] | None,
        typer.Option(
            help="The most that may be lost against BASE, in the metric's own direction: separability=5% of its value "
            "there, or rankme=2. Repeatable.",
            metavar="METRIC=N[%]",
            rich_help_panel=JUDGE,
        ),
    ] = None,
    on_undecided: Annotated[
        Literal["pass", "fail"] | None,
        typer.Option(
            help="A drop whose interval holds the limit: pass or fail instead of undecided.", rich_help_panel=JUDGE
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(help="History of a run, written with --append.", metavar="FILE", rich_help_panel=JUDGE),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="The run in that history.", show_default="default", rich_help_panel=JUDGE),
    ] = None,
    plateau: Plateau = None,
    when: When = None,
    classes: Classes = None,
    rule: Rule = None,
    warmup: Warmup = None,
    window: Window = None,
    confidence: Confidence = None,
    min_delta: MinDelta = None,
    checks: Checks = None,
    cycle: Cycle = None,
    drops: Drops = None,
    patience: Patience = None,
    stop_at: StopAt = None,
    plan: Annotated[
        str | None,
        typer.Option(
            help="Before a run: what the rule slope will find in --checks N at this noise, the standard deviation of "
            "one check about its trend in units of the metric; seen: that of a --history.",
            metavar="NOISE|seen",
            rich_help_panel=PLAN,
        ),
    ] = None,
    exit_zero: Annotated[
        bool,
        typer.Option(
            "--exit-zero", help="Exit with 0 whatever the verdict; read it in the JSON.", rich_help_panel=_OUT
        ),
    ] = False,
    format: Annotated[
        Literal["table", "json", "ndjson", "csv", "md"],
        typer.Option(help="What stdout carries.", envvar="LABELFREE_FORMAT", callback=flag_first, rich_help_panel=_OUT),
    ] = "table",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.", rich_help_panel=_OUT)] = False,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md .html, and .xml for "
            "JUnit.",
            metavar="FILE",
            rich_help_panel=_OUT,
        ),
    ] = None,
    no_config: Annotated[
        bool,
        typer.Option(
            "--no-config",
            help="Leave [tool.labelfree.gate] of the nearest pyproject.toml unread, which gives what is not given.",
            rich_help_panel=JUDGE,
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No warnings on stderr.", rich_help_panel=_OUT)] = False,
) -> None:
    """A verdict on reports or on a run, with an exit code of its own.

    \b
    0   passed, or keep training
    10  failed: a threshold, a drop, a metric that is missing or undefined
    11  plateau, or past its best: stop
    12  collapse
    13  undecided: a drop inside its noise, an interval that holds the limit
    Several conditions: the worst, in the order 12, 10, 13, 11, 0.

    \b
    labelfree gate report.json --require 'rankme >= 12'
    labelfree gate report.json --against base.json --max-drop rankme=10%
    labelfree gate --history h.jsonl --plateau rankme --min-delta 0.5 --checks 20
    labelfree gate report.json -o junit.xml    # as [tool.labelfree.gate] asks
    labelfree gate --plan 0.002 --checks 20
    """
    from labelfree.cli.printing import chosen_format, printed, shown, told, write_texts
    from labelfree.documents.files import check_apart, check_targets

    in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    options: dict[str, Any] = {
        "require": require, "by": by, "against": against, "max_drop": max_drop, "on_undecided": on_undecided,
        "history": history, "run": run, "plateau": plateau, "when": when, "classes": classes, "rule": rule,
        "warmup": warmup, "window": window, "confidence": confidence, "min_delta": min_delta, "checks": checks,
        "cycle": cycle, "drops": drops, "patience": patience, "stop_at": stop_at,
    }  # fmt: skip
    asked = ""
    try:
        form = chosen_format(format, json)
        if plan is not None:
            from labelfree.cli.planning import plan as planned

            taken, _ = (
                configured({**options, "plateau": plateau or ["separability"]}, Path.cwd())
                if not no_config
                else (options, None)
            )
            planned(taken, {**options, "reports": reports}, plan, form, output or [])
            return
        check_targets(output or [], TEXTS)
        options, place = configured(options, Path.cwd()) if not no_config else (options, None)
        asked = "" if place is None else f"with [tool.labelfree.gate] of {place}"
        kept = {"the report": reports, "the baseline": [options["against"]], "the history": [options["history"]]}
        check_apart(output or [], {what: [p for p in paths or () if p and p != "-"] for what, paths in kept.items()})
        lists = {name: options[name] or () for name in ("require", "max_drop", "plateau")}
        document = judged(reports or [], **{**options, **lists})
        write_texts(output or [], TEXTS, document)
    except LabelfreeError as error:
        said = f"{error} ({asked})" if asked else str(error)
        if in_actions:
            from labelfree.cli.github import refuse

            refuse(said)
        raise UsageError(said) from error
    if asked and not quiet:
        told(f"gate: {asked}")
    if in_actions:
        from labelfree.cli.github import tell

        tell(document, quiet=quiet)
    if form == "table":
        from labelfree.render.console import console_for
        from labelfree.render.verdicts.verdict import show

        printed(lambda: show(console_for(sys.stdout), document, exit_zero=exit_zero, quiet=quiet))
    else:
        printed(lambda: shown(TEXTS[f".{form}"](document)))
        from labelfree.documents.findings import finding_line, found_by

        for one in () if quiet or in_actions else found_by(document["verdict"]):
            told(finding_line(one))
    if not exit_zero and document["verdict"]["exit_code"] != ExitCode.DONE:
        raise typer.Exit(document["verdict"]["exit_code"])


def _json(document: dict[str, Any]) -> str:
    from labelfree.documents.reading import as_json

    return as_json(document) + "\n"


def _ndjson(document: dict[str, Any]) -> str:
    from labelfree.documents.reading import as_json

    return as_json(document, indent=None) + "\n"


def _csv(document: dict[str, Any]) -> str:
    from labelfree.render.verdicts.verdict import to_csv

    return to_csv(document)


def _md(document: dict[str, Any]) -> str:
    from labelfree.render.verdicts.verdict import to_markdown

    return to_markdown(document)


def _xml(document: dict[str, Any]) -> str:
    from labelfree.render.verdicts.junit import to_junit

    return to_junit(document)


def _html(document: dict[str, Any]) -> str:
    from labelfree.render.pages.page import page
    from labelfree.render.pages.runs import verdict_section

    return page([verdict_section(document)])


TEXTS = {".json": _json, ".ndjson": _ndjson, ".csv": _csv, ".md": _md, ".html": _html, ".xml": _xml}
"""What a verdict can be written as, by suffix."""
