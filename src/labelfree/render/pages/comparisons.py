"""How alike representations are as a section of a page: the answer, every pair, the metrics, what changed most."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.catalog import METRIC_NAMES
from labelfree.documents.wording import counted
from labelfree.render.numbers import interval, number, value
from labelfree.render.pages.markup import Cell, Column, code, figures, finding, listed, table
from labelfree.render.pages.page import Answer, Part, Section
from labelfree.render.pages.rows import repeated
from labelfree.render.pages.translations import thresholds
from labelfree.render.pictures.copies import copies_panel
from labelfree.render.pictures.model import Panel
from labelfree.render.pictures.pairs import kept_panel, matrix_panel, slices_panel
from labelfree.render.tables import comparisons
from labelfree.reports.compare import ChangedRow, CompareReport, PairEntry
from labelfree.reports.entries import MetricEntry

_TONES = {"pass": "good", "undecided": "mid", "fail": "bad"}
_ORDERED = ("error", "warning", "note")
_DRAWN = 4
"""Pairs up to which the slices of each are drawn."""


def comparison_section(report: CompareReport, *, everything: bool = False) -> Section:
    """The section of a comparison."""
    pairs = [one for one in report.pairs if one.a == report.to]
    copies = pairs[0].joined == "same"
    names = _shown(report, everything)
    said = sorted(report.findings, key=lambda one: _ORDERED.index(one.severity))
    found = "".join(finding(str(one.severity), str(one), one.code) for one in said)
    parts = [
        Part("Pictures", figures(_panels(report, pairs, copies=copies))),
        Part("Metrics", _copies(report, names) if copies else _metrics(pairs, names)),
        Part("Rows that changed most", _changed(pairs)),
        *_slices(pairs),
        Part("What becomes of the threshold", thresholds(pairs)),
        Part("Findings", f'<ul class="plain">{found}</ul>' if found else "<p>none</p>"),
        Part("Data", _data(report, pairs)),
        Part("Settings and how to repeat it", _repeated(report)),
    ]
    words = [*names, "95 % interval", "chance", "bytes", *(one.code for one in said)]
    words += ["accepted", "f1", "agreement"] if any(one.thresholds for one in pairs) else []
    others = pairs[0].b if len(pairs) == 1 else f"{len(pairs)} others"
    title = f"compare {report.to} with {'copies of itself' if copies else others}"
    return Section(title, _answers(report), parts, words)


def _answers(report: CompareReport) -> list[Answer]:
    """What was required and whether it holds, and how much is kept."""
    head, semicolon, rest = comparisons.answer(report).partition(";")
    found = [Answer(head, f"{semicolon}{rest}", "", comparisons.heading(report))]
    if report.verdict is None:
        return found
    word, colon, why = (comparisons.verdict_line(report) or "").partition(":")
    return [Answer(f"{word}{colon}", why, _TONES.get(report.verdict.decision, "")), *found]


def _shown(report: CompareReport, everything: bool) -> list[str]:
    """The metrics of the table, in its order."""
    held = sorted({name for one in report.pairs for name in one.metrics}, key=METRIC_NAMES.index)
    return [name for name in held if everything or name in comparisons.columns(report, everything)]


def _panels(report: CompareReport, pairs: Sequence[PairEntry], *, copies: bool) -> list[Panel]:
    if copies:
        return [copies_panel(report)] if any("neighbors_kept" in one.metrics for one in pairs) else []
    found = [matrix_panel(report)] if len(report.sources) > 2 else []
    return [*found, panel] if len(pairs) > 1 and (panel := kept_panel(pairs)) is not None else found


def _metrics(pairs: Sequence[PairEntry], names: Sequence[str]) -> str:
    """The metrics of two sources as rows, or of several sources as columns with a row for each that is compared."""
    if len(pairs) > 1:
        columns = [Column(f"against {pairs[0].a}"), *(Column(name, name, numbers=True) for name in names)]
        rows = [[Cell(one.b, float(i), name=True), *(_entry(one.metrics.get(name)) for name in names)]
                for i, one in enumerate(pairs)]  # fmt: skip
        return table("each metric with its 95 % interval and what chance gives, where they are known", columns, rows)
    columns = [Column("metric"), Column("value", numbers=True), Column("95 % interval", "95 % interval"),
               Column("chance", "chance", numbers=True), Column("note")]  # fmt: skip
    rows = []
    told = {row[0]: row[1:] for row in comparisons.metric_rows(pairs[0], everything=True)}
    for name in names:
        shown, between, chance, note = told[name]
        cells = [Cell(name, word=name), Cell(shown, pairs[0].metrics[name].value), Cell(between)]
        rows.append([*cells, Cell(chance), Cell(note)])
    return table(f"{pairs[0].b} against {pairs[0].a}", columns, rows, sorts=False)


def _entry(entry: MetricEntry | None) -> Cell:
    if entry is None:
        return Cell("-")
    if entry.value is None:
        return Cell("-", small=f"{entry.status}: {entry.reason}")
    chance = entry.parts.get("chance")
    told = "" if chance is None else f"chance {number(float(chance), 4 if chance else 0)}"
    return Cell(value(entry), entry.value, interval(entry), more=told)


def _copies(report: CompareReport, names: Sequence[str]) -> str:
    """Compressed copies: bytes of a vector against what is kept."""
    whole = report.inputs[0].bytes
    columns = [Column(f"{report.to} as"), Column("bytes per vector", "bytes", numbers=True),
               Column("smaller", numbers=True), *(Column(name, name, numbers=True) for name in names)]  # fmt: skip
    rows = [
        [Cell(one.b, float(i), name=True), Cell(f"{one.bytes:,}", float(one.bytes)),
         Cell(f"{whole / one.bytes:.3g} x", whole / one.bytes), *(_entry(one.metrics.get(name)) for name in names)]
        for i, one in enumerate(report.pairs)
    ]  # fmt: skip
    return table(f"copies of {report.to}, {whole:,} bytes a vector as it is", columns, rows)


def _changed(pairs: Sequence[PairEntry]) -> str:
    """The rows that kept the fewest neighbors, a column for each of the others."""
    known = [one for one in pairs if one.changed]
    columns = [Column(""), *(Column(f"in {one.b}") for one in known)]
    rows = [
        [Cell(str(i + 1), float(i)), *(_row(one.changed[i]) if i < len(one.changed) else Cell("") for one in known)]
        for i in range(max((len(one.changed) for one in known), default=0))
    ]
    caption = "rows that kept the fewest neighbors, by id or position, and the share of neighbors that each kept"
    return table(caption, columns, rows, sorts=False) if rows else ""


def _row(row: ChangedRow) -> Cell:
    return Cell(str(row.id), small=f"{row.neighbors_kept:.2f}", name=True)


def _slices(pairs: Sequence[PairEntry]) -> list[Part]:
    """The values of a column, those whose rows kept the fewest neighbors first."""
    found = [(one.b, one.by) for one in pairs if one.by is not None and one.by.slices]
    if not found:
        return []
    columns = [Column(found[0][1].column), Column("in"), Column("rows", numbers=True)]
    columns += [Column("neighbors_kept", "neighbors_kept", numbers=True), Column("95 % interval", "95 % interval")]
    rows = [
        [Cell(part.value, name=True), Cell(name, name=True), Cell(f"{part.n:,}", float(part.n)),
         Cell(f"{part.neighbors_kept:.3f}", part.neighbors_kept),
         Cell("" if part.interval is None else f"{part.interval[0]:.3f} to {part.interval[1]:.3f}")]
        for name, by in found for part in by.slices
    ]  # fmt: skip
    rare = max(by.left_out for _, by in found)
    below = f"{counted(rare, 'row')} of rarer values are left out" if rare else ""
    body = table(f"neighbors kept by the values of {found[0][1].column}", columns, rows)
    drawn = figures(
        slices_panel(one) for one in [one for one in pairs if one.by is not None and one.by.slices][:_DRAWN]
    )
    return [Part(f"By {found[0][1].column}", drawn + body + listed([below] if below else []))]


def _data(report: CompareReport, pairs: Sequence[PairEntry]) -> str:
    columns = [Column("source"), Column("path"), Column("rows", numbers=True), Column("columns", numbers=True),
               Column("type"), Column("bytes per vector", "bytes", numbers=True)]  # fmt: skip
    rows = [
        [Cell(one.name, name=True), Cell(one.path, name=True), Cell(f"{one.n:,}", float(one.n)),
         Cell(f"{one.d:,}", float(one.d)), Cell(one.dtype), Cell(f"{one.bytes:,}", float(one.bytes))]
        for one in report.inputs
    ]  # fmt: skip
    left = [
        f"{one.b}: {counted(one.left_out[0], 'row')} of {one.a} and {one.left_out[1]:,} of {one.b} left out, "
        f"{one.bad:,} bad"
        for one in pairs
        if any(one.left_out) or one.bad
    ]
    return table("what was read", columns, rows) + listed(left)


def _repeated(report: CompareReport) -> str:
    given = {
        "everything" if name == "all" else name: held
        for name, held in report.settings.items()
        if not (held is None or held is False or held == []) and name not in ("memory", "device", "expect")
    }  # fmt: skip
    said = "<p>The same rows, settings and version give the same numbers.</p>"
    return said + code(repeated("compare", [one.path for one in report.inputs], given))
