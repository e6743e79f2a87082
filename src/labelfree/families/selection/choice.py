"""The answer of the rule: what it says of each candidate, and whether that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float
from labelfree.documents.findings import Noted

Setting: TypeAlias = Literal["source+logits", "logits", "ordered", "unordered"]
Status: TypeAlias = Literal["best", "tied", "plausible", "worse", "vetoed"]
Decision: TypeAlias = Literal["keep", "tie", "undecided"]

TIED = 1.645
"""Standard errors within which a candidate ties with the best."""
PLAUSIBLE: dict[Setting, float] = {"source+logits": 4.5, "logits": 16.0, "ordered": 0.0, "unordered": 0.0}
"""Those within which it may still be the best: the scores are biased too, more so without source rows. Chosen so that
on nine tasks of ten the best is among them (docs/evidence/select.md)."""
ROUNDING = 1e-9
"""Relative differences of scores that are none: sums in another order."""
LOWEST = 1e-9
"""The least score that others are measured by."""


@dataclass(frozen=True)
class Judged:
    """What the rule says of one candidate.

    score: None where it has none; se: of its difference to the best, as a share of the best score; veto: a code; parts:
    what the score is made of; apart_from_best: share of the rows that it predicts otherwise than the best, None without
    logits.
    """

    score: float | None
    se: float | None
    status: Status
    veto: str | None
    parts: dict[str, float]
    apart_from_best: float | None


@dataclass(frozen=True)
class Choice:
    """The answer: judged is in the order of the candidates, best the place of the highest score, also where it is
    undecided (then it is advice); reason says why it is undecided, and is None otherwise."""

    setting: Setting
    decision: Decision
    best: int | None
    reason: str | None
    reason_code: str | None
    judged: tuple[Judged, ...]
    warnings: tuple[Noted, ...]
    rule: dict[str, Any]


def differences(scores: Float, best: int) -> tuple[Float, Float]:
    """1 less the score of each candidate over that of the best (C,), and its standard error over half-samples (C,).

    scores: (1 + H, C), all rows first. The spread of half-samples drawn without replacement is the error of all rows.
    Near the best this is the difference of log scores, and a score near zero does not get a large error for it.
    """
    apart = 1 - scores / np.maximum(scores[:, [best]], LOWEST)
    return apart[0], np.asarray(apart[1:].std(axis=0, ddof=1))


def judged(
    scores: Float,
    best: int | None,
    vetoes: Sequence[str | None],
    parts: Sequence[dict[str, float]],
    apart: Float | None,
    setting: Setting,
) -> tuple[Judged, ...]:
    """Every candidate beside the best. scores: (1 + H, C), all rows first; without half-samples nothing is tied."""
    found = []
    halves = len(scores) > 1
    gap, error = differences(scores, best) if best is not None and halves else (None, None)
    for i, veto in enumerate(vetoes):
        share = None if apart is None else float(apart[i])
        se = None if error is None else float(error[i])
        if veto is not None:
            found.append(Judged(None, None, "vetoed", veto, parts[i], share))
            continue
        status: Status = "best" if i == best else "worse"
        if i != best and gap is not None and se is not None and gap[i] <= max(PLAUSIBLE[setting] * se, ROUNDING):
            status = "tied" if gap[i] <= max(TIED * se, ROUNDING) else "plausible"
        if status in ("worse", "plausible") and share == 0:  # what predicts the same is worth the same
            status = "tied"
        found.append(Judged(float(scores[0, i]), se, status, None, parts[i], share))
    return tuple(found)


def decision(reason_code: str | None, candidates: Sequence[Judged]) -> Decision:
    """Undecided where there is a reason, else a tie where one ties with the best."""
    if reason_code is not None:
        return "undecided"
    return "tie" if any(c.status == "tied" for c in candidates) else "keep"


def best_of(scores: Float, vetoes: Sequence[str | None]) -> int | None:
    """The place of the highest of scores (C,) among those without a veto, the first of those equal but for rounding."""
    live = [i for i, code in enumerate(vetoes) if code is None]
    if not live:
        return None
    most = max(float(scores[i]) for i in live)
    return next(i for i in live if scores[i] >= most * (1 - ROUNDING))


def voting(vetoes: Sequence[str | None], ranks: Sequence[float]) -> NDArray[np.bool_]:
    """Which spaces (C,) vote: those without a veto whose rows differ, all where fewer than two are left."""
    live = np.array([code is None and rank > 0 for code, rank in zip(vetoes, ranks, strict=True)])
    return live if live.sum() > 1 else np.ones_like(live)
