"""Can two spaces in one file be told from two topics without labels: on files of real embeddings.

    python benchmarks/doctor/mixed_spaces.py design [--part mixtures]    prints; the rule was chosen on these
    python benchmarks/doctor/mixed_spaces.py kept [--part mixtures]      writes benchmarks/results/mixed_spaces.json
    python benchmarks/doctor/mixed_spaces.py --quick                     small networks alone, made at once

Needs the embeddings of real_embeddings.py and image_networks.py.
"""

from __future__ import annotations

import argparse
import json
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
from mixed_files import MIXTURES, SHARES, File, clean, mixture
from numpy.typing import NDArray

from labelfree.survey.mixed_spaces import LEAST_COLUMNS, LIMIT, OWN, SAMPLED, mixed_lengths, parted

RESULTS = Path(__file__).parent.parent / "results" / "mixed_spaces.json"


def judged(file: File, seed: int) -> dict[str, Any]:
    """What the rule says of a file, and of a mixture how well it parts the rows."""
    rng = np.random.default_rng(seed)
    n = len(file.rows)
    some = np.sort(rng.choice(n, min(n, SAMPLED), replace=False))
    rows = file.rows[some]
    lengths = mixed_lengths(rows)
    found = parted(rows) if lengths is None else None
    second = lengths if found is None else found.second
    row: dict[str, Any] = {
        "kind": file.kind, "n": n, "d": rows.shape[1], "told": second is not None, "by_length": lengths is not None,
    }  # fmt: skip
    if file.second is not None:
        row["right"] = None if second is None else right(second, file.second[some])
    return row


def right(found: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Share of the rows on the right side."""
    same = float((found == second).mean())
    return round(max(same, 1 - same), 3)


def cleans(of: str, many: int) -> list[dict[str, Any]]:
    """The rule on so many files of one space that it looks at: those of enough columns."""
    found: list[dict[str, Any]] = []
    for seed in count():
        if len(found) == many:
            return found
        file = clean(of, seed)
        if file.rows.shape[1] >= LEAST_COLUMNS:
            found.append(judged(file, seed))
            if found[-1]["told"]:
                print("false alarm", found[-1], flush=True)
            elif len(found) % 20 == 0:
                print(len(found), flush=True)
    raise AssertionError("unreachable")


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


def quick() -> list[dict[str, Any]]:
    """One file of a small network over digits, and two of two networks, made at once."""
    from image_networks import trained
    from sklearn.datasets import load_digits

    digits = load_digits()
    one, two = (np.float64(trained(digits.data / 16, digits.target, "input", 192, seed, 150)) for seed in (0, 2))
    second = np.arange(len(one)) >= 1200
    order = np.random.default_rng(0).permutation(len(one))
    rows = np.where(second[:, None], two, one)
    files = (File("of one", one), File("one after the other", rows, second), File("mixed", rows[order], second[order]))
    return [judged(file, 0) for file in files]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("design", "kept"), nargs="?", default="design")
    parser.add_argument("--part", choices=("clean", "mixtures"), default="clean")
    parser.add_argument("--clean", type=int, default=320)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if asked.quick:
        print(json.dumps(quick(), indent=1))
        return
    if asked.part == "clean":
        found = cleans(asked.side, asked.clean)
        print(f"{sum(row['told'] for row in found)} false alarms in {len(found)} clean files")
    else:
        found = mixtures(asked.side, asked.each)
    if asked.side == "kept":
        done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        done |= {"limit": LIMIT, "own": OWN, asked.part: found}
        RESULTS.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
