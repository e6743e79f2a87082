"""What is said of candidates beside the rule: what other scores would choose, constant scores, another order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from labelfree.commands.candidate_rows import OF_SCORES, CandidateRows
from labelfree.documents.findings import Finding
from labelfree.families.selection.spaces import NEIGHBORS, neighbor_lists, shared, unit_rows
from labelfree.families.transfer.candidates import agreement, ensv_of
from labelfree.families.transfer.intervals import Interval, share_interval

SCORES = ("source_accuracy", *OF_SCORES, "ensv", "rankme")
"""Scores that stand beside the rule, of all of which the highest is taken to be the best."""
ORDER_ROWS = 500
"""Rows whose neighbors are looked at for another order."""
CHANCE = 5.0
"""Standard errors above chance up to which the neighbors of two candidates have nothing in common."""


def apart_interval(share: float | None, rows: int) -> Interval | None:
    """The interval, for all rows of the kind, of the share of so many on which two candidates predict otherwise."""
    return None if share is None else share_interval(round(share * rows), rows)


def alone(found: Sequence[CandidateRows]) -> dict[str, str]:
    """What each other score would choose by itself: the name of the candidate with the highest, the first of equals.

    Adds `ensv` to the measures where every candidate has class scores. last: the latest of those that have steps.
    """
    if all(one.votes is not None for one in found):
        logits = [one.candidate().logits for one in found]
        results = ensv_of(agreement([z for z in logits if z is not None]))
        for one, result in zip(found, results, strict=True):
            if result.value is not None:
                one.measures["ensv"] = result.value
    chosen = {}
    for name in SCORES:
        if all(name in one.measures for one in found):
            chosen[name] = max(found, key=lambda one: one.measures[name]).name
    if all(one.step is not None for one in found):
        chosen["last"] = max(found, key=lambda one: one.step or 0).name
    return chosen


def check_constant(found: Sequence[CandidateRows]) -> Iterator[Finding]:
    """Candidates whose class scores are the same in every row, or that predict one class alone."""
    for one in found:
        if one.votes is None or (one.votes != one.votes[0]).any():
            continue
        said = (
            "its class scores are equal in every row"
            if one.constant
            else f"it predicts class {one.votes[0]} in every row"
        )
        yield Finding(
            "constant_predictions", f"{one.name}: {said}", "it is left out of the choice", sources=(one.place,)
        )


def in_another_order(found: Sequence[CandidateRows]) -> Iterator[Finding]:
    """Candidates none of whose rows have neighbors in common with another's: rows in another order look like that."""
    lists = []
    for one in found:
        lists.append(neighbor_lists(unit_rows(one.candidate().rows[:ORDER_ROWS])))
    n = len(lists[0])
    if n < 2 * NEIGHBORS:
        return
    k = lists[0].shape[1]
    expected = k / (n - 1)
    limit = expected + CHANCE * np.sqrt(expected * (1 - expected) / (n * k))
    for i, one in enumerate(found):
        met = [shared(lists[i], other) for j, other in enumerate(lists) if j != i]
        if max(met) <= limit:
            yield Finding(
                "other_order",
                f"{one.name}: its rows have the neighbors of no other candidate: are they in another order?",
                "add a column id to every file", sources=(one.place,),
            )  # fmt: skip
