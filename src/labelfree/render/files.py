"""Results written to files: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from labelfree.errors import OutputError
from labelfree.render.text import to_csv, to_json, to_markdown, to_ndjson
from labelfree.report import Report
from labelfree.storage import atomically, check_targets

TEXT: dict[str, Callable[[Sequence[Report], bool], str]] = {
    ".json": lambda reports, _: to_json(reports),
    ".ndjson": lambda reports, _: to_ndjson(reports),
    ".csv": lambda reports, _: to_csv(reports),
    ".md": lambda reports, everything: to_markdown(reports, everything=everything),
}
PICTURES = (".svg", ".png", ".pdf")
SUFFIXES = (*TEXT, *PICTURES, ".parquet")


def check(paths: Sequence[Path]) -> None:
    """Refuse what could not be written, before any work is done."""
    check_targets(paths, SUFFIXES)


def write(reports: Sequence[Report], path: Path, *, everything: bool) -> None:
    """Write the reports in the format that the suffix names."""
    if path.suffix in TEXT:
        text = TEXT[path.suffix](reports, everything)
        atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    elif path.suffix in PICTURES:
        from labelfree.render.panels import draw

        atomically(path, lambda temporary: draw(reports, temporary))
    else:
        atomically(path, lambda temporary: _parquet(reports, temporary))


def _parquet(reports: Sequence[Report], path: Path) -> None:
    """Long results: one row per index, with the source it belongs to."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for report in reports:
        for name, columns in report.series.items():
            length = len(next(iter(columns.values())))
            about = {"source": [report.input.sources[0]] * length, "series": [name] * length}
            tables.append(pa.table({**about, **columns}))
    if not tables:
        raise OutputError(f"{path}: these results have no long form to write; use .json or .csv")
    pq.write_table(pa.concat_tables(tables, promote_options="default"), path)
