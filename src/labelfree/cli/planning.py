"""gate --plan: what the rule will find in a run that is only planned."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelfree.errors import UsageError, option

OF_A_PLAN = ("checks", "warmup", "window", "confidence", "min_delta", "history", "run", "plateau")
"""Options of a gate that a plan takes as well."""


def plan(
    asked: Mapping[str, Any],
    named: Mapping[str, Any],
    noise: str,
    form: str,
    output: Sequence[Path],
) -> None:
    """Print a plan and write it.

    asked: the options of the gate, those of a file among them; named: those that the command line names; noise: a
    number, or "seen" for that of a history.
    """
    from labelfree.cli.printing import printed, shown, write_texts
    from labelfree.commands.planning import plan_gate
    from labelfree.documents.files import check_targets

    for name, value in named.items():
        if value not in (None, [], ()) and name not in OF_A_PLAN and (name, value) != ("rule", "slope"):
            raise UsageError(f"{option(name)}: has no effect with {option('plan')}; leave it out")
    if form == "csv":
        raise UsageError(f"{option('format', 'csv')}: a plan is a table, json, ndjson or md")
    given: dict[str, Any] = {name: asked.get(name) for name in OF_A_PLAN if name not in ("history", "run", "plateau")}
    plateaus = named.get("plateau") or []
    if len(plateaus) > 1:
        raise UsageError(f"{option('plateau')}: a plan takes the noise of one metric, found {len(plateaus)}")
    kept: dict[str, Any] = {
        "history": named.get("history"),
        "run": named.get("run"),
        "plateau": next(iter(plateaus), None),
    }
    check_targets(output, TEXTS)
    document = plan_gate(noise=_noise(noise), **given, **kept)
    write_texts(output, TEXTS, document)
    if form == "table":
        from labelfree.render.console import console_for
        from labelfree.render.verdicts.plan import show

        printed(lambda: show(console_for(sys.stdout), document))
    else:
        printed(lambda: shown(TEXTS[f".{form}"](document)))


def _noise(given: str) -> float | None:
    """The number, None for "seen"."""
    if given == "seen":
        return None
    try:
        return float(given)
    except ValueError:
        raise UsageError(f"{option('plan')}: expected a number, or seen, found {given!r}") from None


def _json(document: dict[str, Any]) -> str:
    from labelfree.documents.reading import as_json

    return as_json(document) + "\n"


def _ndjson(document: dict[str, Any]) -> str:
    from labelfree.documents.reading import as_json

    return as_json(document, indent=None) + "\n"


def _md(document: dict[str, Any]) -> str:
    from labelfree.render.verdicts.plan import to_markdown

    return to_markdown(document)


TEXTS = {".json": _json, ".ndjson": _ndjson, ".md": _md}
"""What a plan can be written as, by suffix."""
