"""A case that is run: its files written, its commands given to a worker, all that is wrong with them."""

from __future__ import annotations

from pathlib import Path

from fuzzing.cases import Case
from fuzzing.judging import Found, judged
from fuzzing.workers import Workers


def run(case: Case, place: Path, workers: Workers) -> list[Found]:
    """All that is wrong with a case, in the order of its commands; the rest of them are not run where one refuses."""
    case.write(place)
    found: list[Found] = []
    for i, command in enumerate(case.steps):
        before = {str(path.relative_to(place)) for path in place.rglob("*")}
        ended = workers.run(command, place)
        found += judged(command, ended, place, before)
        if ended.code == 2:
            if i and case.read_back:
                found.append(Found("not read back", command, ended.err.decode("utf-8", "replace")))
            break
    return found
