"""The history of a run: one record per run, step and command, in a file of JSON Lines.

>>> import labelfree, numpy as np, tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp()) / "history.jsonl"
>>> labelfree.history.append(path, labelfree.rank(np.eye(8)), step=0)
1
>>> labelfree.history.append(path, labelfree.rank(np.eye(8)), step=0)  # the same again changes nothing
0
>>> [(r["run"], r["step"], r["command"]) for r in labelfree.history.read(path)]
[('default', 0, 'rank')]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelfree.documents.origin import check_origin
from labelfree.documents.reading import one_report_in
from labelfree.history.records import Record, collapse, differences, key, record
from labelfree.history.store import added, contents, removed, stored

check_origin()  # this package, and `labelfree.training` which needs it, can be imported below a foreign __init__.py

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Record", "append", "collapse", "contents", "differences", "extend", "frame", "plain", "read", "remove"]


def read(path: str | Path, *, run: str | None = None) -> list[Record]:
    """The records of a history as dictionaries, by run, step and command; `run` keeps those of one run.

    Raises HistoryError where a line is torn, no record, or of a later schema.
    """
    return sorted((r for r in stored(path) if run is None or r["run"] == run), key=key)


def append(
    path: str | Path,
    report: Any,
    *,
    step: int,
    run: str = "default",
    replace: bool = False,
    schedule: Mapping[str, Any] | None = None,
    classes: int | None = None,
) -> int:
    """Add the record of a report (a Report, or its JSON document); returns 1 if the file changed, else 0.

    Atomic and locked: a reader sees the file before or after, two writers wait for each other, and a writer that is
    killed changes nothing. The same record again (time and path aside, numbers to 1e-8) is no change. A different one
    of the same run, step and command raises HistoryError unless `replace`, as does one of another value of a metric
    than another command has at that step (`replace` removes that other record); always one that cannot be compared
    with the run: another n, d, definition, params or rows_hash of a metric.
    schedule: where training is, for the rule slope, any of {"learning_rate": 2e-4, "epoch": 1.5, "cycle": 60, "drops":
    [100, 200]}, the last two in steps (from one restart of the rate to the next, and where it drops); no part of what
    makes two records equal. classes: that the rows have, for the collapse guard; where it is not given those of the
    report's class scores.
    """
    one = record(plain(report), step=step, run=run, schedule=schedule, classes=classes)
    return added(path, [one], replace=replace)


def extend(path: str | Path, reports: list[tuple[Any, int]], *, run: str = "default", replace: bool = False) -> int:
    """Add the records of several (report, step) at once, all or none; returns how many changed the file."""
    return added(path, [record(plain(report), step=step, run=run) for report, step in reports], replace=replace)


def remove(path: str | Path, *, run: str, step: int | None = None, command: str | None = None) -> int:
    """Remove a run by name, or those of its records that step and command name; returns how many there were."""
    return removed(path, run=run, step=step, command=command)


def frame(path: str | Path, *, run: str | None = None) -> pd.DataFrame:
    """A history as a pandas frame: one line per run, step, command and metric.

    Columns: run, step, command, time, source, metric, value, se, low, high, status, direction, n, d, rows_hash, seed.
    """
    import pandas as pd

    columns = (
        "run", "step", "command", "time", "source", "metric", "value", "se", "low", "high", "status", "direction", "n",
        "d", "rows_hash", "seed",
    )  # fmt: skip
    rows = []
    for r in read(path, run=run):
        for metric, entry in r["metrics"].items():
            low, high = entry.get("interval") or (None, None)
            found = {**r, **entry, "metric": metric, "low": low, "high": high}
            rows.append([found.get(name) for name in columns])
    return pd.DataFrame(rows, columns=list(columns)).astype(dict.fromkeys(("value", "se", "low", "high"), "float64"))


def plain(report: Any) -> dict[str, Any]:
    """A report as its JSON document, whether it is given as such, as a document that holds one, or as a Report."""
    document = report if isinstance(report, Mapping) else json.loads(report.to_json())
    return one_report_in(dict(document), "report")
