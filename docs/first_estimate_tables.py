"""The tables of docs/first-estimate.md: how often intervals over row groups hold the full pass, and the difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results" / "intervals_row_groups.json"
LAWS = {
    "shuffled": "shuffled", "sorted_classes": "sorted by 40 classes", "few_sorted_classes": "sorted by 4 classes",
    "drifting": "drifting mean and spectrum", "sessions": "an offset and scale of each group",
    "uneven": "groups of 100 to 900 rows", "heavy_tails": "Student's t, 6 degrees",
    "rare_groups": "one group in 20 of other rows",
}  # fmt: skip
SHOWN = ("rankme", "rankme_centered", "erank_variance", "participation_ratio", "stable_rank", "mean_cosine", "std_l2")


def first_estimate() -> str:
    """docs/first-estimate.md: its introduction with the tables filled in."""
    found: Any = json.loads(RESULTS.read_text())
    text = (DOCS / "first-estimate.intro.md").read_text()
    few = found["cells"][f"sorted_classes, 12 of {found['row_groups']} row groups"]["rankme_centered"]
    filled = {
        "GROUPS": str(found["row_groups"]), "SIZE": str(found["rows_of_each"]), "WIDTH": str(found["width"]),
        "DRAWS": str(found["draws"]), "COVERAGE": coverage(found["cells"]), "DIFFERENCES": differences(found["cells"]),
        "SORTED": str(few["draws"]), "MISSES": str(few["misses"]),
    }  # fmt: skip
    for name, made in filled.items():
        text = text.replace(f"@{name}@", made)
    return "<!-- Written by docs/generate.py; change docs/first-estimate.intro.md, or the results. -->\n" + text


def coverage(cells: Any) -> str:
    """Coverage of each metric by law and number of row groups."""
    rows = []
    for where, metrics in cells.items():
        law, read = where.split(", ")
        rows.append([LAWS[law], read.split()[0], *(_held(metrics[name]) for name in SHOWN)])
    return table(["files", "groups read", *(f"`{name}`" for name in SHOWN)], rows)


def _held(cell: Any) -> str:
    if not cell["offered"]:
        return "none"
    share = f"{cell['covered']:.2f}".removeprefix("0")
    return share if cell["offered"] == cell["draws"] else f"{share} ({cell['offered']})"


def differences(cells: Any) -> str:
    """How far rankme of a part is from that of the full pass."""
    laws: dict[str, list[str]] = {}
    reads: list[str] = []
    for where, metrics in cells.items():
        law, read = where.split(", ")
        reads += [read.split()[0]] if read.split()[0] not in reads else []
        one = metrics["rankme"]["difference"]
        laws.setdefault(LAWS[law], []).append(f"{one['middle']:.2f} to {one['nineteen_of_twenty']:.2f}")
    return table(["files", *(f"{read} groups" for read in reads)], [[law, *found] for law, found in laws.items()])
