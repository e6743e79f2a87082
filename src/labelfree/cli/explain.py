"""explain and schema: what the numbers mean, and what shape the report has."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from typing import Annotated, Literal

import typer

from labelfree.errors import UsageError


def explain(
    metric: Annotated[
        str | None,
        typer.Argument(metavar="METRIC", help="Its name in a report; without one, all names.", show_default=False),
    ] = None,
) -> None:
    """What a metric is: formula, range, direction and where that holds, cost, when it lies, source.

    \b
    labelfree explain rankme
    """
    from labelfree.metrics import METRICS

    if metric is None:
        width = max(len(m.name) for m in METRICS)
        for m in METRICS:
            print(f"{m.name:<{width}}  {m.explanation.splitlines()[0]}")
        return
    known = {m.name: m for m in METRICS}
    if metric not in known:
        near = get_close_matches(metric, known, n=1)
        raise UsageError(
            f"no metric {metric!r}; " + (f"did you mean {near[0]!r}?" if near else "see labelfree explain")
        )
    from labelfree.render.explanation import explanation

    print(explanation(known[metric]))


def schema(
    of: Annotated[
        Literal["report", "gate"], typer.Argument(metavar="[report|gate]", help="What gate prints has one of its own.")
    ] = "report",
) -> None:
    """The JSON Schema of the report, or of the verdict of a gate.

    \b
    labelfree schema > report.schema.json
    labelfree schema gate > gate.schema.json
    """
    from labelfree.report import json_schema

    sys.stdout.write(json.dumps(json_schema(of), indent=2, sort_keys=True) + "\n")
