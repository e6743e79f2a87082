"""The reports of several checkpoints: a sequence that also goes by name, and what only all of them say together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from labelfree.commands.named import place, unknown
from labelfree.reports.weights import WeightsReport

if TYPE_CHECKING:
    import pandas as pd


class WeightsReports(Sequence[WeightsReport]):
    """The reports of several checkpoints, in the order in which they were given.

    `reports[0]` and `reports["step_100"]` are one report, by its place or by its name (whole, or without the folders
    and the suffix that all names share). None is the best: no direction of a metric of weights is known.

    >>> import labelfree, numpy as np
    >>> reports = labelfree.weights([{"fc": np.eye(4)}, {"fc": np.diag([4.0, 1.0, 1.0, 1.0])}])
    >>> reports.names, reports["state dict 1"] is reports[1], reports.across["comparable"]
    (['state dict 0', 'state dict 1'], True, True)
    """

    def __init__(self, reports: Iterable[WeightsReport]) -> None:
        self._reports = tuple(reports)

    @overload
    def __getitem__(self, key: int | str) -> WeightsReport: ...
    @overload
    def __getitem__(self, key: slice) -> WeightsReports: ...
    def __getitem__(self, key: int | str | slice) -> WeightsReport | WeightsReports:
        if isinstance(key, slice):
            return WeightsReports(self._reports[key])
        if not isinstance(key, str):
            return self._reports[key]
        found = place(key, self.names)
        if found is None:
            raise unknown(key, self.names)
        return self._reports[found]

    def __len__(self) -> int:
        return len(self._reports)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return place(item, self.names) is not None
        return any(item is report for report in self._reports)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self._reports)) or "no reports"

    @property
    def names(self) -> list[str]:
        """The names of the checkpoints."""
        return [report.input.sources[0] for report in self._reports]

    @property
    def across(self) -> dict[str, Any]:
        """What can only be said of all of them, as in the JSON: differences, and how each layer changed."""
        from labelfree.render.tables.layers import across

        return across(self._reports)

    def to_frame(self) -> pd.DataFrame:
        """One row for each checkpoint and layer, as in the CSV; None where a metric is undefined."""
        import pandas as pd

        from labelfree.render.tables.layers import records

        return pd.DataFrame([record for report in self._reports for record in records(report)])

    def to_json(self) -> str:
        """The document that the command line prints with the option json."""
        from labelfree.render.tables.layers import to_json

        return to_json(self._reports)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the reports to a file; the suffix decides: .json .ndjson .csv .md .html .parquet."""
        from labelfree.render.layer_files import save

        save(self._reports, Path(path))
