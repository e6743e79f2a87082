"""A history and a verdict as sections of a page: curves with what the rule says, checks, conditions and guards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfree.catalog import STATES
from labelfree.documents.findings import found_by, with_fix
from labelfree.documents.wording import counted
from labelfree.render.numbers import decimals, number
from labelfree.render.pages.markup import Cell, Column, figures, finding, listed, table
from labelfree.render.pages.page import Answer, Part, Section
from labelfree.render.pictures import histories
from labelfree.render.verdicts import verdict as verdicts

_DECISIONS = {"pass": "good", "continue": "good", "stop": "mid", "undecided": "mid", "fail": "bad", "collapse": "bad"}


def history_section(document: Mapping[str, Any]) -> Section:
    """The section of one run of a history."""
    curves, guards = document["curves"], document["guards"]
    answers = [_collapsed(guard) for guard in guards if guard["decision"] == "collapse"]
    answers += [_answer(name, curve) for name, curve in curves.items()]
    parts = [
        Part("Curves", figures(histories.curve_panels(document))),
        Part("Checks", _checks(curves)),
        Part("Guards", listed(f"collapse guard: {guard['decision']}: {guard['message']}" for guard in guards)),
        Part("Settings", listed([f"{name}: {held}" for name, held in document["settings"].items() if held])),
    ]
    title = f"{document['history']}: {histories.heading(document)}"
    return Section(title, answers, parts, [*curves, "95 % interval"])


def _collapsed(guard: Mapping[str, Any]) -> Answer:
    return Answer("collapsed:", f" {guard['message']}", "bad")


def _answer(name: str, curve: Mapping[str, Any]) -> Answer:
    """What the rule says of a metric."""
    judged = curve["verdict"]
    if judged is None:
        return Answer(f"{name}:", f" {curve['note'] or 'no direction is known for it'}")
    best = judged["best"]
    said = f"best {number(best['value'], decimals(best['value'], best['se']))} at step {best['step']}" if best else ""
    return Answer(f"{name}: {judged['decision']}", f": {judged['message']}", _DECISIONS[judged["decision"]], [said])


def _checks(curves: Mapping[str, Any]) -> str:
    """A row for each step, a column for each metric."""
    steps = sorted({point["step"] for curve in curves.values() for point in curve["points"]})
    known = {name: {point["step"]: point for point in curve["points"]} for name, curve in curves.items()}
    best = {name: (curve["verdict"] or {}).get("best") or {} for name, curve in curves.items()}
    columns = [Column("step"), *(Column(name, name, numbers=True) for name in curves)]
    rows = []
    for step in steps:
        cells = [Cell(str(step), float(step))]
        for name in curves:
            mark = "best" if best[name].get("step") == step else ""
            cells.append(_point(known[name].get(step), mark))
        rows.append(cells)
    return table(f"{counted(len(steps), 'check')}, each metric with its 95 % interval", columns, rows)


def _point(point: Mapping[str, Any] | None, mark: str) -> Cell:
    if point is None or point["value"] is None:
        return Cell("-", small="" if point is None else "undefined")
    places = decimals(point["value"], point["se"])
    between = point["interval"] and " to ".join(number(end, places) for end in point["interval"])
    return Cell(number(point["value"], places), point["value"], between or "", mark)


def verdict_section(document: Mapping[str, Any]) -> Section:
    """The section of the verdict of a gate."""
    head, rest = verdicts.answer(document)
    verdict = document["verdict"]
    state = verdict.get("state")
    columns = [Column(name) for name in ("condition", "found", "interval", "decision", "why")]
    rows = [
        [Cell(one.condition), Cell(one.found), Cell(one.interval),
         Cell(one.decision, tone=_DECISIONS.get(one.decision, "")), Cell(one.message)]
        for one in verdicts.rows(document)
    ]  # fmt: skip
    found = found_by(verdict)
    said = "".join(finding(one["severity"], with_fix(one["message"], one["fix"]), one["code"]) for one in found)
    parts = [
        Part("Conditions", table("conditions and guards", columns, rows, sorts=False)),
        Part("Findings", f'<ul class="plain">{said}</ul>' if said else "<p>none</p>"),
        Part("Settings", listed(verdicts.notes(document))),
    ]
    below = [verdicts.heading(document)]
    below += [f"{STATES.get(state['state'], state['state'])}: {state['message']}"] if state else []
    answer = Answer(f"{head}:", f" {rest}", _DECISIONS[verdict["decision"]], below)
    return Section("verdict of the gate", [answer], parts, [one["code"] for one in found])
