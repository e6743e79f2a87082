"""SVG of our own: whatever the numbers and names are, it is well formed, and words cover neither words nor the edge."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelfree.render.pictures import svg
from labelfree.render.pictures.lettering import Box, calmest, cut, stacked, width, wrapped
from labelfree.render.pictures.marks import thinned
from labelfree.render.pictures.model import (
    Axis,
    Band,
    Bars,
    Dots,
    Layer,
    Line,
    Panel,
    Rule,
    Span,
    Star,
    Steps,
    Threads,
    colors,
)
from labelfree.render.pictures.scales import Scale, ends, ticks

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    "]]>&amp;\"'",
    "\u05e9\u05dc\u05d5\u05dd_1",
    "x" * 300,
    "\ufffe\uffff",
    "a\nb",
    "",
)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def parsed(panels: list[Panel]) -> Any:
    return ElementTree.fromstring(svg.document(panels).split("?>", 1)[1])


def numbers_in(root: Any) -> list[float]:
    found = []
    for one in root.iter():
        for name, value in one.attrib.items():
            if name in ("x", "y", "cx", "cy", "r", "width", "height"):
                found.append(float(value))
            elif name == "d":
                found += [float(v) for v in re.findall(r"-?[\d.]+", value)]
    return found


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=12), st.sampled_from(["linear", "log"]), st.data())
def test_any_numbers_are_drawn_inside_the_frame(points: list[tuple[float, ...]], scale: Any, data: Any) -> None:
    x, y, z = ([p[i] for p in points] for i in range(3))
    name = data.draw(st.sampled_from(HOSTILE))
    layers: list[Layer] = [Line(x, y, name=name, marked=True), Band(x, y, z), Threads(x, [y, z], "#123456")]
    layers += [Rule(v, name) for v in y[:1]] + [Star(a, b, name) for a, b in zip(x[:1], z[:1], strict=True)]
    layers += [Span(min(x), max(x), name)] if x and all(map(math.isfinite, x)) and min(x) > 0 else []
    root = parsed([Panel(name, Axis("step", scale), Axis("value", scale), layers, note=name)])
    high = float(root.attrib["height"])
    found = numbers_in(root)
    assert all(math.isfinite(v) and -1 <= v <= max(svg.WIDTH, high) + 1 for v in found)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_and_nothing_else(name: str) -> None:
    bars = [Bars([1, 2, 3], ["#111111"] * 3)]
    dots = [Dots([1.0, 2.0], [0, 1], [None, (1.0, 3.0)], ["#111111"] * 2)]
    named = Axis("", low=-0.6, high=1.4, ticks=((0, name), (1, name)), downwards=True)
    root = parsed(
        [
            Panel(name, Axis(name), Axis(name), bars, key=(("#123456", name),), note=name),
            Panel(name, Axis("x"), named, dots),
            Panel(name, Axis("x"), Axis("y"), [Steps([0, 1, 2], [3, 4], "#111111")]),
        ]
    )
    kinds = {one.tag.removeprefix(NS) for one in root.iter()}
    assert kinds <= {"svg", "g", "rect", "text", "path", "circle", "title"}
    assert not any(key in ("style", "class", "id") or key.startswith("on") for one in root.iter() for key in one.attrib)


@pytest.mark.parametrize("count", [1, 3, 11, 200])
def test_names_of_curves_do_not_touch(count: int) -> None:
    lines = [Line([1, 2, 3], [0, 1, 1 + i / 1000], color, f"epoch_{i}") for i, color in enumerate(colors(count))]
    root = parsed([Panel("all", Axis("step"), Axis("value"), lines)])
    heights = sorted(float(t.attrib["y"]) for t in root.iter(f"{NS}text") if (t.text or "").startswith("epoch_"))
    assert min(count, 10) <= len(heights) <= count
    assert all(b - a >= 13 for a, b in pairwise(heights))


@pytest.mark.parametrize("pixels", [svg.WIDTH, svg.NARROW])
def test_words_stay_inside_and_ticks_apart(pixels: int) -> None:
    for top in (1e-9, 0.7, 3.0, 1234.5, 8e6, 3e300):
        line = Line(range(6), [top * i for i in range(6)], name="n" * 60, marked=True)
        panel = Panel("", Axis("step"), Axis("value"), [line, Star(5, 5 * top, "best")])
        root = ElementTree.fromstring(svg.inline(panel, pixels))
        boxes = []
        for text in root.iter("text"):
            long, x, y = width(text.text or "", 11), float(text.attrib["x"]), float(text.attrib["y"])
            left = x - long * {"end": 1.0, "middle": 0.5}.get(text.attrib.get("text-anchor", ""), 0.0)
            boxes.append(Box(left, y - 9, left + long, y))
            assert left > -1
            assert left + long < pixels + 2, text.text
        assert not any(a.meets(b) for a, b in combinations(boxes, 2))


@given(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308), st.integers(2, 9))
def test_ticks_lie_between_the_ends_and_are_told_apart(one: float, other: float, most: int) -> None:
    low, high = ends([one, other], Axis("x"))
    assert low < high
    found = ticks(low, high, log=False, most=most)
    assert 1 <= len(found) <= most + 2
    assert len({name for _, name in found}) == len(found)
    scale = Scale(low, high, False, 0, 100)
    assert all(-1e-6 <= scale.at(value) <= 100 + 1e-6 for value, _ in found)


@given(st.floats(1e-300, 1e300), st.floats(1, 1e12), st.integers(2, 9))
def test_ticks_of_a_logarithmic_axis(low: float, factor: float, most: int) -> None:
    low, high = ends([low, low * factor], Axis("x", "log"))
    found = ticks(low, high, log=True, most=most)
    assert found
    assert len({name for _, name in found}) == len(found)
    assert all(low * (1 - 1e-6) <= value <= high * (1 + 1e-6) for value, _ in found)


def test_fixed_ends_are_kept() -> None:
    assert ends([0.2, 0.7], Axis("x", low=0, high=1)) == (0, 1)
    assert ends([0.0, 4.0], Axis("x", low=0)) == pytest.approx((0, 4.16))
    assert ends([], Axis("x", "log")) == pytest.approx((10**-0.04, 10**1.04))


@given(st.lists(st.floats(0, 100), min_size=3, max_size=200))
def test_a_thinned_curve_stays_near_all_of_its_points(heights: list[float]) -> None:
    points = [(float(i), y) for i, y in enumerate(heights)]
    kept = thinned(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    for x, y in points:
        near = min(_distance((x, y), a, b) for a, b in pairwise(kept))
        assert near <= 0.35 + 1e-9


def _distance(p: tuple[float, ...], a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """From a point to a segment, by projection."""
    ab, ap = (b[0] - a[0], b[1] - a[1]), (p[0] - a[0], p[1] - a[1])
    share = min(1.0, max(0.0, (ap[0] * ab[0] + ap[1] * ab[1]) / ((ab[0] ** 2 + ab[1] ** 2) or 1.0)))
    return math.hypot(ap[0] - share * ab[0], ap[1] - share * ab[1])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_stacked_words_stay_between_the_ends(heights: list[float]) -> None:
    moved = stacked(sorted(heights), 10, 0, 100)
    assert all(-1e-6 <= h <= 100 + 1e-6 for h in moved)
    assert all(b - a >= 10 - 1e-6 for a, b in pairwise(moved))


@given(st.text(max_size=80), st.floats(40, 400))
def test_cut_text_fits(text: str, room: float) -> None:
    assert width(cut(text, 11, room), 11) <= room or len(cut(text, 11, room)) <= 6
    assert len(wrapped(text, 11, room)) <= 2


def test_words_go_where_they_cover_least() -> None:
    inside = Box(0, 0, 100, 100)
    spots = [Box(0, 0, 10, 10), Box(20, 0, 30, 10), Box(95, 0, 105, 10), Box(40, 0, 50, 10)]
    assert calmest(spots, [(5, 5)], [spots[1]], inside) == 3
    assert calmest(spots[:3], [(5, 5)], [spots[1]], inside) == 0  # over a curve rather than beyond the edge


def test_the_same_panels_give_the_same_bytes(tmp_path: Path) -> None:
    panel = Panel("t", Axis("x"), Axis("y"), [Line([1, 2], [3, 4], name="a")])
    svg.write([panel], tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == svg.document([panel])
