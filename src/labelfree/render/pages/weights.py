"""Reports on weights as a section of a page: the metrics over all layers, and the layers that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from labelfree.render.naming import short_names
from labelfree.render.numbers import number, value
from labelfree.render.pages.markup import Cell, Column, finding, table
from labelfree.render.pages.page import Answer, Part, Section
from labelfree.render.tables.layers import heading, worst
from labelfree.reports.told import of_weights
from labelfree.reports.weights import LayerEntry, WeightsReport


def weights_section(reports: Sequence[WeightsReport], *, everything: bool = False) -> Section:
    """The section of one or several checkpoints."""
    sources = [report.input.sources[0] for report in reports]
    names = short_names(sources) if len(reports) > 1 else [PurePath(sources[0]).name]
    metrics = list(dict.fromkeys(name for report in reports for name in report.metrics))
    columns = [Column("checkpoint"), *(Column(name, name, numbers=True) for name in metrics)]
    rows = [
        [Cell(name, float(i), name=True), *(_overall(report, metric) for metric in metrics)]
        for i, (report, name) in enumerate(zip(reports, names, strict=True))
    ]
    said = of_weights(reports, dict(zip(sources, names, strict=True)).__getitem__)
    found = "".join(finding(one.severity, one.text, one.code) for one in said)
    parts = [
        Part("Checkpoints", table("metrics over all layers", columns, rows)),
        *(Part(f"Layers of {name}", _layers(report, everything)) for report, name in zip(reports, names, strict=True)),
        Part("Findings", f'<ul class="plain">{found}</ul>' if found else "<p>none</p>"),
    ]
    title = f"weights of {names[0]}" if len(reports) == 1 else f"weights of {len(reports)} checkpoints"
    answers = [Answer(name, "", "", heading(report)) for report, name in zip(reports, names, strict=True)]
    return Section(title, answers, parts, [*metrics, *(one.code for one in said)])


def _layers(report: WeightsReport, everything: bool) -> str:
    which, layers = worst(report, everything)
    names = list(dict.fromkeys(name for layer in layers for name in layer.metrics))
    columns = [Column("layer"), Column("shape"), *(Column(name, numbers=True) for name in names)]
    return table(which, columns, [[Cell(layer.name, name=True), Cell(" x ".join(map(str, layer.matrix))),
                                   *(_value(layer, name) for name in names)] for layer in layers])  # fmt: skip


def _overall(report: WeightsReport, metric: str) -> Cell:
    entry = report.metrics.get(metric)
    return Cell("-") if entry is None else Cell(value(entry), entry.value)


def _value(layer: LayerEntry, name: str) -> Cell:
    found = layer.value(name)
    return Cell("-" if found is None else f"{found:,.4g}" if abs(found) < 1e6 else number(found, 0), found)
