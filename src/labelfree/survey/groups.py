"""Which rows of a data set belong together: by a column, by clusters made elsewhere, or by pseudo-groups."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys
from labelfree.errors import UsageError, option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.groups import Grouping, GroupRows
from labelfree.evidence.zone import Calibration
from labelfree.families.opis.clusters import candidates, clusters_of_other_space
from labelfree.results import Result
from labelfree.sources.block import Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.tables.group_files import FrozenGroups, read_groups
from labelfree.summaries.groups import digest_of, membership
from labelfree.summaries.hashing import hash_ids, unmix
from labelfree.summaries.sample import OPEN
from labelfree.survey.found import Survey


@dataclass(frozen=True)
class GroupSetting:
    """The options of `opis` that say what belongs together, and where one threshold is judged.

    column: of the groups; groups_from: other embeddings of the same items, whose columns are `columns`, or frozen
    groups; circular, k, seeds: how pseudo-groups are made where there is neither; seed: of clusters of another space.
    """

    zone: Calibration
    column: str | None = None
    groups_from: Any = None
    columns: Columns = field(default_factory=Columns)
    circular: bool = False
    k: tuple[int, ...] = ()
    seeds: int = 5
    seed: int = 0


def grouping_of(found: Survey, chosen: GroupSetting, of: Callable[[Source], Survey]) -> Grouping:
    """What the options say of groups, with the rows they are made of; `of` surveys the other source."""
    if chosen.column is not None:
        return Grouping(chosen.zone, _by_column(found))
    if chosen.groups_from is None:
        return Grouping(chosen.zone, circular=chosen.circular, k=chosen.k, seeds=chosen.seeds)
    frozen = read_groups(Path(chosen.groups_from)) if isinstance(chosen.groups_from, str | os.PathLike) else None
    if frozen is not None and chosen.k:
        raise UsageError(f"{option('k')}: {chosen.groups_from} holds groups that were made before; leave it out")
    if found.evidence.drawn is None:
        return Grouping(chosen.zone, _none(found))
    return Grouping(chosen.zone, _frozen(found, frozen) if frozen else _from_other(found, chosen, of))


def _none(found: Survey) -> GroupRows:
    """A grouping of no rows, where there is nothing to group."""
    nothing = np.empty(0, np.int64)
    return GroupRows(nothing.astype(np.uint64), nothing, np.empty((0, found.source.d)), nothing)


def _by_column(found: Survey) -> GroupRows:
    groups, source = found.groups, found.source
    assert groups is not None
    drawn = next(iter(groups.sample.chunks), None)  # packed, in any order

    def names(positions: Index) -> NDArray[Any]:
        return np.asarray(source.every("group")[source.among(positions)])

    if drawn is None:
        return replace(_none(found), null=groups.null, digest=groups.digest)
    cut = (len(drawn.keys), found.evidence.seed) if groups.sample.cut < OPEN else None
    return GroupRows(drawn.keys, drawn.index, drawn.rows, names, groups.null, groups.digest, sampled=cut)


def _frozen(found: Survey, frozen: FrozenGroups) -> GroupRows:
    """The sampled rows with the groups that a file gives them."""
    e, source = found.evidence, found.source
    if frozen.by_id != ("id" in source.roles):
        has, wants = ("ids", "positions") if "id" in source.roles else ("positions", "ids")
        raise UsageError(
            f"{option('groups_from')}: the frozen groups are by {wants}, and {source.name} has {has}; name the "
            f"column of ids with {option('id')}, or freeze groups of this file"
        )
    labels, missing = frozen.of(row_keys(e))
    own = frozen.about.get("content") == found.content
    return _labelled(found, labels, missing, origin=str(frozen.about["source"]), frozen=True, own=own)


def _from_other(found: Survey, chosen: GroupSetting, of: Callable[[Source], Survey]) -> GroupRows:
    """The sampled rows with clusters of other embeddings of the same items."""
    e, source = found.evidence, found.source
    other = of(open_source(chosen.groups_from, chosen.columns))
    if ("id" in other.source.roles) != ("id" in source.roles) or ("id" not in source.roles and other.evidence.n != e.n):
        raise UsageError(
            f"{option('groups_from')}: expected the same items in {other.source.name} as in {source.name}, by an id "
            f"column in both or as many rows in the same order, found {other.evidence.n} and {e.n} rows; name the "
            f"column with {option('id')}"
        )
    if other.evidence.drawn is None:
        raise UsageError(f"{option('groups_from')}: {other.source.name} has no usable row")
    assert e.drawn is not None
    usual = candidates(len(e.drawn.rows)) or (2,)  # which of fewer than four rows is too many, and is said so
    k = chosen.k[0] if chosen.k else usual[len(usual) // 2]
    made = clusters_of_other_space(other.evidence.drawn.rows, row_keys(other.evidence), row_keys(e), k, chosen.seed)
    if isinstance(made, Result):
        raise UsageError(f"{option('groups_from')}: {made.reason}")
    labels, missing = made
    if missing == len(labels):
        raise UsageError(f"{option('groups_from')}: no row of {source.name} has its id in {other.source.name}")
    own = other.content == found.content
    return _labelled(found, labels, missing, origin="same_space" if own else "other_space", own=own)


def row_keys(e: Evidence) -> Keys:
    """The keys of the sampled rows, whatever the seed of the sample."""
    assert e.drawn is not None
    return unmix(e.drawn.keys, e.seed)


def _labelled(found: Survey, labels: Index, missing: int, *, origin: str, own: bool, frozen: bool = False) -> GroupRows:
    drawn = found.evidence.drawn
    assert drawn is not None
    there = np.flatnonzero(labels >= 0)
    kept, labels = drawn.take(there), labels[there]
    keys = hash_ids(labels)
    digest = digest_of(membership(unmix(kept.keys, found.evidence.seed), keys))
    return GroupRows(
        keys, kept.index, kept.rows, labels.astype(str), missing, digest, origin, frozen, own,  # type: ignore[arg-type]
    )  # fmt: skip
