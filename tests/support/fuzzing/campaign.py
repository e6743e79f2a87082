"""The campaign: case after case for as long as is asked for, its state in a file, and every finding kept.

python -m fuzzing.campaign --minutes 10 --seed 1
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fuzzing.cases import Case
from fuzzing.corpus import kept
from fuzzing.judging import Found
from fuzzing.kinds import KINDS, case
from fuzzing.running import run
from fuzzing.workers import Workers


class State:
    """Which cases are done and what was found, in a file that a later run goes on with."""

    def __init__(self, path: Path, seed: int, begin: int | None) -> None:
        self.path = path
        held = json.loads(path.read_text()) if path.exists() else {}
        known: dict[str, Any] = held.get(str(seed), {})
        self.seed, self.all = seed, held
        self.next = known.get("next", 0) if begin is None else begin
        self.cases: Counter[str] = Counter(known.get("cases", {}))
        self.seconds: float = known.get("seconds", 0.0)
        self.findings: list[dict[str, Any]] = known.get("findings", [])

    def save(self) -> None:
        """Write it beside and rename it."""
        self.all[str(self.seed)] = {
            "next": self.next, "cases": dict(sorted(self.cases.items())), "seconds": round(self.seconds, 1),
            "findings": self.findings,
        }  # fmt: skip
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps(self.all, indent=1, sort_keys=True) + "\n")
        beside.replace(self.path)


def results(held: dict[str, Any]) -> dict[str, Any]:
    """What a state holds, as it is recorded: cases by kind of every seed, and its different findings."""
    found: dict[str, Any] = {}
    for seed, known in held.items():
        different: dict[str, dict[str, Any]] = {}
        for one in known["findings"]:
            line = {
                "case": one["case"],
                "what": one["what"],
                "kind": one["kind"],
                "command": one["command"][0],
                "times": 0,
            }
            different.setdefault(one["mark"], line)["times"] += 1
        found[seed] = {
            "total": sum(known["cases"].values()), "cases": known["cases"], "seconds": known["seconds"],
            "findings": list(different.values()),
        }  # fmt: skip
    return found


def told(number: str, one: Case, found: Found, again: bool) -> str:
    """A finding as it is printed."""
    last = found.said.strip().rpartition("\n")[2][:300]
    return (
        f"{'again ' if again else ''}{found.what}: case {number} ({one.kind}, {one.done}) {found.command[0]}: {last!r}"
    )


def go_on(
    state: State, folder: Path, place: Path, workers: Workers, kind: str | None, until: float, cases: int | None
) -> None:
    """Cases from where the state is, until a time or for so many."""
    marks = {one["mark"] for one in state.findings}
    end = None if cases is None else state.next + cases
    try:
        while time.monotonic() < until and state.next != end:
            began, number = time.monotonic(), state.next
            one = case(state.seed, number, kind)
            for found in run(one, place / "c", workers):
                name = f"{state.seed}:{number}"
                print(told(name, one, found, found.mark in marks), flush=True)
                if found.mark not in marks:
                    marks.add(found.mark)
                    one.write(folder / "findings" / name.replace(":", "-"))
                state.findings.append({"case": name, "kind": one.kind, "mark": found.mark, **found.document()})
            state.cases[one.kind] += 1
            state.next += 1
            state.seconds += time.monotonic() - began
            if state.next % 50 == 0:
                state.save()
    finally:
        state.save()


def repeated(name: str, folder: Path, workers: Workers, kind: str | None, keep: str | None) -> int:
    """One case again, all of what it says shown, its files left in the folder."""
    seed, _, number = name.partition(":")
    one = case(int(seed), int(number), kind)
    place = folder / "again"
    found = run(one, place, workers)
    print(f"case {name}: {one.kind}, {one.done}; its files are in {place}")
    for command in one.steps:
        print("  labelfree", *map(ascii, command))
    for finding in found:
        print(f"{finding.what}: {finding.said}")
    if keep:
        print("kept as", kept(one, keep))
    return bool(found)


def main() -> int:
    """Run what the arguments ask for; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--cases", type=int, help="end after so many")
    parser.add_argument("--seed", type=int, default=1, help="of all cases (1)")
    parser.add_argument("--from", dest="begin", type=int, help="number of the first case (where the last run ended)")
    parser.add_argument("--kind", choices=KINDS, help="only files of this kind")
    parser.add_argument("--case", metavar="SEED:N", help="this case again, with all of what it says")
    parser.add_argument("--keep", metavar="NAME", help="with --case: write it into the corpus under this name")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="state and findings (build/fuzz)")
    parser.add_argument("-o", "--output", type=Path, help="write what all runs in the folder found, as JSON")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="labelfree-fuzz-") as temporary, Workers(Path(temporary)) as workers:
        if asked.case:
            return repeated(asked.case, asked.folder, workers, asked.kind, asked.keep)
        state = State(asked.folder / "state.json", asked.seed, asked.begin)
        before, began = len(state.findings), sum(state.cases.values())
        until = time.monotonic() + 60 * asked.minutes
        go_on(state, asked.folder, Path(temporary), workers, asked.kind, until, asked.cases)
    if asked.output:
        asked.output.write_text(json.dumps(results(state.all), indent=1, sort_keys=True) + "\n")
    new = state.findings[before:]
    different = len({one["mark"] for one in new})
    print(f"{sum(state.cases.values()) - began} cases, {len(new)} findings, {different} of them different")
    return bool(new)


if __name__ == "__main__":
    sys.exit(main())
