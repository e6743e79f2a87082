"""explain and schema: what the numbers mean, and what shape the report has."""

from __future__ import annotations

import json
import sys
import textwrap
from shutil import get_terminal_size
from typing import Annotated, Any, Literal

import typer

from labelfree.errors import UsageError


def explained(incomplete: str) -> list[str]:
    """What can be explained and begins like this."""
    from labelfree.catalog import METRIC_NAMES
    from labelfree.documents.finding_codes import CODES
    from labelfree.documents.glossary import WORDS

    return [name for name in (*METRIC_NAMES, *CODES, *WORDS) if name.startswith(incomplete.lower())]


def explain(
    word: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="A metric, the code of a finding or a word of a table; without one, all metrics.",
            show_default=False,
            autocompletion=explained,
        ),
    ] = None,
) -> None:
    """A metric in words, the code of a finding, or a word that a table prints.

    \b
    labelfree explain rankme
    labelfree explain narrow_cone
    labelfree explain 'zero bars'
    """
    from labelfree.catalog import METRIC_NAMES
    from labelfree.commands.explanation import WIDTH, explanation, summaries
    from labelfree.families import metric as known
    from labelfree.families import metrics

    terminal = min(get_terminal_size().columns, WIDTH) if sys.stdout.isatty() else None
    asked = " ".join(word or ())
    if not asked:
        print(summaries(metrics(), terminal))
        return
    if asked in METRIC_NAMES:
        print(explanation(known(asked), terminal or WIDTH))
        return
    from labelfree.documents.glossary import meaning, near

    found = meaning(asked)
    if found is None:
        like = near(asked)
        raise UsageError(
            f"no metric, finding or word {asked!r}; "
            + (f"did you mean {like!r}?" if like else "labelfree explain lists the metrics, docs/glossary.md the words")
        )
    print(f"{found[0]}\n{textwrap.fill(found[1], terminal or WIDTH)}")


def schema(
    of: Annotated[
        Literal["report", "weights", "gate", "plan"],
        typer.Argument(metavar="[report|weights|gate|plan]", help="What weights, gate and gate --plan print."),
    ] = "report",
) -> None:
    """The JSON Schema of the report, of the report on weights, of the verdict of a gate, or of its plan.

    \b
    labelfree schema > report.schema.json
    labelfree schema gate > gate.schema.json
    """
    from labelfree.reports.gate import GateReport
    from labelfree.reports.plan import PlanReport
    from labelfree.reports.rows import RowsReport
    from labelfree.reports.schema import json_schema
    from labelfree.reports.weights import WeightsReport

    models: dict[str, type[Any]] = {
        "report": RowsReport, "weights": WeightsReport, "gate": GateReport, "plan": PlanReport
    }  # fmt: skip
    sys.stdout.write(json.dumps(json_schema(models[of]), indent=2, sort_keys=True) + "\n")
