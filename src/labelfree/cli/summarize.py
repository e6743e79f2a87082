"""summarize and merge: what metrics need of rows as a file, and such files as one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelfree.cli.measuring import LogitsOption
from labelfree.cli.options import Shared, sharing
from labelfree.cli.parsing import parse_memory, parse_sample
from labelfree.cli.printing import printed, shown, told
from labelfree.cli.progress import Bar

if TYPE_CHECKING:
    from labelfree.commands.summarizing import Summarized

OutputOption = Annotated[
    Path,
    typer.Option("-o", "--output", help="The summary to write.", metavar="FILE.summary", rich_help_panel="Output"),
]
_WITHOUT = (
    "concat", "only", "device", "data", "model", "layer", "pool", "trust_code", "batch_size", "all", "format", "json",
    "value", "output", "append", "step", "run", "replace", "verbose",
)  # fmt: skip


@sharing(without=_WITHOUT, sample="10000")
def summarize(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Rows, as for rank: files, a directory or a quoted glob; all of them one data set, in this order.",
            show_default=False,
        ),
    ],
    shared: Shared,
    output: OutputOption,
    with_sample: Annotated[
        bool,
        typer.Option(
            "--with-sample",
            help="Keep the sampled rows too, for intervals and metrics of pairs; the file then holds rows.",
            rich_help_panel="Computation",
        ),
    ] = False,
    logits: LogitsOption = None,
) -> None:
    """Read rows once and write what metrics need of them: a file that is a SOURCE, and merges exactly.

    \b
    labelfree summarize 'part_*.parquet' -o all.summary
    labelfree summarize part_7.parquet -o 7.summary --with-sample
    labelfree rank 1.summary 2.summary --concat
    """
    from labelfree.commands import summarizing

    with Bar(enabled=not shared.quiet and sys.stderr.isatty()) as bar:
        done = summarizing.summarize(
            list(sources) if len(sources) > 1 else sources[0], output, with_sample=with_sample, column=shared.column,
            id=shared.id, logits=logits, on_bad=shared.on_bad, seed=shared.seed, threads=shared.threads,
            sample=parse_sample(shared.sample or str(summarizing.SAMPLE)), memory=parse_memory(shared.memory),
            progress=bar,
        )  # fmt: skip
    if not shared.quiet:
        if done.sampled:
            told(f"{done.path}: holds sampled rows themselves: keep it as the rows are kept")
        if not done.movable:
            told(
                f"{done.path}: its rows have no ids, so that its sample counts at the beginning of a data set alone; "
                "with --id, or without --with-sample, it can be merged behind others"
            )
        _said(done)


def merge(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SUMMARY", help="Summaries of the parts of a data set, in their order.", show_default=False
        ),
    ],
    output: OutputOption,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing.", rich_help_panel="Output")] = False,
) -> None:
    """Put summaries of the parts of a data set together: what one pass over all rows would have left, to the last bit.

    \b
    labelfree merge a.summary b.summary -o all.summary
    """
    from labelfree.commands import summarizing

    done = summarizing.merge(sources, output)
    if not quiet:
        _said(done)


def _said(done: Summarized) -> None:
    from labelfree.documents.wording import counted

    rows, files = counted(done.rows, "row"), counted(done.files, "file")
    line = f"{done.path}: {rows} of {done.d} numbers in {files}, {done.size:,} bytes\n"
    printed(lambda: shown(line))
