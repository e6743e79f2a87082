"""The layers of a panel as elements of SVG: presentation attributes alone, so that no style sheet is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, TypeAlias
from xml.sax.saxutils import quoteattr

from labelfree.render.pictures.lettering import Box, calmest, cut, width
from labelfree.render.pictures.model import (
    INK,
    MUTED,
    SECOND,
    Band,
    Bars,
    Dots,
    Layer,
    Line,
    Numbers,
    Panel,
    Rule,
    Span,
    Star,
    Steps,
    Threads,
)
from labelfree.render.pictures.scales import Scale, number

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', Arial, sans-serif"
SMALL = 11.0
"""The size of all words but titles."""
_NEAR = 0.35
"""Pixels by which a curve may leave its points: nobody sees it, and a file is a tenth as long."""
_THIN = 1.5
"""Pixels below which a part of an axis is drawn as a line."""
_THREADS = 60
"""Curves of a bundle that are drawn: evenly spaced in its order."""


@dataclass
class Place:
    """Where a panel is drawn: its scales, its frame, what stands in it, and the words that were placed."""

    panel: Panel
    x: Scale
    y: Scale
    frame: Box
    points: list[tuple[float, float]] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)

    def runs(self, xs: Numbers, *ys: Numbers) -> list[list[tuple[float, ...]]]:
        """Pixels of x and of each y, in runs without a gap."""
        found: list[list[tuple[float, ...]]] = [[]]
        for x, *values in zip(xs, *ys, strict=True):
            if self.x.draws(x) and all(map(self.y.draws, values)):
                found[-1].append((self.x.at(x), *map(self.y.at, values)))
            elif found[-1]:
                found.append([])
        return [run for run in found if run]


def plain(value: float) -> str:
    """A pixel as SVG holds it: one decimal at most.

    >>> plain(12.04), plain(-0.04), plain(7.96)
    ('12', '0', '8')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


