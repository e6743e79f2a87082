"""The state of a report, with the command that comes next."""

from __future__ import annotations

import shlex
from pathlib import Path

from labelfree.catalog import Command
from labelfree.commands.options import Options
from labelfree.evidence.evidence import RowsGone
from labelfree.reports.state import Because, Concerns, State
from labelfree.survey.found import Survey
from labelfree.survey.state import State as Judged
from labelfree.survey.state import state_of

_AFTER_HEALTHY: dict[str, tuple[str, tuple[str, ...]]] = {
    "rank": ("separability", ()),
    "separability": ("rank", ("all",)),
    "transfer": ("rank", ("all",)),
    "opis": ("rank", ("all",)),
    "evaluate": ("rank", ("all",)),
    "drift": ("rank", ("all",)),
}
"""What to look at next where nothing is wrong, and with which switches."""
_DASHES = "--"
_DIGITS = 6
"""Significant digits of the numbers of a state: the same for whatever metrics were asked for beside it."""


def judged_state(command: Command, found: Survey, chosen: Options) -> State:
    """The state of what a pass has found."""
    try:
        judged = state_of(found.evidence, found.duplicates.duplicates)
    except RowsGone as error:
        judged = Judged("no_verdict", reason=f"{error}, and a summary holds none")
    because = [
        Because(name=r.name, value=float(f"{r.value:.{_DIGITS}g}"), limit=r.limit, message=r.message)
        for r in judged.because
    ]
    return State(
        state=judged.state,
        because=because,
        concerns=Concerns(cosine_similarity=judged.cosine_similarity, linear_probe=judged.linear_probe),
        reason=judged.reason,
        next=next_command(command, judged.state, found.source.name, chosen.column),
    )


def next_command(command: Command, state: str, source: str, column: str | None = None, data: object = None) -> str:
    """The command that comes next, which can be run as it is where the source is a file.

    data: what a checkpoint was run over, where it was.

    >>> from labelfree.catalog import command
    >>> next_command(command("rank"), "likely_collapsed", "rows held in memory")
    'labelfree explain state'
    """
    if not Path(source.partition("::")[0]).exists() or (data is not None and state != "healthy"):
        return "labelfree explain state"
    after, switches = _AFTER_HEALTHY[command.name] if state == "healthy" else ("doctor", ())
    words = ["labelfree", after, source]
    for name, value in (("column", column), ("data", data)):
        words += [_DASHES + name, str(value)] if value is not None else []
    return shlex.join([*words, *(_DASHES + name for name in switches)])
