"""How much of a metric can be lost at all: a drop that none can exceed is no gate."""

from __future__ import annotations

from decimal import Decimal

from labelfree.errors import UsageError
from labelfree.gating.grammar import Drop, decimal, plain
from labelfree.gating.series import Reading

WORST: dict[str, tuple[str, int | Decimal]] = {
    "rankme": ("higher", 1), "effective_rank": ("higher", 1), "rankme_centered": ("higher", 1), "lidar": ("higher", 1),
    "separability": ("higher", 0), "separability_robust": ("higher", 0), "uniformity": ("lower", 0),
    "alignment": ("lower", 4), "hopkins": ("higher", 0), "infomax": ("higher", 0), "diversity": ("higher", 0),
    "snd": ("higher", 0), "source_accuracy": ("higher", 0), "doc": ("higher", 0), "atc_mc": ("higher", 0),
    "atc_ne": ("higher", 0), "cot": ("higher", 0), "ensv": ("higher", 0), "gde": ("higher", 0),
    "opis": ("lower", Decimal("0.25")), "pseudo_opis": ("lower", Decimal("0.25")), "eps_opis": ("lower", 1),
    "mean_utility": ("higher", 0), "worst_utility": ("higher", 0),
}  # fmt: skip
"""The worst value of each metric that has a direction and an end in it, as its docstring says under Range; without
those whose end depends on the number of classes."""


def room(base: Reading) -> Decimal | None:
    """The most that can be lost from a baseline's value; None where nothing bounds it."""
    direction, worst = WORST.get(base.metric, (None, 0))
    if direction != base.entry["direction"] or base.value is None:
        return None
    left = decimal(base.value) - worst if direction == "higher" else worst - decimal(base.value)
    return left if left >= 0 else None


def check_drop(asked: Drop, base: Reading) -> None:
    """Refuse a drop that the metric cannot exceed. A percentage below 100 is never at fault, only its baseline."""
    left = room(base)
    if left is None or asked.number == 0 or (asked.percent and asked.number < 100):
        return
    assert base.value is not None
    if asked.limit(base.value) >= left:
        direction, worst = WORST[asked.metric]
        hint = f"for {plain(asked.number)} percent write {asked}%" if not asked.percent and asked.number < 100 else ""
        raise UsageError(
            f"--max-drop {asked}: {asked.metric} is {base.value:.6g} in {base.where} and never "
            f"{'below' if direction == 'higher' else 'above'} {worst}, so it cannot drop by more, and the gate could "
            f"not fail; {hint or 'name a smaller drop'}"
        )
