"""The options of a plateau, declared once for the commands that give verdicts."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from labelfree.cli.completing import improving_metric

JUDGE, RULE = "What to judge", "Plateau rule (all numbers count checks unless said otherwise)"

Plateau = Annotated[
    list[str] | None,
    typer.Option(
        help="Stop where this metric no longer improves; the collapse guard is on beside it. Repeatable.",
        metavar="METRIC",
        autocompletion=improving_metric,
        rich_help_panel=JUDGE,
    ),
]
When = Annotated[
    Literal["any", "all"] | None,
    typer.Option(
        help="Of several plateaus: any of them stops, sharing one error of the run, or all must be there.",
        show_default="any",
        rich_help_panel=JUDGE,
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        help="Classes of the rows: the collapse guard then trips on rows that lie at half as many points.",
        metavar="CLASSES",
        show_default="not known",
        rich_help_panel=JUDGE,
    ),
]
Rule = Annotated[
    Literal["slope", "slope-v1", "patience", "threshold"] | None,
    typer.Option(
        help="slope: the run improves by less than min-delta a window, or is past its best, at a confidence that holds "
        "over all checks; slope-v1: at each check alone, as in 0.1; patience: as Lightning's EarlyStopping; threshold: "
        "a value is reached.",
        show_default="slope",
        rich_help_panel=RULE,
    ),
]
Warmup = Annotated[
    int | None,
    typer.Option(
        help="First checks left out, in checks.",
        metavar="CHECKS",
        show_default="3, less below 15 checks",
        rich_help_panel=RULE,
    ),
]
Checks = Annotated[
    int | None,
    typer.Option(
        help="slope: checks of the whole run as it is planned; decides sooner than where the length is not known.",
        metavar="CHECKS",
        show_default="not known",
        rich_help_panel=RULE,
    ),
]
Cycle = Annotated[
    int | None,
    typer.Option(
        help="slope: steps from one restart of the learning rate to the next; windows then cover whole cycles.",
        metavar="STEPS",
        show_default="as the history says",
        rich_help_panel=RULE,
    ),
]
Drops = Annotated[
    str | None,
    typer.Option(
        help="slope: steps at which the learning rate will drop; a plateau before one of them does not stop.",
        metavar="STEP,...",
        show_default="as the history says",
        rich_help_panel=RULE,
    ),
]
Window = Annotated[
    int | None,
    typer.Option(
        help="slope: the unit of the improvement, and the fewest checks looked at.",
        metavar="CHECKS",
        show_default="6, less below 18 checks",
        rich_help_panel=RULE,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        help="slope: 1 less the share of runs that may be stopped while they still improve.",
        show_default="0.9",
        rich_help_panel=RULE,
    ),
]
MinDelta = Annotated[
    float | None,
    typer.Option(
        help="Improvement that counts, in units of the metric: in a window of checks (slope), over the best check "
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
