"""The layers of checkpoints as tables for people, Markdown, CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from labelfree.documents.reading import as_json
from labelfree.documents.wording import cell, counted, in_unicode
from labelfree.errors import option
from labelfree.render.console import plain_table, print_table
from labelfree.render.naming import short_names
from labelfree.render.numbers import number, value
from labelfree.render.tables.blocks import Column, print_blocks
from labelfree.reports.document import of_reports
from labelfree.reports.told import Line, of_weights
from labelfree.reports.weights import LayerEntry, WeightsReport

_READING = "which way is better is not known for metrics of weights: labelfree explain median_rank_share"
SHOWN = 8
"""Layers in a table that is not asked for all of them."""
_VALUES = (
    "effective_rank", "stable_rank", "tail_exponent", "weight_spikes", "spectral_norm", "frobenius_norm", "mean_cosine",
    "classifier_nonuniformity",
)  # fmt: skip


def show(console: Console, reports: Sequence[WeightsReport], *, everything: bool) -> None:
    """Print the reports of one command."""
    if len(reports) == 1:
        _single(console, reports[0], everything)
    else:
        _several(console, reports, everything)


def heading(report: WeightsReport) -> list[str]:
    """What was measured, and what was left out."""
    t = report.input.tensors
    tied = f", {t.tied} more equal to one of them" if t.tied else ""
    told = [f"{t.measured} of {counted(t.read, 'tensor')} measured{tied}: {t.numbers_measured:,} of "]
    told[0] += f"{t.numbers_read:,} numbers"
    kinds = Counter(left.reason_code for left in report.input.left_out)
    if kinds:
        named = ", ".join(f"{count} {_KINDS.get(kind, kind)}" for kind, count in kinds.items())
        told.append(f"left out: {named} (by name: {option('json', python='to_json()')})")
    return told


_KINDS = {
    "vector": "of one dimension", "bias": "named bias", "integer": "of integers", "quantized": "quantized",
    "mask": "masks", "empty": "without numbers", "dtype": "of another dtype", "not_asked": "not asked for",
}  # fmt: skip


def worst(report: WeightsReport, everything: bool) -> tuple[str, list[LayerEntry]]:
    """The layers to show, and by what they were chosen: broken rows first, then the lowest share of full rank."""
    layers = report.layers
    if everything or len(layers) <= SHOWN:
        return counted(len(layers), "layer"), list(layers)
    order = sorted(layers, key=lambda layer: (-_broken(layer), layer.rank_share is None, layer.rank_share or 0.0))
    broken = any(_broken(layer) for layer in layers)
    chosen = "broken rows first, then the lowest share of full rank" if broken else "the lowest shares of full rank"
    return f"{SHOWN} of {counted(len(layers), 'layer')}, {chosen} (all: {option('everything')})", order[:SHOWN]


def _broken(layer: LayerEntry) -> int:
    rows = layer.rows
    return 3 if rows.nonfinite else 2 if rows.zero else 1 if rows.duplicate else 0


HEADINGS = ("layer", "kind", "matrix", "rank", "of full", "stable", "tail", "spikes", "")


def cells(layer: LayerEntry) -> tuple[str, ...]:
    """One layer as text, under HEADINGS."""
    share = layer.rank_share
    tail = layer.metrics["tail_exponent"]
    refused = "poor" if tail.reason_code == "poor_fit" else "-"
    return (
        layer.name.removesuffix(".weight"),
        layer.kind,
        f"{layer.matrix[0]}x{layer.matrix[1]}",
        number(layer.value("effective_rank"), 1),
        "-" if share is None else f"{100 * share:.1f} %",
        number(layer.value("stable_rank"), 1),
        refused if tail.value is None else number(tail.value, 2),
        number(layer.value("weight_spikes"), 0),
        remark(layer),
    )


def remark(layer: LayerEntry) -> str:
    """What is broken in a layer, and which tensors equal it."""
    rows = layer.rows
    counts = {"not finite": rows.nonfinite, "all zero": rows.zero, "repeated": rows.duplicate}
    told = [f"{counted(count, 'row')} {what}" for what, count in counts.items() if count]
    if layer.tied:
        told.append(f"also {', '.join(layer.tied)}")
    if "mean_cosine" in layer.metrics:
        told.append(f"mean cosine {number(layer.value('mean_cosine'), 3)}")
    return "; ".join(told)


def _note(report: WeightsReport, name: str) -> str:
    entry = report.metrics[name]
    if entry.value is None:
        return f"undefined: {entry.reason}"
    if "least_layer" in entry.parts:
        low, high = (number(entry.parts[end], 2) for end in ("least", "greatest"))
        whose = counted(int(entry.parts["of"]), "layer")
        return f"{low} to {high} in {whose}"
    if name == "poor_fit_layers":
        return f"of {entry.parts['tried']} with {counted(20, 'eigenvalue')} or more"
    return ""


def _single(console: Console, report: WeightsReport, everything: bool) -> None:
    console.print(Text.assemble((report.command, "bold"), "  ", report.input.sources[0]))
    for line in heading(report):
        console.print(Text(line, style="dim"))
    table = plain_table(console)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("", style="dim", overflow="fold")
    for name, entry in report.metrics.items():
        table.add_row(name, value(entry), _note(report, name))
    console.print()
    print_table(console, table)
    chosen, layers = worst(report, everything)
    console.print()
    console.print(Text(chosen, style="dim"))
    table = plain_table(console)
    table.add_column("layer", overflow="fold")
    for head in ("matrix", "of full", "stable", "tail", "spikes"):
        table.add_column(head, justify="right", no_wrap=True)
    for layer in layers:
        named = dict(zip(HEADINGS, cells(layer), strict=True))
        table.add_row(*(named[head] for head in ("layer", "matrix", "of full", "stable", "tail", "spikes")))
    print_table(console, table)
    _told(console, _beside(report, layers), of_weights([report], str))


def _beside(report: WeightsReport, layers: Sequence[LayerEntry]) -> list[str]:
    notes = [f"{layer.name.removesuffix('.weight')}: {text}" for layer in layers if (text := remark(layer))]
    notes += dict.fromkeys(f"{layer.kind}: {layer.note}" for layer in layers if layer.note)
    return [*notes, _READING]


def _told(console: Console, notes: Sequence[str], found: Sequence[Line]) -> None:
    console.print()
    for note in notes:
        console.print(Text(note, style="dim"))
    for one in found:
        style = "red" if one.severity == "error" else "yellow"
        console.print(Text.assemble((f"{one.severity}: ", style), one.text, (f" [{one.code}]", "dim")))


def _several(console: Console, reports: Sequence[WeightsReport], everything: bool) -> None:
    console.print(Text.assemble((reports[0].command, "bold"), f"  {len(reports)} checkpoints"))
    console.print()
    names = list(reports[0].metrics)
    short = short_names([report.input.sources[0] for report in reports])
    headings = names if not console.is_terminal else [name.replace("_", "_\n", 1) for name in names]
    values = [Column(h, [value(r.metrics[n]) for r in reports]) for h, n in zip(headings, names, strict=True)]
    print_blocks(console, Column("checkpoint", short), values)
    found = across(reports)
    moved = found["changes"]
    if moved:
        some = moved if everything else moved[:SHOWN]
        console.print()
        console.print(
            Text(
                f"{len(some)} of {counted(len(moved), 'layer')}: rank as a share of full, spectral norm, in "
                f"{short[0]} and {short[-1]}; the largest changes of rank first",
                style="dim",
            )
        )
        table = plain_table(console)
        table.add_column("layer", overflow="fold")
        for head in ("of full", "at the end", "norm", "at the end"):
            table.add_column(head, justify="right", no_wrap=True)
        for change in some:
            shares, norms = change["rank_share"], change["spectral_norm"]
            ends = [f"{100 * s:.1f} %" if s is not None else "-" for s in (shares[0], shares[-1])]
            sizes = [number(n, 3) for n in (norms[0], norms[-1])]
            table.add_row(change["layer"].removesuffix(".weight"), *ends, *sizes)
        print_table(console, table)
    differing = [Line("error", f"not comparable: {text}", "not_comparable") for text in found["differences"]]
    names_of = dict(zip([report.input.sources[0] for report in reports], short, strict=True))
    _told(console, [_READING], [*differing, *of_weights(reports, names_of.__getitem__)])


def across(reports: Sequence[WeightsReport]) -> dict[str, Any]:
    """What can only be said of several checkpoints: whether they hold the same layers, and how each changed."""
    layers = [{layer.name: layer for layer in report.layers} for report in reports]
    shared = [
        name for name, layer in layers[0].items() if all(name in o and o[name].matrix == layer.matrix for o in layers)
    ]
    names = list(dict.fromkeys(name for one in layers for name in one))
    other = [name for name in names if name not in shared]
    differences = []
    if other:
        some = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        differences.append(f"{counted(len(other), 'layer')} are not in all checkpoints with one shape: {some}")
    changes = [
        {
            "layer": name,
            "rank_share": [one[name].rank_share for one in layers],
            "spectral_norm": [one[name].value("spectral_norm") for one in layers],
        }
        for name in (shared if len(reports) > 1 else ())
    ]
    changes.sort(key=lambda change: -_moved(change["rank_share"]))
    return {"comparable": not differences, "differences": differences, "changes": changes}


def _moved(shares: Any) -> float:
    first, last = shares[0], shares[-1]
    return float("inf") if (first is None) != (last is None) else abs((last or 0.0) - (first or 0.0))


def records(report: WeightsReport) -> list[dict[str, Any]]:
    """One record for each layer, of the same fields."""
    return [_record(report, layer) for layer in report.layers]


def _record(report: WeightsReport, layer: LayerEntry) -> dict[str, Any]:
    tail = layer.metrics["tail_exponent"]
    return {
        "source": report.input.sources[0],
        "layer": layer.name,
        "kind": layer.kind,
        "shape": "x".join(map(str, layer.shape)),
        "dtype": layer.dtype,
        "rows": layer.rows.read,
        "columns": layer.matrix[1],
        "zero_rows": layer.rows.zero,
        "duplicate_rows": layer.rows.duplicate,
        "nonfinite_rows": layer.rows.nonfinite,
        "rank_share": layer.rank_share,
        **{name: layer.value(name) for name in _VALUES},
        "tail_status": tail.reason_code or tail.status,
        "tied": " ".join(layer.tied),
        "note": layer.note,
    }


def to_json(reports: Sequence[WeightsReport]) -> str:
    """The document of one report or of several, with what needs all of them."""
    return as_json(of_reports(reports, across(reports))) + "\n"


def to_ndjson(reports: Sequence[WeightsReport]) -> str:
    """One report a line."""
    return "".join(report.to_json(indent=None) + "\n" for report in reports)


def to_csv(reports: Sequence[WeightsReport]) -> str:
    """One line per checkpoint and layer; an undefined value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    rows = [record for report in reports for record in records(report)]
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([f"{v:.12g}" if isinstance(v, float) else "" if v is None else v for v in row.values()])
    return out.getvalue()


