"""The rule `consensus` where every candidate has logits, and what speaks against deciding by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.documents.findings import Noted
from labelfree.families.selection.candidates import Kept
from labelfree.families.selection.choice import (
    PLAUSIBLE,
    TIED,
    Choice,
    Judged,
    Setting,
    best_of,
    decision,
    judged,
    voting,
)
from labelfree.families.selection.consensus import (
    HALVES,
    agreement,
    beyond_shuffled,
    evenness,
    heard,
    samples,
    shares_met,
    vote_contrast,
)
from labelfree.families.selection.envelope import outside
from labelfree.families.selection.information import Information
from labelfree.families.selection.refits import FLOOR, PENALTY
from labelfree.families.selection.spaces import NEIGHBORS, weights_of_others

VERSION = 3
"""Version 1 is agreement with clusters times that with the refits, or with neighbors where there are none; version 2
measures all by mutual information, which favors classes of equal size."""
APART = 0.02
"""Candidates that predict otherwise than the best on at most this share of the rows never make it undecided."""
UNEVEN = 0.95
"""Entropy of the classes that the best candidate predicts, as a part of that of equal ones, up to which it is said:
nine of nine unbalanced targets of the design tasks are below, and 41 % of the others."""


def by_predictions(
    kept: Sequence[Kept], k: int, weights: Float, given: Sequence[str | None], shares: Float | None, seed: int
) -> Choice:
    """The choice among candidates with logits of k classes.

    weights: (C,) of the spaces; given: vetoes from elsewhere; shares: (K,) of the classes, where known.

    Score without source rows: sqrt(c) x o s^(1/4) e v, with the agreement c with the clusters of others, the contrasts
    x and o of the neighbors of others and its own, the information s that the probabilities share with the rows, and
    the agreement v with the vote of all candidates, each by the score without v times the weight of its space. With
    source rows: r sqrt(t) a o^(1/4) e, with the agreement r with the refits of others, the information t that the
    neighbors of others tell, and the leave-one-out accuracy a of the own refit on its source. e is the evenness of the
    predicted classes to the power -1 / (2 (K - 1)): two classes need no pull to equal sizes, many do, or merged ones
    would win. Times (1 - t)^4 where shares are given, t half the distance of the predicted shares from them.
    """
    predictions, clusters = (np.stack([labels(c, field) for c in kept]) for field in ("predictions", "clusters"))
    constant = (predictions == predictions[:, :1]).all(axis=1)
    vetoes = [code or ("constant_predictions" if same else None) for code, same in zip(given, constant, strict=True)]
    listened = weights_of_others(weights, voting(vetoes, [c.rank for c in kept]))
    rows = samples(predictions.shape[1], seed)
    sourced = all(c.refit is not None for c in kept)
    refits = np.stack([labels(c, "refit") for c in kept]) if sourced else None
    agreed = agreement(predictions, clusters, refits, [c.neighbors for c in kept], k, rows)
    found: dict[str, Float] = {}
    if sourced:
        found["refit_agreement"] = heard(agreed.others, listened)
        found["neighbor_information"] = heard(agreed.told, listened)
        found["own_agreement"] = agreed.own
        found["refit_accuracy"] = np.tile([c.source_accuracy or 0.0 for c in kept], (len(rows), 1))
        scores = found["refit_agreement"] * np.sqrt(found["neighbor_information"]) * found["refit_accuracy"]
        scores = scores * agreed.own**0.25
    else:
        found["cluster_agreement"] = heard(agreed.others, listened)
        found["neighbor_agreement"] = heard(agreed.contrast, listened)
        found["own_agreement"] = agreed.own
        found["information"] = np.stack([c.information for c in kept if c.information is not None], axis=1)
        scores = np.sqrt(found["cluster_agreement"]) * found["neighbor_agreement"] * agreed.own
        scores = scores * found["information"] ** 0.25
    scores = scores * evenness(predictions, k, rows) ** (-0.5 / (max(k, 2) - 1))
    if shares is not None:
        found["shares_met"] = shares_met(predictions, shares, rows)
        scores = scores * found["shares_met"] ** 4
    if not sourced:
        live = np.array([code is None for code in vetoes])
        votes = weights * np.where(live, scores[0], 0.0)
        found["vote_agreement"] = vote_contrast(predictions, votes, k, rows)
        scores = scores * found["vote_agreement"]
    parts = [
        {name: float(values[0, i]) for name, values in found.items()}
        | {"weight": float(weights[i]), "classes_predicted": float(len(np.unique(said)))}
        for i, said in enumerate(predictions)
    ]
    best = best_of(scores[0], vetoes)
    apart = None if best is None else (predictions != predictions[best]).mean(axis=1)
    setting: Setting = "source+logits" if sourced else "logits"
    answer = judged(scores, best, vetoes, parts, apart, setting)
    reason = _undecided(answer, best)
    if reason is None and best is not None:
        fits = scores[0, best] > 0 and beyond_shuffled(predictions[best], clusters, listened[best], k, seed)
        if not fits:
            reason = "no_structure", "the best candidate's predictions fit the others' clusters no better than chance"
    code, words = reason or (None, None)
    counts = np.bincount(predictions[best if best is not None else 0], minlength=k)
    rule: dict[str, Any] = {
        "halves": HALVES,
        "neighbors": NEIGHBORS,
        "tied": TIED,
        "plausible": PLAUSIBLE[setting],
        "classes": k,
    }
    rule |= {"seed": seed}
    if sourced:
        rule |= {"ridge": [PENALTY, FLOOR]}
    if shares is not None:
        rule |= {"class_shares": [float(share) for share in shares]}
    return Choice(
        setting, decision(code, answer), best, words, code, answer,
        (*_copies(predictions, kept), *_warnings(counts, len(kept), shares is not None)),
        {"name": "consensus", "version": VERSION, "parameters": rule},
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


def _copies(predictions: Index, kept: Sequence[Kept]) -> list[Noted]:
    """A warning where candidates predict the same on every row."""
    groups: dict[bytes, list[str]] = {}
    for said, candidate in zip(predictions, kept, strict=True):
        groups.setdefault(said.tobytes(), []).append(candidate.name)
    return [
        Noted("identical_candidates", f"{', '.join(names)} predict the same on every row: these cannot be told apart")
        for names in groups.values()
        if len(names) > 1
    ]


def _warnings(counts: Index, candidates: int, known: bool) -> list[Noted]:
    """What of the answer was not measured, and classes of unequal size. counts: (K,) rows that the best predicts so."""
    n, k = int(counts.sum()), len(counts)
    found = []
    evenness = float(Information(n).entropy(counts[None])[0] / np.log(max(k, 2)))
    if evenness <= UNEVEN and not known:
        said = f"of the classes that the best candidate predicts the largest has {counts.max():,} rows of {n:,}"
        found.append(Noted("unbalanced_consensus", f"{said}: the choice is less sure where class shares are not given"))
    if out := outside(n, candidates, k, evenness):
        found.append(Noted("outside_envelope", f"the rule was not measured on {'; '.join(out)}"))
    return found


def labels(candidate: Kept, field: str) -> Index:
    """One of the labelings that were kept of a candidate with logits."""
    found: Index | None = getattr(candidate, field)
    if found is None:
        raise ValueError(f"{candidate.name} was kept without {field}")
    return found
