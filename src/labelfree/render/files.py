"""Results written to files: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from labelfree.catalog import Command, command
from labelfree.documents.files import atomically, check_targets
from labelfree.documents.wording import in_unicode
from labelfree.errors import MissingExtra, OutputError, option
from labelfree.render.pictures.groups import DRAWN_ONLY
from labelfree.render.tables.text import to_csv, to_json, to_markdown, to_ndjson
from labelfree.reports.rows import RowsReport

TEXT: dict[str, Callable[[Sequence[RowsReport], bool], str]] = {
    ".json": lambda reports, _: to_json(reports),
    ".ndjson": lambda reports, _: to_ndjson(reports),
    ".csv": lambda reports, _: to_csv(reports),
    ".md": lambda reports, everything: to_markdown(reports, everything=everything),
    ".html": lambda reports, everything: to_html(reports, everything=everything),
}
PICTURES = (".svg", ".png", ".pdf")
PLOTTED = PICTURES[1:]
"""Pictures that matplotlib draws."""
SUFFIXES = (*TEXT, *PICTURES, ".parquet")


def to_html(reports: Sequence[RowsReport], *, everything: bool) -> str:
    """The reports as a page of one file."""
    from labelfree.render.pages.page import page
    from labelfree.render.pages.rows import reports_section

    return page([reports_section(reports, everything=everything)])


def check(paths: Sequence[Path], command: Command, name: str = "output") -> None:
    """Refuse what could not be written, before any work is done; doctor measures nothing to draw or to list.

    name: of the option that names the paths.
    """
    check_targets(paths, SUFFIXES if command.families else TEXT, name)
    for path in paths:
        if path.suffix in PLOTTED and find_spec("matplotlib") is None:
            raise MissingExtra(f"{option(name, path)}: drawing", "plot")


def _rows(reports: Sequence[RowsReport], path: Path) -> None:
    """How unusual each row is, of every report with the name of its source where there are several."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for report in reports:
        assert report.every_row is not None
        columns = report.every_row()
        length = len(columns["id"])
        name = {"source": [in_unicode(report.input.sources[0])] * length} if len(reports) > 1 else {}
        tables.append({**columns, **name})
    try:
        table = pa.concat_tables([pa.table(one) for one in tables], promote_options="default")
    except pa.ArrowException:  # ids of several kinds
        texts = [{**one, "id": [str(i) for i in one["id"]]} for one in tables]
        table = pa.concat_tables([pa.table(one) for one in texts], promote_options="permissive")
    with path.open("wb") as stream:
        pq.write_table(table, stream)


def check_content(reports: Sequence[RowsReport], paths: Sequence[Path]) -> None:
    """Refuse a picture or a list of results that have none, before anything else is written."""
    if reports[0].drift is not None:
        for path in paths:
            if path.suffix in PICTURES:
                raise OutputError(
                    f"{option('output', path)}: drift draws nothing; use .json, .md, or .parquet for rows"
                )
            if path.suffix not in TEXT and any(report.every_row is None for report in reports):
                raise OutputError(f"{option('output', path)}: no row was scored; more reference rows are needed")
        return
    if any(report.series for report in reports):
        return
    for path in paths:
        if path.suffix in PICTURES:
            raise OutputError(
                f"{option('output', path)}: there is nothing to draw: ask for a spectral metric or for "
                f"separability, for instance {option('only', 'rankme')}"
            )
        if path.suffix not in TEXT:
            raise OutputError(f"{option('output', path)}: these results have no long form to write; use .json or .csv")


def write(reports: Sequence[RowsReport], path: Path, *, everything: bool) -> None:
    """Write the reports in the format that the suffix names."""
    check_content(reports, [path])
    if path.suffix in TEXT:
        text = TEXT[path.suffix](reports, everything)
        atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
    elif path.suffix in PICTURES:
        from labelfree.render.pictures.panels import draw

        atomically(path, lambda temporary: draw(reports, temporary))
    else:
        atomically(path, lambda temporary: _parquet(reports, temporary))


def save(reports: Sequence[RowsReport], path: Path) -> None:
    """Write reports from Python: what cannot be written is refused, and a file that is there is replaced."""
    if not reports:
        raise OutputError(f"{path}: expected reports to write, found none")
    check([path], command(reports[0].command), "path")
    write(reports, path, everything=False)


def _parquet(reports: Sequence[RowsReport], path: Path) -> None:
    """Long results: one row per index, with the source it belongs to."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    if reports[0].drift is not None:
        _rows(reports, path)
        return
    for report in reports:
        for name, columns in report.series.items():
            if name in DRAWN_ONLY:
                continue
            length = len(next(iter(columns.values())))
            about = {"source": [in_unicode(report.input.sources[0])] * length, "series": [name] * length}
            tables.append(pa.table({**about, **columns}))
    with path.open("wb") as stream:  # a path may be no Unicode
        pq.write_table(pa.concat_tables(tables, promote_options="default"), stream)
