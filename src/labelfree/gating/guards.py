"""The collapse guard: is the latest check of a run a collapsed representation, whatever a metric says of it?

Collapse raises separability, so a plateau must never be judged without it. Rank alone will not do: a healthy
fine-tuning run loses up to two thirds of its effective rank, and well separated classes nine tenths. So a rank far
below the run's highest trips the guard only together with rows that point one way, or rows that coincide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

RANK_SHARE, COSINE, REPEATED = 0.25, 0.9, 0.2
"""Effective rank below this share of the run's highest, mean cosine above this, share of repeated rows above this."""


@dataclass(frozen=True)
class CollapseGuard:
    """What the guard saw at one check; `decision` is pass, collapse, or fail where it cannot tell."""

    name: str
    decision: Literal["pass", "collapse", "fail"]
    reason: str
    message: str
    step: int
    effective_rank: float | None
    highest_rank: float | None
    highest_step: int | None
    rank_share: float | None
    mean_cosine: float | None
    duplicate_share: float | None
    zero_bar_share: float | None

    def document(self) -> dict[str, Any]:
        """The guard as part of a verdict."""
        return asdict(self)


def collapse_guard(steps: Sequence[int], shares: Sequence[Mapping[str, float | None]]) -> CollapseGuard:
    """The guard at the last of the checks.

    shares: of each check effective_rank, mean_cosine, duplicate_share and zero_bar_share, None where undefined.
    Trips where effective_rank < 0.25 of the highest so far and (mean_cosine > 0.9, or duplicates or zero bars > 0.2).
    """
    now = shares[-1]
    rank, cosine = now.get("effective_rank"), now.get("mean_cosine")
    duplicates, zeros = now.get("duplicate_share"), now.get("zero_bar_share")
    ranks = [(r, -i) for i, s in enumerate(shares) if (r := s.get("effective_rank")) is not None]
    highest, back = max(ranks, default=(None, 0))
    share = rank / highest if rank is not None and highest else None
    decision, reason, message = _decided(share, cosine, duplicates, zeros)
    return CollapseGuard(
        "collapse", decision, reason, message, steps[-1], rank, highest, steps[-back] if highest is not None else None,
        share, cosine, duplicates, zeros,
    )  # fmt: skip


def sound_steps(steps: Sequence[int], shares: Sequence[Mapping[str, float | None]]) -> set[int]:
    """The steps at which the guard passed, each judged with what was known then."""
    highest, found = 0.0, set()
    for step, now in zip(steps, shares, strict=True):
        rank = now.get("effective_rank")
        highest = max(highest, rank or 0.0)
        share = rank / highest if rank is not None and highest else None
        signs = (now.get("mean_cosine"), now.get("duplicate_share"), now.get("zero_bar_share"))
        if _decided(share, *signs)[0] == "pass":
            found.add(step)
    return found


def _decided(
    share: float | None, cosine: float | None, duplicates: float | None, zeros: float | None
) -> tuple[Literal["pass", "collapse", "fail"], str, str]:
    if share is None:
        return "fail", "undefined", "the effective rank of the latest check is undefined: no rows with a direction"
    of = f"effective rank at {100 * share:.0f} % of the run's highest"
    if share >= RANK_SHARE:
        return "pass", "rank_kept", f"{of}; below {100 * RANK_SHARE:.0f} % would be looked into"
    signs = []
    if cosine is not None and cosine > COSINE:
        signs.append(f"mean cosine {cosine:.2f} above {COSINE}")
    for found, what in ((duplicates, "rows repeat another"), (zeros, "bars are zero")):
        if found is not None and found > REPEATED:
            signs.append(f"{100 * found:.0f} % of the {what}")
    if signs:
        return "collapse", "collapse", f"{of}, and {' and '.join(signs)}: the representation has collapsed"
    if cosine is None:
        return "fail", "undefined", f"{of}, and the mean cosine is undefined: collapse cannot be ruled out"
    return "pass", "rank_alone", f"{of}, yet rows point apart (mean cosine {cosine:.2f}) and do not repeat"
