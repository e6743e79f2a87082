"""Reports and histories that are no documents, or whose numbers no metric has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile import Hostile
from labelfree.history.records import record
from reports import entry, report

REPORT = report({"rankme": entry(5.0, 0.1)})
RECORD = record(REPORT, step=0, time="2026-01-01T00:00:00+00:00")


def _text(content: str) -> Callable[[Path, Path], object]:
    return lambda path, canary: path.write_text(content, "utf-8", "surrogatepass")


def _changed(document: dict[str, Any], place: str, value: Any) -> str:
    found = json.loads(json.dumps(document))
    inner = found
    *names, last = place.split(".")
    for name in names:
        inner = inner[name]
    inner[last] = "@"
    return json.dumps(found).replace('"@"', value if isinstance(value, str) else json.dumps(value))


_DEEP = "[" * 1_000_000
_WIDE = '{"a": ' * 100_000
VALUES = {"metrics.rankme.value": ("1e999", "NaN", "-Infinity", "9" * 5000, "1e308", '"1"', "[]", "true", _DEEP)}
PLACES: dict[str, tuple[Any, ...]] = {
    "input": (3, []),
    "input.sources": (3, [], [None], "a"),
    "input.rows": (3, {}),
    "input.n": ("null", '"x"', 1.5),
    "input.sample": (3, {}),
    "settings": (3, []),
    "tool": (3, "[[]]"),
    "command": (3, {}),
    "metrics": (3, []),
    "metrics.rankme": (3, []),
    "metrics.rankme.interval": (3, '"ab"', [1], [None, 1]),
    "metrics.rankme.params": (3, []),
    "metrics.rankme.direction": (3, []),
    "metrics.rankme.parts": (3, '"x"'),
}
FIELDS: dict[str, tuple[Any, ...]] = {
    "metrics.rankme.replicates": (3, ["x"], [[1]]),
    "metrics.rankme.replicate_factor": ('"x"', []),
    "metrics.rankme.interval": (3, '"ab"', [1]),
    "metrics.rankme.n": ('"x"', []),
    "metrics.rankme.se": ('"x"', [1]),
    "collapse.effective_rank": ('"x"', [], {}),
    "seed": ('"x"', []),
    "sample": ('"x"', {}),
    "step": (-0.5, '"x"'),
    "fingerprint": (3,),
    "schema_version": ('"x"', []),
}
_REPORT = "expected a report"
_RECORD = "nothing was changed"
FILES = [
    *(
        Hostile("r.json", _text(content), _REPORT, read="gate", about=k)
        for k, content in (
            ("a million brackets", _DEEP),
            ("100,000 objects", _WIDE),
            ("10,000 digits", "9" * 10_000),
            ("10^999", "1e999"),
            ("NaN", "NaN"),
            ("nothing", ""),
            ("a text", '"a"'),
            ("no UTF-8", "\ud800"),
            ("zeros", "\0" * 1000),
        )
    ),
    *(
        Hostile(
            "r.json",
            _text(_changed(REPORT, place, value)),
            f"{_REPORT}",
            read="gate",
            about=f"{place} {str(value)[:20]}",
        )
        for place, values in {**VALUES, **PLACES}.items()
        for value in values
    ),
    *(
        Hostile("h.jsonl", _text(content), says, read="history", about=k)
        for k, content, says in (
            ("a million brackets", _DEEP, "nested too deep.*nothing was changed"),
            ("100,000 objects", _WIDE, "nested too deep.*nothing was changed"),
            ("10^999", _changed(RECORD, "metrics.rankme.value", "1e999"), "1e999 is no number in JSON"),
            ("5,000 digits", _changed(RECORD, "metrics.rankme.value", "9" * 5000), "a whole number of 5000 digits"),
            ("torn", json.dumps(RECORD)[:-20], "found a torn line"),
            ("no UTF-8", "\ud800", "bytes that are no text"),
        )
    ),
    *(
        Hostile(
            "h.jsonl",
            _text(_changed(RECORD, place, value) + "\n"),
            _RECORD,
            read="history",
            about=f"{place} {str(value)[:20]}",
        )
        for place, values in FIELDS.items()
        for value in values
    ),
]
