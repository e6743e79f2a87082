"""How alike representations are as a table for people, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.text import Text

from labelfree.catalog import shown_in
from labelfree.documents.files import atomically, check_targets
from labelfree.documents.wording import cell, counted
from labelfree.errors import OutputError, option
from labelfree.render.console import SEVERITY_STYLES, console_for, plain_table, print_table
from labelfree.render.numbers import interval, number, value
from labelfree.render.tables.blocks import Column, print_blocks
from labelfree.reports.compare import CompareReport, PairEntry
from labelfree.reports.entries import FindingEntry, MetricEntry

SAME_SPACE = 0.99
"""CKA from which two representations are called one space in the first line."""
_FEW = 5
PICTURES = (".svg", ".png", ".pdf")
"""What compressed copies can be drawn as."""
_WORDS = {"pass": ("PASSED", "green"), "undecided": ("UNDECIDED", "yellow"), "fail": ("FAILED", "red")}


def answer(report: CompareReport) -> str:
    """The answer in a line: what of the neighbors is kept, and whether it is one space."""
    pairs = [one for one in report.pairs if one.a == report.to]
    if pairs[0].joined == "same":
        return "; ".join(_bought(one, report.inputs[0].bytes) for one in pairs)
    if len(pairs) == 1:
        return _answer(pairs[0])
    known = [one for one in pairs if (m := one.metrics.get("neighbors_kept")) and m.value is not None]
    if not known:
        return "; ".join(_answer(one) for one in pairs)
    known.sort(key=lambda one: -(one.metrics["neighbors_kept"].value or 0.0))
    nearest, farthest = known[0], known[-1].metrics["neighbors_kept"].value or 0.0
    entry = nearest.metrics["neighbors_kept"]
    kept = f"{nearest.b} keeps {100 * (entry.value or 0.0):.1f} % of {entry.params['k']} neighbors{_ends(entry)}"
    return f"nearest to {report.to}: {kept}; farthest: {known[-1].b}, {100 * farthest:.1f} %"


def _bought(one: PairEntry, whole: int) -> str:
    """What a copy keeps for its bytes."""
    entry = one.metrics.get("neighbors_kept") or next(iter(one.metrics.values()))
    told = "-" if entry.value is None else f"{100 * entry.value:.1f} %"
    return f"{one.b} keeps {told} of the neighbors for {100 * one.bytes / whole:.0f} % of the bytes"


def _answer(one: PairEntry) -> str:
    said = [_kept(one)] if "neighbors_kept" in one.metrics else []
    cka = one.metrics.get("cka")
    if cka is not None and cka.value is not None:
        told = f"CKA {_unsigned(value(cka))}"
        said.append(f"same space: {told}" if cka.value >= SAME_SPACE else told)
    if not said:
        return ", ".join(f"{one.b}: {name} {_cell(entry)}" for name, entry in one.metrics.items())
    return "; ".join(said)


def _kept(one: PairEntry) -> str:
    entry = one.metrics["neighbors_kept"]
    if entry.value is None:
        return f"{one.b}: no neighbors to compare ({entry.reason})"
    k = entry.params["k"]
    whose = f"{one.a}'" if one.a.endswith("s") else f"{one.a}'s"
    return f"{one.b} keeps {100 * entry.value:.1f} % of {whose} {k} nearest neighbors{_ends(entry)}"


def _ends(entry: MetricEntry) -> str:
    """The interval in percent, in parentheses; empty where there is none."""
    return "" if entry.interval is None else f" ({100 * entry.interval[0]:.1f} to {100 * entry.interval[1]:.1f})"


def _unsigned(text: str) -> str:
    return text.removeprefix("0") if text.startswith("0.") else text


def heading(report: CompareReport) -> list[str]:
    """How many sources, on which rows."""
    first = report.pairs[0]
    of = f"{first.n:,} rows" if first.sample is None else f"{first.n:,} rows, neighbors of {first.sample.size:,}"
    ways = {"id": "joined by id", "position": "aligned by position", "same": "copies of the same rows"}
    widths = {one.name: one.d for one in report.inputs}
    if len(set(widths.values())) == 1:
        told = f"width {next(iter(widths.values())):,}"
    else:
        told = "widths " + ", ".join(f"{d:,}" for d in widths.values())
    return [f"{of}, {ways[first.joined]}, {told}"]


def columns(report: CompareReport, everything: bool) -> dict[str, list[str]]:
    """The cells of the table under their headings: a row for each source beside `to`."""
    pairs = [one for one in report.pairs if one.a == report.to]
    names = list(dict.fromkeys(name for one in pairs for name in one.metrics))
    shown = shown_in("similarity")
    wanted = names if everything or not set(names) <= {*shown} else [n for n in shown if n in names]
    found: dict[str, list[str]] = {}
    for name in wanted:
        entries = [one.metrics.get(name) for one in pairs]
        found[name] = ["-" if entry is None else _cell(entry) for entry in entries]
        if any(entry is not None and entry.interval for entry in entries) and (everything or name == wanted[0]):
            found[f"{name} interval"] = ["" if entry is None else interval(entry) for entry in entries]
    return found


def copies(report: CompareReport) -> dict[str, list[str]]:
    """The cells of the table of compressed copies: bytes of a vector against what is kept."""
    whole = report.inputs[0].bytes
    found = {
        "bytes per vector": [f"{one.bytes:,}" for one in report.pairs],
        "smaller": [f"{whole / one.bytes:.3g} x" for one in report.pairs],
    }
    return found | columns(report, everything=False)


def _cell(entry: MetricEntry) -> str:
    return value(entry)


def metric_rows(one: PairEntry, everything: bool) -> list[tuple[str, str, str, str, str]]:
    """The metrics of one pair: name, value, interval, what chance gives, and what centering changes."""
    found = []
    for name, entry in one.metrics.items():
        if entry.value is None:
            found.append((name, "-", "", "", entry.reason or ""))
            continue
        chance = entry.parts.get("chance")
        told = "" if chance is None else number(float(chance), 4 if chance else 0)
        found.append((name, value(entry), interval(entry), told, _beside(name, entry)))
    return found


def _beside(name: str, entry: MetricEntry) -> str:
    parts = entry.parts
    if name == "neighbors_kept":
        return f"centered {parts['centered']:.4f}; {100 * parts['rows_unchanged']:.1f} % of rows kept all"
    if name == "cka":
        shares = " and ".join(f"{100 * share:.0f} %" for share in parts["top_pc_share"])
        return (
            f"uncentered {parts['uncentered']:.4f}; biased {parts['biased']:.4f} (chance "
            f"{parts['chance_of_biased']:.4f}); top direction {shares}"
        )
    if name == "mutual_knn":
        return f"uncentered {parts['uncentered']:.4f}"
    if name == "linear_r2":
        return f"the other way {parts['b_from_a']:.4f}"
    if name.startswith("match") and any(parts["constant_columns"]):
        return "constant columns " + " and ".join(map(str, parts["constant_columns"]))
    if name == "relative_mrr":
        return f"first of all {100 * parts['top_1']:.1f} %"
    return ""


def matrix(report: CompareReport) -> list[list[str]]:
    """The shares of kept neighbors (CKA where they were not measured) of every two sources."""
    name = "neighbors_kept" if "neighbors_kept" in report.pairs[0].metrics else next(iter(report.pairs[0].metrics))
    table = []
    for a in report.sources:
        table.append(["1" if a == b else _cell(report.pair(a, b).metrics[name]) for b in report.sources])
    return table


def notes(report: CompareReport) -> list[str]:
    """What stands below: the rows that changed most, the slices, the thresholds."""
    found = []
    for one in (p for p in report.pairs if p.a == report.to):
        lead = "" if len(report.sources) == 2 else f"{one.b}: "
        if one.changed:
            rows = ", ".join(f"{row.id} ({row.neighbors_kept:.1f})" for row in one.changed[:_FEW])
            found.append(f"{lead}rows whose neighbors changed most (share kept): {rows}")
        if one.by is not None:
            found.append(f"{lead}share of neighbors kept by {one.by.column}:")
            for part in one.by.slices[:_FEW]:
                ends = "" if part.interval is None else f" ({part.interval[0]:.3f} to {part.interval[1]:.3f})"
                found.append(f"  {part.value}: {part.neighbors_kept:.3f}{ends}, {counted(part.n, 'row')}")
            if len(one.by.slices) > _FEW:
                found.append(f"  and {len(one.by.slices) - _FEW} more that kept more")
        for there in one.thresholds:
            group = "" if there.group is None else f"{there.group}: "
            for name, what in (("same_share", "accepts as many pairs"), ("most_alike", "keeps most of the same pairs")):
                by = getattr(there, name)
                if by is None:
                    continue
                ends = by.threshold_interval
                told = "" if ends is None else f" ({ends[0]:.4f} to {ends[1]:.4f})"
                found.append(
                    f"{lead}{group}{there.threshold:g} on {one.a} ({100 * there.accepted:.2f} % of pairs): on {one.b} "
                    f"{by.threshold:.4f}{told} {what}: F1 {by.f1:.3f}, agreement {by.agreement:.4f}"
                )
    return found


def verdict_line(report: CompareReport) -> str | None:
    """The verdict in a line, None without one."""
    if report.verdict is None:
        return None
    return f"{_WORDS[report.verdict.decision][0]}: {report.verdict.message}"


def findings(report: CompareReport, *, everything: bool) -> list[FindingEntry]:
    """The findings, the first of each code unless all are asked for."""
    order = ("error", "warning", "note")
    ranked = sorted(report.findings, key=lambda one: order.index(one.severity))
    if everything:
        return ranked
    first: dict[str, FindingEntry] = {}
    for one in ranked:
        first.setdefault(one.code, one)
    return list(first.values())


def show(
    console: Console, report: CompareReport, *, everything: bool, telling: Literal["none", "grouped", "all"] = "grouped"
) -> None:
    """Print a comparison."""
    if report.verdict is not None:
        word, style = _WORDS[report.verdict.decision]
        console.print(Text.assemble((f"{word}: ", f"bold {style}"), report.verdict.message))
    head, colon, rest = answer(report).partition(";")
    console.print(Text.assemble((head, "bold"), f"{colon}{rest}"))
    for line in heading(report):
        console.print(Text.assemble((report.command, "bold"), "  ", line))
    console.print()
    if report.pairs[0].joined == "same":
        cells = copies(report)
        print_blocks(
            console,
            Column(f"{report.to} as", [one.b for one in report.pairs]),
            [Column(h, c) for h, c in cells.items()],
        )
    elif len(report.sources) == 2:
        table = plain_table(console)
        table.add_column("metric", no_wrap=True)
        for heading_ in ("value", "95 % interval", "chance"):
            table.add_column(heading_, justify="right", no_wrap=True)
        table.add_column("", style="dim", overflow="fold")
        for row in metric_rows(report.pairs[0], everything):
            table.add_row(*row)
        print_table(console, table)
    else:
        others = [one.b for one in report.pairs if one.a == report.to]
        cells = columns(report, everything)
        print_blocks(console, Column(f"against {report.to}", others), [Column(name, cells[name]) for name in cells])
        console.print()
        cells_of = matrix(report)
        print_blocks(
            console, Column(_matrix_of(report), report.sources),
            [Column(b, [row[j] for row in cells_of]) for j, b in enumerate(report.sources)],
        )  # fmt: skip
    if below := notes(report):
        console.print()
        for note in below:
            console.print(Text(note, style="dim"))
    if telling == "none":
        return
    if not everything:
        console.print(Text(f"more metrics: {option('everything')}", style="dim"))
    for one in findings(report, everything=telling == "all"):
        console.print(
            Text.assemble((f"{one.severity}: ", SEVERITY_STYLES[one.severity]), str(one), (f" [{one.code}]", "dim"))
        )


def _matrix_of(report: CompareReport) -> str:
    return "neighbors_kept" if "neighbors_kept" in report.pairs[0].metrics else next(iter(report.pairs[0].metrics))


def in_short(report: CompareReport) -> str:
    """The comparison as Python prints it."""
    out = io.StringIO()
    show(console_for(out), report, everything=False, telling="none")
    return out.getvalue().rstrip("\n")


def to_csv(report: CompareReport) -> str:
    """One line for each metric of each pair; an undefined value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["a", "b", "n", "metric", "value", "se", "low", "high", "chance", "status", "reason"])
    for one in report.pairs:
        for name, entry in one.metrics.items():
            low, high = entry.interval or (None, None)
            line: Sequence[object] = (
                one.a, one.b, one.n, name, entry.value, entry.se, low, high, entry.parts.get("chance"), entry.status,
                entry.reason_code,
            )  # fmt: skip
            writer.writerow([f"{v:.12g}" if isinstance(v, float) else "" if v is None else v for v in line])
    return out.getvalue()


