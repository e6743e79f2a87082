"""Columns of values: decimals under one another, the highest or lowest marked, and their course in small blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from labelfree.render.numbers import value
from labelfree.reports.leading import leading
from labelfree.reports.rows import RowsReport

MARK = "*"
"""Stands behind the highest value of a column, or the lowest where lower is better."""
MARKED = f"{MARK} highest, or lowest where lower is better, on the same rows"
_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.-:=+#@"
_MISSING, _PLAIN_MISSING = "·", "?"
_MOST = 16
"""Characters of a sparkline: of more sources each stands for neighbors, by their mean."""


def marked(reports: Sequence[RowsReport], name: str) -> list[str]:
    """The values of a metric, the highest or lowest with its mark where a direction is known in this setting."""
    first = leading(reports, name).report
    return [(value(r.metrics[name]) if name in r.metrics else "-") + (MARK if r is first else "") for r in reports]


def aligned(cells: Sequence[str]) -> list[str]:
    """The numbers with their decimal points under one another, each with as many digits as are known of it.

    >>> aligned(["0.155", "12", "0.80182*", "-"])
    [' 0.155   ', '12       ', ' 0.80182*', ' -       ']
    """
    heads, tails = zip(*((text[: _end(text)], text[_end(text) :]) for text in cells), strict=True)
    before, after = max(map(len, heads)), max(map(len, tails))
    return [head.rjust(before) + tail.ljust(after) for head, tail in zip(heads, tails, strict=True)]


def _end(text: str) -> int:
    """Where the whole part of a number ends."""
    point = text.find(".")
    return point if point >= 0 else len(text.rstrip(MARK))


def sparkline(values: Sequence[float | None], *, blocks: bool = True) -> str:
    """The course of values from the lowest to the highest of them in one character each, or in fewer for many.

    blocks: of Unicode, else of ASCII. What is undefined is a dot (a question mark).

    >>> sparkline([0.0, 1.0, None, 7.0]), sparkline([0.0, 1.0, None, 7.0], blocks=False)
    ('▁▂·█', '_.?@')
    """
    levels, missing = (_BLOCKS, _MISSING) if blocks else (_PLAIN, _PLAIN_MISSING)
    seen = _pooled(values)
    known = [v for v in seen if v is not None]
    if not known:
        return missing * len(seen)
    low, high = min(known), max(known)
    if low == high:
        return "".join(missing if v is None else levels[3] for v in seen)
    scaled = [None if v is None else v / 2 - low / 2 for v in seen]  # halves: the span of two floats may be no float
    span = high / 2 - low / 2
    return "".join(missing if v is None else levels[round(7 * min(v / span, 1.0))] for v in scaled)


def _pooled(values: Sequence[float | None]) -> list[float | None]:
    """At most so many values as a sparkline has characters: means of neighbors that are as even as can be."""
    count = min(len(values), _MOST)
    ends = [round(i * len(values) / count) for i in range(count + 1)]
    found: list[float | None] = []
    for first, last in pairwise(ends):
        known = [v for v in values[first:last] if v is not None]
        found.append(sum(v / len(known) for v in known) if known else None)
    return found
