"""How far mean and spread of all rows have moved, in units of the reference's own spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, moments_of
from labelfree.families.drift.unusual import shrunken
from labelfree.families.spec import INVARIANT, Metric
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries import Moments

FEW = 5
"""Reference rows per column below which the covariance is shrunken."""


def _frechet_whitened(e: Evidence) -> Result:
    both = moments_of(e)
    if isinstance(both, Result):
        return both
    current, behind = both
    assert e.reference is not None
    lam, vectors = np.linalg.eigh(_covariance(e.reference, behind))
    there = lam > len(lam) * np.finfo(float).eps * max(float(lam[-1]), 0.0)
    if not there.any():
        return undefined("collapsed", "all reference rows are equal: there is no spread to measure by")
    root = vectors[:, there] / np.sqrt(lam[there])
    shift = (current.mean - behind.mean) @ root
    spread = root.T @ (current.scatter / (current.n - 1)) @ root
    ratios = np.linalg.eigvalsh(spread)
    ratios[ratios <= len(ratios) * np.finfo(float).eps * max(float(ratios[-1]), 0.0)] = 0.0  # the root shows rounding
    means, spreads = float(shift @ shift), float(((1 - np.sqrt(ratios)) ** 2).sum())
    r = int(there.sum())
    noise = _sampling(e, current, root, spread) + _sampling(e.reference, behind, root, np.eye(r))
    shrunk = behind.n <= FEW * e.d
    parts: dict[str, Plain] = {
        "means": means, "spreads": spreads,
        "means_by_chance": float(ratios.sum()) / current.n + r / behind.n,
        "spreads_by_chance": noise / 4,
        "directions": r, "still": e.d - r,
    }  # fmt: skip
    params: dict[str, Plain] = {"rows": current.n, "reference_rows": behind.n, "shrunken": shrunk}
    few = min(current.n, behind.n)
    said = f"fewer than 10 rows per column ({few} rows, {e.d} columns): sampling alone raises it"
    notes = [Noted("few_rows_distance", said)] if few < 10 * e.d else []
    return measured(means + spreads, low=0.0, params=params, parts=parts, warnings=notes)


def _covariance(e: Evidence, moments: Moments) -> Float:
    """That of the reference; shrunken where there are few rows."""
    covariance = moments.scatter / (moments.n - 1)
    if moments.n > FEW * e.d or e.drawn is None:
        return np.asarray(covariance)
    away = e.drawn.rows - moments.mean
    fourth = float((np.einsum("ij,ij->i", away, away) ** 2).mean())
    return shrunken(covariance, fourth, moments.n)


def _sampling(e: Evidence, moments: Moments, root: Float, covariance: Float) -> float:
    """Mean squared Frobenius error of the covariance of so many rows, whitened."""
    if e.drawn is None:
        return 0.0
    away = (e.drawn.rows - moments.mean) @ root
    fourth = float((np.einsum("ij,ij->i", away, away) ** 2).mean())
    return max(fourth - float(np.einsum("ij,ij->", covariance, covariance)), 0.0) / moments.n


def frechet_whitened(X: Any, reference: Any) -> Result:
    """Squared Frechet distance between current and reference rows where the reference has covariance one.

    Formula: d' C^-1 d + sum_j (1 - sqrt l_j)^2, d the difference of the means, C the covariance of the reference, l_j
    the eigenvalues of C^-1/2 C_current C^-1/2 (divisor n - 1). parts.means and parts.spreads are the two terms, two
    different findings; parts.means_by_chance and parts.spreads_by_chance what sampling alone gives at these numbers of
    rows. Where the reference has no more than 5 rows per column, C is shrunken as Ledoit and Wolf say. Directions in
    which the reference does not vary at all are left out and counted in parts.still.
    Input: X (m, d), reference (n, d) finite real numbers, at least 20 rows each.
    Range: 0 upward, in squared deviations of the reference. Invariant to every invertible linear map of both sides,
    hence comparable between models of one width.
    Undefined: fewer than 20 rows on a side; all reference rows equal.
    Interval: none: sampling raises it by about d^2 / n, which stands beside each term.
    Cost: two eigendecompositions, from the moments of all rows: one pass, and months merge from days.
    When it lies: nothing beyond two moments is seen. Directions of little spread count as much as those of much; the
    mean of Mahalanobis distances is such a sum too. The sides must not be swapped: the reference is the unit.
    Source: Dowson and Landau 1982, in the metric of the reference. Deviations: the spread by chance is its leading
    term, a quarter of the squared Frobenius error of the covariances.

    >>> import numpy as np
    >>> rows = np.repeat([[1.0], [-1.0]], 10, axis=0)
    >>> found = frechet_whitened(2 * rows + 3, rows)
    >>> round(found.parts["means"], 6), round(found.parts["spreads"], 6)  # 9 / (20 / 19), (1 - 2)^2
    (8.55, 1.0)
    """
    e = beside(X, reference, "reference", moments=True)
    return _frechet_whitened(e)


METRICS = (
    Metric(
        frechet_whitened, _frechet_whitened, ("moments", "sample", "source"), INVARIANT, NOT_DAMAGE,
        "d' C^-1 d + sum (1 - sqrt l)^2, l of C^-1/2 C_current C^-1/2, C of the reference, divisor n - 1",
    ),
)  # fmt: skip