def to_markdown(report: CompareReport, *, everything: bool) -> str:
    """The comparison as GitHub prints it."""
    out = [f"### {report.command}: {cell(answer(report))}", ""]
    if (told := verdict_line(report)) is not None:
        out += [cell(told), ""]
    out += [*(f"{cell(line)}  " for line in heading(report)), ""]
    if report.pairs[0].joined == "same":
        cells = copies(report)
        out += [f"| {cell(report.to)} as | {' | '.join(cells)} |", f"|---{'|---:' * len(cells)}|"]
        for i, one in enumerate(report.pairs):
            out.append(f"| {one.b} | {' | '.join(column[i] for column in cells.values())} |")
    elif len(report.sources) == 2:
        out += ["| metric | value | 95 % interval | chance | |", "|---|---:|---|---:|---|"]
        out += [f"| {' | '.join(map(cell, row))} |" for row in metric_rows(report.pairs[0], everything)]
    else:
        cells = columns(report, everything)
        others = [one.b for one in report.pairs if one.a == report.to]
        out += [f"| against {cell(report.to)} | {' | '.join(cells)} |", f"|---{'|---:' * len(cells)}|"]
        for i, name in enumerate(others):
            out.append(f"| {cell(name)} | {' | '.join(cell(column[i]) for column in cells.values())} |")
        names = [cell(name) for name in report.sources]
        out += ["", f"| {_matrix_of(report)} | {' | '.join(names)} |", f"|---{'|---:' * len(names)}|"]
        out += [f"| {name} | {' | '.join(row)} |" for name, row in zip(names, matrix(report), strict=True)]
    said = [*notes(report), *(f"{f.severity}: {f} [{f.code}]" for f in findings(report, everything=False))]
    out += ["", *(f"- {cell(text.strip())}" for text in said)]
    return "\n".join(out).rstrip() + "\n"


TEXTS: dict[str, Callable[[CompareReport, bool], str]] = {
    ".json": lambda report, _: report.to_json() + "\n",
    ".ndjson": lambda report, _: report.to_json(indent=None) + "\n",
    ".csv": lambda report, _: to_csv(report),
    ".md": lambda report, everything: to_markdown(report, everything=everything),
}
"""What a comparison can be written as, by suffix."""


def write(report: CompareReport, path: Path, *, everything: bool = False, name: str = "path") -> None:
    """Write a comparison in the format that the suffix names; of compressed copies a picture too."""
    check_targets([path], (*TEXTS, *PICTURES), name)
    if path.suffix in PICTURES:
        if report.pairs[0].joined != "same":
            raise OutputError(f"{path}: a picture is drawn of {option('compress')} alone; write .json, .csv or .md")
        from labelfree.render.pictures.canvas import write as draw
        from labelfree.render.pictures.copies import copies_panel

        atomically(path, lambda temporary: draw([copies_panel(report)], temporary))
        return
    text = TEXTS[path.suffix](report, everything)
    atomically(path, lambda temporary: temporary.write_text(text, "utf-8", "backslashreplace"))
