"""An older version of the rule on the tasks kept aside, with the vetoes of today; its code is in the history.

    python benchmarks/selection/older.py --cache FOLDER    after study.py --kept; ../results/selection_version2.json

Tasks that have a row there keep it. FOLDER is that of study.py. The package of COMMIT is unpacked beside, and a process
that imports it chooses.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from study import RESULTS, asked, stored

from labelfree.families.selection.by_predictions import VERSION
from labelfree.families.selection.choosing import choose

COMMIT = "b856c16"
"""The last commit with version 2 of the rule."""
OLDER = RESULTS.with_name("selection_version2.json")


def judged(folder: Path) -> dict[str, Any]:
    """Regret by setting of every kept task with logits under the rule that is imported here."""
    rows = json.loads(OLDER.read_text())["tasks"]
    done = {(t["group"], t["seed"]) for t in rows}
    for t in json.loads(RESULTS.read_text())["tasks"]:
        if (t["group"], t["seed"]) in done or "logits" not in t["settings"]:
            continue
        task, right = stored(folder, t["group"], t["seed"]), t["accuracies"]
        gone = t["settings"]["logits"]["vetoed_places"]
        vetoes = ["likely_collapsed" if i in gone else None for i in range(len(right))]
        found: dict[str, Any] = {"group": t["group"], "seed": t["seed"]}
        for setting, candidates in asked(task):
            if setting in t["settings"] and "shares" not in setting:
                best = choose(candidates, vetoes=vetoes).best
                chosen = len(right) - 1 if best is None else best
                found[setting] = round(100 * (max(right) - right[chosen]), 2)
        rows.append(found)
        print(found, file=sys.stderr, flush=True)
    return {"version": VERSION, "commit": COMMIT, "tasks": rows}


def main() -> None:
    """Unpack the older package and ask it; or, in the process that has it, answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--here", action="store_true", help="judge by the package that is imported, as JSON")
    given = parser.parse_args()
    if given.here:
        print(json.dumps(judged(given.cache), indent=1))
        return
    root = RESULTS.parent.parent.parent
    with tempfile.TemporaryDirectory() as beside:
        packed = subprocess.run(["git", "archive", COMMIT, "src"], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", beside], input=packed, check=True)
        there = os.environ | {"PYTHONPATH": str(Path(beside) / "src")}
        command = [sys.executable, __file__, "--cache", str(given.cache), "--here"]
        found = subprocess.run(command, env=there, stdout=subprocess.PIPE, text=True, check=True).stdout
    OLDER.write_text(found)


if __name__ == "__main__":
    main()
