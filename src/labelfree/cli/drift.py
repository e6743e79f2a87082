"""drift: whether rows have left a reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelfree.cli.measuring import LogitsOption
from labelfree.cli.options import Shared, sharing
from labelfree.cli.running import measuring, run

if TYPE_CHECKING:
    from labelfree.commands.report import Report

LOOKS = 30
"""Looks that a history shares its false alarms among, where nothing else is said."""
_REFERENCE, _JUDGE = "Reference", "Verdict"


@sharing()
def drift(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CURRENT",
            help="Embeddings of now, as every SOURCE can be; several, such as days, have a row each.",
            show_default=False,
        ),
    ],
    shared: Shared,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Embeddings of then, by the same model: a sample of the training data, or of a good week. Required.",
            metavar="FILE",
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    logits: LogitsOption = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Column of the class numbers in --reference.",
            show_default="label, labels, target, y, class",
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Column whose values slice the result: language, source, country.",
            metavar="COLUMN",
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    looks: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Over how many looks at most 5 % false alarms are shared.",
            show_default=f"{LOOKS} with --append, else 1",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="What the whole interval of a metric must meet, such as 'share_beyond_95 <= 0.1'. Repeatable.",
            metavar="'METRIC OP N'",
            rich_help_panel=_JUDGE,
        ),
    ] = None,
) -> None:
    """Have the data left the reference, by how much, and which rows?

    \b
    labelfree drift today.parquet --reference train.parquet
    labelfree drift week.parquet --reference train.parquet -o rows.parquet
    labelfree drift day_*.parquet --reference train.parquet --append drift.jsonl
    """
    from labelfree.catalog import command
    from labelfree.commands.options import checked
    from labelfree.commands.references import Reference, in_order
    from labelfree.gating.grammar import requirement

    for text in require or ():
        requirement(text)
    if looks is None and shared.append is not None:
        looks = LOOKS
    own = {"logits": logits, "label": label, "by": by, "looks": looks, "require": tuple(require or ())}
    known = Reference(reference, checked(command("drift"), {**measuring(shared), **own}))

    def finish(reports: list[Report], steps: Sequence[int]) -> None:
        if shared.append is not None:
            reports[:] = numbered(reports, steps, shared.append, shared.run or "default")

    run(
        "drift", in_order(sources), shared, reads={"the reference": known.opened.files},
        finish=finish, reference=known, **own,
    )  # fmt: skip


def numbered(reports: Sequence[Report], steps: Sequence[int], path: Path, name: str) -> list[Report]:
    """The reports, each with which look of its run it is, and with what is wrong with that."""
    from labelfree import history
    from labelfree.catalog import known_command
    from labelfree.commands.looks import numbered_looks
    from labelfree.documents.files import there

    records = history.read(path, run=name) if there(path) else []
    earlier = [r for r in records if (known := known_command(r["command"])) is not None and known.other_rows]
    return numbered_looks(reports, steps, earlier)
