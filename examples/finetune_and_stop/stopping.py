"""Every rule asked at every check of a recorded run, and the tables of what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import labelfree
from labelfree.gating import STOPPING

DEFAULT, LEVEL = "separability, slope (the default)", "separability, level of another run"
PLANNED, FIRST = "separability, slope, length known", "separability, slope-v1"
RULES: dict[str, dict[str, Any]] = {
    DEFAULT: {"plateau": "separability"},
    PLANNED: {"plateau": "separability"},
    FIRST: {"plateau": "separability", "rule": "slope-v1"},
    "separability, patience 3": {"plateau": "separability", "rule": "patience"},
    LEVEL: {"plateau": "separability", "rule": "threshold"},
    "separability_robust, slope": {"plateau": "separability_robust"},
    "separability_robust, patience 3": {"plateau": "separability_robust", "rule": "patience"},
    "rankme, slope, min-delta 0.5": {"plateau": "rankme", "min_delta": 0.5},
    "rankme, patience 3, min-delta 0.5": {"plateau": "rankme", "rule": "patience", "min_delta": 0.5},
}


def answers(path: Path, stop_at: float | None = None) -> dict[str, dict[str, Any]]:
    """What each rule says of a history whose checks come one by one.

    Per rule: the check and step of the first verdict that stops (None: never), its decision; the check at which the
    plateau alone would have stopped; the checks at which the gate failed. The level needs stop_at; one rule is told how
    many checks the run has.
    """
    lines = path.read_text().splitlines(keepends=True)
    at = [json.loads(line)["step"] for line in lines]
    steps = sorted(set(at))
    prefix = path.with_suffix(".prefix")
    found = {}
    for name, asked in RULES.items():
        if name == LEVEL and stop_at is None:
            continue
        asked = {**asked, "stop_at": stop_at} if name == LEVEL else asked
        asked = {**asked, "checks": len(steps)} if name == PLANNED else asked
        verdicts = []
        for last in steps:
            prefix.write_text("".join(line for line, step in zip(lines, at, strict=True) if step <= last))
            verdicts.append(labelfree.gate(history=prefix, **asked)["verdict"])
        found[name] = outcome(steps, verdicts)
    prefix.unlink()
    return found


def outcome(steps: list[int], verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """The first verdict that stops, beside what the plateau said alone."""
    stops = [i for i, v in enumerate(verdicts) if v["decision"] in STOPPING]
    alone = [i for i, v in enumerate(verdicts) if v["conditions"][0]["decision"] == "stop"]
    first = stops[0] if stops else None
    return {
        "check": first, "step": None if first is None else steps[first],
        "decision": None if first is None else verdicts[first]["decision"],
        "best_step": None if first is None else (verdicts[first]["best"] or {}).get("step"),
        "alone": alone[0] if alone else None,
        "failed": [i for i, v in enumerate(verdicts) if v["decision"] == "fail"],
    }  # fmt: skip


def level(run: dict[str, Any]) -> float:
    """Where a later run may stop: the separability that this one had where the default stopped it, or at its end."""
    stopped = run["rules"][DEFAULT]["check"]
    found: float = run["checks"]["separability"][-1 if stopped is None else stopped]
    return found


def table(runs: list[dict[str, Any]], kind: str) -> list[str]:
    """What every rule made of the runs of a kind, as rows of the page.

    Cells: the step of each seed, - where the run goes on to its end; the accuracy on the test texts there, in the mean;
    how many points less than at the best check, in the mean, and at worst; how many points more than at the end.
    """
    runs = [run for run in runs if run["kind"] == kind]
    ends = [len(run["checks"]["step"]) - 1 for run in runs]
    best = [run["checks"]["accuracy"].index(max(run["checks"]["accuracy"])) for run in runs]
    rows = [_row("the best check, by the test labels", runs, best), _row("no rule", runs, ends, [None] * len(runs))]
    for name in RULES:
        asked = [(run, end) for run, end in zip(runs, ends, strict=True) if name in run["rules"]]
        said = [run["rules"][name]["check"] for run, _ in asked]
        at = [end if check is None else check for check, (_, end) in zip(said, asked, strict=True)]
        if asked:
            rows.append(_row(name, [run for run, _ in asked], at, said))
    return rows


def _row(name: str, runs: list[dict[str, Any]], at: list[int], said: list[int | None] | None = None) -> str:
    steps = [
        "-" if check is None else f"{run['checks']['step'][check]}"
        for run, check in zip(runs, at if said is None else said, strict=True)
    ]
    accuracy = [100 * run["checks"]["accuracy"][i] for run, i in zip(runs, at, strict=True)]
    lost = [100 * max(run["checks"]["accuracy"]) - a for run, a in zip(runs, accuracy, strict=True)]
    gained = [a - 100 * run["checks"]["accuracy"][-1] for run, a in zip(runs, accuracy, strict=True)]
    cells = [f"{mean(accuracy):.1f}", f"{mean(lost):.1f} ({max(lost):.1f})", f"{round(mean(gained), 1) + 0.0:+.1f}"]
    return f"| {name} | {', '.join(steps)} | {' | '.join(cells)} |"
