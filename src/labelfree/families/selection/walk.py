"""The candidates as they come by: what is kept of each."""

from __future__ import annotations

from typing import Any

from labelfree.arrays import Rows
from labelfree.errors import ArrayError
from labelfree.families.selection.candidates import Candidate, Kept
from labelfree.families.selection.consensus import information, samples
from labelfree.families.selection.features_only import rank_of, structure
from labelfree.families.selection.refits import ridge
from labelfree.families.selection.spaces import cluster_labels, neighbor_lists, unit_rows
from labelfree.kernels import Kernels
from labelfree.summaries.probabilities import two_classes

FEWEST_ROWS = 12


class Walk:
    """What is kept of the candidates so far; the first one decides what is looked at.

    n: rows of each; classes: of their logits, None without; sourced: whether they have labelled source rows too.
    """

    def __init__(self, ordered: bool, seed: int, kernels: Kernels) -> None:
        """ordered: whether they are checkpoints in order."""
        self.ordered, self.seed, self.kernels = ordered, seed, kernels
        self.kept: list[Kept] = []
        self.n = 0
        self.classes: int | None = None
        self.sourced = False

    def take(self, candidate: Candidate) -> None:
        """Keep what is needed of one candidate."""
        logits = None if candidate.logits is None else two_classes(candidate.logits)
        sourced = logits is not None and candidate.source is not None and candidate.labels is not None
        if not self.kept:
            self._begin(candidate, logits, sourced)
        self._check(candidate.name, len(candidate.rows), logits, sourced)
        unit = unit_rows(candidate.rows)
        neighbors = neighbor_lists(unit, self.kernels)
        made: dict[str, Any] = {}
        if logits is not None and self.classes is not None:
            made["predictions"] = logits.argmax(axis=1)
            made["clusters"] = cluster_labels(unit, self.classes, self.seed)
            if candidate.source is not None and candidate.labels is not None:
                refit = ridge(candidate.rows, candidate.source, candidate.labels, self.classes)
                made |= {"refit": refit.scores.argmax(axis=1), "source_accuracy": refit.source_accuracy}
            else:
                made["information"] = information(logits, samples(self.n, self.seed))
        elif self.ordered:
            made["structure"] = structure(unit, neighbors, self.seed)
        self.kept.append(Kept(candidate.name, candidate.step, neighbors, rank_of(unit), **made))

    def _begin(self, candidate: Candidate, logits: Rows | None, sourced: bool) -> None:
        self.n = len(candidate.rows)
        if self.n < FEWEST_ROWS:
            raise ArrayError(f"{candidate.name}: expected at least {FEWEST_ROWS} rows, found {self.n}; give more rows")
        self.classes = None if logits is None else logits.shape[1]
        self.sourced = sourced

    def _check(self, name: str, n: int, logits: Rows | None, sourced: bool) -> None:
        first = self.kept[0].name if self.kept else name
        if n != self.n:
            raise ArrayError(f"{name}: expected the {self.n} rows of {first}, found {n}; give the same rows of each")
        found = None if logits is None else logits.shape[1]
        if found != self.classes:
            said = ["no logits" if k is None else f"logits of {k} classes" for k in (self.classes, found)]
            raise ArrayError(f"{name}: expected {said[0]} as {first} has, found {said[1]}; give the same of each")
        if sourced != self.sourced:
            there = "labelled source rows" if self.sourced else "no labelled source rows"
            raise ArrayError(f"{name}: expected {there} as {first} has; give them of every candidate or of none")
