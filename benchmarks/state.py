"""The states of embeddings that are known to be healthy or collapsed: how often state/v1 is wrong of either.

python benchmarks/state.py            both halves, half an hour on one core; writes benchmarks/results/state.json
python benchmarks/state.py open       the kinds that the limits were chosen on, put into that file
python benchmarks/state.py kept       the kinds that were kept aside, put into that file
python benchmarks/state.py --quick    four kinds, one embedding each, in seconds; written nowhere

The rows are made by state_embeddings.py. The limits were chosen on the kinds of the open side; those that were kept
aside (other laws, losses, data and texts) were run once, after they were fixed. RULES says how many rules were tried.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta
from state_embeddings import KINDS, Kind, embeddings

from labelfree.evidence.evidence import evidence
from labelfree.survey.state import RULE, state_of

RESULTS = Path(__file__).parent / "results" / "state.json"
SEEDS, FIRST, RULES = 13, 100, 5
"""Embeddings of a kind, the first seed of what was kept aside, and rules that were tried on the open side."""


def judged(kind: Kind, seed: int) -> dict[str, Any]:
    """The state of one embedding, and the numbers that say so."""
    Z = embeddings(kind, seed + (FIRST if kind.side == "kept" else 0))
    found = state_of(evidence(Z), len(Z) - len(np.unique(Z, axis=0)))
    return {
        "n": len(Z), "d": Z.shape[1], "state": found.state,
        "because": {reason.name: float(f"{reason.value:.4g}") for reason in found.because},
    }  # fmt: skip


def rate(wrong: int, of: int) -> dict[str, Any]:
    """A share with its one-sided upper 95 % bound after Clopper and Pearson."""
    bound = 1.0 if wrong == of else float(beta.ppf(0.95, wrong + 1, of - wrong))
    return {"count": wrong, "of": of, "share": round(wrong / of, 4), "bound": round(bound, 4)}


def rates(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """Both errors: healthy ones that are called collapsed or not healthy, collapsed ones that are called healthy."""
    found = {}
    for side in ("open", "kept"):
        states = {
            truth: [s for k in kinds if k["side"] == side and k["truth"] == truth for s in k["states"]]
            for truth in ("healthy", "collapsed")
        }
        healthy, collapsed = states["healthy"], states["collapsed"]
        if healthy and collapsed:
            found[side] = {
                "healthy called likely_collapsed": rate(healthy.count("likely_collapsed"), len(healthy)),
                "healthy called anything but healthy": rate(len(healthy) - healthy.count("healthy"), len(healthy)),
                "collapsed called healthy": rate(collapsed.count("healthy"), len(collapsed)),
                "collapsed not called likely_collapsed": rate(
                    len(collapsed) - collapsed.count("likely_collapsed"), len(collapsed)
                ),
            }
    return found


def main() -> None:
    """Judge all embeddings, or those of one side, and write them down."""
    quick = "--quick" in sys.argv
    asked = [side for side in ("open", "kept") if side in sys.argv] or ["open", "kept"]
    named = [kind for kind in KINDS if kind.side in asked]
    if quick:
        named = [kind for kind in KINDS if kind.name in ("classes far away", "noise about a point", "line", "whitened")]
    began, found = time.time(), []
    for kind in named:
        runs = [judged(kind, seed) for seed in range(1 if quick else SEEDS)]
        states = [run["state"] for run in runs]
        found.append({"kind": kind.name, "side": kind.side, "truth": kind.truth, "states": states, "runs": runs})
        told = {state: states.count(state) for state in dict.fromkeys(states)}
        print(f"{kind.truth:9} {kind.name:32} {told}", flush=True)
    if not quick:
        before = json.loads(RESULTS.read_text())["kinds"] if RESULTS.exists() else []
        kinds = [k for k in before if k["side"] not in asked] + found
        said = {"rule": RULE, "rules_tried": RULES, "seeds": SEEDS, "rates": rates(kinds), "kinds": kinds}
        RESULTS.write_text(json.dumps(said, indent=1) + "\n")
        print(json.dumps(said["rates"], indent=1))
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
