"""Which candidate to keep: the best, those that tie with it, or why it cannot be decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from labelfree.arrays import Float
from labelfree.errors import ArrayError
from labelfree.families.selection.by_features import by_features
from labelfree.families.selection.by_predictions import by_predictions
from labelfree.families.selection.candidates import Candidate
from labelfree.families.selection.choice import Choice, Judged
from labelfree.families.selection.spaces import likeness, vote_weights
from labelfree.families.selection.walk import Walk
from labelfree.kernels import Kernels, numpy_kernels

__all__ = ["Choice", "Judged", "choose"]


def choose(
    candidates: Iterable[Candidate | Callable[[], Candidate]],
    *,
    ordered: bool = False,
    class_shares: Float | None = None,
    vetoes: Sequence[str | None] | None = None,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
    kernels: Kernels = numpy_kernels,
) -> Choice:
    """The best of candidates that were measured on the same rows.

    candidates: what they are, or functions that read one each: walked once, one in memory at a time. All have the same
    n rows in the same order and, where they have logits, the same K classes. ordered: whether they are checkpoints of
    one run, in order; class_shares: (K,) shares of the classes among the rows, where known; vetoes: a code for each
    candidate that is collapsed; advance: told how many were read. Same seed, same answer.

    Cost: 2 n^2 d flop and a k-means for each candidate, then C^2 comparisons of n rows. Memory: one candidate and
    C n 10 neighbors.
    """
    walk = Walk(ordered, seed, kernels)
    for number, candidate in enumerate(candidates):
        walk.take(candidate if isinstance(candidate, Candidate) else candidate())
        if advance is not None:
            advance(number + 1)
    if not walk.kept:
        raise ArrayError("candidates: expected at least one, found none; give the candidates to choose from")
    codes = list(vetoes) if vetoes is not None else [None] * len(walk.kept)
    alike = likeness([c.neighbors for c in walk.kept])
    weights = vote_weights(alike)
    if walk.classes is None:
        return by_features(walk.kept, alike, weights, codes, ordered, seed)
    return by_predictions(walk.kept, walk.classes, weights, codes, class_shares, seed)
