"""A ridge classifier refitted in the space of a candidate: what its labelled source rows say of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.scaling import in_range

PENALTY, FLOOR = 0.05, 0.02


@dataclass(frozen=True, eq=False)
class Refit:
    """What the classifier says: scores (n, k) of the target, and its leave-one-out accuracy on the source."""

    scores: Float
    source_accuracy: float


def ridge(rows: Rows, source: Rows, labels: Index, k: int) -> Refit:
    """Ridge regression of one-hot labels (n_s,), less 1 / k, on source (n_s, d), applied to the rows (n, d).

    Both are centered on the mean of all of them and scaled so that the mean squared length of a source row is 1; the
    penalty is PENALTY trace(G) / n_s + FLOOR with the Gram matrix G of the source. Solved in the smaller of n_s and d.
    A source row that is left out is predicted by (f - h y) / (1 - h), with the fit f and its leverage h.
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
        back = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
    else:
        back = np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), x).T
    weights = back @ wanted
    leverage = np.einsum("ij,ji->i", x, back)[:, None]
    left_out = (x @ weights - leverage * wanted) / (1 - leverage)
    return Refit(np.asarray(z @ weights), float((left_out.argmax(axis=1) == labels).mean()))
