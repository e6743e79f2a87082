"""A ridge classifier refitted in the space of a candidate: what its labelled source rows say of the target."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.scaling import in_range

PENALTY, FLOOR = 0.05, 0.02


def ridge_scores(rows: Rows, source: Rows, labels: Index, k: int) -> Float:
    """Scores (n, k) of the rows (n, d) by ridge regression of one-hot labels (n_s,), less 1 / k, on source (n_s, d).

    Both are centered on the mean of all of them and scaled so that the mean squared length of a source row is 1; the
    penalty is PENALTY trace(G) / n_s + FLOOR with the Gram matrix G of the source. Solved in the smaller of n_s and d.
    """
    (target, known), _ = in_range(("rows", rows), ("source", source))
    both = len(target) + len(known)
    mean = (target.sum(axis=0, dtype=np.float64) + known.sum(axis=0, dtype=np.float64)) / both
    x, z = known - mean, target - mean
    size = float(np.einsum("ij,ij->", x, x)) / len(x)
    if size > 0:
        x, z = x / np.sqrt(size), z / np.sqrt(size)
    wanted = np.eye(k)[labels] - 1 / k
    penalty = PENALTY * float(np.einsum("ij,ij->", x, x)) / len(x) + FLOOR
    if x.shape[1] < len(x):
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ wanted)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), wanted)
    return np.asarray(z @ weights)


class Plurality:
    """What most refits say of each row, counted as candidates come by; of equal counts the greater sum of scores."""

    def __init__(self, n: int, k: int) -> None:
        """n rows, k classes."""
        self.votes, self.scores = np.zeros((n, k)), np.zeros((n, k))

    def add(self, scores: Float) -> Index:
        """Take in one refit's scores (n, k); its own predictions (n,)."""
        said = scores.argmax(axis=1)
        self.votes[np.arange(len(said)), said] += 1
        self.scores += scores
        return np.asarray(said)

    def found(self) -> Index:
        """The plurality (n,)."""
        first = self.votes == self.votes.max(axis=1, keepdims=True)
        return np.asarray(np.where(first, self.scores, -np.inf).argmax(axis=1))
