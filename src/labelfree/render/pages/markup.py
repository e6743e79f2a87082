"""Pieces of a page: every text is escaped here, whatever file it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from labelfree.documents.wording import one_line, printable
from labelfree.render.pictures.model import Panel
from labelfree.render.pictures.svg import NARROW, inline

_SCREEN = 600
"""Pixels of a picture on a screen, where two stand beside one another."""
_LONG = 40
"""Characters from which the text of a cell is broken over lines."""
_NO_ANCHOR = re.compile(r"[^A-Za-z0-9]+")


def text(given: str) -> str:
    """A text that may come from a file as HTML holds it.

    >>> text("<b>&\\n'")
    '&lt;b&gt;&amp; &#x27;'
    """
    return escape(printable(one_line(given)))


def anchor(*words: str) -> str:
    """An id of a page, of letters, digits and hyphens alone.

    >>> anchor("word", "95 % interval")
    'word-95-interval'
    """
    return _NO_ANCHOR.sub("-", "-".join(words)).strip("-").lower() or "part"


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what it is sorted by, what stands small below it, and whether it is the best of its column.

    more: a second small line; word: what it is explained under; name: it is a name from a file, whose writing direction
    is its own.
    """

    text: str
    sort: float | None = None
    small: str = ""
    best: str = ""
    word: str = ""
    tone: str = ""
    name: bool = False
    more: str = ""


@dataclass(frozen=True)
class Column:
    """The heading of a column: its name, what it is explained under, and whether it holds numbers."""

    name: str
    word: str = ""
    numbers: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, sorts: bool = True) -> str:
    """A table whose first column names the rows; sorts: it can be sorted where scripts run."""
    heads = "".join(
        f'<th scope="col"{_numbers(one)}>{linked(one.name, one.word) if one.name else ""}</th>' for one in columns
    )
    body = "".join(
        "<tr>" + "".join(_cell(one, column, i == 0) for i, (one, column) in enumerate(zip(row, columns, strict=True)))
        + "</tr>\n"
        for row in rows
    )  # fmt: skip
    sortable = ' class="sorts"' if sorts else ""
    return (
        f'<p class="caption">{text(caption)}</p><div class="scroll" role="region" tabindex="0" '
        f'aria-label="{text(caption)}"><table{sortable} aria-label="{text(caption)}">'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _numbers(column: Column) -> str:
    return ' class="n"' if column.numbers else ""


def _cell(cell: Cell, column: Column, first: bool) -> str:
    content = linked(cell.text, cell.word) if not cell.name else f"<bdi>{text(cell.text)}</bdi>"
    content = f'<span class="{cell.tone}">{content}</span>' if cell.tone else content
    if cell.best:
        star = f'<b class="best" title="{text(cell.best)}">★<span class="hush"> {text(cell.best)}</span></b>'
        content = f"{star} {content}" if column.numbers else f"{content} {star}"
    content += "".join(f"<small>{text(one)}</small>" for one in (cell.small, cell.more) if one)
    kept = "" if cell.sort is None else f' data-sort="{cell.sort!r}"'
    if first:
        return f'<th scope="row"{kept}>{content}</th>'
    kind = _numbers(column) or (' class="long"' if len(cell.text) > _LONG else "")
    return f"<td{kind}{kept}>{content}</td>"


def linked(shown: str, word: str) -> str:
    """A text that leads to what it means, where that is said on the page."""
    return f'<a class="word" href="#{anchor("word", word)}">{text(shown)}</a>' if word else text(shown)


def listed(lines: Iterable[str]) -> str:
    """Texts as a list; nothing where there are none."""
    found = "".join(f"<li>{text(line)}</li>\n" for line in lines)
    return f"<ul>{found}</ul>" if found else ""


def finding(severity: str, said: str, code: str) -> str:
    """One finding with its severity and the code that leads to its meaning."""
    tone = severity if severity in ("error", "warning", "note") else "note"
    return f'<li><b class="{tone}">{text(severity)}</b> {text(said)} [{linked(code, code)}]</li>\n'


def code(command: str) -> str:
    """Lines to type."""
    return f'<pre tabindex="0"><code>{escape(printable(command))}</code></pre>'


def figure(panel: Panel) -> str:
    """A picture with its title, drawn for a screen and once more for a telephone."""
    wide, narrow = inline(panel, _SCREEN), inline(panel, NARROW)
    return (
        f"<figure><figcaption><bdi>{text(panel.title)}</bdi></figcaption>"
        f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>\n'
    )


def figures(panels: Iterable[Panel]) -> str:
    """Pictures beside one another where there is room."""
    found = "".join(map(figure, panels))
    return f'<div class="figures">{found}</div>' if found else ""


def unfolded(summary: str, body: str, name: str = "") -> str:
    """What is folded away until somebody asks for it; name: the id that a link leads to."""
    inside = f'<div id="{name}">{body}</div>' if name else body
    return f"<details><summary>{text(summary)}</summary>{inside}</details>\n"
