"""Shaded cells and rows of a map as elements of SVG."""

from __future__ import annotations

from labelfree.documents.wording import printable
from labelfree.render.pictures.lettering import width
from labelfree.render.pictures.marks import SMALL, Look, Place, element, escaped, mark, plain, text_element
from labelfree.render.pictures.model import Grid, Points, drawn_text, shade

_LEAST = 7.0
"""The smallest size of a number in a cell."""


@mark.register
def _(layer: Grid, place: Place) -> str:
    wide, high = abs(place.x.at(1.0) - place.x.at(0.0)), abs(place.y.at(1.0) - place.y.at(0.0))
    longest = max((width(word, SMALL) for row in layer.words for word in row), default=0.0)
    size = min(SMALL, SMALL * (wide - 4) / longest if longest else SMALL, high - 3)
    found = []
    for i, (values, words, names) in enumerate(zip(layer.values, layer.words, layer.names, strict=True)):
        for j, (value, word, name) in enumerate(zip(values, words, names, strict=True)):
            x, y = place.x.at(float(j)), place.y.at(float(i))
            back, front = shade(value, layer.low, layer.high)
            told = element("title", escaped(printable(name))) if name else ""
            cell: Look = {"x": x - wide / 2 + 0.5, "y": y - high / 2 + 0.5, "width": wide - 1, "height": high - 1}
            found.append(element("rect", told, fill=back, **cell))
            if size >= _LEAST:
                look: Look = {"text_anchor": "middle", "font_size": size, "fill": front, "pointer_events": "none"}
                found.append(text_element(word, x, y + 0.36 * size, **look))
    return "".join(found)


@mark.register
def _(layer: Points, place: Place) -> str:
    names = layer.names or [""] * len(layer.x)
    drawn = [
        (place.x.at(x), place.y.at(y), name)
        for x, y, name in zip(layer.x, layer.y, names, strict=True)
        if place.x.draws(x) and place.y.draws(y)
    ]
    if not drawn:
        return ""
    if layer.crossed:
        steps = "".join(f"M{plain(x - 3)} {plain(y - 3)}l6 6m0-6l-6 6" for x, y, _ in drawn)
        look: Look = {"stroke_width": 1.6}
    else:
        steps = "".join(f"M{plain(x)} {plain(y)}h0" for x, y, _ in drawn)
        look = {"stroke_width": 4.5, "stroke_linecap": "round", "stroke_opacity": "0.7"}
    marks = element("path", d=steps, fill="none", stroke=layer.color, **look)
    return marks + "".join(_called(name, x, y) for x, y, name in drawn if layer.names)


def _called(name: str, x: float, y: float) -> str:
    """What a row is called, seen where one points at it."""
    return element("circle", element("title", escaped(drawn_text(name))), cx=x, cy=y, r=4, fill="transparent")
