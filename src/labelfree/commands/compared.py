"""What `labelfree.compare` gives to its caller: the document, and what only Python sees of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from labelfree.documents.files import atomically
from labelfree.errors import OutputError
from labelfree.reports.compare import CompareReport

if TYPE_CHECKING:
    import pandas as pd

ROWS = ".parquet"
"""Suffix of a file of rows."""


class Comparison(CompareReport):
    """How alike the sources are: `pairs`, each with `metrics`, `changed` and `findings`, and the `verdict`.

    `to_frame()` has a row for each pair, `rows()` one for each sampled row of each pair, `save(path)` writes .json,
    .ndjson, .csv, .md, .html, or .parquet of the rows.
    """

    _kept: Any = PrivateAttr(default=())

    def with_rows(self, kept: list[tuple[str, list[Any], Any]]) -> Comparison:
        """The comparison with the rows behind it: for each pair the name of b, ids, and shares of kept neighbors."""
        self._kept = kept
        return self

    def __repr__(self) -> str:
        from labelfree.render.tables.comparisons import in_short

        return in_short(self)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from html import escape

        from labelfree.render.tables.comparisons import in_short

        return f"<pre>{escape(in_short(self))}</pre>"

    def to_frame(self) -> pd.DataFrame:
        """One row for each pair: a, b, n, and the value of each metric."""
        import pandas as pd

        rows = [
            {"a": one.a, "b": one.b, "n": one.n, **{name: entry.value for name, entry in one.metrics.items()}}
            for one in self.pairs
        ]
        return pd.DataFrame(rows)

    def rows(self) -> Any:
        """An Arrow table of the sampled rows: id, neighbors_kept, and with several pairs the source compared."""
        import pyarrow as pa

        ids = [value for _, found, _ in self._kept for value in found]
        if not all(type(value) is type(ids[0]) for value in ids):
            ids = [str(value) for value in ids]
        columns = {
            "id": pa.array(ids), "neighbors_kept": pa.array([float(v) for _, _, kept in self._kept for v in kept])
        }  # fmt: skip
        if len(self._kept) > 1:
            columns["source"] = pa.array([name for name, found, _ in self._kept for _ in found])
        return pa.table(columns)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the comparison to a file; the suffix decides: .json .ndjson .csv .md .html, and .parquet of rows."""
        from labelfree.render.comparison_files import write

        if Path(path).suffix == ROWS:
            self.write_rows(path)
        else:
            write(self, Path(path))

    def write_rows(self, path: str | os.PathLike[str]) -> None:
        """Write the sampled rows with the share of neighbors that each kept: id, neighbors_kept, as Parquet."""
        import pyarrow.parquet as pq

        if Path(path).suffix != ROWS:
            raise OutputError(f"{path}: expected the suffix {ROWS}, found {Path(path).suffix or 'none'!r}")
        table = self.rows()
        atomically(Path(path), lambda temporary: pq.write_table(table, temporary))
