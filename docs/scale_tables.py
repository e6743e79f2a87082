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
    setting, plan, moved = found["setting"], found["plan"], found["network"]
    small = found["small_files"]
    filled = {
        "CORES": f"{found['machine']['cores']}", "FILES": f"{setting['files']}", "GB": f"{setting['bytes'] / 1e9:.1f}",
        "ROWS": f"{setting['rows']:,}", "D": f"{setting['d']}", "THREADS": both(found, "threads 2"),
        "RAY2": both(found, "ray 2"), "RAY1": both(found, "ray 1"), "FLOOR": both(found, "floor 2"),
        "OVER": " and ".join(f"{ratio:.2f}" for ratio in found["over_threads_by_round"]),
        "TWO": f"{found['two_workers']:.2f}",
        "START": f"{found['start']:.0f}", "SHARD": f"{1e3 * found['seconds_a_shard']:.0f}",
        "NET": f"{moved['bytes'] / 1e6:,.0f}", "NETSHARE": f"{100 * moved['bytes'] / setting['bytes']:.0f}",
        "STATES": states(found["states"]), "SHARDMB": f"{setting['bytes'] / setting['files'] / 1e6:.0f}",
        "PSHARDS": f"{plan['shards']:,}", "RATE": f"{plan['bytes_a_second_of_a_core'] / 1e6:.0f}",
        "PWORK": minutes(plan["reading_and_summing_s"]), "PMERGE": minutes(plan["merging_s"]),
        "PGIVE": minutes(plan["giving_out_s"]), "PMOVED": f"{plan['moved_bytes'] / 1e9:,.0f}",
        "PMOVE": minutes(plan["moving_s"]), "PALL": f"{plan['minutes']:.0f}",
        "CLUSTER": lost(json.loads((RESULTS / "cluster.json").read_text())["runs"]),
        "HOPKINS": f"{found['hopkins']['hopkins']:.0f}", "HOPN": f"{found['hopkins']['n']:,}",
        "HOPD": f"{found['hopkins']['d']}", "HOPPASS": f"{found['hopkins']['pass']:.1f}",
        "SMALLN": f"{small['files']:,}", "SMALLROWS": f"{small['rows'] // small['files']}",
        "SMALLRAY": f"{small['seconds']['ray']:.0f}", "SMALLONE": f"{small['seconds']['threads']:.0f}",
        "SMALLAPART": f"{small['seconds']['apart']:.0f}",
        "PSTORE": f"{plan['bytes'] / plan['reading_and_summing_s'] / 1e9:.1f}",
    }  # fmt: skip
    text = (DOCS / "scale.intro.md").read_text()
    for name, made in filled.items():
        text = text.replace(f"@{name}@", made)
    notice = "<!-- Written by docs/generate.py; change docs/scale.intro.md, or the results, and run it. -->\n"
    return notice + text


def both(found: dict[str, Any], way: str) -> str:
    """The seconds of each round."""
    return " and ".join(f"{seconds:.0f}" for seconds in found["rounds"][way])


def lost(runs: dict[str, Any]) -> str:
    """Seconds of one process on local files, and of the cluster that lost a node."""
    head = [
        "",
        "objects",
        "GB",
        "rows",
        "one process, local files, s",
        "cluster and store, a node lost, s",
        "same bytes",
    ]
    rows = (
        [
            f"`{name}`", f"{one['objects']}", f"{one['gigabytes']:.2f}", f"{one['rows']:,}",
            f"{one['one_process']:.0f}", f"{one['cluster']:.0f}",
            "yes" if one["same_bytes"] and one["lost_inside"] else "no",
        ]
        for name, one in runs.items()
    )  # fmt: skip
    return table(head, rows)


def states(found: dict[str, Any]) -> str:
    """Bytes and merging by the width of rows."""
    rows = (
        (width, f"{one['of_scatters'] / 1e6:,.1f} MB", f"{1e3 * one['merge']:,.1f} ms")
        for width, one in sorted(found.items(), key=lambda pair: int(pair[0]))
    )
    return table(["width", "matrices of a state", "merging two"], rows)


def minutes(seconds: float) -> str:
    """Seconds in minutes, with a decimal of few."""
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"
