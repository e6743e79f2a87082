"""Curves in the terminal, drawn in braille dots."""

from __future__ import annotations

import math
from collections.abc import Sequence

_SMALLEST = 1e-7
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def braille(values: Sequence[float], width: int = 56, height: int = 8) -> list[str]:
    """Positive values against their index on logarithmic axes, drawn in braille dots, with labels at both axes.

    Values below 1e-7 of the largest may be zeros that were rounded: they are left out, and hide no other.
    """
    least = _SMALLEST * max(values, default=0.0)
    points = [(math.log10(i), math.log10(v)) for i, v in enumerate(values, 1) if v > least]
    if len(points) < 2:
        return []
    right = points[-1][0]
    top = max(y for _, y in points)
    bottom = max(min(y for _, y in points), top - 8)
    span = max(top - bottom, 1e-9)
    cells = [[0] * width for _ in range(height)]
    columns = 2 * width - 1
    at = 0
    for column in range(columns + 1):
        x = right * column / columns
        while at + 1 < len(points) and points[at + 1][0] <= x:
            at += 1
        y = points[at][1]
        if at + 1 < len(points):
            (x0, y0), (x1, y1) = points[at], points[at + 1]
            y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        row = round((4 * height - 1) * (top - y) / span)
        if row < 4 * height:
            cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
    lines = ["".join(chr(0x2800 + cell) for cell in line) for line in cells]
    labels = [f"{10**top:8.3g} ", *[" " * 9] * (height - 2), f"{10**bottom:8.3g} "]
    scale = "1" + f"{len(values):,}".rjust(width - 1)
    return [label + line for label, line in zip(labels, lines, strict=True)] + [" " * 9 + scale]
