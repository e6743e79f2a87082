"""The state of an embedding as a document: what it is, the numbers that say so, whom it concerns, what to run next."""

from __future__ import annotations

from typing import Literal

from labelfree.catalog import Concern, StateWord
from labelfree.reports.entries import Measured, Part


class Because(Measured):
    """One number that the state rests on, the limit that it was held against where there is one, and both in words."""

    name: str
    value: float
    limit: float | None
    message: str


class Concerns(Part):
    """Whom the state concerns: what it means for cosine similarity between the rows, and for a linear probe on them."""

    cosine_similarity: Concern
    linear_probe: Concern


class State(Part):
    """Whether the embedding is healthy, by a rule that `labelfree explain state` prints; reason: why there is no
    verdict; next: the command to run next."""

    rule: Literal["state/v1"] = "state/v1"
    state: StateWord
    because: list[Because]
    concerns: Concerns
    reason: str | None
    next: str
