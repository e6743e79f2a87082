"""history: the records of runs, appended, drawn and removed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.printing import flag_first
from labelfree.errors import UsageError

app = typer.Typer(
    name="history",
    help="The history of a run: append reports, draw the curves, remove records.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

HistoryArgument = Annotated[
    Path, typer.Argument(metavar="HISTORY", help="A history: JSON Lines, one record a line.", show_default=False)
]
RunOption = Annotated[str, typer.Option(help="Name of the run.")]


@app.command()
def add(
    history: HistoryArgument,
    reports: Annotated[
        list[str],
        typer.Argument(metavar="REPORT", help="Reports of labelfree; - reads standard input.", show_default=False),
    ],
    step: Annotated[
        int | None,
        typer.Option(
            help="Step of the checkpoint in the run.",
            show_default="read from the name of the source, such as epoch_03, step00020, checkpoint-500",
        ),
    ] = None,
    run: RunOption = "default",
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace another record of the same run, step and command; remove those of other commands at that "
            "step that contradict it.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing.")] = False,
) -> None:
    """Append reports; the same record again, its time aside, changes nothing.

    \b
    labelfree history add history.jsonl report.json --step 3
    """
    from labelfree.documents.reading import report_documents
    from labelfree.history import extend
    from labelfree.history.steps import step_of

    documents = [document for path in reports for document in report_documents(path)]
    if step is not None and len({(d["command"], *d["input"]["sources"]) for d in documents}) < len(documents):
        raise UsageError(
            f"--step {step}: names one step, and the reports hold a command and source twice; add them one by one"
        )
    if step is not None and len({tuple(d["input"]["sources"]) for d in documents}) > 1:
        raise UsageError(f"--step {step}: names the step of one data set, and the reports are of several; leave it out")
    steps = [step if step is not None else step_of(document["input"]["sources"][0]) for document in documents]
    changed = extend(history, list(zip(documents, steps, strict=True)), run=run, replace=replace)
    if not quiet:
        there = len(documents) - changed
        print(f"{history}: {changed} added" + (f", {there} there already" if there else ""))


@app.command()
def remove(
    history: HistoryArgument,
    run: Annotated[str, typer.Option(help="Name of the run; all of its records unless --step or --command is given.")],
    step: Annotated[int | None, typer.Option(help="Only the records of this step.", show_default=False)] = None,
    command: Annotated[
        str | None, typer.Option(help="Only the records of this command, such as rank.", show_default=False)
    ] = None,
) -> None:
    """Remove a run, or records of it, by name.

    \b
    labelfree history remove history.jsonl --run default --step 1
    """
    from labelfree.history import remove as removed

    print(f"{history}: {removed(history, run=run, step=step, command=command)} removed")


@app.command()
def show(
    history: HistoryArgument,
    run: RunOption = "default",
    only: Annotated[
        list[str] | None,
        typer.Option(help="Show these metrics: names separated by commas.", metavar="METRIC,..."),
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Every metric and every check.")] = False,
    min_delta: Annotated[
        float | None,
        typer.Option(help="Improvement over the window that counts, in units of the metric.", show_default="0.01"),
    ] = None,
    format: Annotated[
        Literal["table", "json", "ndjson", "csv", "md"],
        typer.Option(help="What stdout carries.", envvar="LABELFREE_FORMAT", callback=flag_first),
    ] = "table",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md .html .svg .png .pdf.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """The curves of a run with their intervals, and for each metric the verdict of the slope rule.

    \b
    labelfree history show history.jsonl
    labelfree history show history.jsonl --only rankme,mean_cosine -o curves.svg
    """
    from labelfree.catalog import check_metric
    from labelfree.cli.printing import chosen_format, printed, shown, write_texts
    from labelfree.documents.files import atomically, check_apart, check_targets
    from labelfree.gating.curves import curves
    from labelfree.render.pictures import histories as render

    form, outputs = chosen_format(format, json), output or []
    texts = {**render.TEXTS, ".html": _page}
    check_targets(outputs, (*texts, *render.PICTURES))
    check_apart(outputs, {"the history": [history]})
    names = [check_metric(n.strip(), "only") for given in only or () for n in given.split(",") if n.strip()]
    found: dict[str, Any] = curves(history, run=run, only=names, everything=all, min_delta=min_delta)
    write_texts([path for path in outputs if path.suffix in texts], texts, found)
    for path in outputs:
        if path.suffix in render.PICTURES:
            atomically(path, lambda temporary: render.draw(found, temporary))
    if form == "table":
        from labelfree.render.console import console_for

        printed(lambda: render.show(console_for(sys.stdout), found, everything=all))
    else:
        printed(lambda: shown(render.TEXTS[f".{form}"](found)))


def _page(document: dict[str, Any]) -> str:
    from labelfree.render.pages.page import page
    from labelfree.render.pages.runs import history_section

    return page([history_section(document)])
