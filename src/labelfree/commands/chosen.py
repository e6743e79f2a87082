"""What `labelfree.select` gives to its caller: the document, and what only Python sees of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from labelfree.commands.label_files import write_rows
from labelfree.errors import OutputError, UsageError, option
from labelfree.reports.select import SelectReport

if TYPE_CHECKING:
    import pandas as pd

ROWS = (".parquet", ".csv")
"""Suffixes of files of rows to label."""


class Chosen(SelectReport):
    """Which candidate to keep, and why: `chosen`, `tied`, `plausible`, `reason`, `advice` and every candidate.

    `to_frame()` has a row for each candidate, `save(path)` writes .json, .ndjson, .csv, .md or .html,
    `write_label_rows(path)` the rows that were drawn to be labelled.
    """

    _drawn: Any = PrivateAttr(default=None)
    _ids: Any = PrivateAttr(default=())

    def updated(self, **changes: Any) -> Chosen:
        """The choice with other fields, and with the rows that were drawn."""
        made = self.model_copy(update=changes)
        made._drawn, made._ids = self._drawn, self._ids
        return made

    @property
    def label_rows(self) -> list[object]:
        """The ids of the rows that were drawn to be labelled."""
        return [] if self._drawn is None else [self._ids[i] for i in self._drawn.rows]

    def write_label_rows(self, path: str | os.PathLike[str]) -> None:
        """Write the rows that were drawn to be labelled: id, an empty label, weight and probability."""
        if self._drawn is None:
            raise UsageError(
                f"expected rows to label, found none drawn; ask for some with {option('label_budget', 200)}"
            )
        if Path(path).suffix not in ROWS:
            raise OutputError(
                f"{path}: expected a suffix among {' '.join(ROWS)}, found {Path(path).suffix or 'none'!r}"
            )
        write_rows(Path(path), self._drawn, self._ids)

    def __repr__(self) -> str:
        from labelfree.render.tables.choices import in_short

        return in_short(self)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from labelfree.render.notebook import choice_as_html

        return choice_as_html(self)

    def to_frame(self) -> pd.DataFrame:
        """One row for each candidate, the best first: score, se, status, apart_from_best and the parts."""
        import pandas as pd

        rows = [
            {
                "score": one.score, "se": one.se, "status": one.status, "apart_from_best": one.apart_from_best,
                **one.parts,
            }
            for one in self.candidates
        ]  # fmt: skip
        return pd.DataFrame(rows, index=pd.Index([one.name for one in self.candidates], name="candidate"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the choice to a file; the suffix decides: .json .ndjson .csv .md .html."""
        from labelfree.render.choice_files import write

        write(self, Path(path))
