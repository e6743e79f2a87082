"""The numbers of docs/scale.md: a pass on Ray against threads, and a plan for many nodes on paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tabular import table

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"


def scale() -> str:
    """docs/scale.md: its introduction with the numbers filled in."""
    found: Any = json.loads((RESULTS / "scale.json").read_text())
    setting, seconds, plan, moved = found["setting"], found["seconds"], found["plan"], found["network"]
    filled = {
        "CORES": f"{found['machine']['cores']}", "FILES": f"{setting['files']}", "GB": f"{setting['bytes'] / 1e9:.1f}",
        "ROWS": f"{setting['rows']:,}", "D": f"{setting['d']}", "THREADS": f"{seconds['threads 2']:.0f}",
        "RAY2": f"{seconds['ray 2']:.0f}", "RAY1": f"{seconds['ray 1']:.0f}", "FLOOR": f"{seconds['floor 2']:.0f}",
        "OVER": f"{found['over_threads']:.2f}", "SCALING": f"{found['two_workers']:.2f}",
        "START": f"{found['start']:.0f}", "SHARD": f"{1e3 * found['seconds_a_shard']:.0f}",
        "NET": f"{moved['bytes'] / 1e6:,.0f}", "NETSHARE": f"{100 * moved['bytes'] / setting['bytes']:.0f}",
        "STATES": states(found["states"]), "SHARDMB": f"{setting['bytes'] / setting['files'] / 1e6:.0f}",
        "PSHARDS": f"{plan['shards']:,}", "RATE": f"{plan['bytes_a_second_of_a_core'] / 1e6:.0f}",
        "PWORK": minutes(plan["reading_and_summing_s"]), "PMERGE": minutes(plan["merging_s"]),
        "PGIVE": minutes(plan["giving_out_s"]), "PMOVED": f"{plan['moved_bytes'] / 1e9:,.0f}",
        "PMOVE": minutes(plan["moving_s"]), "PALL": f"{plan['minutes']:.0f}",
        "PSTORE": f"{plan['bytes'] / plan['reading_and_summing_s'] / 1e9:.1f}",
    }  # fmt: skip
    text = (DOCS / "scale.intro.md").read_text()
    for name, made in filled.items():
        text = text.replace(f"@{name}@", made)
    notice = "<!-- Written by docs/generate.py; change docs/scale.intro.md, or the results, and run it. -->\n"
    return notice + text


def states(found: dict[str, Any]) -> str:
    """Bytes and merging by the width of rows."""
    rows = (
        (width, f"{one['of_scatters'] / 1e6:,.1f} MB", f"{1e3 * one['merge']:,.0f} ms") for width, one in found.items()
    )
    return table(["width", "matrices of a state", "merging two"], rows)


def minutes(seconds: float) -> str:
    """Seconds in minutes, with a decimal of few."""
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"
