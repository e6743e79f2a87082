"""The verdict of a gate as a table, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from labelfree.catalog import STATES
from labelfree.documents.findings import finding_line, found_by
from labelfree.documents.wording import apart, cell, counted, one_line, steps
from labelfree.errors import option
from labelfree.render.console import plain_table, print_table

_STYLES = {"pass": "green", "continue": "green", "stop": "yellow", "undecided": "yellow"}


@dataclass(frozen=True)
class VerdictLine:
    """One condition or guard in a table."""

    condition: str
    found: str
    interval: str
    decision: str
    reason: str
    message: str


def rows(document: Mapping[str, Any]) -> list[VerdictLine]:
    """The conditions in the order asked, then the guards."""
    verdict, settings = document["verdict"], document["settings"]
    guards = [
        VerdictLine(f"{g['name']} guard", _rank(g), "", g["decision"], g["reason"], g["message"])
        for g in verdict["guards"]
    ]
    return [_row(c, settings) for c in verdict["conditions"]] + guards


def _row(condition: Mapping[str, Any], settings: Mapping[str, Any]) -> VerdictLine:
    kind, metric = condition["kind"], condition["metric"]
    value, interval = condition.get("estimate"), condition.get("interval")
    limit = condition.get("limit")
    if kind == "require":
        name, value = condition["required"], (condition["found"] or {}).get("value")
        limit = Decimal(condition["required"].split()[-1])
    elif kind == "drop":
        name = f"drop {condition['max_drop'].replace('=', ' at most ')}"
    else:
        name = f"plateau of {metric}"
        limit = settings.get("min_delta", settings.get("stop_at"))
        value = value if value is not None else (condition["latest"] or {}).get("value")
    told = [] if value is None else apart(value if limit is None else limit, value, *(interval or ()), digits=4)[1:]
    if kind == "require" and value is not None and Decimal(repr(value)) == limit:
        told = [condition["required"].split()[-1]]  # all of its digits decided
    between = ""
    if interval and kind == "plateau":  # one-sided: the upper bound decides
        between = f"at most {told[2]} ({100 * settings['confidence']:g} %)"
    elif interval:
        between = f"{told[1]} to {told[2]} ({100 * condition['level']:g} %)"
    said = condition["decision"], condition["reason"], condition["message"]
    return VerdictLine(name, told[0] if told else "-", between, *said)


def _rank(guard: Mapping[str, Any]) -> str:
    share = guard["rank_share"]
    return "-" if share is None else f"{100 * share:.0f} % of rank"


_WORDS = {
    "pass": "PASSED", "continue": "CONTINUE", "fail": "FAILED", "undecided": "UNDECIDED", "stop": "STOP",
    "collapse": "COLLAPSED",
}  # fmt: skip


def answer(document: Mapping[str, Any]) -> tuple[str, str]:
    """What a tired person needs: the decision in a word, and why, with the best check where the run should stop."""
    verdict = document["verdict"]
    best = verdict["best"]
    at = f"; best: {one_line(best['source'])} (step {best['step']})" if best and verdict["exit_code"] else ""
    return _WORDS[verdict["decision"]], f"{verdict['message']}{at}"


def heading(document: Mapping[str, Any]) -> str:
    """What was judged, in a line."""
    found = []
    for given in document["inputs"]:
        name = given["path"]
        if given["role"] == "history":
            held = f"{counted(given['checks'], 'check')}, {steps(given['first_step'], given['last_step'])}"
            name += f" (run {given['run']}, {held})"
        found.append(f"against {name}" if given["role"] == "base" else name)
    return one_line(", ".join(found[:4])) + (f" and {len(found) - 4} more" if len(found) > 4 else "")


_RULE = {
    "warmup": "warm-up", "window": "window", "checks": "planned", "cycle": "cycle", "drops": "drops at",
    "patience": "patience", "confidence": "confidence", "min_delta": "min-delta", "stop_at": "stop-at",
}  # fmt: skip
_CHECKS = ("warmup", "window", "checks", "patience")


def notes(document: Mapping[str, Any]) -> list[str]:
    """The state of what was judged, the best check, and the settings of the rule with their defaults."""
    best, used = document["verdict"]["best"], document["settings"]
    state, found = document["verdict"].get("state"), []
    if state:
        of, word, message = (one_line(state[name]) for name in ("of", "state", "message"))
        found.append(f"state of {of}: {STATES.get(word, word)}: {message}")
    if best:
        ago = (
            f"{counted(best['checks_since'], 'check')} before the latest"
            if best["checks_since"]
            else "the latest check"
        )
        source = one_line(best["source"])
        found.append(f"best {best['metric']}: {best['value']:.6g} at step {best['step']}, {source}, {ago}")
    if "rule" in used:
        told = [f"{_RULE[name]} {_told(name, used[name])}" for name in _RULE if used.get(name) not in (None, [])]
        version = f" (version {used['rule_version']})" if used.get("rule_version", 1) > 1 else ""
        plateaus = sum(c["kind"] == "plateau" for c in document["verdict"]["conditions"])
        several = f"{used['when']} of {plateaus}, " if plateaus > 1 and "when" in used else ""
        found.append(f"rule {used['rule']}{version}: {several}{', '.join(told)}")
    return found


def _told(name: str, value: Any) -> str:
    """An option of a rule, with its unit."""
    if name == "drops":
        return f"{'step' if len(value) == 1 else 'steps'} {', '.join(map(str, value))}"
    unit = "check" if name in _CHECKS else "step" if name == "cycle" else ""
    return counted(value, unit) if unit else f"{value:g}"


def show(console: Console, document: Mapping[str, Any], *, exit_zero: bool = False, quiet: bool = False) -> None:
    """Print a verdict; with `exit_zero` the process exits with 0 whatever it is; quiet: the answer and the table."""
    verdict = document["verdict"]
    style = f"bold {_STYLES.get(verdict['decision'], 'red')}"
    code = f"exit code {verdict['exit_code']}"
    if exit_zero and verdict["exit_code"]:
        code = f"exit code 0 ({verdict['exit_code']} without {option('exit_zero')})"
    word, why = answer(document)
    console.print(Text.assemble((f"{word}: ", style), why))
    console.print(Text(f"gate {verdict['decision']} ({verdict['reason']}), {code}; {heading(document)}", style="dim"))
    console.print()
    table = plain_table(console)
    table.add_column("condition", overflow="fold")
    table.add_column("found", justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    table.add_column("decision", no_wrap=True)
    for row in rows(document):
        decision = Text(row.decision, style=_STYLES.get(row.decision, "red"))
        table.add_row(Text(row.condition), row.found, row.interval, decision)
    print_table(console, table)
    if quiet:
        return
    console.print()
    for row in rows(document):
        if row.message != verdict["message"]:
            console.print(Text(row.message))
    for note in notes(document):
        console.print(Text(note, style="dim"))
    for found in found_by(verdict):
        head, _, rest = finding_line(found).partition(" ")
        console.print(Text.assemble((f"{head} ", "yellow" if found["severity"] != "note" else "dim"), rest))


def to_markdown(document: Mapping[str, Any]) -> str:
    """The verdict as GitHub prints it."""
    verdict = document["verdict"]
    word, why = answer(document)
    out = [f"### gate: {verdict['decision']} ({verdict['reason']})", "", f"{word}: {cell(why)}", ""]
    out += [cell(heading(document)), ""]
    out += ["| condition | found | interval | decision |", "|---|---:|---|---|"]
    out += [f"| {cell(r.condition)} | {r.found} | {r.interval} | {r.decision} |" for r in rows(document)]
    said = [f"- {cell(r.message)}" for r in rows(document) if r.message != verdict["message"]]
    out += ["", *said, *[f"- {cell(n)}" for n in notes(document)]]
    return "\n".join([*out, *[f"- {cell(finding_line(one))}" for one in found_by(verdict)]]) + "\n"


_CSV = ("kind", "metric", "condition", "found", "low", "high", "level", "limit", "decision", "reason", "message")


def to_csv(document: Mapping[str, Any]) -> str:
    """One line per condition and guard; a field without a value is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    verdict = document["verdict"]
    for condition, row in zip([*verdict["conditions"], *verdict["guards"]], rows(document), strict=True):
        low, high = condition.get("interval") or (None, None)
        value = condition.get("estimate", condition.get("rank_share"))
        if condition.get("kind") == "require":
            value = (condition["found"] or {}).get("value")
        line = (
            condition.get("kind", "guard"), condition.get("metric"), row.condition, value, low, high,
            condition.get("level"), condition.get("limit"), row.decision, condition["reason"], row.message,
        )  # fmt: skip
        writer.writerow([f"{v:.12g}" if isinstance(v, float) else "" if v is None else v for v in line])
    return out.getvalue()
