"""The tables of docs/metrics.md on spikes of noise, from the committed results of their benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "noise_spikes.json"
HOW = ("standardized", "raw")
SEEN = {"equal": "columns of equal scale", "unequal": "columns of unequal scale", "aligned": "single columns"}


def _shapes() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text())["columns"]
    return found


def _head(shapes: dict[str, Any], first: str) -> list[str]:
    return [first, *(f"{shape}{suffix}" for shape in shapes for suffix in (": `mp_spikes`", ": raw"))]


def alarms() -> str:
    """Share of draws of noise in which there is a spike, by kind of noise and shape."""
    shapes = _shapes()
    kinds = next(iter(shapes.values()))["false_alarm"]
    rows = [
        [kind, *(f"{100 * found['false_alarm'][kind][how]:.0f} %" for found in shapes.values() for how in HOW)]
        for kind in kinds
    ]
    return table(_head(shapes, "noise"), rows)


def seen() -> str:
    """Mean count of three planted directions, by where they lie and how strong they are."""
    shapes = _shapes()
    rows = []
    for name in next(iter(shapes.values()))["seen"]:
        where, strength = name.split(", ")
        counts = [f"{found['seen'][name][how]:.1f}" for found in shapes.values() for how in HOW]
        rows.append([f"{SEEN[where]}, {float(strength):g}", *counts])
    return table(
        _head(shapes, "planted in"), sorted(rows, key=lambda row: list(SEEN.values()).index(row[0].split(", ")[0]))
    )
