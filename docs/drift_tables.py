"""The tables of docs/evidence/drift.md: false alarms, power, looks, coverage, and which score finds unusual rows."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
TESTS = ("energy_ratio", "mmd", "knn_two_sample", "c2st_auc", "share_beyond_95")
METHODS = ("combined", "distance", "direction", "mahalanobis", "energy", "msp")


def drift() -> str:
    """docs/evidence/drift.md: its introduction with the tables filled in."""
    found = {name: json.loads((RESULTS / f"drift_{name}.json").read_text()) for name in ("alarms", "looks", "coverage")}
    rows: Any = json.loads((RESULTS / "drift_rows.json").read_text())
    streams, cells = found["looks"]["looks"], found["coverage"]["coverage"]
    speed: Any = json.loads((RESULTS / "drift_speed.json").read_text())
    together = speed["tests_total"] - speed["tests"]["cauchy_schwarz"]  # mmd has computed its kernels
    draws = sorted({cell["draws"] for cell in cells})
    filled = {
        "ALARMS": alarms(found["alarms"]["alarms"]), "LOOKS": looks(streams), "COVERAGE": coverage(cells),
        "UNUSUAL": unusual(rows), "STREAMS": str(streams["streams"]), "DAYS": str(streams["days"]),
        "ROWS": str(streams["rows"]), "REFERENCE": str(streams["reference_rows"]), "COLUMNS": str(streams["d"]),
        "CELLS": str(len({(c["law"], c["n"], c["m"], c["d"], c["change"]) for c in cells})),
        "SIZE": f"{speed['rows']:,} x {speed['columns']}", "RATIO": f"{speed['ratio']:.2f}",
        "FLOOR": f"{speed['floor']:.1f}", "TESTS": f"{together:.1f}",
        "DRAWS": f"{draws[0]} to {draws[-1]}", "SEEDS": str(rows["seeds"]),
    }  # fmt: skip
    text = (DOCS / "evidence" / "drift.intro.md").read_text()
    for name, made in filled.items():
        text = text.replace(f"@{name}@", made)
    notice = "<!-- Written by docs/generate.py; change docs/evidence/drift.intro.md, or the results, and run it. -->\n"
    return notice + text


def alarms(cells: list[dict[str, Any]]) -> str:
    """Rates of each test by change and width."""
    rows = [
        [cell["change"], f"{cell['d']}", f"{cell['runs']}", *(f"{cell[name]:.2f}" for name in TESTS)] for cell in cells
    ]
    return table(["change", "columns", "runs", *TESTS], rows)


def looks(found: dict[str, Any]) -> str:
    """How many streams alarmed."""
    rows = []
    for change, one in sorted(found.items(), key=lambda pair: pair[0] != "none"):
        if isinstance(one, dict):
            late = "" if one["found_after_days"] is None else f"{one['found_after_days']:.0f} days"
            rows.append([
                change, f"{one['streams']}", f"{100 * one['alarmed']:.1f} %",
                f"{100 * one['alarmed_at_5_percent_each']:.1f} %", late,
            ])  # fmt: skip
    return table(["change", "streams", "alarm within 30 looks", "at 5 % each day", "found after, median"], rows)


def coverage(cells: list[dict[str, Any]]) -> str:
    """Coverage of each metric over its cells."""
    rows = []
    for name in dict.fromkeys(cell["metric"] for cell in cells):
        own = [cell for cell in cells if cell["metric"] == name]
        held = [c["covered"] for c in own]
        width = [c["half_width_over_196_sd"] for c in own if c["half_width_over_196_sd"] is not None]
        ends = [min(held), median(held), max(held), min(width), median(width), max(width)]
        rows.append([name, f"{len(own)}", *(f"{end:.2f}" for end in ends)])
    heads = ["coverage: lowest", "median", "highest", "width / right width: lowest", "median", "highest"]
    return table(["metric", "cells", *heads], rows)


def unusual(found: dict[str, Any]) -> str:
    """Areas of every method in every case, and over all of them."""
    rows = [[name, *(f"{case[m]:.3f}" if m in case else "" for m in METHODS)] for name, case in found["cases"].items()]
    for what in ("mean", "least"):
        over = found["over_cases"]
        rows.append([f"**{what}**", *(f"**{over[m][what]:.3f}**" if m in over else "" for m in METHODS)])
    return table(["strange rows", *METHODS], rows)
