"""Reports and histories made by hand, so that a gate can be tested at exact numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelfree import history


def entry(value: float | None, se: float | None = None, direction: str = "higher", **more: Any) -> dict[str, Any]:
    interval = None if value is None or se is None else [value - 1.96 * se, value + 1.96 * se]
    status = {"status": "ok" if value is not None else "undefined", "reason_code": None, "reason": None}
    if value is None:
        status |= {"reason_code": "collapsed", "reason": "all rows are equal"}
    base = {"value": value, "se": se, "interval": interval, "kind": "rank", "direction": direction, "holds_in": "tests"}
    return base | status | {"definition": "by hand", "params": {}, "parts": {}, "warnings": []} | more


def report(
    metrics: Mapping[str, Any],
    *,
    command: str = "separability",
    source: str = "epoch_00.parquet",
    n: int = 100,
    d: int = 8,
    rows_hash: str = "rows",
    seed: int = 0,
    rank: float = 8.0,
    cosine: float = 0.1,
    duplicate: int = 0,
) -> dict[str, Any]:
    """A report as a plain document: metrics by name, as entries or as bare numbers."""
    entries = {name: m if isinstance(m, dict) else entry(m) for name, m in metrics.items()}
    rows = {"read": n, "used": n, "null": 0, "nonfinite": 0, "zero": 0, "duplicate": duplicate, "estimated": False}
    return {
        "schema_version": 2,
        "tool": {"name": "labelfree", "version": "0.1.0"},
        "command": command,
        "input": {
            "sources": [source], "fingerprint": f"print of {source}", "rows_hash": rows_hash, "column": "embedding",
            "layout": "list", "dtype": "float32", "n": n, "d": d, "rows": rows, "sample": None,
        },
        "settings": {"seed": seed},
        "metrics": {"effective_rank": entry(rank), "mean_cosine": entry(cosine, direction="none"), **entries},
        "warnings": [],
        "verdict": None,
    }  # fmt: skip


def run_of(
    path: Path, values: Sequence[Any], *, metric: str = "separability", run: str = "default", **more: Any
) -> Path:
    """A history with one check per value."""
    reports = [(report({metric: v}, source=f"epoch_{i:02}.parquet", **more), i) for i, v in enumerate(values)]
    history.extend(path, reports, run=run)
    return path


def written(path: Path, document: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path
