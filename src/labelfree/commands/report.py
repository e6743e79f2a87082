"""The report that a command hands to its caller: the document, and what only Python sees of it."""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr

from labelfree.reports.rows import RowsReport


class Report(RowsReport):
    """Everything a command found out about one data set.

    `report["rankme"]` is the entry of a metric, `report.to_json()` the document, `report.series` the long results for
    pictures; `Report.from_json(text)` reads a document.

    >>> import labelfree, numpy as np
    >>> Report.from_json(labelfree.rank(np.eye(4)).to_json())["stable_rank"].value
    4.0
    """

    _candidate: Any = PrivateAttr(default=None)

    @property
    def candidate(self) -> Any:
        """What is compared with other candidates: evidence with the sampled logits, or None. Not part of the JSON."""
        return self._candidate
