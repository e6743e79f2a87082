"""The commands that read embeddings: rank, separability, transfer, opis, evaluate, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labelfree.cli.options import Shared, Sources, sharing
from labelfree.cli.parsing import numbers
from labelfree.cli.running import run

ViewsOption = Annotated[
    str | None,
    typer.Option(help="Column of the item that rows are views of, for lidar and alignment.", rich_help_panel="Input"),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        help="Column of the item that rows are views of, for lidar, alignment and opis.", rich_help_panel="Input"
    ),
]


_ADAPTATION = "Adaptation"
HeadOption = Annotated[
    str | None,
    typer.Option(
        help="The last linear layer: .npy, .npz, safetensors, .pt, or a checkpoint, with ::name where it has several.",
        show_default="recovered from embeddings and logits where they determine it",
        metavar="FILE[::KEY]",
        rich_help_panel=_ADAPTATION,
    ),
]
LogitsOption = Annotated[
    str | None,
    typer.Option(
        help="Column of the logits or probabilities; 'logit_*' for one column per class.",
        show_default="logits, logit_*, probs, prob_*",
        rich_help_panel=_ADAPTATION,
    ),
]


@sharing()
def rank(sources: Sources, shared: Shared, group: ViewsOption = None) -> None:
    """RankMe and the spectral and geometric family: is this representation collapsing?

    \b
    labelfree rank embeddings.parquet
    labelfree rank epoch_*.parquet --all
    labelfree rank model.safetensors::embed.weight --json
    """
    run("rank", sources, shared, group=group)


@sharing()
def separability(
    sources: Sources,
    shared: Shared,
    normalize: Annotated[
        Literal["l2", "none", "layernorm", "zscore"],
        typer.Option(help="How rows are scaled first.", rich_help_panel="Topology"),
    ] = "l2",
    metric: Annotated[
        Literal["euclidean", "cosine"], typer.Option(help="Distance between rows.", rich_help_panel="Topology")
    ] = "euclidean",
    engine: Annotated[
        Literal["auto", "giotto"],
        typer.Option(help="Who computes H0: auto is exact and fast; giotto is giotto-tda.", rich_help_panel="Topology"),
    ] = "auto",
) -> None:
    """Topological class separability: do the embeddings fall into classes, and how surely?

    \b
    labelfree separability embeddings.parquet
    labelfree separability epoch_*.parquet --json
    labelfree separability embeddings.parquet --sample all -o deaths.parquet
    """
    run("separability", sources, shared, normalize=normalize, metric=metric, engine=engine)


@sharing()
def transfer(
    sources: Sources,
    shared: Shared,
    source: Annotated[
        str | None,
        typer.Option(
            help="Labelled rows of the domain that the model was trained on: Parquet with embeddings, logits, label.",
            metavar="FILE",
            rich_help_panel=_ADAPTATION,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column of the class numbers in --source.",
            show_default="label, labels, target, y, class",
            rich_help_panel=_ADAPTATION,
        ),
    ] = None,
    head: HeadOption = None,
    logits: LogitsOption = None,
    variant: Annotated[
        Literal["standard", "literal", "official"],
        typer.Option(help="Of the Transfer Score: labelfree explain transfer_score.", rich_help_panel=_ADAPTATION),
    ] = "standard",
    audit: Annotated[
        str | None,
        typer.Option(
            help="Label column of the target: prints the true accuracy beside each estimate, and marks the report.",
            metavar="COLUMN",
            rich_help_panel=_ADAPTATION,
        ),
    ] = None,
) -> None:
    """How well an adapted model suits its unlabeled target: Transfer Score, validators, accuracy estimates, distances.

    \b
    labelfree transfer target.parquet --head model.safetensors
    labelfree transfer target.parquet --source source.parquet --head head.npy
    labelfree transfer epoch_*.parquet --json    # the best epoch too
    """
    run("transfer", sources, shared, source=source, label=label, head=head, logits=logits, variant=variant, audit=audit)


_GROUPS = "Groups"


@sharing()
def opis(
    sources: Sources,
    shared: Shared,
    group: Annotated[
        str | None,
        typer.Option(
            help="Column that says which rows belong together: product, person, session, item of augmented views.",
            metavar="COLUMN",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    groups_from: Annotated[
        str | None,
        typer.Option(
            help="Embeddings of the same items in another space, whose clusters are the groups; or a file of --freeze.",
            metavar="FILE",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    k: Annotated[
        str | None,
        typer.Option(
            help="Numbers of pseudo-groups to try, separated by commas.",
            metavar="K,...",
            show_default="half, once and twice sqrt(n / 2)",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Clusterings of each number of pseudo-groups.", rich_help_panel=_GROUPS)
    ] = 5,
    freeze: Annotated[
        Path | None,
        typer.Option(
            help="Write the pseudo-groups, for --groups-from at other checkpoints.",
            metavar="FILE.parquet",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    far: Annotated[
        str,
        typer.Option(
            help="Calibration range: false accept rates of all pairs of different groups.",
            metavar="LOW:HIGH",
            rich_help_panel=_GROUPS,
        ),
    ] = "0.01:0.1",
) -> None:
    """Is one decision threshold fair to every group? OPIS, its worst groups, and what it cannot see.

    \b
    labelfree opis embeddings.parquet --group product_id
    labelfree opis embeddings.parquet --group product_id -o curves.svg
    labelfree opis embeddings.parquet --freeze groups.parquet    # pseudo-groups
    """
    run(
        "opis", sources, shared, group=group, groups_from=groups_from, k=numbers(k, "--k"), seeds=seeds,
        freeze=freeze, far=far,
    )  # fmt: skip


@sharing()
def evaluate(
    sources: Sources, shared: Shared, group: GroupOption = None, head: HeadOption = None, logits: LogitsOption = None
) -> None:
    """Every metric that the input allows, in one pass over the data.

    \b
    labelfree evaluate embeddings.parquet
    labelfree evaluate embeddings.parquet -o report.json -o spectrum.svg
    """
    run("evaluate", sources, shared, group=group, head=head, logits=logits)


@sharing(without=("show_ids",))
def doctor(
    sources: Sources,
    shared: Shared,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 10 on an error, and on rows that another command would refuse.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """What is wrong with the data, before any metric: a row for each file, details where something is.

    \b
    labelfree doctor embeddings.parquet
    labelfree doctor epoch_*.parquet --strict
    """
    run("doctor", sources, shared, strict=strict)
