"""The rule consensus/v1 where every candidate has logits, and what speaks against deciding by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.documents.findings import Noted
from labelfree.families.selection.candidates import Kept
from labelfree.families.selection.choice import PLAUSIBLE, TIED, Choice, Judged, best_of, decision, judged, voting
from labelfree.families.selection.consensus import HALVES, agreement, beyond_shuffled
from labelfree.families.selection.envelope import outside
from labelfree.families.selection.refits import FLOOR, PENALTY
from labelfree.families.selection.spaces import NEIGHBORS, weights_of_others

APART = 0.02
"""Candidates that predict otherwise than the best on at most this share of the rows never make it undecided."""
UNBALANCED = 5.0
"""Largest over smallest share of a class in the consensus, from which it is said."""


def by_predictions(
    kept: Sequence[Kept], k: int, weights: Float, given: Sequence[str | None], consensus: Index | None, seed: int
) -> Choice:
    """The choice among candidates with logits of k classes.

    weights: (C,) of the spaces; given: vetoes from elsewhere; consensus: (n,) what the refits say, None without source
    rows.
    """
    predictions, clusters = (np.stack([labels(c, field) for c in kept]) for field in ("predictions", "clusters"))
    constant = (predictions == predictions[:, :1]).all(axis=1)
    vetoes = [code or ("constant_predictions" if same else None) for code, same in zip(given, constant, strict=True)]
    heard = weights_of_others(weights, voting(vetoes, [c.rank for c in kept]))
    agreed = agreement(predictions, clusters, kept, k, consensus, seed)
    scores, with_clusters, with_neighbors = agreed.scores(heard)
    parts: list[dict[str, float]] = []
    for i, said in enumerate(predictions):
        of_refits = {} if agreed.refits is None else {"consensus": float(agreed.refits[0, i])}
        agreements = {"cluster_agreement": with_clusters[0, i], "neighbor_agreement": with_neighbors[0, i]}
        own = {
            "own_clusters": agreed.clusters[0, i, i],
            "weight": weights[i],
            "classes_predicted": len(np.unique(said)),
        }
        parts.append(of_refits | {name: float(value) for name, value in (agreements | own).items()})
    best = best_of(scores[0], vetoes)
    apart = None if best is None else (predictions != predictions[best]).mean(axis=1)
    found = judged(scores, best, vetoes, parts, apart)
    reason = _undecided(found, best)
    if reason is None and best is not None:
        fits = scores[0, best] > 0 and beyond_shuffled(predictions[best], clusters, heard[best], k, seed)
        if not fits:
            reason = "no_structure", "the best candidate's predictions fit the others' clusters no better than chance"
    code, words = reason or (None, None)
    said = consensus if consensus is not None else predictions[best if best is not None else 0]
    rule = {"halves": HALVES, "neighbors": NEIGHBORS, "tied": TIED, "plausible": PLAUSIBLE, "classes": k, "seed": seed}
    if consensus is not None:
        rule |= {"ridge": [PENALTY, FLOOR]}
    return Choice(
        "logits" if consensus is None else "source+logits", decision(code, found), best, words, code, found,
        (*copies(predictions, kept), *_warnings(np.bincount(said, minlength=k), len(kept))),
        {"name": "consensus", "version": 1, "parameters": rule},
    )  # fmt: skip


def _undecided(found: Sequence[Judged], best: int | None) -> tuple[str, str] | None:
    """Why the scores decide nothing, as a code and in words."""
    live = [j for j in found if j.veto is None]
    if best is None:
        return "all_vetoed", "every candidate is collapsed, or predicts one class alone"
    if len(live) < 3:
        said = f"agreement with others needs at least 3 candidates that are not vetoed, found {len(live)}"
        return "few_candidates", said
    far = [j for j in live if j.status in ("tied", "plausible") and (j.apart_from_best or 0.0) > APART]
    if 1 + len(far) > len(found) / 2:
        said = f"{1 + len(far)} of {len(found)} candidates may be the best, and predict differently"
        return "half_plausible", said
    return None


def copies(predictions: Index, kept: Sequence[Kept]) -> list[Noted]:
    """A warning where candidates predict the same on every row."""
    groups: dict[bytes, list[str]] = {}
    for said, candidate in zip(predictions, kept, strict=True):
        groups.setdefault(said.tobytes(), []).append(candidate.name)
    return [
        Noted("identical_candidates", f"{', '.join(names)} predict the same on every row: these cannot be told apart")
        for names in groups.values()
        if len(names) > 1
    ]


def _warnings(counts: Index, candidates: int) -> list[Noted]:
    """What of the answer was not measured, and classes of unequal size. counts: (K,) of the consensus."""
    n, k = int(counts.sum()), len(counts)
    found = []
    imbalance = float(counts.max() / max(int(counts.min()), 1))
    if imbalance > UNBALANCED:
        said = f"the largest class of the consensus has {counts.max():,} rows, the smallest {counts.min():,}"
        found.append(Noted("unbalanced_consensus", f"{said}: clusters prefer classes of equal size"))
    if out := outside(n, candidates, k, imbalance):
        found.append(Noted("outside_envelope", f"the rule was not measured on {'; '.join(out)}"))
    return found


def labels(candidate: Kept, field: str) -> Index:
    """One of the labelings that were kept of a candidate with logits."""
    found: Index | None = getattr(candidate, field)
    if found is None:
        raise ValueError(f"{candidate.name} was kept without {field}")
    return found
