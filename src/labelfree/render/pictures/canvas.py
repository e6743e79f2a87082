"""Pictures by matplotlib for PNG, PDF and notebooks: the same look everywhere, the same bytes for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import singledispatch
from pathlib import Path
from typing import Any

from labelfree.errors import MissingExtra
from labelfree.render.pictures.lettering import apart
from labelfree.render.pictures.model import (
    INK,
    MUTED,
    SECOND,
    Axis,
    Band,
    Bars,
    Dots,
    Grid,
    Layer,
    Line,
    Panel,
    Points,
    Rule,
    Span,
    Star,
    Steps,
    Threads,
    shade,
)

_WIDTH, _SMALL = 7.6, 8
_FILLED = 0.75
"""Share of the height of a panel that its axes take."""
_LOOK = {
    "svg.hashsalt": "labelfree", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED,
}  # fmt: skip


def write(panels: Sequence[Panel], path: Path) -> None:
    """Draw panels one under another; the suffix of the path decides the format.

    The figure belongs to no window: what a notebook or a program of its user draws on stays as it is.
    """
    with _looking(f"drawing a picture ({path.suffix})"):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_size(panels), layout="constrained")
        _fill(figure, panels)
        metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        figure.savefig(path, dpi=150, metadata=metadata)


def figure_of(panels: Sequence[Panel]) -> Any:
    """The panels as a figure of matplotlib, which a notebook shows once, where it is the value of a cell."""
    with _looking("drawing"):
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=_size(panels), layout="constrained")
        plt.close(figure)  # no window, and no second picture below the cell
        _fill(figure, panels)
    return figure


@contextmanager
def _looking(purpose: str) -> Iterator[None]:
    """The look of all pictures."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra(purpose, "plot") from error
    with mpl.rc_context(_LOOK):
        yield


def _size(panels: Sequence[Panel]) -> tuple[float, float]:
    return _WIDTH, sum(panel.height for panel in panels) + 0.2


def _fill(figure: Any, panels: Sequence[Panel]) -> None:
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=[panel.height for panel in panels])
    for panel, place in zip(panels, axes[:, 0], strict=True):
        _panel(place, panel)


def plain(text: str) -> str:
    """Text as matplotlib prints it, without formulas.

    >>> plain("a$x$")
    'a\\\\$x\\\\$'
    """
    return text.replace("$", r"\$")


def _panel(place: Any, panel: Panel) -> None:
    place.grid(True, which="major", alpha=0.2)
    place.set_axisbelow(True)
    _axis(place, "x", panel.x)
    _axis(place, "y", panel.y)
    for layer in panel.layers:
        _draw(layer, place)
    for side, axis in (("x", panel.x), ("y", panel.y)):
        _ends(place, side, axis)
    _name_ends(place, [one for one in panel.layers if isinstance(one, Line) and one.name], panel.height)
    place.set_title(plain(panel.title), fontsize=11, loc="left", color=INK)
    if panel.key:
        _key(place, panel.key)
    if panel.note:
        place.annotate(
            plain(panel.note), (0, 0), xycoords="axes fraction", textcoords="offset points", xytext=(0, -40),
            fontsize=_SMALL, color=MUTED, va="top", annotation_clip=False,
        )  # fmt: skip


def _axis(place: Any, side: str, axis: Axis) -> None:
    getattr(place, f"set_{side}label")(plain(axis.label))
    getattr(place, f"set_{side}scale")(axis.scale)
    if axis.scale == "log":
        _log_ticks(getattr(place, f"{side}axis"))
    if axis.ticks:
        marks, names = zip(*axis.ticks, strict=True)
        getattr(place, f"set_{side}ticks")(marks, [plain(name) for name in names])


def _log_ticks(axis: Any) -> None:
    """Plain numbers instead of powers of ten; those between two powers only where there are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    def between(value: float, _: int) -> str:
        low, high = sorted(axis.get_view_interval())
        return f"{value:g}" if high < 50 * low else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
    axis.set_minor_formatter(FuncFormatter(between))


def _ends(place: Any, side: str, axis: Axis) -> None:
    low, high = getattr(place, f"get_{side}lim")()
    getattr(place, f"set_{side}lim")(low if axis.low is None else axis.low, high if axis.high is None else axis.high)
    if axis.downwards:
        getattr(place, f"invert_{side}axis")()


def _key(place: Any, entries: Sequence[tuple[str, str]]) -> None:
    """What colors mean, on a line of its own above the panel, so that it covers no data."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea

    words: list[Any] = [
        TextArea(f"■ {plain(name)}", textprops={"color": color, "fontsize": _SMALL + 1}) for color, name in entries
    ]
    box = AnchoredOffsetbox(
        "lower right", child=HPacker(children=words, pad=0, sep=12), frameon=False, bbox_to_anchor=(1.0, 1.0),
        bbox_transform=place.transAxes, borderpad=0.2,
    )  # fmt: skip
    place.add_artist(box)


