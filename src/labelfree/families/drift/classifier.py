"""How often a classifier tells a current row from one of the reference."""

from __future__ import annotations

import math
from typing import Any

from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, reference_of
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.distances import CLASSIFIER, FOLDS, ROWS, told_apart
from labelfree.families.transfer.two_samples import Told
from labelfree.results import Plain, Result, measured


def _c2st_auc_of(known: tuple[Told, int] | Result) -> Result:
    from scipy.special import ndtri

    if isinstance(known, Result):
        return known
    found, m = known
    params: dict[str, Plain] = {"rows": m, "reference_rows": m, "folds": FOLDS, "classifier": CLASSIFIER}
    least = 1 / (2 * m * m)
    inside = min(max(found.auc, least), 1 - least)
    parts: dict[str, Plain] = {
        "accuracy": found.accuracy, "chance": 0.5, "d_prime": math.sqrt(2) * float(ndtri(inside)),
    }  # fmt: skip
    return measured(found.auc, found.auc_error, low=0.0, high=1.0, params=params, parts=parts, warnings=found.warnings)


def _c2st_auc(e: Evidence) -> Result:
    behind = reference_of(e)
    return behind if isinstance(behind, Result) else _c2st_auc_of(once(e, told_apart))


def c2st_auc(X: Any, reference: Any, *, sample: int | None = ROWS, seed: int = 0) -> Result:
    """How often a classifier puts a current row above one of the reference that it was not fitted to either.

    Formula: area under the ROC curve of the classifier of c2st over held-out fifths, mean over the folds: the share of
    pairs of a current and a reference row that it tells apart, .5 by chance. parts.d_prime = sqrt 2 probit(AUC): the
    shift of the mean, in standard deviations along it, that would be told apart as well.
    Input: X (m, d), reference (n, d) finite real numbers, at least 20 rows each.
    Range: 0 to 1; .5 where nothing is told apart. Invariant to the scale of columns and to translation, not exactly to
    rotation.
    Undefined: fewer than 20 rows on a side.
    Interval: by the pairs of each held-out row (DeLong), what fits to other rows would add to it (two Gaussian
    classes), and seven tenths for the rows that the folds share, as measured.
    Cost: that of c2st: five fits to at most 2,000 sampled rows of each side, seconds.
    When it lies: a linear classifier does not see a change of spread (all deviations times 1.5: .47); never read it
    alone. With many columns two days of one source are often told apart by something that nobody needs.
    Source: Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017. Deviations: the area,
    cross-fitted.

    >>> import numpy as np
    >>> c2st_auc(np.arange(20.0)[:, None], np.arange(20.0)[:, None] + 1000).value
    1.0
    """
    e = beside(X, reference, "reference", seed)
    behind = reference_of(e)
    return behind if isinstance(behind, Result) else _c2st_auc_of(told_apart(e, sample))


METRICS = (
    Metric(
        c2st_auc, _c2st_auc, ("sample", "source"), INVARIANT, NOT_DAMAGE + "; blind to a change of spread",
        "held-out area under the ROC curve of a logistic regression of the side, mean over 5 folds",
    ),
)  # fmt: skip
