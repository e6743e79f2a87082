"""The numbers that the layers of a panel hold along each axis."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from itertools import chain
from typing import TypeAlias

from labelfree.render.pictures.model import (
    Band,
    Bars,
    Dots,
    Grid,
    Layer,
    Line,
    Numbers,
    Points,
    Rule,
    Span,
    Star,
    Steps,
    Threads,
)

_Both: TypeAlias = tuple[Iterator[float], Iterator[float]]


def extent(layer: Layer) -> tuple[Iterator[float], Iterator[float]]:
    """All numbers of a layer along x, and along y."""
    return _extent(layer)


def _of(xs: Numbers, *ys: Numbers) -> _Both:
    return iter(xs), chain.from_iterable(ys)


@singledispatch
def _extent(layer: Layer) -> _Both:
    raise NotImplementedError(type(layer).__name__)


@_extent.register
def _(layer: Line) -> _Both:
    return _of(layer.x, layer.y)


@_extent.register
def _(layer: Band) -> _Both:
    return _of(layer.x, layer.low, layer.high)


@_extent.register
def _(layer: Dots) -> _Both:
    spans = chain.from_iterable(span for span in layer.intervals if span is not None)
    return chain(layer.x, spans), iter(layer.y)


@_extent.register
def _(layer: Star) -> _Both:
    return _of([layer.x], [layer.y])


@_extent.register
def _(layer: Bars) -> _Both:
    return _of([0.0, *layer.lengths], [0.5, len(layer.lengths) + 0.5])


@_extent.register
def _(layer: Steps) -> _Both:
    return _of(layer.edges, [0.0, *layer.heights])


@_extent.register
def _(layer: Threads) -> _Both:
    return _of(layer.x, *layer.ys)


@_extent.register
def _(layer: Span) -> _Both:
    return _of([layer.low, layer.high], [])


@_extent.register
def _(layer: Rule) -> _Both:
    return _of([], [layer.y])


@_extent.register
def _(layer: Grid) -> _Both:
    across = max((len(row) for row in layer.values), default=0)
    return _of([-0.5, across - 0.5], [-0.5, len(layer.values) - 0.5])


@_extent.register
def _(layer: Points) -> _Both:
    return _of(layer.x, layer.y)
