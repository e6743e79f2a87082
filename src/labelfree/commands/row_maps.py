"""Maps of sampled rows: their principal components, with groups or unusual rows marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.commands.column_values import values_at
from labelfree.documents.stores.names import is_remote, shown
from labelfree.errors import UsageError, option
from labelfree.evidence.evidence import Evidence
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.judging import known_of
from labelfree.families.opis.tables import table
from labelfree.reports.row_map import MapPart, RowMap
from labelfree.sources.block import Source

_Role: TypeAlias = Literal["back", "rows", "marked"]
DRAWN = 300
"""Rows of a map at most."""
_GROUPS, _OF_GROUP, _FAR = 4, 30, 0.05
"""Groups that are marked, rows of each, and the share of other rows that are."""
_ROUNDING = 1e-13
"""A spread below this share of the largest number is what the mean was rounded by."""
_NONE = 1e-7
"""A second direction with less than this of the length of the first is none: rounding of the products makes one."""


def row_map(e: Evidence) -> RowMap | None:
    """The map of a data set: groups that one threshold serves worst, else the rows farthest from the mean row."""
    found = known_of(e)
    if isinstance(found, Judged) and not found.pseudo:
        return _by_group(e, found)
    if e.drawn is None:
        return None
    rows, at = e.drawn.rows[:DRAWN], e.drawn.index
    if (laid := _laid(rows)) is None:
        return None
    places, shares, away = laid
    order = np.argsort(-away, kind="stable")
    count = int(_FAR * len(rows))
    parts = [
        _part("rows", "rows", places, np.sort(order[count:]), at),
        _part(f"the {100 * _FAR:g} % farthest from the mean row", "marked", places, np.sort(order[:count]), at),
    ]
    return RowMap([one for one in parts if len(one.x)], shares, len(rows), e.n)


def _by_group(e: Evidence, found: Judged) -> RowMap | None:
    """Rows with a group each: those of the worst groups marked by the name of their group."""
    worst, given = table(found)["group"][:_GROUPS], found.given
    names = given.named(given.index)
    kept = [np.flatnonzero(names == name)[:_OF_GROUP] for name in worst]
    others = np.flatnonzero(~np.isin(names, worst))
    room = DRAWN - sum(map(len, kept))
    others = others[np.argsort(given.index[others] * 2654435761 % 2**32, kind="stable")[:room]]
    chosen = np.concatenate([*kept, others])
    rows, at = given.rows[chosen], given.index[chosen]
    if (laid := _laid(rows)) is None:
        return None
    places, shares, _ = laid
    ends = np.cumsum([0, *map(len, kept)])
    parts = [_part("other groups", "back", places, np.arange(ends[-1], len(rows)), at)]
    parts += [
        _part(f"{name}", "marked", places, np.arange(ends[i], ends[i + 1]), at) for i, name in enumerate(worst.tolist())
    ]
    return RowMap([one for one in parts if len(one.x)], shares, len(rows), e.n)


def drift_map(e: Evidence, out: Index) -> RowMap | None:
    """Current rows over those of the reference; out: positions in the sample of those that can be singled out."""
    behind = e.reference
    if e.drawn is None or behind is None or behind.drawn is None:
        return None
    before, now = behind.drawn.rows[: DRAWN // 2], e.drawn.rows[: DRAWN // 2]
    if (laid := _laid(np.concatenate([before, now]))) is None:
        return None
    places, shares, _ = laid
    unusual = np.isin(np.arange(len(now)), out)
    at = np.concatenate([behind.drawn.index[: len(before)], e.drawn.index[: len(now)]])
    parts = [
        _part("reference", "back", places, np.arange(len(before)), at, behind=True),
        _part("current rows", "rows", places, len(before) + np.flatnonzero(~unusual), at),
        _part("unusual ones", "marked", places, len(before) + np.flatnonzero(unusual), at),
    ]
    return RowMap([one for one in parts if len(one.x)], shares, len(places), e.n + behind.n)


def with_ids(found: RowMap | None, source: Source, behind: Source | None = None) -> RowMap | None:
    """A map whose rows are called by their ids, or by their positions where there are none; reads that column again."""
    if found is None:
        return None

    def called(part: MapPart) -> MapPart:
        of = behind if part.behind and behind is not None else source
        ids = [f"row {i}" for i in part.at]
        if "id" in of.roles and of.values is not None:
            ids = [str(one) for one in values_at(of, of.roles["id"], np.array(part.at, np.int64))]
        return replace(part, ids=ids)

    return replace(found, parts=[called(part) for part in found.parts])


def check_shown(sources: Sequence[Source]) -> None:
    """Refuse to show ids of rows that lie in a store."""
    for source in sources:
        if (name := next((one for one in source.files if is_remote(one)), None)) is not None:
            raise UsageError(
                f"{option('show_ids')}: expected local files, found {shown(name)}; ids of remote rows are not shown: "
                "leave it out"
            )


def _part(name: str, role: _Role, places: Float, which: Index, at: Index, *, behind: bool = False) -> MapPart:
    return MapPart(name, role, places[which, 0].tolist(), places[which, 1].tolist(), at[which].tolist(), behind)


def _laid(rows: Rows) -> tuple[Float, tuple[float, float], Float] | None:
    """Coordinates (m, 2) along the two directions of most spread, the shares of the spread there, and the squared
    distances (m,) from the mean row in units of the largest number.

    Of each direction the sign is the one with which its largest entry is positive. None for rows without spread.
    """
    X = rows.astype(np.float64)
    if len(X) < 2 or not np.isfinite(X).all():
        return None
    offset = float(np.abs(X).max())
    X = X - X.mean(axis=0)
    size = float(np.abs(X).max())
    if size <= _ROUNDING * offset:
        return None
    X /= size
    values, left = np.linalg.eigh(X @ X.T)
    values = np.maximum(values[::-1][:2], 0.0)
    right = X.T @ left[:, ::-1][:, :2]
    long = np.linalg.norm(right, axis=0)
    right = np.divide(right, long, out=np.zeros_like(right), where=long > _NONE * long[0])
    largest = right[np.abs(right).argmax(axis=0), [0, 1]]
    places = X @ (right * np.where(largest < 0, -1.0, 1.0)) * size
    away = (X**2).sum(axis=1)
    spread = values / float((X**2).sum())
    return places, (float(spread[0]), float(spread[1])), away
