"""embed: a checkpoint and data to a Parquet file of embeddings."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from labelfree.cli.options import DATA_HELP, BatchSizeOption, LayerOption, ModelOption, PoolOption, TrustCodeOption
from labelfree.cli.parsing import parse_memory
from labelfree.cli.printing import printed, shown, told
from labelfree.cli.progress import Bar

_INPUT, _MODEL, _RUN, _OUTPUT = "Input", "Model", "Computation", "Output"


def embed(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Directory of transformers or sentence-transformers; or the weights of what --model builds: "
            ".safetensors, .pt, .pth, .ckpt, .bin.",
            show_default=False,
        ),
    ],
    data: Annotated[str, typer.Option(help=f"{DATA_HELP}.", metavar="DATA", rich_help_panel=_INPUT)],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Parquet file to write.", metavar="FILE.parquet", rich_help_panel=_OUTPUT),
    ],
    column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts, images or arrays.", show_default="the only one", rich_help_panel=_INPUT
        ),
    ] = None,
    id: Annotated[
        str | None,
        typer.Option(help="Column that identifies a row.", show_default="id, where it exists", rich_help_panel=_INPUT),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Columns to carry along, separated by commas.", metavar="COLUMN,...", rich_help_panel=_INPUT),
    ] = None,
    on_bad: Annotated[
        Literal["error", "drop"],
        typer.Option(
            help="Rows without a text, image or finite array: refuse, or leave out and count.", rich_help_panel=_INPUT
        ),
    ] = "error",
    model: ModelOption = None,
    layer: LayerOption = None,
    pool: PoolOption = None,
    trust_code: TrustCodeOption = False,
    batch_size: BatchSizeOption = None,
    dtype: Annotated[
        Literal["float32", "float16"], typer.Option(help="Of the embeddings as stored.", rich_help_panel=_OUTPUT)
    ] = "float32",
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto.", envvar="LABELFREE_DEVICE", rich_help_panel=_RUN)
    ] = "auto",
    memory: Annotated[
        str | None,
        typer.Option(
            help="Memory not to exceed by weights and batches, such as 4GB.",
            show_default="half of what is free",
            envvar="LABELFREE_MEMORY",
            rich_help_panel=_RUN,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads to use.", show_default="all cores", envvar="LABELFREE_THREADS", rich_help_panel=_RUN
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where an interrupted run with the same settings ended; no row twice.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a file that is there.", rich_help_panel=_OUTPUT)
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON.", rich_help_panel=_OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="No notes and no progress on stderr.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Run the model of a checkpoint over data: embeddings, and logits where it is a classifier, as Parquet.

    \b
    labelfree embed MODEL_DIR --data texts.txt -o embeddings.parquet
    labelfree embed w.pt --model package.module:net --data images/ -o e.parquet
    """
    from labelfree.models import embedding

    began = time.monotonic()
    bar = Bar(enabled=not quiet and sys.stderr.isatty())
    there = output.exists() and not resume
    try:
        with bar:
            done = embedding.embed(
                checkpoint, data=data, output=output, column=column, id=id,
                keep=[name.strip() for names in keep or () for name in names.split(",") if name.strip()],
                on_bad=on_bad, model=model, layer=layer, pool=pool, trust_code=trust_code, dtype=dtype, device=device,
                batch_size=batch_size, memory=parse_memory(memory), threads=threads,
                resume=resume, replace=replace, progress=bar,
            )  # fmt: skip
    except KeyboardInterrupt:
        told(f"{output}: the rows so far are kept; --resume goes on from there")
        raise
    if not quiet:
        for warning in done.warnings:
            told(f"warning: {done.checkpoint}: {warning}")
        rate = f", {done.computed / done.seconds:,.0f} rows/s" if done.computed else ", which were there"
        said = f"{done.rows:,} rows of {done.d} numbers in {time.monotonic() - began:.1f} s{rate}"
        told(f"{done.path}: {said}" + ("; the file that was there is replaced" if there else ""))
    if json:
        printed(lambda: shown(done.to_json() + "\n"))
    else:
        printed(lambda: _show(done))


def _show(done: Any) -> None:
    """What was written, as a small table."""
    from rich.table import Table

    from labelfree.render.console import console_for

    facts = done.facts
    rows = {
        "file": done.path,
        "rows": f"{done.rows:,}",
        "embedding": f"{done.d} numbers, {done.dtype}: {facts['layer']}"
        + ("" if facts["pooling"] in (None, "none") else f", {facts['pooling']} pooled")
        + (f", {facts['normalization']} normalized" if facts["normalization"] else ""),
        "logits": "none" if done.classes is None else f"{done.classes} classes: {facts['head']}",
        "model": f"{facts['model']['architecture']}, {facts['model']['fingerprint']}",
    }
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in rows.items():
        table.add_row(name, text)
    console_for(sys.stdout).print(table)
