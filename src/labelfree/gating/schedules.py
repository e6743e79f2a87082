"""What a run's learning rate says about its plateaus: cycles that a window must cover, drops still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from labelfree.history import Record

SUDDEN = 0.8
"""A rate that falls to this share of the one before, at once, has dropped; one that fell so far has fallen."""


@dataclass(frozen=True)
class Schedule:
    """What is known of the learning rate at the latest check; steps are those of the history.

    cycle: steps from one restart to the next; cycle_from: "option", "scheduler" (it said so in the history) or
    "learning_rate" (restarts among the recorded ones). next_drop: the next step at which the rate will drop.
    """

    cycle: int | None = None
    cycle_from: str | None = None
    next_drop: int | None = None

    def document(self) -> dict[str, Any] | None:
        """The schedule as part of a condition; None where nothing is known."""
        return None if self == Schedule() else asdict(self)


def schedule(records: Sequence[Record], cycle: int | None, drops: Sequence[int]) -> Schedule:
    """The schedule of a run, from options and from what its records say."""
    told: dict[int, dict[str, Any]] = {}
    for record in records:
        if record.get("schedule"):
            told.setdefault(record["step"], record["schedule"])
    at = sorted(told)
    latest = max(r["step"] for r in records)
    planned = told[at[-1]] if at else {}
    ahead = sorted(step for step in {*drops, *(planned.get("drops") or ())} if step >= latest)  # felt after it
    following = ahead[0] if ahead else None
    if cycle is not None:
        return Schedule(cycle, "option", following)
    stated = [said for step in at if (said := told[step].get("cycle"))]
    if stated:
        return Schedule(stated[-1], "scheduler", following)
    known = [(step, rate) for step in at if (rate := told[step].get("learning_rate")) is not None]
    seen = cycle_of([step for step, _ in known], [rate for _, rate in known])
    return Schedule(seen, None if seen is None else "learning_rate", following)


def cycle_of(steps: Sequence[int], rates: Sequence[float]) -> int | None:
    """The steps from one restart of the rate to the next; None where it never rose again after it had fallen.

    Where restarts lie apart unevenly, by more than the checks do, the longest way counts. One restart alone ends a
    cycle that began with the run.

    >>> cycle_of(range(6), [3, 2, 1, 3, 2, 1]), cycle_of(range(6), [1, 2, 3, 3, 2, 1])
    (3, None)
    """
    found = [steps[i] for i in restarts(rates)]
    if not found:
        return None
    if len(found) == 1:
        return found[0] - steps[0]
    ways = [b - a for a, b in pairwise(found)]
    apart = sorted(b - a for a, b in pairwise(steps))[(len(steps) - 1) // 2]
    return max(ways) if max(ways) - min(ways) > apart else round(sum(ways) / len(ways))


def restarts(rates: Sequence[float]) -> list[int]:
    """Where a rate that had fallen by a fifth is up again by a quarter, and by a twentieth of the highest so far.

    >>> restarts([1.0, 0.5, 0.1, 1.0, 0.5, 0.4, 0.45])
    [3]
    """
    found, falling, turn, highest = [], False, rates[0] if rates else 0.0, 0.0
    for i, rate in enumerate(rates):
        highest = max(highest, rate)
        if falling and rate * SUDDEN >= turn and rate - turn > 0.05 * highest:
            found.append(i)
            falling, turn = False, rate
        elif not falling and rate < turn and rate <= SUDDEN * turn:
            falling, turn = True, rate
        else:
            turn = min(turn, rate) if falling else max(turn, rate)
    return found


def drops(rates: Sequence[float]) -> list[int]:
    """Where a rate drops: by a fifth at once, and by more than twice of what it falls just before and after.

    >>> drops([1.0, 1.0, 0.1, 0.1, 0.01]), drops([4.0, 3.0, 2.0, 1.0, 0.0])
    ([2, 4], [])
    """
    falls = [0.0, *(max(a - b, 0.0) for a, b in pairwise(rates)), 0.0]
    return [
        i
        for i in range(1, len(rates))
        if rates[i] <= SUDDEN * rates[i - 1] and falls[i] > 2 * max(falls[i - 1], falls[i + 1])
    ]
