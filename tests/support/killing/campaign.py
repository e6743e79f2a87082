"""kill -9 over writers: nothing lost, torn, scored twice or left behind.

python -m killing.campaign --kills 1000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from forked import Forks
from killing.calls import Calls, started
from killing.subjects import SUBJECTS


def campaign(kills: int, seed: int, forks: list[Forks], names: list[str] | None = None) -> dict[str, Any]:
    """So many kills over all subjects: of each how many there were, when, and what was wrong."""
    found: dict[str, Any] = {}
    for name, (subject, share) in SUBJECTS.items():
        if names and name not in names:
            continue
        begin, wanted = time.monotonic(), max(round(kills * share), 2)
        with tempfile.TemporaryDirectory(prefix="labelfree-kill-") as temporary:
            which = {"append": forks[:2], "embed --resume": forks[2:]}.get(name, forks[:1])
            calls = [Calls(one, Path(temporary), Random(f"{seed}:{name}:{i}")) for i, one in enumerate(which)]
            wrong = subject(calls, -(-wanted // len(calls)))
        killed: Counter[str] = sum((one.kills for one in calls), Counter())
        seconds = round(time.monotonic() - begin, 1)
        found[name] = {"kills": killed.total(), "when": dict(killed), "seconds": seconds, "problems": wrong}
    return found


def main() -> int:
    """Run what the arguments ask for; 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/kill", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="in all (100)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="only these")
    parser.add_argument("-o", "--output", type=Path, help="write what was found, as JSON")
    asked = parser.parse_args()
    with started() as forks:
        found = campaign(asked.kills, asked.seed, forks, asked.only)
    for name, said in found.items():
        print(f"{name}: {said['kills']} kills {said['when']}, {said['seconds']} s")
        for problem in said["problems"]:
            print(f"  {problem}")
    if asked.output:
        asked.output.write_text(json.dumps({"seed": asked.seed, "subjects": found}, indent=1) + "\n")
    return any(said["problems"] for said in found.values())


if __name__ == "__main__":
    sys.exit(main())
