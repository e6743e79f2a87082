"""select: which candidate to keep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.measuring import LogitsOption
from labelfree.cli.options import Shared, sharing
from labelfree.cli.parsing import parse_memory, parse_sample
from labelfree.cli.printing import chosen_format, printed, shown, told
from labelfree.cli.progress import Bar
from labelfree.errors import ExitCode, UsageError

_CHOICE, _LABELS = "Choice", "Labels"
_LEFT = (
    "concat", "only", "value", "append", "step", "run", "replace", "output", "show_ids",
)  # fmt: skip


@sharing(without=_LEFT)
def select(
    candidates: Annotated[
        list[str],
        typer.Argument(
            metavar="CANDIDATE",
            help="Files with embeddings, and logits where there are some, of the same rows; a directory of them; or "
            "one file with a column epoch.",
            show_default=False,
        ),
    ],
    shared: Shared,
    source: Annotated[
        str | None,
        typer.Option(
            help="Labelled rows of the domain that the model was trained on, for all candidates.",
            show_default="NAME.source.parquet beside NAME.parquet, or rows whose column domain is source",
            metavar="FILE",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column of the class numbers in source rows.",
            show_default="label, labels, target, y, class",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="The last linear layer, which makes the logits of candidates that have none: .npy, safetensors, .pt.",
            metavar="FILE[::KEY]",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    logits: LogitsOption = None,
    class_shares: Annotated[
        str | None,
        typer.Option(
            help="How frequent each class is in these rows, where it is known: .json, or .csv of class and share.",
            metavar="FILE",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels of some rows to decide by: .csv or .parquet of id, label, weight as --label-budget has it.",
            metavar="FILE",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    label_budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw so many rows whose labels would tell most; -o rows.csv writes them.",
            metavar="N",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    step: Annotated[
        Literal["names", "given", "none"],
        typer.Option(
            help="Which order the steps have: that of their names, that of the candidates, or none: no run. It matters "
            "where there are no class scores.",
            rich_help_panel=_CHOICE,
        ),
    ] = "names",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 13 where it is undecided.", rich_help_panel="Output")
    ] = False,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md .html; with "
            "--label-budget .parquet or .csv for the rows to label.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
) -> None:
    """Which one do I keep? The best candidate without labels, those that tie with it, or why it cannot be decided.

    \b
    labelfree select epoch_*.parquet
    labelfree select epoch_*.parquet --label-budget 200 -o rows.csv
    labelfree select epoch_*.parquet --labels rows.csv --strict
    """
    form, outputs = chosen_format(shared.format, shared.json), output or []
    from labelfree.commands.chosen import ROWS
    from labelfree.commands.options import MODELS
    from labelfree.commands.selecting import select as selected
    from labelfree.documents.files import check_apart, check_targets
    from labelfree.render import choice_files
    from labelfree.render.tables import choices

    rows = [path for path in outputs if path.suffix == ".parquet" or (label_budget and path.suffix in ROWS)]
    check_targets(outputs, (*choice_files.SUFFIXES, *ROWS))
    check_apart(outputs, {
        "CANDIDATE": candidates, "--source": [source] if source else [], "--labels": [labels] if labels else [],
        "--class-shares": [class_shares] if class_shares else [],
    })  # fmt: skip
    if rows and label_budget is None:
        raise UsageError(f"-o {rows[0]}: rows to label are drawn with --label-budget N; add it, or write .json")
    options: dict[str, Any] = {} if shared.sample is None else {"sample": parse_sample(shared.sample)}
    with Bar(enabled=not shared.quiet and sys.stderr.isatty()) as bar:
        found = selected(
            candidates if len(candidates) > 1 else candidates[0], source=source, label=label, head=head, logits=logits,
            ordered={"names": None, "given": True, "none": False}[step], class_shares=class_shares, labels=labels,
            label_budget=label_budget, strict=strict, column=shared.column, id=shared.id, on_bad=shared.on_bad,
            seed=shared.seed, device=shared.device, memory=parse_memory(shared.memory), threads=shared.threads,
            progress=bar, **options, **{name: getattr(shared, name) for name in MODELS},
        )  # fmt: skip
    for path in outputs:
        if path in rows:
            found.write_label_rows(path)
        else:
            choice_files.write(found, path, everything=shared.all, name="output")
    telling: Literal["none", "grouped", "all"] = "none" if shared.quiet else "all" if shared.verbose else "grouped"
    if form == "table":
        from labelfree.render.console import console_for

        printed(lambda: choices.show(console_for(sys.stdout), found, everything=shared.all, telling=telling))
    else:
        printed(lambda: shown(choices.TEXTS[f".{form}"](found, shared.all)))
        for severity, text, code in () if shared.quiet else choices.findings(found, everything=shared.verbose):
            told(f"{severity}: {text} [{code}]")
    if shared.verbose:
        for one in found.candidates:
            told(f"{one.name}: {one.source}, state {one.state}")
    if strict and found.decision == "undecided":
        raise typer.Exit(ExitCode.UNDECIDED)