Look: TypeAlias = dict[str, Any]
"""Presentation attributes, whose underscores are hyphens."""


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """An element with attributes, whose underscores are hyphens; content is markup."""
    given = "".join(
        f" {key.replace('_', '-')}={quoteattr(plain(value) if isinstance(value, float) else str(value))}"
        for key, value in attributes.items()
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def text_element(text: str, x: float, y: float, **attributes: str | float) -> str:
    """Words at a place."""
    look: Look = {"font_size": SMALL, "fill": INK, **attributes}
    return element("text", escaped(text), x=x, y=y, **look)


def escaped(text: str) -> str:
    """A text as XML holds it, without the characters that it may not hold."""
    legal = "".join(c if c not in "\ufffe\uffff" and (c >= " " or c in "\t\n") else "\ufffd" for c in text)
    return legal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def path(points: Iterable[Sequence[float]], closed: bool = False) -> str:
    """The commands of a path through points."""
    return "M" + "L".join(f"{plain(x)} {plain(y)}" for x, y in points) + ("Z" if closed else "")


def thinned(points: Sequence[tuple[float, ...]], near: float = _NEAR) -> list[tuple[float, ...]]:
    """The points of a curve that are needed to draw it: none of the others is further from it than that.

    Ramer (1972), Douglas and Peucker (1973), after points of one pixel were thinned to their ends and extremes.
    """
    points = _by_pixel(points)
    keep, waiting = {0, len(points) - 1}, [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        (ax, ay), (bx, by) = points[first], points[last]
        length = math.hypot(bx - ax, by - ay)
        worst, at = near, 0
        for i in range(first + 1, last):
            x, y = points[i]
            off = abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length if length else math.hypot(x - ax, y - ay)
            if off > worst:
                worst, at = off, i
        if at:
            keep.add(at)
            waiting += [(first, at), (at, last)]
    return [points[i] for i in sorted(keep)]


def _by_pixel(points: Sequence[tuple[float, ...]]) -> Sequence[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    begin = 0
    for i in range(1, len(points) + 1):
        if i == len(points) or points[i][0] - points[begin][0] >= 0.5:
            column = range(begin, i)
            corners = {
                begin,
                i - 1,
                min(column, key=lambda j: points[j][1]),
                max(column, key=lambda j: points[j][1]),
            }
            found += [points[j] for j in sorted(corners)]
            begin = i
    return found


@singledispatch
def mark(layer: Layer, place: Place) -> str:
    """A layer of a panel as elements."""
    raise NotImplementedError(type(layer).__name__)


@mark.register
def _(layer: Line, place: Place) -> str:
    look: Look = {"stroke": layer.color, "stroke_width": layer.width * 1.25, "fill": "none"}
    look |= {"stroke_dasharray": "5 3"} if layer.dashed else {}
    found = []
    for run in place.runs(layer.x, layer.y):
        drawn = thinned(run)
        place.points += _dense(drawn)
        found.append(element("path", d=path(drawn), stroke_linejoin="round", **look) if len(drawn) > 1 else "")
        if len(run) == 1 and not layer.marked:
            found.append(_dot(run[0][0], run[0][1], 2.5, layer.color, ""))
    if layer.marked:
        there = [(x, y) for x, y in zip(layer.x, layer.y, strict=True) if place.x.draws(x) and place.y.draws(y)]
        size = 3.0 if len(there) <= 80 else 1.8
        what = (place.panel.x.label, place.panel.y.label)
        for x, y in there:
            told = f"{what[0]} {number(x, 0.0) if x < 1 else f'{x:,.12g}'}: {what[1]} {y:.6g}"
            found.append(_dot(place.x.at(x), place.y.at(y), size, layer.color, told))
    return "".join(found)


def _dense(points: Sequence[tuple[float, ...]]) -> list[tuple[float, float]]:
    """Points along a curve, near enough to one another that words cannot stand between two."""
    found: list[tuple[float, float]] = []
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[-1]], strict=True):
        count = 1 + int(math.hypot(bx - ax, by - ay) / 5)
        found += [(ax + (bx - ax) * i / count, ay + (by - ay) * i / count) for i in range(count)]
    return found


def _dot(x: float, y: float, size: float, color: str, told: str) -> str:
    """A point, with words that a pointer brings up."""
    return element("circle", element("title", escaped(told)) if told else "", cx=x, cy=y, r=size, fill=color)


@mark.register
def _(layer: Band, place: Place) -> str:
    found = []
    for run in place.runs(layer.x, layer.low, layer.high):
        if len(run) == 1:
            [(x, low, high)] = run
            ends: Look = {"stroke": layer.color, "stroke_width": 5.0, "stroke_opacity": "0.2"}
            found.append(element("path", d=path([(x, low), (x, high)]), **ends))
            continue
        around = [*thinned([(x, high) for x, _, high in run]), *thinned([(x, low) for x, low, _ in run])[::-1]]
        found.append(element("path", d=path(around, closed=True), fill=layer.color, fill_opacity="0.18"))
    return "".join(found)


@mark.register
def _(layer: Dots, place: Place) -> str:
    found = []
    names = dict(place.panel.y.ticks)
    for x, y, interval, color in zip(layer.x, layer.y, layer.intervals, layer.colors, strict=True):
        if not place.x.draws(x):
            continue
        height, between = place.y.at(y), ""
        place.points.append((place.x.at(x), height))
        if interval is not None and all(map(place.x.draws, interval)):
            place.points += _dense([(place.x.at(v), height) for v in interval])
            between = f" ({interval[0]:.6g} to {interval[1]:.6g})"
            ends = path([(place.x.at(v), height) for v in interval])
            found.append(element("path", d=ends, stroke=color, stroke_width=4.0, stroke_opacity="0.35"))
        found.append(_dot(place.x.at(x), height, 4.0, color, f"{names.get(y, '')}: {x:.6g}{between}".strip(": ")))
    return "".join(found)


@mark.register
def _(layer: Star, place: Place) -> str:
    if not (place.x.draws(layer.x) and place.y.draws(layer.y)):
        return ""
    x, y = place.x.at(layer.x), place.y.at(layer.y)
    turns = [(i * math.pi / 5, 8.0 if i % 2 == 0 else 3.4) for i in range(10)]
    corners = [(x + r * math.sin(turn), y - r * math.cos(turn)) for turn, r in turns]
    star = element("path", d=path(corners, closed=True), fill=SECOND, stroke="#ffffff", stroke_width=1.0)
    return star + _beside(layer.name, x, y, place, 11.0, bold=True)


@mark.register
def _(layer: Bars, place: Place) -> str:
    left, gap = place.x.at(0.0), abs(place.y.at(2.0) - place.y.at(1.0))
    found = []
    for i, (length, color) in enumerate(zip(layer.lengths, layer.colors, strict=True), 1):
        if not place.x.draws(length):
            continue
        right = place.x.at(length)
        thick = max(0.8, min(0.72 * gap, 14.0))
        told = element("title", escaped(f"{i}: {length:.6g}"))
        top, long = place.y.at(float(i)) - thick / 2, max(0.6, right - left)
        found.append(element("rect", told, x=left, y=top, width=long, height=thick, fill=color))
    return "".join(found)


@mark.register
def _(layer: Steps, place: Place) -> str:
    base = place.y.at(max(0.0, place.y.low))
    around = [(place.x.at(layer.edges[0]), base)]
    for left, right, height in zip(layer.edges, layer.edges[1:], layer.heights, strict=False):
        around += [(place.x.at(edge), place.y.at(height)) for edge in (left, right)]
    around.append((place.x.at(layer.edges[-1]), base))
    look: Look = {"fill": layer.color, "fill_opacity": "0.3", "stroke": layer.color, "stroke_width": 1.2}
    return element("path", d=path(_straight(around), closed=True), **look)


def _straight(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of a path without the points between two others on one level."""
    found: list[tuple[float, float]] = []
    for point in points:
        if len(found) > 1 and found[-1][1] == found[-2][1] == point[1]:
            found[-1] = point
        else:
            found.append(point)
    return found


@mark.register
def _(layer: Threads, place: Place) -> str:
    count = len(layer.ys)
    few = [layer.ys[i * count // _THREADS] for i in range(_THREADS)] if count > _THREADS else layer.ys
    look: Look = {"stroke": layer.color, "stroke_width": 1.0, "fill": "none"}
    look["stroke_opacity"] = "0.8" if layer.strong else f"{max(0.12, min(0.4, 8 / max(1, len(few)))):.2f}"
    found = [element("path", d=path(thinned(run))) for y in few for run in place.runs(layer.x, y) if len(run) > 1]
    return element("g", "".join(found), **look) if found else ""


@mark.register
def _(layer: Rule, place: Place) -> str:
    if not place.y.draws(layer.y):
        return ""
    y = place.y.at(layer.y)
    line = path([(place.frame.left, y), (place.frame.right, y)])
    found = element("path", d=line, stroke=MUTED, stroke_width=1.2, stroke_dasharray="2 3")
    return found + _along(layer.name, y, place)


@mark.register
def _(layer: Span, place: Place) -> str:
    left, right = place.x.at(layer.low), place.x.at(layer.high)
    top, bottom = place.frame.top, place.frame.bottom
    thin = right - left < _THIN
    strength = "0.7" if thin else "0.12"
    wide = 1.2 if thin else right - left
    found = element("rect", x=left, y=top, width=wide, height=bottom - top, fill=MUTED, fill_opacity=strength)
    name = _cut(layer.name, place)
    long = width(name, SMALL)
    lefts = (min(left + 4, place.frame.right - long - 4), place.frame.left + 4)
    spots = [Box(x, low - SMALL, x + long, low) for x in lefts for low in (bottom - 4, top + 14)]
    return found + _placed(name, spots, place, "400")


def _beside(name: str, x: float, y: float, place: Place, off: float, *, bold: bool) -> str:
    """A name next to a point, where it covers least."""
    name = _cut(name, place)
    long, high = width(name, SMALL) * (1.08 if bold else 1.0), SMALL
    spots = [
        Box(left, top, left + long, top + high)
        for top in (y - off - high, y + off - 2, y - off - 2.4 * high, y + off + 1.4 * high)
        for left in (x - long / 2, x + off - 4, x - long - off + 4, min(x, place.frame.right - long - 4))
    ]
    return _placed(name, spots, place, "600" if bold else "400")


def _along(name: str, y: float, place: Place) -> str:
    """A name on a level, at the end of it where it covers least."""
    name = _cut(name, place)
    long = width(name, SMALL)
    lefts = (place.frame.left + 6, place.frame.right - long - 6)
    spots = [Box(left, top, left + long, top + SMALL) for top in (y - SMALL - 3, y + 4) for left in lefts]
    return _placed(name, spots, place, "400")


def _cut(name: str, place: Place) -> str:
    """A name that fits the frame."""
    return cut(name, SMALL, 0.8 * (place.frame.right - place.frame.left))


def _placed(name: str, spots: Sequence[Box], place: Place, weight: str) -> str:
    edge = replace(place.frame, top=place.frame.top - 6)
    best = spots[calmest(spots, place.points, place.taken, edge)]
    place.taken.append(best)
    halo: Look = {"stroke": "#ffffff", "stroke_width": 3.0, "stroke_linejoin": "round", "paint_order": "stroke"}
    return text_element(name, best.left, best.bottom - 2, font_weight=weight, **halo)
