"""Where tables are printed: rich in a terminal, plain columns in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, cast

from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from labelfree.documents.wording import printable

SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
"""How the severity of a finding is painted."""


def console_for(stream: Any, *, width: int | None = None) -> Console:
    """A console that draws no boxes, uses no colors and wraps nothing where the stream is no terminal."""
    console = _Printable(file=stream, highlight=False, markup=False, soft_wrap=False, width=width)
    if not console.is_terminal and width is None:
        trimmed = cast(IO[str], _Trimmed(stream))
        console = _Printable(file=trimmed, highlight=False, markup=False, width=10_000, no_color=True, emoji=False)
    return console


_LINE = Text(" ")


class _Printable(Console):
    """A console whose texts cannot steer the terminal: names come from files."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_LINE.join(o.split("\n")) if isinstance(o, Text) else o for o in objects), **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class _Trimmed:
    """A text stream without blanks at the ends of lines, which only matter to a terminal."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.encoding = getattr(stream, "encoding", None)

    def write(self, text: str) -> int:
        lines = text.split("\n")
        return int(self.stream.write("\n".join([*(line.rstrip() for line in lines[:-1]), lines[-1]])))

    def flush(self) -> None:
        self.stream.flush()


def encodes(console: Console, text: str) -> bool:
    """Whether the stream of a console can hold this text."""
    try:
        text.encode(console.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plain_table(console: Console) -> Table:
    """A table without boxes, with a bold header where the console can show one."""
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if console.is_terminal else "")


def print_table(console: Console, table: Table) -> None:
    """Print a table with every number whole: in a terminal that is too narrow for them, lines run over its edge."""
    options = console.options.update(max_width=10_000)
    for column in table.columns:
        if column.no_wrap:
            cells = (column.header, *column.cells)
            column.min_width = max(Measurement.get(console, options, cell).maximum for cell in cells)
    least = Measurement.get(console, options, table).minimum
    if least > console.width:
        table.width = least
    console.print(table, crop=False)
