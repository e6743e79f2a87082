"""Counts, steps, numbers and names as sentences hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from labelfree.documents.reading import DIGITS

_UNPRINTABLE = re.compile("\n(?=\\s*(?:::|##\\[))|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_MARKED = re.compile(r"[<&|\[`]|\\(?=[^\w\s]|_|$)")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}


def printable(text: str) -> str:
    """The text with escapes in place of what would steer a terminal, reorder a line or is no character, and of a line
    break before what the log of a CI job would take for a command.

    >>> printable("tensor \\x1b[31m red")
    'tensor \\\\u001b[31m red'
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_unicode(text: str) -> str:
    """The text with escapes for bytes of a file name that are no text: Arrow and Parquet hold Unicode alone.

    >>> in_unicode("a\\udcff.npy")
    'a\\\\udcff.npy'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    """The text without line breaks: a line of its own could be read as a command by what reads the log.

    >>> one_line("a.parquet\\n::stop-commands::x\\r")
    'a.parquet ::stop-commands::x'
    """
    return " ".join(text.splitlines())


def cell(text: str) -> str:
    """The text as Markdown holds it in a cell of a table, or on a line: no HTML, link, picture or code begins in it.

    >>> cell("a|b\\nc"), cell("<b>&[x](y)")
    ('a\\\\|b c', '&lt;b>&amp;\\\\[x](y)')
    """
    return _MARKED.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), printable(one_line(text)))


def state_reason(state: Mapping[str, Any]) -> str:
    """Why the state of a report is what it is, in a sentence: why there is none, or the numbers that say so."""
    return state["reason"] or "; ".join(one["message"] for one in state["because"])


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many more there are.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "check"), counted(2, "earlier check"), counted(2000, "row")
    ('1 check', '2 earlier checks', '2,000 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def steps(first: int, last: int) -> str:
    """The steps from the first to the last.

    >>> steps(3, 3), steps(3, 5)
    ('step 3', 'steps 3 to 5')
    """
    return f"step {first}" if first == last else f"steps {first} to {last}"


def apart(limit: Decimal | float, *values: Decimal | float, digits: int) -> list[str]:
    """A limit and values for people, in as few digits as leave each value on its side of the limit.

    >>> apart(15.906, 15.9059991, digits=5)
    ['15.906', '15.905999']
    """
    exact = [Decimal(str(v)) for v in (limit, *values)]
    for places in range(digits, DIGITS + 1):
        told = [f"{float(v):.{places}g}" for v in exact]
        shown = [Decimal(text) for text in told]
        if all((a > shown[0], a < shown[0]) == (v > exact[0], v < exact[0]) for v, a in zip(exact, shown, strict=True)):
            break
    return told
