"""One candidate as it is given, and what is kept of it once its rows are gone."""

from __future__ import annotations

from dataclasses import dataclass

from labelfree.arrays import Float, Index, Rows


@dataclass(frozen=True, eq=False)
class Candidate:
    """One candidate on the common rows.

    name; step: its place in training, None without one; rows: (n, d), finite; logits: (n, K) or None; source: its own
    embeddings (n_s, d) of labelled source rows, or None; labels: (n_s,) classes 0..K-1 of those, or None.
    """

    name: str
    step: int | None
    rows: Rows
    logits: Rows | None = None
    source: Rows | None = None
    labels: Index | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of one candidate: small numbers for each row, never its embeddings.

    neighbors: (n, 10) its nearest rows, the nearest first; rank: effective rank of its centered rows; predictions: (n,)
    argmax of the logits; clusters: (n,) of its rows, K of them; information: (1 + H,) that its probabilities share with
    the rows, on all of them and on half-samples; refit: (n,) predictions of the classifier refitted on its source rows,
    source_accuracy: its leave-one-out accuracy on these; structure: how far its clusters agree with its neighbors
    beyond what equal covariances make. None where the setting has no use for it.
    """

    name: str
    step: int | None
    neighbors: Index
    rank: float
    predictions: Index | None = None
    clusters: Index | None = None
    information: Float | None = None
    refit: Index | None = None
    source_accuracy: float | None = None
    structure: float | None = None
