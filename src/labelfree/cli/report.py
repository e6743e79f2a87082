"""report: one page to send, of what other commands wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    documents: Annotated[
        list[str],
        typer.Argument(
            metavar="REPORT|HISTORY",
            help="Files that labelfree wrote: reports, choices and verdicts as .json or .ndjson, histories; - reads "
            "standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page: a file of .html.", metavar="FILE")],
    run: Annotated[
        str | None, typer.Option(help="Of histories, this run alone.", show_default="every run", metavar="NAME")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every metric in the tables.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing.")] = False,
) -> None:
    """One page to send: the answer, tables, pictures and what the words mean, in one file that loads nothing.

    \b
    labelfree report rank.json separability.json -o run.html
    labelfree report history.jsonl -o run.html
    """
    from labelfree.commands.pages import page_of
    from labelfree.documents.files import atomically, check_apart, check_targets

    check_targets([output], (".html",))
    check_apart([output], {"REPORT|HISTORY": [name for name in documents if name != "-"]})
    text = page_of(documents, run=run, everything=everything)
    atomically(output, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
    if not quiet:
        from labelfree.cli.printing import printed, shown
        from labelfree.documents.stores.names import shown as where

        printed(lambda: shown(f"{where(output)}: {len(text.encode('utf-8', 'backslashreplace')):,} bytes\n"))
