"""The commands that read embeddings: rank, evaluate, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from labelfree.cli.options import Shared, Sources, sharing
from labelfree.cli.running import run

Group = Annotated[
    str | None,
    typer.Option(help="Column of the item that rows are views of, for lidar and alignment.", rich_help_panel="Input"),
]


@sharing
def rank(sources: Sources, shared: Shared, group: Group = None) -> None:
    """RankMe and the spectral and geometric family: is this representation collapsing?

    \b
    labelfree rank embeddings.parquet
    labelfree rank epoch_*.parquet --all
    labelfree rank model.safetensors::embed.weight --json
    """
    run("rank", sources, shared, group=group)


@sharing
def evaluate(sources: Sources, shared: Shared, group: Group = None) -> None:
    """Every metric that the input allows, in one pass over the data.

    \b
    labelfree evaluate embeddings.parquet
    labelfree evaluate embeddings.parquet -o report.json -o spectrum.svg
    """
    run("evaluate", sources, shared, group=group)


@sharing
def doctor(sources: Sources, shared: Shared) -> None:
    """What is wrong with the data, before any metric: every defect with its count and first row.

    \b
    labelfree doctor embeddings.parquet
    """
    run("doctor", sources, shared)
