"""The rows of one evaluation as they come, and the summaries that are all that stays of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from labelfree.arrays import Index, Rows, as_array, as_rows, unreal
from labelfree.errors import ArrayError
from labelfree.kernels.devices import kernels_for
from labelfree.kernels.threads import limited_threads
from labelfree.sources.block import Block, Source, Values
from labelfree.survey.found import Survey
from labelfree.survey.growing import Summaries
from labelfree.survey.shards import block_rows
from labelfree.training import ranks
from labelfree.training.plan import MonitorPlan

_TOLD = 8


class Collection:
    """Rows by their position in the whole set, of which this rank sees its share; no list of all rows is kept.

    Some megabytes of rows wait until a matrix product of them is worth its d x d result.
    """

    def __init__(self, plan: MonitorPlan, place: str) -> None:
        self.plan, self.place = plan, place
        self.limit = plan.rows
        self.summaries: Summaries | None = None
        self._waiting: list[tuple[Rows, Index, Values | None]] = []
        self.lengths: list[int] = []
        self._seen = self._beyond = 0

    def add(self, features: Any, ids: Sequence[Any] | None = None) -> None:
        """Take in a batch of features (m, d), in the order of the set; ids: of these rows, instead of the plan's."""
        rows, dtype = _matrix(features)
        names = None if ids is None else as_array(ids, "ids")
        if names is not None and names.shape != (len(rows),):
            raise ArrayError(f"ids: expected one for each of {len(rows)} rows, found shape {names.shape}")
        index = self._positions(len(rows))
        named = names is not None or self.plan.ids is not None
        if self.summaries is None:
            self.summaries = self._empty(rows.shape[1], dtype, named=named)
        if rows.shape[1] != self.summaries.d:
            raise ArrayError(
                f"features: expected {self.summaries.d} columns as in the first batch, found {rows.shape[1]}"
            )
        if named != ("id" in self.summaries.source.roles):
            raise ArrayError("ids: expected them with every batch or with none, found some of both")
        self._waiting.append((rows, index, names))
        if self.waiting >= block_rows(self.summaries.d):
            self.settle()

    @property
    def waiting(self) -> int:
        """How many rows wait until a block of them is full."""
        return sum(len(part) for part, _, _ in self._waiting)

    def settle(self) -> None:
        """Take in what still waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self.summaries is None:
            return
        rows = np.concatenate([part for part, _, _ in waiting])
        index = np.concatenate([places for _, places, _ in waiting])
        there = np.arange(len(index)) if self.limit is None else np.flatnonzero(index < self.limit)
        self._beyond += len(index) - len(there)
        extra: dict[str, Values] = {}
        if "id" in self.summaries.source.roles:
            names = np.concatenate([self._named(places, given) for _, places, given in waiting])
            extra["id"] = names[there]
        with limited_threads(self.plan.chosen.threads):
            self.summaries.add(Block(rows[there], index[there], extra))

    def finish(self) -> None:
        """Take in the last rows, and see that no more came than the set has, but for what a sampler repeats."""
        self.settle()
        rank, world = ranks.place()
        if self._beyond > (0 if world == 1 else max(self.lengths, default=1)):
            raise _unequal(self.plan, f"{self.limit} rows", f"{self._beyond} beyond them on rank {rank}")

    def _named(self, index: Index, given: Values | None) -> Values:
        """The ids of rows at these positions; beyond the end of the set there are none."""
        if given is not None:
            return given
        assert self.plan.ids is not None
        ids: Values = as_array(self.plan.ids, "ids")
        return np.asarray(ids[np.minimum(index, len(ids) - 1)])

    def _positions(self, m: int) -> Index:
        """Where the next m rows of this rank stand in the whole set."""
        rank, world = ranks.place()
        here = np.arange(m, dtype=np.int64)
        if self.plan.dealt == "batches" and world > 1:
            self.lengths.append(m)
            index = ((len(self.lengths) - 1) * world + rank) * self.lengths[0] + here
        else:
            index = rank + world * (self._seen + here)
        self._seen += m
        return index

    def _empty(self, d: int, dtype: str, *, named: bool) -> Summaries:
        plan, chosen = self.plan, self.plan.chosen
        source = Source(
            "features", (), self.place, f"features<{dtype}>", dtype, d, 0, 0, _unreadable, {"id": "id"} if named else {}
        )
        needs = frozenset(need for metric in plan.metrics for need in metric.needs)
        needs |= {"sample"} if plan.keep is not None else frozenset()
        return Summaries(
            source, needs, kernels_for(chosen.device), chosen.sample, chosen.seed, chosen.on_bad,
            plan.command.zero_rows == "refused",
        )  # fmt: skip


def surveyed(parts: Sequence[Summaries], lengths: Sequence[list[int]], plan: MonitorPlan, name: str) -> Survey:
    """The survey of the rows of all ranks, in the order of the ranks; name: what they are called in the report.

    lengths: of the batches of each rank, where they are dealt out in batches.
    """
    _check_dealt(lengths)
    whole, *others = parts
    whole.kernels = kernels_for(plan.chosen.device)
    for other in others:
        if other.d != whole.d:
            raise ArrayError(f"features: expected {whole.d} columns on every rank as on the first, found {other.d}")
        whole.merge(other)
    if plan.rows not in (None, whole.tally.read):
        raise _unequal(plan, f"{plan.rows} rows", f"{whole.tally.read}")
    whole.source = replace(whole.source, name=name, total=whole.tally.read)
    whole.check()
    found = whole.finished()
    return replace(found, evidence=replace(found.evidence, topology=plan.chosen.topology))


def _check_dealt(lengths: Sequence[list[int]]) -> None:
    """Refuse batches whose rows do not stand where full ones before them would put them, rank after rank."""
    size = max((max(of, default=0) for of in lengths), default=0)
    in_turn = [length for batches in zip_longest(*lengths, fillvalue=0) for length in batches]
    full = next((i for i, length in enumerate(in_turn) if length < size), len(in_turn))
    if any(in_turn[full + 1 :]) or any(of and of[0] < size for of in lengths[1:]):
        told = ", ".join(f"{of[-1] if of else 0} on rank {rank}" for rank, of in enumerate(lengths[:_TOLD]))
        raise ArrayError(
            f"dealt='batches': expected {size} rows in every batch but the last of all, found short ones before it (at "
            f"the end {told}); choose a batch size that leaves no rank short, or evaluate on one rank"
        )


def _unequal(plan: MonitorPlan, expected: str, found: str) -> ArrayError:
    return ArrayError(
        f"{'rows' if plan.ids is None else 'ids'}: expected {expected} between two checks, found {found}; evaluate "
        "that set alone and once, from reset() on where others come before it, or say how many rows it has"
    )


def _unreadable(rows: int) -> Iterator[Block]:
    """Features are gone once they are summed up."""
    return iter(())


def _matrix(features: Any) -> tuple[Rows, str]:
    """Features (m, d) as numpy rows of their own, whatever is done to the tensor later, and their dtype."""
    array = np.array(as_array(features, "features"), order="C")
    if array.ndim != 2 or array.shape[1] == 0:
        raise ArrayError(
            f"features: expected (rows, d), one row per item, found shape {array.shape}; pool tokens to one row first"
        )
    if said := unreal(array.dtype):
        raise ArrayError(f"features: {said}")
    dtype = str(features.dtype).removeprefix("torch.") if hasattr(features, "detach") else str(array.dtype)
    return as_rows(array), dtype
