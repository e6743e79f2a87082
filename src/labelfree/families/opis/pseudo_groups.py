"""Pseudo-groups: OPIS on clusterings of several sizes and seeds, how stable they are, and what noise would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.groups import Grouping, GroupRows
from labelfree.evidence.scaling import unit
from labelfree.evidence.surrogate import gaussian_like
from labelfree.families.opis.behavior import Judged, of_groups
from labelfree.families.opis.clusters import candidates, clusters, dimension_halves, stability
from labelfree.families.opis.sorted_rows import without_direction
from labelfree.results import Result, undefined
from labelfree.summaries.groups import digest_of, membership
from labelfree.summaries.hashing import hash_ids, unmix


@dataclass(frozen=True, eq=False)
class Clustering:
    """One clustering: k groups, its seed, labels (n,), and what they do."""

    k: int
    seed: int
    labels: Index
    judged: Judged

    @property
    def opis(self) -> float:
        """OPIS of its groups."""
        return self.judged.consistency.opis


def pseudo_judged(e: Evidence, how: Grouping) -> Judged | Result:
    """The run with the median OPIS at the number of groups on which the seeds agree best, with what the others say."""
    if e.drawn is None or len(e.drawn.rows) < 4:
        return undefined("insufficient", f"needs at least 4 rows, found {0 if e.drawn is None else len(e.drawn.rows)}")
    rows = e.drawn.rows
    if wrong := without_direction(rows):
        return wrong
    counts = how.k or candidates(len(rows))
    runs: list[Clustering] = []
    failed: Result | None = None
    total = len(counts) * how.seeds
    for seed in range(how.seeds):
        split = _split(rows, seed, how)
        if isinstance(split, Result):
            return split
        for k in counts:
            e.progress("pseudo-groups", len(runs) / total)
            found = _run(e, how, split, k, seed)
            if isinstance(found, Result):
                failed = found
            else:
                runs.append(found)
    by_size = {k: [run for run in runs if run.k == k] for k in counts}
    whole = {k: found for k, found in by_size.items() if len(found) == how.seeds}
    if not whole:
        return failed or undefined("insufficient", "no number of groups could be judged with every seed")
    agreed = {k: stability([run.labels for run in found]) for k, found in whole.items()}
    best = max(whole, key=lambda k: (-1.0 if agreed[k] is None else agreed[k], -k))
    ordered = sorted(whole[best], key=lambda run: run.opis)
    chosen = ordered[(len(ordered) - 1) // 2]
    null = _null(e, how, chosen)
    about = _about(whole, agreed, chosen, null)
    return Judged(chosen.judged.given, chosen.judged.operating, pseudo=True, runs=about)


def _split(rows: Rows, seed: int, how: Grouping) -> tuple[Any, Any] | Result:
    """What is clustered, and what is judged."""
    if how.circular:
        points = unit(rows)
        return points, points
    return dimension_halves(rows, seed)


def _run(e: Evidence, how: Grouping, split: tuple[Any, Any], k: int, seed: int) -> Clustering | Result:
    labels = clusters(split[0], k, seed)
    if isinstance(labels, Result):
        return labels
    assert e.drawn is not None
    keys = hash_ids(labels)
    given = GroupRows(
        keys=keys,
        index=e.drawn.index,
        rows=split[1],
        names=labels.astype(str),
        digest=digest_of(membership(unmix(e.drawn.keys, e.seed), keys)),
        origin="same_space" if how.circular else "crossfit",
    )
    judged = of_groups(e, given, how.zone, pseudo=True)
    return judged if isinstance(judged, Result) else Clustering(k, seed, labels, judged)


def _null(e: Evidence, how: Grouping, chosen: Clustering) -> Clustering | None:
    """The procedure on Gaussian rows of the same mean and covariance: what groups of noise would give."""
    assert e.drawn is not None
    split = _split(gaussian_like(e.drawn.rows, e.seed), chosen.seed, how)
    if isinstance(split, Result):
        return None
    found = _run(e, how, split, chosen.k, chosen.seed)
    return None if isinstance(found, Result) else found


def _about(
    runs: dict[int, list[Clustering]], agreed: dict[int, float | None], chosen: Clustering, null: Clustering | None
) -> dict[str, Any]:
    def spread(values: Sequence[float]) -> dict[str, float]:
        return {"median": float(np.median(values)), "low": min(values), "high": max(values)}

    return {
        "k": chosen.k,
        "chosen_seed": chosen.seed,
        "stability_ari": agreed[chosen.k],
        "runs": [
            {
                "k": k,
                "stability_ari": agreed[k],
                "opis": spread([run.opis for run in found]),
                "mean_utility": spread([run.judged.consistency.mean_utility for run in found]),
            }
            for k, found in runs.items()
        ],
        "null": None if null is None else {"opis": null.opis, "mean_utility": null.judged.consistency.mean_utility},
    }
