"""Advice where candidates have no logits: the best of features alone, always undecided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.families.selection.candidates import Kept
from labelfree.families.selection.choice import Choice, best_of, judged, voting
from labelfree.families.selection.envelope import outside
from labelfree.families.selection.features_only import neighbor_consensus, ordered_scores, unordered_scores
from labelfree.families.selection.spaces import NEIGHBORS, weights_of_others


def by_features(
    kept: Sequence[Kept], alike: Float, weights: Float, vetoes: Sequence[str | None], ordered: bool, seed: int
) -> Choice:
    """The advice among candidates without logits. alike: (C, C) of the spaces, weights: (C,) of their votes."""
    consensus = neighbor_consensus(alike, weights_of_others(weights, voting(vetoes, [c.rank for c in kept])))
    scores = ordered_scores(kept, consensus) if ordered else unordered_scores(kept, consensus)
    parts: list[dict[str, float]] = []
    for c, shared, weight in zip(kept, consensus, weights, strict=True):
        structure = {} if c.structure is None else {"structure": c.structure}
        parts.append(structure | {"neighbor_consensus": float(shared), "rank": c.rank, "weight": float(weight)})
    best = best_of(scores, vetoes)
    code, words = "features_only", "without class scores no rule known chooses much better than chance"
    if best is None:
        code, words = "all_vetoed", "every candidate is collapsed"
    warned = _copies(kept)
    if out := outside(len(kept[0].neighbors), len(kept), None, None):
        warned.append(Noted("outside_envelope", f"the rule was not measured on {'; '.join(out)}"))
    return Choice(
        "ordered" if ordered else "unordered", "undecided", best, words, code,
        judged(scores[None], best, vetoes, parts, None, "ordered"),
        tuple(warned),
        {"name": "consensus", "version": 1, "parameters": {"neighbors": NEIGHBORS, "seed": seed}},
    )  # fmt: skip


def _copies(kept: Sequence[Kept]) -> list[Noted]:
    """A warning where candidates have the same neighbors in every row."""
    groups: dict[bytes, list[str]] = {}
    for candidate in kept:
        groups.setdefault(np.ascontiguousarray(candidate.neighbors).tobytes(), []).append(candidate.name)
    return [
        Noted(
            "identical_candidates",
            f"{', '.join(names)} have the same neighbors in every row: they cannot be told apart",
        )
        for names in groups.values()
        if len(names) > 1
    ]
