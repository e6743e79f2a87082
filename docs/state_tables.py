"""The tables of docs/state.md: how often the state was wrong, by error and by kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
_STATES = ("healthy", "suspicious", "likely_collapsed")


def state(template: str = "state.intro.md") -> str:
    """docs/state.md, or its evidence: a template with the tables filled in."""
    study: Any = json.loads((RESULTS / "state.json").read_text())
    text = (DOCS / template).read_text()
    for name, filled in {"RATES": rates(study["rates"]), "KINDS": kinds(study["kinds"])}.items():
        text = text.replace(f"@{name}@", filled)
    return f"<!-- Written by docs/generate.py; change docs/{template}, or the results, and run it. -->\n" + text


def rates(found: dict[str, Any]) -> str:
    """Both errors on both halves, with their upper bounds."""
    rows = [[name, *(_told(found[side][name]) for side in ("open", "kept"))] for name in found["kept"]]
    return table(["error", "open kinds", "kinds kept aside"], rows)


def kinds(found: list[dict[str, Any]]) -> str:
    """What every kind was called, healthy ones first."""
    order = {"open": 0, "kept": 1, "healthy": 0, "collapsed": 1}
    rows = [
        [
            kind["kind"], kind["side"], kind["truth"],
            ", ".join(f"{d:,}" for d in sorted({r["d"] for r in kind["runs"]})),
            *(str(kind["states"].count(word)) for word in _STATES),
        ]
        for kind in sorted(found, key=lambda kind: (order[kind["side"]], order[kind["truth"]]))
    ]  # fmt: skip
    return table(["kind", "side", "made to be", "d", "healthy", "suspicious", "likely collapsed"], rows)


def _told(rate: dict[str, Any]) -> str:
    return f"{rate['count']} of {rate['of']}, at most {100 * rate['bound']:.1f} %"
