"""What becomes of a threshold on other representations, as a table of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labelfree.render.pages.markup import Cell, Column, table
from labelfree.reports.compare import Agreement, PairEntry, ThresholdEntry

_WAYS = (
    ("same_share", "accepts as many pairs"), ("most_alike", "keeps most of the same pairs"),
    ("unchanged", "the same threshold"),
)  # fmt: skip
"""The thresholds on the other source, and what each does."""


def thresholds(pairs: Sequence[PairEntry]) -> str:
    """A row for each threshold on each of the others, for all rows and for each group."""
    rows = [cells for one in pairs for there in one.thresholds for cells in _rows(one, there)]
    if not rows:
        return ""
    first = next(there for one in pairs for there in one.thresholds)
    columns = [
        Column("on"), Column("pairs of"), Column("that"), Column("threshold", numbers=True),
        Column("accepted", "accepted", numbers=True), Column("f1", "f1", numbers=True),
        Column("agreement", "agreement", numbers=True),
    ]  # fmt: skip
    return table(f"{first.threshold:g} on {pairs[0].a}, and what decides alike on the others", columns, rows)


def _rows(pair: PairEntry, there: ThresholdEntry) -> Iterator[list[Cell]]:
    before = f"{100 * there.accepted:.2f} % before"
    whose = "all rows" if there.group is None else there.group
    for name, what in _WAYS:
        found: Agreement | None = getattr(there, name)
        if found is None:
            yield [Cell(pair.b, name=True), Cell(whose, name=True),
                   Cell(f"none: {pair.a} accepts {100 * there.accepted:.4g} % of pairs"), *[Cell("-")] * 4]  # fmt: skip
            return
        yield [
            Cell(pair.b, name=True), Cell(whose, name=True), Cell(what),
            Cell(f"{found.threshold:.4f}", found.threshold, _between(found.threshold_interval)),
            Cell(f"{100 * found.accepted:.2f} %", found.accepted, f"of {there.pairs:,}", more=before),
            Cell(f"{found.f1:.3f}", found.f1, _between(found.f1_interval)),
            Cell(f"{found.agreement:.4f}", found.agreement, _between(found.agreement_interval)),
        ]  # fmt: skip


def _between(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.4f} to {ends[1]:.4f}"
