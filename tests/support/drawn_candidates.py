"""Candidates of known worth: the same classes, seen ever less clearly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelfree.families.selection.candidates import Candidate


class Drawn(NamedTuple):
    """Candidates on the same rows, the best first, and the classes of the rows."""

    candidates: list[Candidate]
    truth: NDArray[np.int64]


def drawn(
    noises: tuple[float, ...],
    *,
    n: int = 150,
    k: int = 4,
    d: int = 8,
    shares: tuple[float, ...] | None = None,
    seed: int = 0,
) -> Drawn:
    """Gaussian classes in a random basis each, with so much noise; logits by the right linear head."""
    rng = np.random.default_rng(seed)
    mean, truth, labels = 2 * rng.normal(size=(k, d)), rng.choice(k, n, p=shares), rng.integers(0, k, 60)
    found = []
    for i, noise in enumerate(noises):
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        x, s = (mean[y] + noise * rng.normal(size=(len(y), d)) for y in (truth, labels))
        logits = x @ mean.T - (mean**2).sum(axis=1) / 2
        found.append(Candidate(f"c{i}", i, x @ turn, logits, s @ turn, labels))
    return Drawn(found, truth)


def bare(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates without their source rows."""
    return [Candidate(c.name, c.step, c.rows, c.logits) for c in candidates]
