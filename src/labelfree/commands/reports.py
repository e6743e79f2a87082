"""The reports of several sources: a sequence that also goes by name, and what only all of them say together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from labelfree.commands.named import place, unknown
from labelfree.commands.report import Report
from labelfree.documents.reading import report_documents
from labelfree.errors import SourceError, UnknownName, UsageError
from labelfree.render.naming import short_names
from labelfree.reports.document import across_all
from labelfree.reports.leading import leading

if TYPE_CHECKING:
    import pandas as pd


class Reports(Sequence[Report]):
    """The reports of several sources, in the order in which the sources were given.

    `reports[0]` and `reports["epoch_05"]` are one report, by its place or by its name (whole, or without the folders
    and the suffix that all names share); `reports.best` is the one with the highest or lowest headline.

    >>> import labelfree, numpy as np
    >>> reports = labelfree.rank([np.eye(4), np.eye(8)])
    >>> len(reports), reports.names, reports["array 1"] is reports[1]
    (2, ['array 0', 'array 1'], True)
    """

    def __init__(self, reports: Iterable[Report]) -> None:
        self._reports = tuple(reports)

    @overload
    def __getitem__(self, key: int | str) -> Report: ...
    @overload
    def __getitem__(self, key: slice) -> Reports: ...
    def __getitem__(self, key: int | str | slice) -> Report | Reports:
        if isinstance(key, slice):
            return Reports(self._reports[key])
        if not isinstance(key, str):
            return self._reports[key]
        found = place(key, self.names)
        if found is not None:
            return self._reports[found]
        if any(key in report for report in self._reports):
            way = "a list is several sources, whose metrics stand in each report; concat=True makes one data set of it"
            raise UnknownName(key, (), way)
        raise unknown(key, self.names)

    def __len__(self) -> int:
        return len(self._reports)

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return item in self.names or item in short_names(self.names)
        return any(item is report for report in self._reports)

    def __repr__(self) -> str:
        from labelfree.render.summaries import of_several

        return of_several(self._reports)

    def _repr_html_(self) -> str:
        from labelfree.render.notebook import several_as_html

        return several_as_html(self._reports)

    @property
    def names(self) -> list[str]:
        """The names of the sources."""
        return [report.input.sources[0] for report in self._reports]

    @property
    def across(self) -> dict[str, Any]:
        """What can only be said of all of them, as in the JSON: differences, changes, the highest or lowest."""
        return across_all(self._reports)

    @property
    def best(self) -> Report:
        """The report with the highest headline, or the lowest where lower is better.

        Raises UsageError with the reason where no direction is known: sources that do not compare, a metric without a
        direction, several families at once. It says nothing of whether the difference is real: `across` has intervals.
        """
        found = leading(self._reports)
        if found.report is None:
            raise UsageError(f"none of these {len(self)} sources is the best: {found.reason}")
        return next(report for report in self._reports if report is found.report)

    def to_frame(self) -> pd.DataFrame:
        """One row for each source, one column for each metric; NaN where one is undefined."""
        import pandas as pd

        names = list(dict.fromkeys(name for report in self._reports for name in report))
        rows = [[report.metrics[n].value if n in report else None for n in names] for report in self._reports]
        return pd.DataFrame(rows, index=pd.Index(self.names, name="source"), columns=names, dtype="float64")

    def plot(self, *metrics: str) -> Any:
        """A matplotlib figure of metrics over the sources with their intervals; of the headline where none is named."""
        from labelfree.render.pictures.panels import scores_drawn

        return scores_drawn(self._reports, metrics)

    def to_json(self) -> str:
        """The document that the command line prints with the option json."""
        from labelfree.render.tables.text import to_json

        return to_json(self._reports)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the reports to a file; the suffix decides: .json .ndjson .csv .md .html .svg .png .pdf .parquet."""
        from labelfree.render.files import save

        save(self._reports, Path(path))


def read(path: str | os.PathLike[str]) -> Reports:
    """The reports of a file that labelfree wrote, .json or .ndjson, of this version and of version 1.

    >>> import labelfree, numpy as np, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "report.json"
    >>> labelfree.rank(np.eye(8)).save(file)
    >>> round(float(read(file)[0]["rankme"]), 4)
    8.0
    """
    name = os.fspath(path)
    from pydantic import ValidationError

    documents = report_documents(name)
    if any("layers" in document for document in documents):
        raise SourceError(f"{name}: expected reports of rows, found one of weights; read it with json, or pandas")
    try:
        return Reports(Report.model_validate(document) for document in documents)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{name}: expected a report of labelfree, found another at {where}: {first['msg']}"
        ) from error
