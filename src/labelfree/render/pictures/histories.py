"""The curves of a run: drawn beside the numbers in a terminal, as text, and as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from labelfree.documents.reading import as_json
from labelfree.documents.wording import cell, counted, steps
from labelfree.errors import option
from labelfree.render.console import plain_table, print_table
from labelfree.render.numbers import decimals, number
from labelfree.render.pictures.model import Axis, Band, Layer, Line, Panel, Span, Star

MOST = 30
"""Checks shown in a table that was not asked for all."""
PICTURES = (".svg", ".png", ".pdf")
_BETTER = {"higher": "higher is better", "lower": "lower is better", "target": "nearest its target is best"}


def show(console: Console, document: Mapping[str, Any], *, everything: bool) -> None:
    """Print the curves of one run."""
    console.print(Text.assemble(("history", "bold"), f"  {document['history']}"))
    console.print(Text(heading(document), style="dim"))
    for metric, curve in document["curves"].items():
        console.print()
        better = _BETTER.get(curve["direction"], "no direction")
        console.print(Text.assemble((metric, "bold"), f"  {better}"))
        points = curve["points"] if everything else curve["points"][-MOST:]
        table = plain_table(console)
        for name in ("step", "value"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("95 % interval", no_wrap=True)
        pictures = _bars(console, curve["points"], points)
        if pictures:
            table.add_column("", no_wrap=True, style="cyan")
        for i, point in enumerate(points):
            table.add_row(str(point["step"]), *_cells(point), *([pictures[i]] if pictures else []))
        print_table(console, table)
        if len(points) < len(curve["points"]):
            earlier = counted(len(curve["points"]) - len(points), "earlier check")
            console.print(Text(f"{earlier} with {option('everything')}", style="dim"))
        if curve["verdict"] is not None:
            console.print(Text(verdict(curve["verdict"])))
        if curve["note"] is not None:
            console.print(Text.assemble(("warning: ", "yellow"), curve["note"]))
    console.print()
    for guard in document["guards"]:
        console.print(Text(f"collapse guard: {guard['decision']}: {guard['message']}"))


def heading(document: Mapping[str, Any]) -> str:
    """Which run this is, in a line."""
    held = steps(document["first_step"], document["last_step"])
    return f"run {document['run']}, {counted(document['checks'], 'check')}, {held}"


def verdict(condition: Mapping[str, Any]) -> str:
    """What the rule says of a metric, and its best check."""
    said = f"{condition['decision']}: {condition['message']}"
    best = condition["best"]
    return said + (f"; best {best['value']:.6g} at step {best['step']}" if best else "")


def _said(curve: Mapping[str, Any]) -> list[str]:
    return [verdict(curve["verdict"])] if curve["verdict"] else [f"warning: {curve['note']}"] if curve["note"] else []


def _cells(point: Mapping[str, Any]) -> tuple[str, str]:
    value, interval = point["value"], point["interval"]
    if value is None:
        return "-", "undefined"
    places = decimals(value, point["se"])
    between = "" if interval is None else f"{number(interval[0], places)} to {number(interval[1], places)}"
    return number(value, places), between


def _bars(console: Console, everything: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each point as a dot in its interval, on one scale for the run; none where this is no terminal."""
    if not console.is_terminal or "utf" not in (console.encoding or "").lower():
        return []
    width = max(10, min(console.width - 42, 60))
    known = [p for p in everything if p["value"] is not None]
    ends = [v for p in known for v in (p["value"], *(p["interval"] or ()))]
    if not ends or min(ends) == max(ends):
        return []
    low, scale = min(ends), (width - 1) / (max(ends) - min(ends))
    return [_bar(p, lambda v: round((v - low) * scale)) for p in points]


def _bar(point: Mapping[str, Any], at: Callable[[float], int]) -> str:
    if point["value"] is None:
        return ""
    first, last = (at(v) for v in point["interval"] or (point["value"], point["value"]))
    dot = at(point["value"])
    line = [" "] * first + ["─"] * (max(last, dot) - first + 1)
    line[dot] = "●"
    return "".join(line)


def to_csv(document: Mapping[str, Any]) -> str:
    """One line per metric and check."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("run", "step", "metric", "value", "se", "low", "high", "source"))
    for metric, curve in document["curves"].items():
        for p in curve["points"]:
            low, high = p["interval"] or (None, None)
            line = (document["run"], p["step"], metric, p["value"], p["se"], low, high, p["source"])
            writer.writerow([f"{v:.12g}" if isinstance(v, float) else "" if v is None else v for v in line])
    return out.getvalue()


def to_markdown(document: Mapping[str, Any]) -> str:
    """The tables as GitHub prints them."""
    out = [f"### history: {cell(document['history'])}", "", cell(heading(document)), ""]
    for metric, curve in document["curves"].items():
        out += [f"| step | {metric} | 95 % interval |", "|---:|---:|---|"]
        out += [f"| {p['step']} | {' | '.join(_cells(p))} |" for p in curve["points"]]
        out += [""] + [f"- {cell(said)}" for said in _said(curve)] + [""]
    out += [f"- collapse guard: {g['decision']}: {cell(g['message'])}" for g in document["guards"]]
    return "\n".join(out) + "\n"


TEXTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    ".json": lambda document: as_json(document) + "\n",
    ".ndjson": lambda document: as_json(document, indent=None) + "\n",
    ".csv": to_csv,
    ".md": to_markdown,
}
"""What the curves can be written as, by suffix."""


def draw(document: Mapping[str, Any], path: Path) -> None:
    """One panel per metric: the values, their intervals as a band, and the best check."""
    from labelfree.render.pictures.panels import write

    write(curve_panels(document), path)


def curve_panels(document: Mapping[str, Any]) -> list[Panel]:
    """The panels of a run."""
    return [_panel(metric, curve) for metric, curve in document["curves"].items()]


def _panel(metric: str, curve: Mapping[str, Any]) -> Panel:
    points = [p for p in curve["points"] if p["value"] is not None]
    steps_of = [p["step"] for p in points]
    low, high = ([p["interval"][end] if p["interval"] else nan for p in points] for end in (0, 1))
    layers: list[Layer] = [Band(steps_of, low, high), Line(steps_of, [p["value"] for p in points], marked=True)]
    title = metric
    if judged := curve["verdict"]:
        reason = judged["reason"].replace("_", " ")
        title += f": {judged['decision']}" + (f" ({reason})" if reason != judged["decision"] else "")
        if window := judged.get("window"):
            layers.append(Span(window["first_step"], window["last_step"], f"window of {window['checks']} checks"))
        if best := judged["best"]:
            layers.append(Star(best["step"], best["value"], f"best at step {best['step']}"))
    return Panel(title, Axis("step"), Axis(metric), layers, height=2.9)
