"""The report that a command hands to its caller: the document, and what only Python sees of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from labelfree.reports.rows import RowsReport

if TYPE_CHECKING:
    import pandas as pd


class Report(RowsReport):
    """Everything a command found out about one data set.

    `report["rankme"]` is the entry of a metric, which compares, formats and turns into a float as its value does;
    `"rankme" in report` and iteration go over the names. `report.to_json()` is the document, `report.series` the long
    results for pictures; `Report.from_json(text)` reads a document.

    >>> import labelfree, numpy as np
    >>> report = labelfree.rank(np.eye(4))
    >>> float(report["stable_rank"]), f"{report['rankme']:.2f}", report["rankme"] > 3, "rankme" in report
    (4.0, '4.00', True, True)
    >>> Report.from_json(report.to_json())["stable_rank"].value
    4.0
    """

    _candidate: Any = PrivateAttr(default=None)

    @property
    def candidate(self) -> Any:
        """What is compared with other candidates: evidence with the sampled logits, or None. Not part of the JSON."""
        return self._candidate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and self.model_dump() == other.model_dump()

    def __repr__(self) -> str:
        from labelfree.render.summaries import of_one

        return of_one(self)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from labelfree.render.notebook import as_html

        return as_html(self)

    def to_frame(self) -> pd.DataFrame:
        """One row for each metric: value, se, low, high, status, kind, direction, reason."""
        import pandas as pd

        columns = ("value", "se", "low", "high", "status", "kind", "direction", "reason")
        rows = []
        for entry in self.metrics.values():
            low, high = entry.interval or (None, None)
            rows.append((entry.value, entry.se, low, high, entry.status, entry.kind, entry.direction, entry.reason))
        frame = pd.DataFrame(rows, index=pd.Index(list(self.metrics), name="metric"), columns=list(columns))
        return frame.astype(dict.fromkeys(columns[:4], "float64"))

    def plot(self) -> Any:
        """A matplotlib figure of what the command draws: spectrum, deaths or groups."""
        from labelfree.render.pictures.panels import drawn

        return drawn([self])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file; the suffix decides: .json .ndjson .csv .md .html .svg .png .pdf .parquet."""
        from labelfree.render.files import save

        save([self], Path(path))
