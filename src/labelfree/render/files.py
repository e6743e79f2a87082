"""Results written to files: the suffix decides the format, and a file is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from labelfree.errors import OutputError
from labelfree.render.text import to_csv, to_json, to_markdown, to_ndjson
from labelfree.report import Report

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
    for path in paths:
        if path.suffix not in SUFFIXES:
            raise OutputError(
                f"-o {path}: expected a suffix among {' '.join(SUFFIXES)}, found {path.suffix or 'none'!r}"
            )
        if not path.parent.is_dir():
            raise OutputError(f"-o {path}: the directory {path.parent} does not exist; make it first")
        if path.is_dir():
            raise OutputError(f"-o {path}: is a directory; name a file in it")


def write(reports: Sequence[Report], path: Path, *, everything: bool) -> None:
    """Write the reports in the format that the suffix names."""
    if path.suffix in TEXT:
        text = TEXT[path.suffix](reports, everything)
        atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    elif path.suffix in PICTURES:
        from labelfree.render.pictures import draw

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


def atomically(path: Path, writes: Callable[[Path], object]) -> None:
    """Write to a temporary file beside the target and rename it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        writes(temporary)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
