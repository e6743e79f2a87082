"""compare: are these representations of the same rows alike?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.options import Shared, sharing
from labelfree.cli.parsing import parse_memory, parse_sample
from labelfree.cli.printing import chosen_format, printed, shown, told
from labelfree.cli.progress import Bar
from labelfree.errors import ExitCode, UsageError

_PAIRS, _JUDGE = "Comparison", "Verdict"
_LEFT = (
    "concat", "append", "step", "run", "replace", "output", "data", "model", "layer", "pool", "trust_code",
    "batch_size", "show_ids",
)  # fmt: skip


@sharing(without=_LEFT)
def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Embeddings of the same rows, two or more: the others are compared with the first. Joined by id, by "
            "position where none has ids.",
            show_default=False,
        ),
    ],
    shared: Shared,
    to: Annotated[
        str | None,
        typer.Option(
            help="Compare the others with this one, by its short name.",
            show_default="the first",
            metavar="NAME",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    common: Annotated[
        bool,
        typer.Option(
            "--common",
            help="Compare the rows that both hold; others are left out and counted.",
            rich_help_panel=_PAIRS,
        ),
    ] = False,
    k: Annotated[
        int, typer.Option("--k", min=1, help="Neighbors of each row that are compared.", rich_help_panel=_PAIRS)
    ] = 10,
    by: Annotated[
        str | None,
        typer.Option(
            help="Column whose values slice the rows: which of them lost their neighbors.",
            metavar="COLUMN",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="What the interval of every pair must meet, such as 'neighbors_kept >= 0.99'. Repeatable.",
            metavar="'METRIC OP NUMBER'",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    expect: Annotated[
        Literal["same"] | None,
        typer.Option(
            help="same: require what copies of one model reach, at limits that were measured.", rich_help_panel=_JUDGE
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="A cosine that decides on the first source: which one decides alike on the others.",
            metavar="X",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="With --threshold: the pairs of rows of each value of this column too.",
            metavar="COLUMN",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    compress: Annotated[
        str | None,
        typer.Option(
            help="Compare one SOURCE with compressed copies of itself: float16, int8, binary, pca:N, first:N.",
            metavar="WAY,...",
            rich_help_panel=_PAIRS,
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md .html, and .parquet for "
            "the rows with the share of neighbors that each kept; of --compress a picture, .svg .png .pdf.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None,
) -> None:
    """Are these representations of the same rows alike? What changed, and whose neighbors.

    \b
    labelfree compare base.parquet int8.parquet
    labelfree compare base.parquet int8.parquet --by language -o rows.parquet
    labelfree compare base.parquet int8.parquet --require 'neighbors_kept >= 0.99'
    labelfree compare base.parquet --compress int8,binary,pca:128 -o bytes.svg
    """
    form, outputs = chosen_format(shared.format, shared.json), output or []
    from labelfree.catalog import command
    from labelfree.cli.value import check_value
    from labelfree.commands.compared import ROWS
    from labelfree.commands.similarity import compare as compared
    from labelfree.documents.files import check_apart, check_targets
    from labelfree.render import comparison_files
    from labelfree.render.tables import comparisons

    check_value(shared.value, command("compare"), form=form)
    check_targets(outputs, (*comparison_files.SUFFIXES, ROWS))
    check_apart(outputs, {"SOURCE": sources})
    only = [name for text in shared.only or () for name in text.split(",")]
    if shared.value is not None and shared.value not in only:
        only = [*only, shared.value] if only or not outputs else only
    options: dict[str, Any] = {} if shared.sample is None else {"sample": parse_sample(shared.sample)}
    with Bar(enabled=not shared.quiet and sys.stderr.isatty()) as bar:
        found = compared(
            *sources, to=to, common=common, k=k, by=by, require=require or (), expect=expect,
            threshold=threshold,
            group=group, compress=compress or (), only=only,
            everything=shared.all, column=shared.column, id=shared.id, on_bad=shared.on_bad, seed=shared.seed,
            device=shared.device, memory=parse_memory(shared.memory), threads=shared.threads, progress=bar, **options,
        )  # fmt: skip
    for path in outputs:
        if path.suffix == ROWS:
            found.write_rows(path)
        else:
            comparison_files.write(found, path, everything=shared.all, name="output")
    code = ExitCode.DONE if found.verdict is None else ExitCode(found.verdict.exit_code)
    telling: Literal["none", "grouped", "all"] = "none" if shared.quiet else "all" if shared.verbose else "grouped"
    if shared.value is not None:
        code = _values(found, shared.value, code)
    elif form == "table":
        from labelfree.render.console import console_for

        printed(lambda: comparisons.show(console_for(sys.stdout), found, everything=shared.all, telling=telling))
    else:
        printed(lambda: shown(comparisons.TEXTS[f".{form}"](found, shared.all)))
        for one in () if shared.quiet else comparisons.findings(found, everything=shared.verbose):
            told(f"{one.severity}: {one} [{one.code}]")
    if code == ExitCode.DONE and all(entry.value is None for pair in found.pairs for entry in pair.metrics.values()):
        code = ExitCode.UNDEFINED
    if code != ExitCode.DONE:
        raise typer.Exit(code)


def _values(found: Any, name: str, code: ExitCode) -> ExitCode:
    """Print the bare value, of several pairs a line with the name and value of each."""
    pairs = [one for one in found.pairs if one.a == found.to]
    lines = []
    for one in pairs:
        if name not in one.metrics:
            raise UsageError(f"--value: no {name} in the comparison of {one.b}; name it alone, to be told why")
        entry = one.metrics[name]
        if entry.value is None:
            told(f"{one.b}: {name} is {entry.status}: {entry.reason}")
            code = max(code, ExitCode.UNDEFINED)
        else:
            text = f"{entry.value + 0.0:.12g}"
            lines.append(text if len(pairs) == 1 else f"{one.b}\t{text}")
    printed(lambda: shown("".join(f"{line}\n" for line in lines)))
    return code
