"""The verdict of a gate where GitHub Actions shows it: annotations, the summary of the job, outputs of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfree.documents.findings import found_by, with_fix
from labelfree.documents.wording import one_line
from labelfree.render.verdicts.verdict import rows, to_markdown

MOST = 10
"""Annotations of one kind that GitHub shows for a step."""
SUMMARY = 1024 * 1024
"""Bytes of summary that GitHub takes from a step; of a longer one it shows nothing."""

_LEVELS = {"collapse": "error", "fail": "error", "undecided": "warning", "stop": "notice"}


def commands(document: Mapping[str, Any], *, warnings: bool = True) -> list[str]:
    """Workflow commands, the gravest first, at most ten of all kinds; the last says how many more there are.

    A failure is an error; an undecided drop, a run past its best and a warning of the gate are warnings; a plateau and
    a note of the gate are notices.
    """
    verdict = document["verdict"]
    judged = [row for row in rows(document) if row.decision in _LEVELS]
    found = [("warning" if r.reason == "past_best" else _LEVELS[r.decision], r.condition, r.message) for r in judged]
    if warnings:
        found += [
            (
                "notice" if one["severity"] == "note" else one["severity"],
                one["code"],
                with_fix(one["message"], one["fix"]),
            )
            for one in found_by(verdict)
        ]
    found.sort(key=lambda one: ("error", "warning", "notice").index(one[0]))
    if len(found) > MOST:
        rest = f"{len(found) - MOST + 1} more; they are in the summary of the job"
        found = [*found[: MOST - 1], (found[MOST - 1][0], "more", rest)]
    return [f"::{level} title={_property(f'labelfree gate: {title}')}::{_data(text)}" for level, title, text in found]


def refusal(message: str) -> str:
    """The workflow command for bad input or usage: an error without a verdict."""
    return f"::error title=labelfree gate::{_data(message)}"


def summary(document: Mapping[str, Any], taken: int = 0) -> str:
    """Markdown for the summary of the job; `taken` bytes of the step's room are used already. Never beyond its room."""
    text = to_markdown(document) + "\n"
    room = SUMMARY - taken
    held = text.encode(errors="backslashreplace")
    if len(held) <= room:
        return text
    end = "\n\n(cut: the summary of a step holds 1 MiB)\n"
    kept = held[: max(room - len(end), 0)].decode(errors="ignore")
    return kept.rpartition("\n")[0] + end if kept else ""


def outputs(document: Mapping[str, Any]) -> str:
    """Lines for $GITHUB_OUTPUT: verdict, reason, exit_code, and the step of the best checkpoint where there is one."""
    verdict = document["verdict"]
    best = verdict["best"]
    found = {"verdict": verdict["decision"], "reason": verdict["reason"], "exit_code": verdict["exit_code"]}
    found |= {} if best is None else {"best_step": best["step"]}
    return "".join(f"{name}={one_line(str(value))}\n" for name, value in found.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