def to_markdown(reports: Sequence[WeightsReport], *, everything: bool) -> str:
    """The tables as GitHub prints them."""
    out = []
    for report in reports:
        out += [f"### {report.command}: {cell(report.input.sources[0])}", "", *map(cell, heading(report)), ""]
        out += ["| metric | value | |", "|---|---:|---|"]
        out += [f"| {name} | {value(entry)} | {cell(_note(report, name))} |" for name, entry in report.metrics.items()]
        chosen, layers = worst(report, everything)
        out += ["", cell(chosen), "", f"| {' | '.join(HEADINGS)} |", "|---|---|---|---:|---:|---:|---:|---:|---|"]
        out += [f"| {' | '.join(map(cell, cells(layer)))} |" for layer in layers]
        out += ["", *(f"- {cell(text)}" for text in [*_beside(report, layers), *report.warnings]), ""]
    if len(reports) > 1:
        out += [f"- not comparable: {cell(text)}" for text in across(reports)["differences"]]
    return "\n".join(out).rstrip() + "\n"


def to_parquet(reports: Sequence[WeightsReport], path: Path) -> None:
    """One row per checkpoint and layer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [record for report in reports for record in records(report)]
    kinds: Mapping[type, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    named = {name: next((type(r[name]) for r in rows if r[name] is not None), float) for name in rows[0]}
    schema = pa.schema([(name, kinds[kind]) for name, kind in named.items()])
    held = [{name: in_unicode(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows]
    with path.open("wb") as stream:  # a path may be no Unicode
        pq.write_table(pa.Table.from_pylist(held, schema=schema), stream)
