"""The minimum spanning tree of rows in blocks, from the pairs of blocks: who looks at a pair needs no other rows.

An edge of the tree of all rows is in the tree of every part of the rows that holds both its ends. So each block is
looked at by itself, each pair of blocks for the edges between them, and the best of all of these are the tree. Edges
have one order everywhere, which makes it the same tree, digit by digit, however the rows are cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.kernels import numpy_kernels
from labelfree.kernels.engines import Engine, Held, batches, threads
from labelfree.kernels.threads import limited_threads
from labelfree.progress import Advance, still
from labelfree.trees.cloud import Cloud
from labelfree.trees.edges import Edges
from labelfree.trees.proof import SMALL, Sides, all_pairs, lightest_of, settled
from labelfree.trees.sketch import attached, landmarks
from labelfree.trees.spanning import distinct, spanning_tree, with_clumps

_FAN = 8


@dataclass(frozen=True, eq=False)
class Pair:
    """Two blocks of rows and their own trees, and how many rows come before each of them."""

    one: Held[Rows]
    other: Held[Rows]
    tree_of_one: Held[Edges]
    tree_of_other: Held[Edges]
    starts: tuple[int, int]


def paired_tree(blocks: Sequence[Held[Rows]], engine: Engine = threads, advance: Advance = still) -> Edges:
    """The edges, in order, of the minimum spanning tree of all rows: those of `spanning_tree`, to the last bit.

    blocks: (m, d) rows, one block after another; the number of a row counts through all of them.
    n^2 d flop over all pairs. Who calls holds no rows, and edges as they come: those of eight reductions at most.
    """
    with limited_threads(None):
        trees = list(engine.map(_tree, blocks))
        starts = np.cumsum([0, *(rows for rows, _ in trees)]).tolist()
        if starts[-1] == 0:
            raise ValueError("expected at least one row, found none in the blocks")
        held = [engine.put(tree) for _, tree in trees]
        pairs = [
            Pair(blocks[i], blocks[j], held[i], held[j], (starts[i], starts[j]))
            for i in range(len(blocks))
            for j in range(i + 1, len(blocks))
        ]
        inner = (Edges(t.left + start, t.right + start, t.length) for (_, t), start in zip(trees, starts, strict=False))
        parts = _told(engine.map(_between, pairs), len(pairs), advance)
        return _reduced(chain(inner, parts), len(trees) + len(pairs), engine)


def cut(rows: Rows, block: int) -> list[Rows]:
    """Rows in blocks of so many."""
    return [rows[start : start + block] for start in range(0, len(rows), block)]


def _told(parts: Iterator[Edges], count: int, advance: Advance) -> Iterator[Edges]:
    for done, part in enumerate(parts, start=1):
        advance(done / count)
        yield part


def _reduced(parts: Iterator[Edges], count: int, engine: Engine) -> Edges:
    """The forest of all parts, eight at a time: a reduced part has fewer edges than there are rows."""
    while True:
        parts, count = engine.map(forest_of, batches(parts, _FAN)), -(-count // _FAN)
        if count == 1:
            return next(parts)


def forest_of(parts: Iterable[Edges]) -> Edges:
    """The minimum spanning forest of the edges of several, in order."""
    edges = Edges.joined(parts)
    rows, ends = np.unique(np.concatenate([edges.left, edges.right]), return_inverse=True)
    left, right = ends.reshape(2, -1)
    return edges.take(Edges(left, right, edges.length).lightest(len(rows)))


def _tree(block: Held[Rows]) -> tuple[int, Edges]:
    """How many rows a block has, and their tree."""
    rows = block.value()
    return len(rows), spanning_tree(rows, numpy_kernels) if len(rows) else _none()


def _none() -> Edges:
    return Edges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _between(pair: Pair) -> Edges:
    """The edges between two blocks in the tree of both."""
    one, other = pair.one.value(), pair.other.value()
    if len(one) == 0 or len(other) == 0:
        return _none()
    found = between(np.concatenate([one, other]), len(one), (pair.tree_of_one.value(), pair.tree_of_other.value()))
    first, second = pair.starts
    return Edges(found.left + first, found.right + (second - len(one)), found.length)


def between(rows: Rows, cut: int, trees: tuple[Edges, Edges]) -> Edges:
    """The edges between rows[:cut] and rows[cut:] in the tree of both, whose own trees are known."""
    first, which = distinct(rows)
    cloud = Cloud.of(rows, which)
    place = np.empty(len(rows), np.int64)
    place[which] = cloud.own
    later = np.arange(cut, len(rows))
    twins = later[first[later] < cut]
    sides = Sides(np.flatnonzero(which < cut), np.flatnonzero(which >= cut))
    found = all_pairs(cloud) if len(cloud) <= SMALL else _joined(cloud, sides, place[first], cut, trees)
    left, right = which[found.left], which[found.right]
    across = (left < cut) != (right < cut)
    again = Edges(first[twins], twins, np.zeros(len(twins)))
    return Edges.joined([again, Edges.of(left[across], right[across], found.length[across])])


def _joined(cloud: Cloud, sides: Sides, place: Index, cut: int, trees: tuple[Edges, Edges]) -> Edges:
    """The tree of two blocks in a cloud; place (n,): the point that each row is."""
    parts = [
        Edges.of(place[tree.left + start], place[tree.right + start], tree.length)
        for tree, start in zip(trees, (0, cut), strict=True)
    ]
    if len(sides.one) and len(sides.other):
        parts += [
            attached(cloud, own, landmarks(other), numpy_kernels)
            for own, other in ((sides.one, sides.other), (sides.other, sides.one))
        ]
    found, clumps = settled(cloud, lightest_of(cloud, parts), sides, numpy_kernels)
    return with_clumps(cloud, found, clumps, numpy_kernels)
