"""weights: what a checkpoint says without any data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from labelfree.catalog import command
from labelfree.cli.printing import chosen_format, flag_first, printed, shown, told
from labelfree.cli.progress import Bar
from labelfree.cli.value import check_value, print_value
from labelfree.errors import ExitCode


def weights(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT",
            help="A .safetensors, .pt, .pth, .ckpt, .bin or .npz file, or a Hugging Face directory; nothing in it is "
            "run.",
            show_default=False,
        ),
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(help="Only layers of this name, repeatable: a part of it, or a pattern such as '*.query.weight'."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every layer in the table.")] = False,
    form: Annotated[
        Literal["table", "json", "ndjson", "csv", "md"],
        typer.Option("--format", help="What stdout carries.", envvar="LABELFREE_FORMAT", callback=flag_first),
    ] = "table",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    value: Annotated[
        str | None,
        typer.Option(
            help="Print the bare value of this metric over all layers; of several CHECKPOINTs a line each.",
            metavar="METRIC",
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a file as well, repeatable; the suffix decides: .json .ndjson .csv .md .html, and .parquet "
            "with a row for each layer.",
            metavar="FILE",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Layers measured at a time.", show_default="all cores", envvar="LABELFREE_THREADS"),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")] = False,
) -> None:
    """What the weights of a checkpoint say without any data: ranks, power-law tails, dead and broken rows, by layer.

    \b
    labelfree weights model.safetensors
    labelfree weights step_100.pt step_200.pt --layer attention
    labelfree weights model.safetensors --value nonfinite_rows
    """
    chosen, outputs = chosen_format(form, json), output or []
    check_value(value, command("weights"), form=chosen)
    from labelfree.commands import weights as api
    from labelfree.documents.files import check_apart, check_targets
    from labelfree.render.layer_files import SUFFIXES, texts, write
    from labelfree.render.tables import layers

    check_targets(outputs, SUFFIXES)
    check_apart(outputs, {"CHECKPOINT": checkpoints})
    with Bar(enabled=not quiet and sys.stderr.isatty()) as bar:
        reports = api.weights(checkpoints, layer=layer or (), threads=threads, progress=bar)
    for path in outputs:
        write(reports, path, everything=everything)
    if value is not None:
        if code := print_value(reports, value):
            raise typer.Exit(code)
        return
    if chosen == "table":
        from labelfree.render.console import console_for

        printed(lambda: layers.show(console_for(sys.stdout), reports, everything=everything))
    else:
        printed(lambda: shown(texts(everything=everything)[f".{chosen}"](reports)))
        if not quiet:
            from labelfree.reports.told import of_weights

            for report in reports:
                for one in of_weights([report], str):
                    told(f"{one.severity}: {report.input.sources[0]}: {one.text} [{one.code}]")
    if any(report["median_rank_share"].value is None for report in reports):
        raise typer.Exit(ExitCode.UNDEFINED)
