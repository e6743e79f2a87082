"""The curves of a run: every check of a metric with its interval, and what the slope rule says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelfree import __version__
from labelfree.catalog import headlines
from labelfree.documents.reading import SCHEMA_VERSION, rounded
from labelfree.errors import UsageError, option
from labelfree.gating.guards import collapse_guard
from labelfree.gating.plateau import plateau
from labelfree.gating.series import collapse_shares, incomparable, of_run, records_of
from labelfree.gating.settings import VERSIONS, rule_numbers
from labelfree.history import Record
from labelfree.history.records import checked_run

HEADLINES = tuple(name for family in ("separability", "rank", "transfer", "opis") for name in headlines(family))
"""The metrics that are shown where none is named, as far as the run has them."""


def curves(
    history: str | Path, *, run: str, only: Sequence[str], everything: bool, min_delta: float | None
) -> dict[str, Any]:
    """The curves as a document: points by metric, the plateau condition of each, and the collapse guard."""
    records = records_of(history, checked_run(run))
    held = list(dict.fromkeys(name for record in records for name in record["metrics"]))
    for name in only:
        if name not in held:
            raise UsageError(f"{option('only')}: run {run!r} has no {name}; it has {', '.join(held)}")
    names = list(only) or (held if everything else [name for name in HEADLINES if name in held] or held[:1])
    numbers = rule_numbers("slope", {} if min_delta is None else {"min_delta": min_delta})
    steps, shares = collapse_shares(records)
    found: dict[str, Any] = rounded({
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "labelfree", "version": __version__},
        "command": "history",
        "history": str(history),
        "run": run,
        "checks": len(steps),
        "first_step": steps[0],
        "last_step": steps[-1],
        "settings": {"rule": "slope", "rule_version": VERSIONS["slope"], **numbers},
        "curves": {name: _curve(name, records, numbers) for name in names},
        "guards": [collapse_guard(steps, shares).document()],
    })  # fmt: skip
    return found


def _curve(metric: str, records: Sequence[Record], numbers: dict[str, Any]) -> dict[str, Any]:
    readings = of_run(records, metric)
    entry = readings[-1].entry
    points = [
        {
            "step": r.step,
            "value": r.value,
            "se": r.se,
            "interval": r.entry.get("interval"),
            "source": r.record["source"],
        }
        for r in readings
    ]
    known = entry["direction"] in ("higher", "lower") or entry["params"].get("target") is not None
    note = incomparable(readings)
    verdict = plateau(metric, records, "slope", numbers) if known and not note else None
    return {"direction": entry["direction"], "points": points, "verdict": verdict, "note": note or None}
