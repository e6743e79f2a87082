"""The options of a plateau, declared once for the commands that give verdicts."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

JUDGE, RULE = "What to judge", "Plateau rule (all numbers count checks unless said otherwise)"

Plateau = Annotated[
    list[str] | None,
    typer.Option(
        help="Stop where this metric no longer improves; the collapse guard is on beside it. Repeatable.",
        metavar="METRIC",
        rich_help_panel=JUDGE,
    ),
]
Rule = Annotated[
    Literal["slope", "patience", "threshold"] | None,
    typer.Option(
        help="slope: the bound of the improvement over the window is below min-delta; patience: as Lightning's "
        "EarlyStopping; threshold: a value is reached.",
        show_default="slope",
        rich_help_panel=RULE,
    ),
]
Warmup = Annotated[
    int | None,
    typer.Option(help="First checks left out, in checks.", metavar="CHECKS", show_default="3", rich_help_panel=RULE),
]
Window = Annotated[
    int | None,
    typer.Option(
        help="slope: latest checks looked at, in checks.", metavar="CHECKS", show_default="6", rich_help_panel=RULE
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(help="slope: confidence of the one-sided bound.", show_default="0.9", rich_help_panel=RULE),
]
MinDelta = Annotated[
    float | None,
    typer.Option(
        help="Improvement that counts, in units of the metric: over the window (slope), over the best check "
        "(patience).",
        show_default="0.01",
        rich_help_panel=RULE,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="patience: checks without improvement before a stop, in checks.",
        metavar="CHECKS",
        show_default="3",
        rich_help_panel=RULE,
    ),
]
StopAt = Annotated[
    float | None,
    typer.Option(help="threshold: the value to reach, in units of the metric.", rich_help_panel=RULE),
]
