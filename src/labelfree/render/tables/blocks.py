"""A wide table in a narrow terminal: several blocks of columns under one another, the first column repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console

from labelfree.render.console import plain_table

_GAP = 2


@dataclass(frozen=True)
class Column:
    """A heading, which may have several lines, over cells of one line; columns of one group stay together."""

    heading: str
    cells: Sequence[str]
    group: str = ""

    @property
    def width(self) -> int:
        """What it takes to show everything."""
        return max(map(cell_len, [*self.heading.split("\n"), *self.cells]), default=0)


def print_blocks(console: Console, first: Column, columns: Sequence[Column]) -> None:
    """Print the columns beside the first; no number is cut, and only very long names are broken over lines."""
    most = console.width * 3 // 5
    for i, block in enumerate(blocks(first, columns, console.width, most)):
        if i:
            console.print()
        _print(console, first, block, most)


def blocks(first: Column, columns: Sequence[Column], width: int, most: int) -> list[list[Column]]:
    """The columns in one block if they fit the width; else each group in as few and as even blocks as do.

    most: the width at which a longer name is broken.
    """
    room = max(0, width - min(first.width, most))
    if sum(_GAP + min(c.width, most) for c in columns) <= room:
        return [list(columns)]
    fewest = len(_packed(columns, room, most))
    return next(packed for limit in range(room + 1) if len(packed := _packed(columns, limit, most)) <= fewest)


def _packed(columns: Sequence[Column], room: int, most: int) -> list[list[Column]]:
    found: list[list[Column]] = []
    taken = 0
    for column in columns:
        needed = _GAP + min(column.width, most)
        if found and taken + needed <= room and found[-1][-1].group == column.group:
            found[-1].append(column)
            taken += needed
        else:
            found.append([column])
            taken = needed
    return found


def _right(text: str, width: int) -> str:
    """The text at the right of a column; blanks at its end stay, which hold decimal points under one another."""
    return " " * (width - cell_len(text)) + text


def _print(console: Console, first: Column, columns: Sequence[Column], most: int) -> None:
    table = plain_table(console)
    widths = [min(c.width, most) for c in (first, *columns)]
    for column, width in zip((first, *columns), widths, strict=True):
        right = "\n".join(_right(part, width) for part in column.heading.split("\n"))
        table.add_column(
            column.heading if column is first else right, min_width=width, max_width=width, overflow="fold",
            vertical="bottom",
        )  # fmt: skip
    values = [[_right(cell, width) for cell in c.cells] for c, width in zip(columns, widths[1:], strict=True)]
    for row in zip(first.cells, *values, strict=True):
        table.add_row(*row)
    table.width = sum(widths) + _GAP * (len(widths) - 1)
    console.print(table, crop=False)
