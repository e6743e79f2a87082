"""Pictures as SVG of our own: readable without scripts and style sheets, the same bytes for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from labelfree.documents.wording import printable
from labelfree.render.pictures import fields  # noqa: F401  # draws two of the layers
from labelfree.render.pictures.extents import extent
from labelfree.render.pictures.lettering import Box, cut, stacked, width, wrapped
from labelfree.render.pictures.marks import FONT, SMALL, Look, Place, element, mark, path, text_element
from labelfree.render.pictures.model import (
    INK,
    MUTED,
    Axis,
    Bars,
    Layer,
    Line,
    Panel,
    Rule,
    Span,
    Star,
    Threads,
)
from labelfree.render.pictures.scales import Scale, ends, ticks

WIDTH, NARROW = 760, 344
"""Pixels of a picture in a file or on a screen, and on a telephone."""
_INCH, _BETWEEN, _EDGE = 100, 20, 12
_TITLE, _LINE, _GAP = 14.0, 18, 13.5
_GRID = "#e4e4e4"


def write(panels: Sequence[Panel], path: Path) -> None:
    """Write panels one under another as a file of SVG."""
    path.write_text(document(panels), "utf-8")


def document(panels: Sequence[Panel]) -> str:
    """Panels one under another as a document that stands alone, on white."""
    parts, top = [], float(_EDGE)
    for panel in panels:
        drawn, height = _panel(panel, WIDTH, titled=True)
        parts.append(element("g", drawn, transform=f"translate(0 {top:g})"))
        top += height + _BETWEEN
    names = "; ".join(panel.title for panel in panels)
    height = round(top - _BETWEEN + _EDGE)
    paper = element("rect", width=WIDTH, height=height, fill="#ffffff")
    made = element(
        "svg", "\n".join([paper, *parts]), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH, height=height, role="img", aria_label=_clean(names), font_family=FONT,
    )  # fmt: skip
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{made}\n'


def inline(panel: Panel, pixels: int = WIDTH, *, paper: bool = False) -> str:
    """A panel without its title as an element of a page; paper: on white, whatever the page is."""
    drawn, height = _panel(panel, pixels, titled=False)
    drawn = element("rect", width=pixels, height=round(height), fill="#ffffff") + drawn if paper else drawn
    return element(
        "svg", drawn, viewBox=f"0 0 {pixels} {round(height)}", width=pixels, height=round(height), role="img",
        aria_label=_clean(panel.title or panel.y.label), font_family=FONT,
    )  # fmt: skip


def _clean(text: str) -> str:
    """A text as an attribute may hold it."""
    return printable(text.replace("\n", " ")).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def _panel(panel: Panel, pixels: int, *, titled: bool) -> tuple[str, float]:
    """The elements of a panel, and how high it is."""
    head, top = _head(panel, pixels, titled=titled)
    named = [one for one in panel.layers if isinstance(one, Line) and one.name]
    notes = wrapped(_noted(panel), SMALL, pixels - 2 * _EDGE, most=3) if _noted(panel) else []
    below = 22 + (18 if panel.x.label else 0) + 15 * len(notes)
    height = max(panel.height * _INCH - (0 if titled else 2 * _LINE), top + below + 70)
    down = Scale(*_ends(panel, "y"), panel.y.scale == "log", height - below, top)
    if panel.y.downwards:
        down = Scale(down.low, down.high, down.log, down.end, down.start)
    marks_y = _ticks(panel.y, down, max(3, round((height - below - top) / 45)), whole=_whole(panel, "y"))
    room = 0.42 * pixels if panel.y.ticks else 0.2 * pixels
    names_y = [cut(name, SMALL, room) for _, name in marks_y]
    left = max([30.0, *(width(name, SMALL) + 16 for name in names_y)])
    long = min(max((width(one.name, SMALL) for one in named), default=0.0), 0.34 * pixels)
    right = pixels - (long + 26 if named else 16)
    across = Scale(*_ends(panel, "x"), panel.x.scale == "log", left, right)
    frame = Box(left, top, right, height - below)
    place = Place(panel, across, down, frame)
    drawn = [*head, *_rows(marks_y, names_y, down, frame), *_columns(panel, across, frame)]
    drawn += [mark(layer, place) for layer in sorted(panel.layers, key=_late)]
    drawn += _names(named, place, long)
    if not any(map(math.isfinite, _extent(panel, "x"))):
        middle = (frame.left + frame.right) / 2
        drawn.append(text_element("no values", middle, (top + height - below) / 2, text_anchor="middle", fill=MUTED))
    if panel.x.label:
        label = cut(panel.x.label, SMALL, right - _EDGE)
        drawn.append(text_element(label, right, frame.bottom + 34, text_anchor="end", fill=MUTED))
    base = frame.bottom + 22 + (18 if panel.x.label else 0)
    drawn += [text_element(line, float(_EDGE), base + 11 + 15 * i, fill=MUTED) for i, line in enumerate(notes)]
    return "\n".join(one for one in drawn if one), height


def _late(layer: Layer) -> tuple[int, float]:
    """A sort key: words after the curves that they must not cover, and the strongest curve over the others."""
    if isinstance(layer, Line):
        return 0, layer.width
    return (2, 0.0) if isinstance(layer, Star) else (1, 0.0) if isinstance(layer, Rule | Span) else (0, 0.0)


def _noted(panel: Panel) -> str:
    """What stands below a panel; that not all curves of a bundle are drawn as well."""
    many = max((len(one.ys) for one in panel.layers if isinstance(one, Threads)), default=0)
    few = f"60 of the {many:,} others are drawn, evenly spaced" if many > 60 else ""
    return "; ".join(one for one in (panel.note, few) if one)


def _head(panel: Panel, pixels: int, *, titled: bool) -> tuple[list[str], float]:
    """Title, what the vertical axis counts and what colors mean, above the frame; and where the frame begins."""
    drawn, top = [], 4.0
    for line in wrapped(panel.title, 1.12 * _TITLE, pixels - 2 * _EDGE) if titled and panel.title else []:
        top += _LINE
        drawn.append(text_element(line, float(_EDGE), top - 4, font_size=_TITLE, font_weight="600"))
    at = float(_EDGE)
    for color, name in panel.key:
        if at == _EDGE:
            top += _LINE
        elif at + width(name, SMALL) + 16 > pixels - _EDGE:
            at, top = float(_EDGE), top + _LINE
        drawn.append(element("rect", x=at, y=top - 13, width=10.0, height=10.0, rx=2.0, fill=color))
        drawn.append(text_element(cut(name, SMALL, pixels - at - 20), at + 15, top - 4))
        at += width(name, SMALL) + 32
    if panel.y.label:
        top += _LINE
        drawn.append(text_element(cut(panel.y.label, SMALL, pixels - 2 * _EDGE), float(_EDGE), top - 4, fill=MUTED))
    return drawn, top + 8


def _rows(marks: Sequence[tuple[float, str]], names: Sequence[str], scale: Scale, frame: Box) -> list[str]:
    """The ticks of the vertical axis with lines across."""
    drawn, lines = [], []
    for (value, _), name in zip(marks, names, strict=True):
        y = scale.at(value)
        lines.append(path([(frame.left, y), (frame.right, y)]))
        drawn.append(text_element(name, frame.left - 8, y + 4, text_anchor="end", fill=MUTED if _counts(name) else INK))
    return [element("path", d="".join(lines), stroke=_GRID, stroke_width=1.0), *drawn] if lines else []


def _counts(name: str) -> bool:
    """Whether a tick is a number and stands back, and no name."""
    return name.replace(",", "").replace(".", "").replace("-", "").replace("e", "").isdigit()


def _columns(panel: Panel, scale: Scale, frame: Box) -> list[str]:
    """The ticks of the horizontal axis, without those that would touch the one before."""
    marks = _ticks(panel.x, scale, max(2, round((frame.right - frame.left) / 80)), whole=_whole(panel, "x"))
    drawn, lines, free = [], [], -math.inf
    for value, name in marks:
        x, half = scale.at(value), width(name, SMALL) / 2
        if x - half < free:
            continue
        free = x + half + 8
        lines.append(path([(x, frame.bottom), (x, frame.bottom + 5)]))
        drawn.append(text_element(name, x, frame.bottom + 18, text_anchor="middle", fill=MUTED))
    base = path([(frame.left, frame.bottom), (frame.right, frame.bottom)])
    return [element("path", d=base + "".join(lines), stroke=MUTED, stroke_width=1.0), *drawn]


def _ticks(axis: Axis, scale: Scale, most: int, *, whole: bool) -> list[tuple[float, str]]:
    if axis.ticks:
        return [(value, name) for value, name in axis.ticks if scale.low <= value <= scale.high]
    return ticks(scale.low, scale.high, log=scale.log, most=most, whole=whole)


def _names(lines: Sequence[Line], place: Place, long: float) -> list[str]:
    """Names of curves right of the frame at the height of their ends, moved apart, each tied to its curve."""
    found = []
    for line in lines:
        last = max((i for i, (x, y) in enumerate(zip(line.x, line.y, strict=True))
                    if place.x.draws(x) and place.y.draws(y)), default=None)  # fmt: skip
        if last is not None:
            found.append((place.y.at(line.y[last]), place.x.at(line.x[last]), line))
    most = max(1, int((place.frame.bottom - place.frame.top) / _GAP) + 1)
    found.sort(key=lambda one: (one[0], one[1]))
    if len(found) > most:
        found = [found[round(i * (len(found) - 1) / max(1, most - 1))] for i in range(most)]
    heights = stacked([y for y, _, _ in found], _GAP, place.frame.top, place.frame.bottom)
    drawn, edge = [], place.frame.right
    for (y, x, line), height in zip(found, heights, strict=True):
        tie = [*([(x + 2, y), (edge, y)] if edge - x > 12 else [(edge, y)]), (edge + 12, height), (edge + 18, height)]
        thin = "0.45" if edge - x > 12 else "0.9"
        look: Look = {"stroke": line.color, "stroke_width": 1.1, "stroke_opacity": thin, "fill": "none"}
        drawn.append(element("path", d=path(tie), **look))
        drawn.append(text_element(cut(line.name, SMALL, long), edge + 22, height + 4))
    return drawn


def _ends(panel: Panel, side: str) -> tuple[float, float]:
    axis = panel.x if side == "x" else panel.y
    bars = any(isinstance(one, Bars) for one in panel.layers)
    curved = any(isinstance(one, Star) for one in panel.layers)
    return ends(
        _extent(panel, side), axis, margin=0.0 if bars and side == "y" else 0.12 if curved and side == "y" else 0.04
    )


def _whole(panel: Panel, side: str) -> bool:
    """Whether an axis counts in whole numbers."""
    return all(value == round(value) for value in _extent(panel, side) if math.isfinite(value))


def _extent(panel: Panel, side: str) -> Iterator[float]:
    """All numbers of the layers along a side."""
    return chain.from_iterable(extent(layer)[side == "y"] for layer in panel.layers)
