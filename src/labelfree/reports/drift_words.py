"""The first line on drift, made from the metrics by the rule drift/v1: how large it is, never a p-value alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from labelfree.reports.drift import Look
from labelfree.reports.entries import MetricEntry

Size: TypeAlias = Literal["none", "hardly", "slight", "moderate", "strong"]
AUC = (0.55, 0.65, 0.75)
"""Of c2st_auc: from where drift is slight, moderate, strong."""
BEYOND = (0.07, 0.10, 0.20)
"""Of share_beyond_95, of which chance alone gives .05."""
WORDS = {
    "none": "no drift seen", "hardly": "hardly any drift", "slight": "slight drift", "moderate": "drift",
    "strong": "strong drift",
}  # fmt: skip
"""What each size is called."""
_SIZES: tuple[Size, ...] = ("hardly", "slight", "moderate", "strong")


def size_of(metrics: Mapping[str, MetricEntry], different: bool | None) -> Size | None:
    """How large the drift is; None where nothing that tells has a value.

    none: random divisions of the rows differ as much. Else the larger of what two numbers say, each only as far as its
    interval is beyond chance: how well a classifier tells the sides apart, how many rows lie outside the reference.
    """
    levels = [
        level
        for name, limits, chance in (("c2st_auc", AUC, 0.5), ("share_beyond_95", BEYOND, 0.05))
        if (level := _level(metrics.get(name), limits, chance)) is not None
    ]
    if different is None and not levels:
        return None
    if different is False:
        return "none"
    return _SIZES[max(levels, default=0)]


def _level(entry: MetricEntry | None, limits: tuple[float, ...], chance: float) -> int | None:
    """How many limits a value reaches; 0 where its interval holds chance."""
    if entry is None or entry.value is None:
        return None
    if entry.interval is not None and entry.interval[0] <= chance:
        return 0
    return sum(entry.value >= limit for limit in limits)


def said(metrics: Mapping[str, MetricEntry], size: Size | None, look: Look) -> str:
    """The first line, for a person."""
    auc, beyond, told = metrics.get("c2st_auc"), metrics.get("share_beyond_95"), list[str]()
    if auc is not None and auc.value is not None:
        if auc.interval is not None and auc.interval[0] <= 0.5:
            told.append("a classifier does not tell current rows from the reference")
        else:
            told.append(f"a classifier tells current rows from the reference in {100 * auc.value:.0f} % of pairs")
    if beyond is not None and beyond.value is not None:
        share = 100 * beyond.value
        told.append(f"{share:.{0 if share >= 9.5 else 1}f} % of rows lie outside what it holds (5 % expected)")
    if not told:
        entry = metrics.get("energy_ratio")
        told.append(
            "no metric has a value" if entry is None or entry.value is None else f"energy ratio {entry.value:.3g}"
        )
    head = "" if size is None else f"{WORDS[size]}: "
    return head + "; ".join(told) + _chance(look)


def _chance(look: Look) -> str:
    """How likely chance alone is, of this look."""
    if look.p_value is None:
        return ""
    which = f", look {look.number} of {look.of}" if look.number is not None else ""
    return f" (p {look.p_value:.2g}{which})"
