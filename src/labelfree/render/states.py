"""The state of one or several embeddings in the first lines of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelfree.catalog import STATES
from labelfree.documents.wording import state_reason
from labelfree.reports.drift_words import WORDS
from labelfree.reports.rows import RowsReport

_STYLES = {"likely_collapsed": "bold red", "suspicious": "yellow", "no_verdict": "yellow", "healthy": "green"}
_DRIFTS = {
    "strong": "bold red", "moderate": "yellow", "slight": "yellow", "hardly": "green", "none": "green", None: "yellow"
}  # fmt: skip
TONES = {"bold red": "bad", "yellow": "mid", "green": "good"}
"""The tone on a page of a line that has one of these styles in a terminal."""
_NAMED = 6


@dataclass(frozen=True)
class StateLine:
    """One line: its beginning with the style of it, and the rest."""

    head: str
    style: str
    rest: str

    @property
    def text(self) -> str:
        """The line without its style."""
        return self.head + self.rest


def first_lines(reports: Sequence[RowsReport], sources: Sequence[str]) -> list[StateLine]:
    """The state of one report in a line; of several, a line for each state that some of them have, the worst first.

    sources: the names of several. Reports of an earlier version have no state, and no line.
    """
    states = [report.state for report in reports]
    drifts = _drifts(reports, sources)
    if len(states) == 1:
        seen = [state for state in states if state is not None and not (drifts and state.state == "healthy")]
        return [*drifts, *(_line(state.model_dump()) for state in seen)]
    found = [*drifts]
    for word, said in STATES.items():
        names = [name for name, state in zip(sources, states, strict=True) if state is not None and state.state == word]
        if names and not (drifts and word == "healthy"):
            named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            found.append(StateLine(f"{len(names)} of {len(states)} {said}", _STYLES[word], f": {named}"))
    return found


def _drifts(reports: Sequence[RowsReport], sources: Sequence[str]) -> list[StateLine]:
    """What is said of drift: of one report its sentence, of several a line for each size that some of them have."""
    if any(report.drift is None for report in reports):
        return []
    if len(reports) == 1:
        drift = reports[0].drift
        assert drift is not None
        head, colon, rest = drift.says.partition(": ")
        line = StateLine(f"{head}:", _DRIFTS[drift.size], f" {rest}") if colon else StateLine(head, "", "")
        return [*_verdicts(reports, sources), line]
    found = _verdicts(reports, sources)
    for size in _DRIFTS:
        names = [n for n, r in zip(sources, reports, strict=True) if r.drift is not None and r.drift.size == size]
        if names:
            named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            said = WORDS.get(size or "", "no number on drift")
            found.append(StateLine(f"{len(names)} of {len(reports)} {said}", _DRIFTS[size], f": {named}"))
    return found


def _verdicts(reports: Sequence[RowsReport], sources: Sequence[str]) -> list[StateLine]:
    """What was required of reports, and whether it holds: each that it does not hold of, or one line for all."""
    judged = [(name, r.verdict) for name, r in zip(sources or [""], reports, strict=True) if r.verdict is not None]
    failed = [(name, v) for name, v in judged if v.decision != "pass"]
    if not failed:
        return [StateLine("PASSED:", "green", " every requirement holds")] if judged else []
    told = []
    for name, verdict in failed:
        worst = next(c for c in verdict.conditions if c["decision"] == verdict.decision)
        word, style = ("FAILED:", "bold red") if verdict.decision == "fail" else ("UNDECIDED:", "yellow")
        told.append(StateLine(word, style, f" {name + ': ' if name else ''}{worst['message']}"))
    return told


def _line(state: Mapping[str, Any]) -> StateLine:
    word = state["state"]
    return StateLine(f"{STATES[word]}:", _STYLES[word], f" {state_reason(state)}")
