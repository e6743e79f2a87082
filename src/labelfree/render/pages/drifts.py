"""What the page of drift has beside its metrics: slices, unusual rows, columns that moved, class shares, pictures."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.documents.wording import counted
from labelfree.render.notes import drift as notes
from labelfree.render.numbers import number, value
from labelfree.render.pages.markup import Cell, Column, figures, listed, table, unfolded
from labelfree.render.pages.page import Part
from labelfree.render.pictures.drifts import beyond_panel, classes_panel, sources_panels
from labelfree.reports.drift import UnusualRow
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport

WORDS = ("by chance", "p", "score", "most unusual row", "nearest in the reference", "beyond 95 %", "in the reference",
         "energy ratio", "against", "singled out", "reference", "look", "ks_dimensions", "bbse",
         "mlls")  # fmt: skip
"""Words of the tables here."""
_FOLDED = 3
"""Sources up to which long tables stand open."""
_LINES, _FEWEST, _CELLS = 90, 3, 300
"""Lines of a long table over all sources, the fewest of each, and numbers of a wide one: a page can be sent."""
_SHARES = (("bbse", "by confusions"), ("mlls", "by probabilities"))
"""Metrics of the class shares, and how each finds them."""


def drift_pictures(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """The headline with its interval by source, in order."""
    return figures(sources_panels(reports, names)) if len(reports) > 1 else ""


def drift_parts(reports: Sequence[RowsReport], names: Sequence[str]) -> list[Part]:
    """The parts of one or several reports of drift."""
    parts = [
        Part("Most unusual rows", _unusual(reports, names)),
        *_slices(reports, names),
        Part("Columns that moved", _columns(reports, names)),
        Part("Class shares", _classes(reports, names)),
    ]
    return [part for part in parts if part.body]


def looks(reports: Sequence[RowsReport]) -> dict[str, list[Cell]]:
    """The cells on size and p-value of each report, for a table of sources."""
    drifts = [report.drift for report in reports]
    found = {"drift": [Cell("" if one is None or one.size is None else notes.size_words(one.size)) for one in drifts]}
    p = [None if one is None else one.look.p_value for one in drifts]
    found["p"] = [Cell("-" if one is None else f"{one:.2g}", one) for one in p]
    return found


def _unusual(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """The rows that lie farthest from the reference, of every source."""
    several = len(reports) > 1
    columns = [Column("most unusual row", "most unusual row"), *([Column("source")] if several else []),
               Column("p", "p", numbers=True), Column("score", "score", numbers=True),
               Column("nearest in the reference", "nearest in the reference")]  # fmt: skip
    rows, told = [], []
    for report, name in zip(reports, names, strict=True):
        part = None if report.drift is None else report.drift.unusual
        if part is None:
            continue
        first = part.rows[: _most(reports)]
        rows += [[one[0], *([Cell(name, name=True)] if several else []), *one[1:]] for one in map(_row, first)]
        told.append(
            f"{name}: {part.singled_out:,} of {counted(part.scored, 'row')} can be singled out, about "
            f"{100 * part.false_share:.0f} % of them falsely; {counted(part.calibration_rows, 'row')} of the reference "
            f"say what is usual ({part.method})"
        )
    found = table("rows of the sample, the most unusual first", columns, rows) if rows else ""
    return (unfolded(f"the rows of {len(reports)} sources", found) if len(reports) > _FOLDED else found) + listed(told)


def _row(one: UnusualRow) -> list[Cell]:
    near = ", ".join(f"{n.get('id')}" for n in one.nearest)
    return [Cell(str(one.id), name=True), Cell(f"{one.p_value:.3g}", one.p_value),
            Cell(number(one.score, 4), one.score), Cell(near, name=True)]  # fmt: skip


def _slices(reports: Sequence[RowsReport], names: Sequence[str]) -> list[Part]:
    """The rows by the values of a column, in the order of how many lie beyond the reference."""
    found = [(name, r.drift.by) for r, name in zip(reports, names, strict=True) if r.drift is not None and r.drift.by]
    if not any(by.slices for _, by in found):
        return []
    several, column = len(reports) > 1, found[0][1].column
    columns = [Column(column), *([Column("source")] if several else []), Column("rows", numbers=True),
               Column("share", numbers=True), Column("in the reference", "in the reference", numbers=True),
               Column("beyond 95 %", "beyond 95 %", numbers=True), Column("energy ratio", "energy ratio", numbers=True),
               Column("against", "against")]  # fmt: skip
    rows = [
        [
            Cell(one.value, name=True), *([Cell(name, name=True)] if several else []),
            Cell(f"{one.rows:,}", float(one.rows)), _percent(one.share), _percent(one.reference_share),
            _percent(one.beyond, one.beyond_interval),
            Cell(number(one.energy_ratio, 4), one.energy_ratio, _ends(one.energy_interval)), Cell(one.against),
        ]
        for name, by in found for one in by.slices[: _most(reports)]
    ]  # fmt: skip
    drawn = figures(beyond_panel(by, name if several else "") for name, by in found[-1:] if by.slices)
    rare = [f"{name}: {counted(by.left_out, 'row')} of rarer values are left out" for name, by in found if by.left_out]
    if (left := sum(len(by.slices) for _, by in found) - len(rows)) > 0:
        rare.append(f"of every source the {_most(reports)} values with most rows beyond; {left:,} more in the report")
    body = table(f"drift by the values of {column}, each with its 95 % interval", columns, rows)
    body = unfolded(f"the values in {len(reports)} sources", body) if len(reports) > _FOLDED else body
    return [Part(f"By {column}", drawn + body + listed(rare))]


def _most(reports: Sequence[RowsReport]) -> int:
    """Lines of each source in a long table."""
    return max(_FEWEST, _LINES // len(reports))


def _percent(share: float | None, ends: tuple[float, float] | None = None) -> Cell:
    if share is None:
        return Cell("-")
    between = "" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"
    return Cell(f"{100 * share:.1f} %", share, between)


def _ends(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{number(ends[0], 4)} to {number(ends[1], 4)}"


def _columns(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """How many columns of the embeddings moved, and which the surest."""
    rows = []
    for report, name in zip(reports, names, strict=True):
        entry = report.metrics.get("ks_dimensions")
        if entry is None or entry.value is None:
            continue
        parts = entry.parts
        which = ", ".join(map(str, parts["columns"])) + (", ..." if entry.value > len(parts["columns"]) else "")
        rows.append([
            Cell(name, name=True), Cell(f"{value(entry)} of {parts['of']:,}", entry.value), Cell(which or "none"),
            Cell(f"{parts['largest']:.3g}", parts["largest"]), Cell(f"{parts['p_value']:.2g}", parts["p_value"]),
        ])  # fmt: skip
    columns = [Column("source"), Column("ks_dimensions", "ks_dimensions", numbers=True), Column("columns, from 0"),
               Column("largest statistic", "ks_dimensions", numbers=True), Column("p", "p", numbers=True)]  # fmt: skip
    return table("columns of the embeddings that differ, the surest first", columns, rows) if rows else ""


def _classes(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """The class shares that current rows have by their scores, beside those of the reference."""
    found = [
        (name, told, word, entry)
        for report, name in zip(reports, names, strict=True)
        for word, told in _SHARES
        if (entry := report.metrics.get(word)) is not None and entry.value is not None and "shares" in entry.parts
    ]
    if not found:
        return ""
    drawn = figures([classes_panel(found[-1][3], f"{found[-1][0]}: class shares {found[-1][1]}")])
    columns = [Column("class", numbers=True), Column("reference", "reference", numbers=True)]
    columns += [Column(f"{name}, {told}" if len(reports) > 1 else told, word, numbers=True)
                for name, told, word, _ in found]  # fmt: skip
    usual: Sequence[float] = found[0][3].parts["reference"]
    which = _moved(usual, [entry.parts["shares"] for *_, entry in found])
    rows = [[Cell(str(i), float(i)), _percent(usual[i]), *(_share(entry, i) for *_, entry in found)] for i in which]
    below = [f"the {len(which)} of {len(usual)} classes that moved most"] if len(which) < len(usual) else []
    below += [
        f"{name}, {told}: {value(entry)} of the rows would have changed their class" for name, told, _, entry in found
    ]
    return drawn + table("class shares, if the rows of each class look as before", columns, rows) + listed(below)


def _moved(usual: Sequence[float], now: Sequence[Sequence[float]]) -> list[int]:
    """The classes that a table has room for, in their order: those whose share differs most in some source."""

    def moved(i: int) -> float:
        return max(abs(shares[i] - usual[i]) for shares in now if i < len(shares))

    room = max(_FEWEST, _CELLS // len(now))
    return sorted(sorted((i for i in range(len(usual)) if any(i < len(s) for s in now)), key=moved)[-room:])


def _share(entry: MetricEntry, i: int) -> Cell:
    shares: Sequence[float] = entry.parts["shares"]
    return _percent(shares[i]) if i < len(shares) else Cell("-")
