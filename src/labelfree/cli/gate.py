"""gate: thresholds, regressions and plateaus; the one command whose exit code is a verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.printing import flag_first
from labelfree.errors import ExitCode
from labelfree.gating import gate as judged
from labelfree.wording import printable

_JUDGE, _RULE, _OUT = "What to judge", "Plateau rule (all numbers count checks unless said otherwise)", "Output"


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
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A report to compare with, for --max-drop.", metavar="BASE", rich_help_panel=_JUDGE),
    ] = None,
    max_drop: Annotated[
        list[str] | None,
        typer.Option(
            help="The most that may be lost against BASE, in the metric's own direction: separability=5% of its value "
            "there, or rankme=2. Repeatable.",
            metavar="METRIC=N[%]",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    on_undecided: Annotated[
        Literal["pass", "fail"] | None,
        typer.Option(
            help="A drop whose interval holds the limit: pass or fail instead of undecided.", rich_help_panel=_JUDGE
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(help="History of a run, written with --append.", metavar="FILE", rich_help_panel=_JUDGE),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="The run in that history.", show_default="default", rich_help_panel=_JUDGE),
    ] = None,
    plateau: Annotated[
        list[str] | None,
        typer.Option(
            help="Stop where this metric no longer improves; the collapse guard is on beside it. Repeatable.",
            metavar="METRIC",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    rule: Annotated[
        Literal["slope", "patience", "threshold"] | None,
        typer.Option(
            help="slope: the bound of the improvement over the window is below min-delta; patience: as Lightning's "
            "EarlyStopping; threshold: a value is reached.",
            show_default="slope",
            rich_help_panel=_RULE,
        ),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(
            help="First checks left out, in checks.", metavar="CHECKS", show_default="3", rich_help_panel=_RULE
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="slope: latest checks looked at, in checks.", metavar="CHECKS", show_default="6", rich_help_panel=_RULE
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(help="slope: confidence of the one-sided bound.", show_default="0.9", rich_help_panel=_RULE),
    ] = None,
    min_delta: Annotated[
        float | None,
        typer.Option(
            help="Improvement that counts, in units of the metric: over the window (slope), over the best check "
            "(patience).",
            show_default="0.01",
            rich_help_panel=_RULE,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="patience: checks without improvement before a stop, in checks.",
            metavar="CHECKS",
            show_default="3",
            rich_help_panel=_RULE,
        ),
    ] = None,
    stop_at: Annotated[
        float | None,
        typer.Option(help="threshold: the value to reach, in units of the metric.", rich_help_panel=_RULE),
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
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md.",
            metavar="FILE",
            rich_help_panel=_OUT,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No warnings on stderr.", rich_help_panel=_OUT)] = False,
) -> None:
    """A verdict on reports or on a run, with an exit code of its own.

    \b
    0   passed, or keep training
    10  failed: a threshold, a drop, a metric that is missing or undefined
    11  plateau: stop
    12  collapse
    13  undecided: a drop inside its noise
    Several conditions: the worst, in the order 12, 10, 13, 11, 0.

    \b
    labelfree gate report.json --require 'rankme >= 12'
    labelfree gate report.json --against base.json --max-drop rankme=10%
    labelfree gate --history history.jsonl --plateau rankme --min-delta 0.5
    """
    from labelfree.cli.printing import chosen_format, printed, shown, write_texts
    from labelfree.storage import check_apart, check_targets

    form = chosen_format(format, json)
    check_targets(output or [], TEXTS)
    kept = {"the report": reports, "the baseline": [against], "the history": [history]}
    check_apart(output or [], {what: [p for p in paths or () if p and p != "-"] for what, paths in kept.items()})
    document = judged(
        reports or [], history=history, run=run, require=require or (), against=against, max_drop=max_drop or (),
        plateau=plateau or (), rule=rule, warmup=warmup, window=window, confidence=confidence, min_delta=min_delta,
        patience=patience, stop_at=stop_at, on_undecided=on_undecided,
    )  # fmt: skip
    write_texts(output or [], TEXTS, document)
    if form == "table":
        from labelfree.render.console import console_for
        from labelfree.render.verdict import show

        printed(lambda: show(console_for(sys.stdout), document, exit_zero=exit_zero))
    else:
        printed(lambda: shown(TEXTS[f".{form}"](document)))
        for warning in () if quiet else document["verdict"]["warnings"]:
            print(f"labelfree: warning: {printable(warning)}", file=sys.stderr)
    if not exit_zero and document["verdict"]["exit_code"] != ExitCode.DONE:
        raise typer.Exit(document["verdict"]["exit_code"])


def _json(document: dict[str, Any]) -> str:
    from labelfree.document import as_json

    return as_json(document) + "\n"


def _ndjson(document: dict[str, Any]) -> str:
    from labelfree.document import as_json

    return as_json(document, indent=None) + "\n"


def _csv(document: dict[str, Any]) -> str:
    from labelfree.render.verdict import to_csv

    return to_csv(document)


def _md(document: dict[str, Any]) -> str:
    from labelfree.render.verdict import to_markdown

    return to_markdown(document)


TEXTS = {".json": _json, ".ndjson": _ndjson, ".csv": _csv, ".md": _md}
"""What a verdict can be written as, by suffix."""
