"""How much of a metric can be lost at all: a drop that none can exceed is no gate."""

from __future__ import annotations

from decimal import Decimal

from labelfree.catalog import entry
from labelfree.errors import UsageError, option
from labelfree.gating.grammar import Drop, decimal, plain
from labelfree.gating.series import Reading


def room(base: Reading) -> Decimal | None:
    """The most that can be lost from a baseline's value; None where nothing bounds it."""
    known = entry(base.metric)
    if known.worst is None or known.direction != base.entry["direction"] or base.value is None:
        return None
    left = decimal(base.value) - known.worst if known.direction == "higher" else known.worst - decimal(base.value)
    return left if left >= 0 else None


def check_drop(asked: Drop, base: Reading) -> None:
    """Refuse a drop that the metric cannot exceed. A percentage below 100 is never at fault, only its baseline."""
    left = room(base)
    if left is None or asked.number == 0 or (asked.percent and asked.number < 100):
        return
    assert base.value is not None
    if asked.limit(base.value) >= left:
        known = entry(asked.metric)
        hint = f"for {plain(asked.number)} percent write {asked}%" if not asked.percent and asked.number < 100 else ""
        raise UsageError(
            f"{option('max_drop', str(asked))}: {asked.metric} is {base.value:.6g} in {base.where} and never "
            f"{'below' if known.direction == 'higher' else 'above'} {known.worst}, so it cannot drop by more, and the "
            f"gate could not fail; {hint or 'name a smaller drop'}"
        )
