"""What a picture shows, as plain data: panels of lines, bands, dots and bars with their names beside them.

Whoever draws (matplotlib in `canvas`) decides nothing but pixels: what is named, colored and left out is said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal, TypeAlias

from labelfree.documents.wording import printable
from labelfree.render.naming import short_names

FIRST, SECOND, INK, MUTED = "#1f5fa8", "#c8642b", "#1c1c1c", "#767676"
"""Blue and orange that color-blind eyes tell apart, what is neither, and what stands back."""
_FROM, _TO = (0x7F, 0xA6, 0xD6), (0x0F, 0x33, 0x60)
_PALE, _DARK = (0xED, 0xF2, 0xFA), 0.5
"""The lightest shade of a cell, and the share of the way to the darkest from which words in it are white."""
_LONGEST, _BESIDE = 80, 36
"""Characters of a name above a panel, and beside one."""
Numbers: TypeAlias = Sequence[float]


@dataclass(frozen=True)
class Axis:
    """An axis: what it counts in, its scale, the ends that are fixed, and ticks of its own."""

    label: str
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    downwards: bool = False


@dataclass(frozen=True)
class Line:
    """A curve, whose name stands at its end."""

    x: Numbers
    y: Numbers
    color: str = FIRST
    name: str = ""
    width: float = 1.4
    dashed: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Band:
    """The intervals of a curve; NaN where a point has none."""

    x: Numbers
    low: Numbers
    high: Numbers
    color: str = FIRST


@dataclass(frozen=True)
class Dots:
    """Values in a column of names, each with its interval or None."""

    x: Numbers
    y: Numbers
    intervals: Sequence[Sequence[float] | None]
    colors: Sequence[str]


@dataclass(frozen=True)
class Star:
    """The point that matters, with what it is."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Bars:
    """Horizontal bars from the top down, in the colors given."""

    lengths: Numbers
    colors: Sequence[str]


@dataclass(frozen=True)
class Steps:
    """A histogram over the edges of its bins."""

    edges: Numbers
    heights: Numbers
    color: str


@dataclass(frozen=True)
class Threads:
    """Many thin curves over one x, faint where they are many."""

    x: Numbers
    ys: Sequence[Numbers]
    color: str
    strong: bool = False


@dataclass(frozen=True)
class Rule:
    """A level across the panel, with what it means."""

    y: float
    name: str


@dataclass(frozen=True)
class Span:
    """A part of the horizontal axis, with what it is."""

    low: float
    high: float
    name: str


@dataclass(frozen=True)
class Grid:
    """Numbers as shaded cells, written where there is room: row i at y = i, column j at x = j; NaN where there is none.

    low, high: the numbers of the lightest and the darkest shade; names: what each cell is, for the pointer.
    """

    values: Sequence[Numbers]
    words: Sequence[Sequence[str]]
    names: Sequence[Sequence[str]]
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Points:
    """Rows of a map in one color; crossed: as crosses; names: what each is called, on the page alone."""

    x: Numbers
    y: Numbers
    color: str
    crossed: bool = False
    names: Sequence[str] = ()


Layer: TypeAlias = Line | Band | Dots | Star | Bars | Steps | Threads | Rule | Span | Grid | Points


@dataclass(frozen=True)
class Panel:
    """One pair of axes. title: what is to be seen; key: colors and what they mean, beside the title; note: below."""

    title: str
    x: Axis
    y: Axis
    layers: Sequence[Layer]
    key: Sequence[tuple[str, str]] = ()
    note: str = ""
    height: float = field(default=3.4)


def drawn_name(source: str) -> str:
    """The last part of a path as a picture shows it: text alone, and not too long for the place beside a curve.

    >>> drawn_name("runs/a.npy")
    'a.npy'
    """
    return drawn_text(Path(source).name)


def drawn_text(text: str) -> str:
    """Words from a file as a picture shows them: not too long, and without what would steer."""
    clean = printable(text)
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 4] + " ..."


def drawn_names(sources: Sequence[str]) -> list[str]:
    """Names of several sources: the ends of the paths that tell them apart, without a suffix that all have.

    >>> drawn_names(["a/x.npy", "b/x.npy"]), drawn_names(["run/epoch_1.npy", "run/epoch_2.npy"])
    (['a/x', 'b/x'], ['epoch_1', 'epoch_2'])
    """
    return [_short(printable(name)) for name in short_names(sources)]


def _short(name: str) -> str:
    """A name that leaves room for what it stands beside: its begin and its end, which tells steps apart."""
    return name if len(name) <= _BESIDE else f"{name[: _BESIDE // 2 - 2]}...{name[-_BESIDE // 2 + 1 :]}"


def colors(count: int, best: int | None = None) -> list[str]:
    """Colors of curves in an order, from light to dark, the best of them in orange."""
    if count == 2 and best is None:
        return [FIRST, SECOND]
    shares = [i / max(1, count - 1) for i in range(count)]
    ramp = [
        "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(_FROM, _TO, strict=True)) for share in shares
    ]
    return [SECOND if i == best else color for i, color in enumerate(ramp)] if count > 1 else [FIRST]


def told(count: int, best: int | None = None, most: int = 10) -> set[int]:
    """Which of many curves are named: the first, the last, the best, and some between them."""
    if count <= most:
        return set(range(count))
    spread = {round(i * (count - 1) / (most - 1)) for i in range(most)}
    return spread | ({best} if best is not None else set())


def shade(value: float, low: float, high: float) -> tuple[str, str]:
    """The color of a cell from light to dark, and a color of words that can be read on it.

    >>> shade(0.0, 0, 1), shade(1.0, 0, 1), shade(float("nan"), 0, 1)
    (('#edf2fa', '#1c1c1c'), ('#0f3360', '#ffffff'), ('#f0f0f0', '#1c1c1c'))
    """
    if not isfinite(value):
        return "#f0f0f0", INK
    share = min(1.0, max(0.0, (value - low) / (high - low) if high > low else 1.0))
    mixed = "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(_PALE, _TO, strict=True))
    return f"#{mixed}", "#ffffff" if share > _DARK else INK
