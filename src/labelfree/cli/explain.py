"""explain and schema: what the numbers mean, and what shape the report has."""

from __future__ import annotations

import json
import sys
from shutil import get_terminal_size
from typing import Annotated, Any, Literal

import typer


def explained(incomplete: str) -> list[str]:
    """What can be explained and begins like this, in one word of the shell each: zero_bars for zero bars."""
    from labelfree.catalog import METRIC_NAMES
    from labelfree.documents.finding_codes import CODES
    from labelfree.documents.glossary import WORDS
    from labelfree.documents.reason_codes import REASONS

    names = dict.fromkeys(name.replace(" ", "_") for name in (*METRIC_NAMES, *CODES, *REASONS, *WORDS))
    return [name for name in names if name.startswith(incomplete.lower()) and "%" not in name]


def explain(
    word: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="A metric, the code of a finding or reason, a word of a table; without one, all metrics.",
            show_default=False,
            autocompletion=explained,
        ),
    ] = None,
) -> None:
    """A metric in words, the code of a finding or of a reason, or a word that a table prints.

    \b
    labelfree explain rankme
    labelfree explain narrow_cone
    labelfree explain insufficient
    labelfree explain 'zero bars'
    """
    from labelfree.commands.explaining import explained as told
    from labelfree.commands.explanation import WIDTH

    print(told(" ".join(word or ()), min(get_terminal_size().columns, WIDTH) if sys.stdout.isatty() else None))


def schema(
    of: Annotated[
        Literal["report", "weights", "gate", "plan", "select", "compare", "drift"],
        typer.Argument(
            metavar="DOCUMENT",
            help="report, weights, gate, plan (of gate --plan), select, compare or drift: what these print.",
        ),
    ] = "report",
) -> None:
    """The JSON Schema of a document: of reports, of reports on weights, of a verdict, a plan, a choice, a comparison.

    \b
    labelfree schema > report.schema.json
    labelfree schema gate > gate.schema.json
    """
    from labelfree.reports.compare import CompareReport
    from labelfree.reports.document import Document, DriftDocument, WeightsDocument
    from labelfree.reports.gate import GateReport
    from labelfree.reports.plan import PlanReport
    from labelfree.reports.schema import json_schema
    from labelfree.reports.select import SelectReport

    models: dict[str, type[Any]] = {
        "report": Document, "weights": WeightsDocument, "gate": GateReport, "plan": PlanReport, "select": SelectReport,
        "compare": CompareReport, "drift": DriftDocument,
    }  # fmt: skip
    sys.stdout.write(json.dumps(json_schema(models[of]), indent=2, sort_keys=True) + "\n")
