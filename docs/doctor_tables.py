"""The tables of docs/evidence/doctor.md: two spaces in one file, and files of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
WORDS = ("sorted", "any order", "two languages", "a language and a topic", "near duplicates", "unit", "raw")


def doctor() -> str:
    """docs/evidence/doctor.md: its introduction with the tables filled in."""
    found: Any = json.loads((RESULTS / "mixed_spaces.json").read_text())
    clean = found["clean"]
    alarms = sum(row["told"] for row in clean)
    filled = {
        "CLEAN": cleans(clean), "MIXTURES": mixtures(found["mixtures"]), "FILES": f"{len(clean)}",
        "ALARMS": f"{alarms}", "BOUND": f"{100 * bound(alarms, len(clean)):.2f}", "LIMIT": f"{found['limit']}",
        "OWN": f"{found['own']}", "LEAST": f"{min(row['n'] for row in clean)}",
        "MOST": f"{max(row['n'] for row in clean):,}",
    }  # fmt: skip
    text = (DOCS / "evidence" / "doctor.intro.md").read_text()
    for name, made in filled.items():
        text = text.replace(f"@{name}@", made)
    notice = "<!-- Written by docs/generate.py; change docs/evidence/doctor.intro.md, or the results, and run it. -->\n"
    return notice + text


def bound(alarms: int, files: int) -> float:
    """The upper end of the one-sided 95 % interval of Clopper and Pearson for the rate of false alarms."""
    from scipy.stats import beta

    return float(beta.ppf(0.95, alarms + 1, files - alarms))


def cleans(rows: list[dict[str, Any]]) -> str:
    """How many files of one space there are of each kind, and how many were told to be mixed."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        family = row["kind"].split(",")[0]
        model = row["kind"].split(", ")[1] if family == "texts" else ""
        name = "semantic analysis" if model in ("word", "char_wb") else "MiniLM" if model else family
        kinds.setdefault(name, []).append(row)
    for word in WORDS:
        kinds[f"of these: {word}"] = [row for row in rows if word in row["kind"].split(", ")]
    return table(["files of one space", "files", "false alarms"], ([k, *counted(v)] for k, v in kinds.items()))


def counted(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """How many, and how many were told."""
    return f"{len(rows)}", f"{sum(row['told'] for row in rows)}"


def mixtures(rows: list[dict[str, Any]]) -> str:
    """How many mixtures were told by kind, share and order."""
    cells = [(c, s) for c in (True, False) for s in sorted({row["second"] for row in rows})]
    heads = [f"{'one after the other' if c else 'mixed'}, {100 * s:.0f} %" for c, s in cells]

    def lines() -> Iterable[list[str]]:
        for kind in dict.fromkeys(row["kind"] for row in rows):
            own = [row for row in rows if row["kind"] == kind]
            held = [[row for row in own if (row["contiguous"], row["second"]) == cell] for cell in cells]
            yield [kind, *(f"{sum(row['told'] for row in cell)} of {len(cell)}" for cell in held)]

    return table(["the second space", *heads], lines())
