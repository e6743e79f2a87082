"""Can two spaces in one file be told from two topics without labels: on files of real embeddings.

    python benchmarks/doctor/mixed_spaces.py design [--clean 120]    prints; the rule was chosen on these
    python benchmarks/doctor/mixed_spaces.py kept                    writes benchmarks/results/mixed_spaces.json
    python benchmarks/doctor/mixed_spaces.py --quick                 a few files of small networks alone

Needs the embeddings of real_embeddings.py and image_networks.py.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from mixed_files import MIXTURES, SHARES, File, clean, mixture
from numpy.typing import NDArray

from labelfree.survey.mixed_spaces import LIMIT, OWN, SAMPLED, least_alike, mixed_lengths

RESULTS = Path(__file__).parent.parent / "results" / "mixed_spaces.json"


def judged(file: File, seed: int) -> dict[str, Any]:
    """What the rule says of a file, and of a mixture how well it parts the rows."""
    rng = np.random.default_rng(seed)
    n = len(file.rows)
    some = np.sort(rng.choice(n, min(n, SAMPLED), replace=False))
    rows = file.rows[some]
    found = least_alike(rows)
    lengths = mixed_lengths(rows)
    told = lengths is not None or (found is not None and found.alike <= LIMIT and found.own >= OWN)
    row: dict[str, Any] = {"kind": file.kind, "n": n, "d": rows.shape[1], "told": told, "by_length": lengths is not None}
    if found is not None:
        row |= {"alike": round(found.alike, 3), "own": round(found.own, 3), "share": round(float(found.second.mean()), 3)}
        row["begins"] = found.begins
    if file.second is not None:
        second = lengths if lengths is not None else None if found is None else found.second
        row["right"] = None if second is None else right(second, file.second[some])
    return row


def right(found: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Share of the rows on the right side."""
    same = float((found == second).mean())
    return round(max(same, 1 - same), 3)


def cleans(of: str, many: int) -> list[dict[str, Any]]:
    """The rule on files of one space."""
    found = []
    for seed in range(many):
        found.append(judged(clean(of, seed), seed))
        if found[-1]["told"]:
            print("false alarm", found[-1], flush=True)
    return found


def mixtures(of: str, each: int) -> list[dict[str, Any]]:
    """The rule on files of two spaces: of every kind and share, contiguous and interleaved."""
    found = []
    for kind in MIXTURES:
        for share, contiguous in product(SHARES, (True, False)):
            for seed in range(each):
                row = judged(mixture(of, seed, kind, share, contiguous=contiguous), seed)
                found.append(row | {"second": share, "contiguous": contiguous})
        own = [row for row in found if row["kind"] == kind]
        print(f"{kind}: told {sum(row['told'] for row in own)} of {len(own)}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("design", "kept"), nargs="?", default="design")
    parser.add_argument("--clean", type=int, default=400)
    parser.add_argument("--each", type=int, default=4)
    asked = parser.parse_args()
    one, two = cleans(asked.side, asked.clean), mixtures(asked.side, asked.each)
    alarms = sum(row["told"] for row in one)
    print(f"{alarms} false alarms in {len(one)} clean files")
    done = {"limit": LIMIT, "own": OWN, "clean": one, "mixtures": two, "false_alarms": alarms}
    if asked.side == "kept":
        RESULTS.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    else:
        Path("/tmp/proto/design.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main()