def _name_ends(place: Any, lines: Sequence[Line], height: float) -> None:
    """Names of curves right of the panel, at the height of their ends, moved apart where they would touch."""
    if not lines:
        return
    into = place.transScale + place.transLimits
    ends = []
    for line in lines:
        last = max((i for i, y in enumerate(line.y) if math.isfinite(y)), default=None)
        if last is not None:
            at = float(into.transform((line.x[last], line.y[last]))[1])
            ends.append((min(1.0, max(0.0, at)), line))
    ends.sort(key=lambda end: end[0])
    gap = 1.3 * _SMALL / (72 * _FILLED * height)
    for at, (_, line) in zip(apart([at for at, _ in ends], gap), ends, strict=True):
        place.annotate(
            plain(line.name), (1, at), xycoords="axes fraction", textcoords="offset points", xytext=(4, 0),
            fontsize=_SMALL, color=line.color, va="center", annotation_clip=False,
        )  # fmt: skip


@singledispatch
def _draw(layer: Layer, place: Any) -> None:
    raise NotImplementedError(type(layer).__name__)


@_draw.register
def _(layer: Line, place: Any) -> None:
    marker = {"marker": "o", "markersize": 3} if layer.marked else {}
    style = "--" if layer.dashed else "-"
    place.plot(layer.x, layer.y, color=layer.color, linewidth=layer.width, linestyle=style, **marker)


@_draw.register
def _(layer: Band, place: Any) -> None:
    place.fill_between(layer.x, layer.low, layer.high, color=layer.color, alpha=0.2, linewidth=0)


@_draw.register
def _(layer: Dots, place: Any) -> None:
    for x, y, interval, color in zip(layer.x, layer.y, layer.intervals, layer.colors, strict=True):
        if interval is not None:
            place.plot(interval, [y, y], color=color, linewidth=2.2, alpha=0.45, solid_capstyle="butt")
        place.plot([x], [y], marker="o", markersize=5, color=color)


@_draw.register
def _(layer: Star, place: Any) -> None:
    place.plot([layer.x], [layer.y], marker="*", markersize=12, color=SECOND, zorder=5)
    left, right = place.get_xlim()
    late = layer.x > left + 0.7 * (right - left)
    place.margins(y=0.15)
    place.annotate(
        plain(layer.name), (layer.x, layer.y), textcoords="offset points", xytext=(-9 if late else 9, 5),
        fontsize=_SMALL, color=SECOND, ha="right" if late else "left",
    )  # fmt: skip


@_draw.register
def _(layer: Bars, place: Any) -> None:
    place.barh(range(1, len(layer.lengths) + 1), layer.lengths, color=list(layer.colors), height=0.7)


@_draw.register
def _(layer: Steps, place: Any) -> None:
    place.stairs(layer.heights, layer.edges, fill=True, alpha=0.4, color=layer.color)


@_draw.register
def _(layer: Threads, place: Any) -> None:
    from matplotlib.collections import LineCollection

    count = max(1, len(layer.ys))
    place.add_collection(
        LineCollection(
            [list(zip(layer.x, y, strict=True)) for y in layer.ys],
            colors=layer.color,
            alpha=0.8 if layer.strong else max(0.03, min(0.4, 20 / count)),
            linewidths=0.9 if layer.strong else 0.7,
            rasterized=count > 200,
        )
    )


@_draw.register
def _(layer: Rule, place: Any) -> None:
    place.axhline(layer.y, color=MUTED, linewidth=0.9, linestyle=":")
    place.annotate(
        plain(layer.name), (0, layer.y), xycoords=("axes fraction", "data"), textcoords="offset points", xytext=(4, 2),
        fontsize=_SMALL, color=MUTED,
    )  # fmt: skip


@_draw.register
def _(layer: Span, place: Any) -> None:
    place.axvspan(layer.low, layer.high, color=MUTED, alpha=0.12, linewidth=0)
    place.annotate(
        plain(layer.name), (layer.low, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
        xytext=(4, 4), fontsize=_SMALL, color=MUTED,
    )  # fmt: skip


@_draw.register
def _(layer: Grid, place: Any) -> None:
    from matplotlib.patches import Rectangle

    for i, (values, words) in enumerate(zip(layer.values, layer.words, strict=True)):
        for j, (value, word) in enumerate(zip(values, words, strict=True)):
            back, front = shade(value, layer.low, layer.high)
            place.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=back, edgecolor="white"))
            place.annotate(plain(word), (j, i), ha="center", va="center", fontsize=_SMALL, color=front)
    place.grid(False)


@_draw.register
def _(layer: Points, place: Any) -> None:
    place.scatter(
        layer.x, layer.y, color=layer.color, s=14 if layer.crossed else 7, marker="x" if layer.crossed else "o",
        linewidths=1.0, alpha=0.8,
    )  # fmt: skip
