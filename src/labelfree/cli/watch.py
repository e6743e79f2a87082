"""watch: the gate beside a training run, on what the run writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from labelfree.cli.completing import metric_name
from labelfree.cli.options import Decided, Shared, sharing
from labelfree.cli.rules import (
    Checks,
    Classes,
    Confidence,
    Cycle,
    Drops,
    MinDelta,
    Patience,
    Plateau,
    Rule,
    StopAt,
    Warmup,
    When,
    Window,
)

_WATCH = "Watching"
_NOT_OFFERED = (
    "concat", "only", "all", "format", "value", "output", "append", "step", "replace", "verbose", "show_ids",
)  # fmt: skip


@sharing(without=_NOT_OFFERED, sample=Decided("that of the command that measures METRIC"))
def watch(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the files appear, with their step in the name.")
    ],
    metric: Annotated[
        list[str],
        typer.Option(
            help="Metric to measure. Repeatable.",
            metavar="METRIC",
            autocompletion=metric_name,
            rich_help_panel=_WATCH,
        ),
    ],
    shared: Shared,
    interval: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks.", metavar="SECONDS", rich_help_panel=_WATCH)
    ] = 5.0,
    idle: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="End after so many seconds without a new file; 0: when all that is there is scored.",
            metavar="SECONDS",
            show_default="watch until a stop",
            rich_help_panel=_WATCH,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep the sampled rows and class scores of every file here: labelfree select DIR names the step.",
            metavar="DIR",
            rich_help_panel=_WATCH,
        ),
    ] = None,
    plateau: Plateau = None,
    when: When = None,
    classes: Classes = None,
    rule: Rule = None,
    warmup: Warmup = None,
    window: Window = None,
    confidence: Confidence = None,
    min_delta: MinDelta = None,
    checks: Checks = None,
    cycle: Cycle = None,
    drops: Drops = None,
    patience: Patience = None,
    stop_at: StopAt = None,
) -> None:
    """Score each new embedding file or checkpoint as it appears, append it to DIR/history.jsonl, ask the gate.

    On a plateau (11) or a collapse (12) it writes the verdict to DIR/STOP and exits with that code. A file is scored
    once, when it is written completely, also after a restart.

    \b
    labelfree watch runs/ --metric separability --plateau separability
    labelfree watch runs/ --metric rankme --idle 0 --json
    """  # fmt: skip
    from labelfree.cli.alive import Alive
    from labelfree.cli.printing import printed, shown, told
    from labelfree.cli.running import measuring
    from labelfree.commands.watching import watched

    asked = {
        "when": when, "classes": classes, "rule": rule, "warmup": warmup, "window": window, "confidence": confidence,
        "min_delta": min_delta, "checks": checks, "cycle": cycle, "drops": drops, "patience": patience,
        "stop_at": stop_at,
    }  # fmt: skip
    alive = Alive(str(directory), enabled=not shared.quiet)
    watching = watched(
        directory, metric, measuring(shared), plateau or (), asked, run=shared.run or "default", interval=interval,
        idle=idle, keep=keep, tell=lambda said: None if shared.quiet else told(said), sleep=alive,
    )  # fmt: skip
    verdict = None
    for check in watching.checks():
        verdict = check.verdict or verdict
        alive.clear()
        if check.report is not None:
            alive.saw(check.path.name)
        if check.problem is not None:
            told(check.problem)
        elif not shared.json and check.report is not None:
            printed(lambda line=_line(check, watching.metrics): shown(line + "\n"))  # type: ignore[misc]
    alive.clear()
    if shared.json:
        from labelfree.documents.reading import as_json

        printed(lambda: shown(("null" if verdict is None else as_json(verdict)) + "\n"))
    elif verdict is not None:
        from labelfree.render.console import console_for
        from labelfree.render.verdicts.verdict import show

        printed(lambda: show(console_for(sys.stdout), verdict))
    if verdict is None:
        told(f"{directory}: nothing was scored")
    elif code := verdict["verdict"]["exit_code"]:
        raise typer.Exit(code)


def _line(check: Any, metrics: Sequence[str]) -> str:
    """One check in a line: its step, its file, the metrics, and what the gate says."""
    from labelfree.catalog import STATES

    values = []
    for name in metrics:
        value = check.report.metrics[name].value
        values.append(f"{name} {'undefined' if value is None else f'{value:.4g}'}")
    verdict = "" if check.verdict is None else f"  {check.verdict['verdict']['decision']}"
    state = "" if check.report.state is None else f"  {STATES[check.report.state.state]}"
    return f"step {check.step}  {check.path.name}  {', '.join(values)}{state}{verdict}"
