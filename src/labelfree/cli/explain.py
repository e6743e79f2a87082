"""explain and schema: what the numbers mean, and what shape the report has."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from shutil import get_terminal_size
from typing import Annotated, Any, Literal

import typer

from labelfree.errors import UsageError


def explain(
    metric: Annotated[
        str | None,
        typer.Argument(metavar="METRIC", help="Its name in a report, or state; none: all names.", show_default=False),
    ] = None,
) -> None:
    """What a metric is: formula, range, direction and where that holds, cost, when it lies, source.

    \b
    labelfree explain rankme
    """
    from labelfree.catalog import METRIC_NAMES
    from labelfree.commands.explanation import WIDTH, explanation, summaries
    from labelfree.families import metric as known
    from labelfree.families import metrics

    terminal = min(get_terminal_size().columns, WIDTH) if sys.stdout.isatty() else None
    if metric is None:
        print(summaries(metrics(), terminal))
        return
    if metric == "state":
        from labelfree.commands.state_rule import state_rule

        print(state_rule(terminal or WIDTH))
        return
    if metric not in METRIC_NAMES:
        near = get_close_matches(metric, METRIC_NAMES, n=1)
        raise UsageError(
            f"no metric {metric!r}; " + (f"did you mean {near[0]!r}?" if near else "see labelfree explain")
        )
    print(explanation(known(metric), terminal or WIDTH))


def schema(
    of: Annotated[
        Literal["report", "weights", "gate", "plan"],
        typer.Argument(metavar="[report|weights|gate|plan]", help="What weights, gate and gate --plan print."),
    ] = "report",
) -> None:
    """The JSON Schema of the document of reports, of reports on weights, of the verdict of a gate, or of its plan.

    \b
    labelfree schema > report.schema.json
    labelfree schema gate > gate.schema.json
    """
    from labelfree.reports.document import Document, WeightsDocument
    from labelfree.reports.gate import GateReport
    from labelfree.reports.plan import PlanReport
    from labelfree.reports.schema import json_schema

    models: dict[str, type[Any]] = {
        "report": Document, "weights": WeightsDocument, "gate": GateReport, "plan": PlanReport
    }  # fmt: skip
    sys.stdout.write(json.dumps(json_schema(models[of]), indent=2, sort_keys=True) + "\n")
