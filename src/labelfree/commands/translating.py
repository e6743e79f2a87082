"""A threshold of one source in another, over all pairs of rows and over those of each group."""

from __future__ import annotations

import math

import numpy as np

from labelfree.commands.column_values import slices, values_at
from labelfree.commands.paired_rows import Joint
from labelfree.errors import UsageError, option
from labelfree.families.similarity.thresholds import LEAST_ROWS, PAIR_ROWS, Counted, Translated, cosines, translated
from labelfree.reports.compare import Agreement, ThresholdEntry
from labelfree.sources.block import Source


def check_threshold(threshold: float | None, group: str | None) -> None:
    """Refuse what is no cosine, and a group without a threshold."""
    if threshold is None:
        if group is not None:
            raise UsageError(f"{option('group')}: has no effect without {option('threshold', 0.65)}; leave it out")
        return
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise UsageError(f"{option('threshold')}: expected a cosine, found {threshold!r}")
    if not -1 < threshold < 1:
        raise UsageError(f"{option('threshold')}: expected a cosine between -1 and 1, found {threshold!r}")


def thresholds(threshold: float, group: str | None, source: Source, joint: Joint, seed: int) -> list[ThresholdEntry]:
    """What becomes of a threshold: over the pairs of all rows, then over those of the rows of each group."""
    a, b = (cosines(rows[:PAIR_ROWS]) for rows in (joint.pair.a, joint.pair.b))
    every = np.arange(len(a))
    found = [_entry(None, threshold, translated(a, b, threshold, every, seed))]
    if group is not None:
        parts = slices(values_at(source, group, joint.index[: len(a)]))
        for name, rows in parts.items():
            if len(rows) >= LEAST_ROWS:
                found.append(_entry(name, threshold, translated(a, b, threshold, rows, seed)))
        if len(found) == 1:
            raise UsageError(
                f"{option('group', group)}: expected groups of at least {LEAST_ROWS} rows among the {len(a):,} whose "
                f"pairs are compared, found {len(parts):,} smaller ones; name a column with fewer values"
            )
    return found


def _entry(group: str | None, threshold: float, found: Translated) -> ThresholdEntry:
    return ThresholdEntry(
        group=group, threshold=float(threshold), pairs=found.pairs, accepted=found.accepted,
        same_share=_agreement(found.same_share), most_alike=_agreement(found.most_alike),
        unchanged=_agreement(found.unchanged),
    )  # fmt: skip


def _agreement(found: Counted | None) -> Agreement | None:
    if found is None:
        return None
    return Agreement(
        threshold=found.threshold, agreement=found.agreement, f1=found.f1, accepted=found.accepted,
        threshold_interval=found.intervals.get("threshold"), agreement_interval=found.intervals.get("agreement"),
        f1_interval=found.intervals.get("f1"),
    )  # fmt: skip
