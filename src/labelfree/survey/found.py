"""What one pass over a data set found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from labelfree.evidence.evidence import Evidence
from labelfree.sources.block import Source
from labelfree.summaries import Distinct, Groups, Tally
from labelfree.summaries.regression import Regression

OnBad: TypeAlias = Literal["error", "drop", "count"]
"""Refuse bad rows, leave them out, or (for doctor) leave out and count ragged rows too."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What one pass found: the evidence for the metrics, and the account of the rows; behind: of the source rows."""

    source: Source
    evidence: Evidence
    tally: Tally
    duplicates: Distinct
    repeated_ids: int
    epochs: int
    rows_hash: str
    fingerprint: str
    content: str
    regression: Regression | None = None
    groups: Groups | None = None
    behind: Survey | None = None
