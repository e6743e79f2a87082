"""Two parts of the Transfer Score: how evenly the head points, how decided and diverse the predictions are."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import directions
from labelfree.evidence.targets import predictions_of, target
from labelfree.families.spec import FROM_SAMPLED_OUTPUTS, INVARIANT, LOGITS, Metric
from labelfree.families.transfer.intervals import jackknife, measured_below, unless_one_class
from labelfree.families.transfer.leaving_out import diversity_without, sampled_log_p, spread_of_few
from labelfree.families.transfer.predictions import marginal_entropy
from labelfree.results import Plain, Result, measured, undefined

_HEAD_ROWS = 128  # of a head at a time: half of their pairs with all others are looked at


def ideal_angle(k: int) -> float:
    """Angle in radians between every two of k directions spread as evenly as can be."""
    return float(np.arccos(-1.0 / (k - 1)))


def classifier_nonuniformity_of(e: Evidence) -> Result:
    """The non-uniformity of the head, or why there is none."""
    head = None if e.outputs is None else e.outputs.head
    if head is None:
        return undefined("no_head", "no head is known" if e.outputs is None else e.outputs.why_no_head)
    given, d = head.weight.shape
    unit = directions(np.concatenate([-head.weight, head.weight]) if given == 1 else head.weight)
    k = len(unit)
    if d == 0 or k < 2:
        return undefined("insufficient", f"needs at least 2 classes, found {k}")
    zero = np.flatnonzero(~unit.any(axis=1))
    if len(zero):
        return undefined("zero_row", f"the head's row of class {zero[0]} is zero and has no direction")
    ideal, total, least = ideal_angle(k), 0.0, np.inf
    for start in range(0, k, _HEAD_ROWS):
        cosine = unit[start : start + _HEAD_ROWS] @ unit[start:].T  # each pair once, those of these rows twice
        angle = np.arccos(np.clip(cosine, -1.0, 1.0, out=cosine), out=cosine)
        rows = len(angle)
        np.fill_diagonal(angle, np.pi)
        least = min(least, float(angle.min()))
        np.fill_diagonal(angle, ideal)
        angle -= ideal
        angle *= angle
        total += float(angle[:, :rows].sum()) + 2 * float(angle[:, rows:].sum())
    params: dict[str, Plain] = {"head": head.origin, "key": head.key}
    parts: dict[str, Plain] = {
        "classes": k,
        "d": d,
        "ideal_angle": ideal,
        "smallest_angle": least,
        "informative": given > 1 and not head.one_logit,
    }
    notes = []
    if k > d + 1:
        most = f"{k} classes in {d} columns: no {k} directions have equal angles, so 0 cannot be reached"
        notes.append(Noted("crowded_classes", most))
    if given == 1 or head.one_logit:
        one = "a head of one logit stands for two opposite rows: always 0, it says nothing"
        notes.append(Noted("one_logit", one))
    return measured(total / (k * (k - 1)), low=0.0, high=ideal**2, params=params, parts=parts, warnings=notes)


def classifier_nonuniformity(weight: Any) -> Result:
    """Non-uniformity of the head (the paper's U): how far its rows are from pointing evenly into all directions.

    Formula: mean over pairs i != j of (theta_ij - theta_K)^2, theta_ij the angle between rows i and j of the weight,
    theta_K = arccos(-1 / (K - 1)); the bias is not used.
    Input: weight (K, d) of the last linear layer, rows the classes; one row w of a binary head means [-w/2, w/2].
    Range: 0 (a regular simplex) to theta_K^2 (all rows parallel), in squared radians; lower is better. Invariant to
    positive scaling of any row and to rotation.
    Undefined: without a head; fewer than two classes; a zero row.
    Interval: none: the head is not a sample.
    Cost: K^2 d multiply-adds.
    When it lies: with many classes in many columns ordinary heads are near 0 already (below 0.1 from 31 classes on) and
    it hardly moves the Transfer Score; imbalanced classes need no even angles.
    Source: Eq. 1-2 of Yang et al., ICLR 2024. Deviations: the right-hand side of Eq. 1 (its left-hand side lacks
    1 / (K (K - 1))); cosines are clipped to [-1, 1], without which parallel rows give NaN in the released code.

    >>> import numpy as np
    >>> round(classifier_nonuniformity(np.eye(3)).value, 10)
    0.2741556778
    """
    return classifier_nonuniformity_of(target(head=weight))


def infomax_of(e: Evidence) -> Result:
    """The infomax score of the predictions, or why there is none."""
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    marginal, mean = marginal_entropy(p), p.entropy / p.n
    high = float(np.log(p.classes))
    value = marginal - mean
    parts: dict[str, Plain] = {
        "over_log_classes": min(max(value / high, 0.0), 1.0),
        "diversity": marginal,
        "entropy": mean,
        "n": p.n,
        "classes": p.classes,
    }
    log_p = sampled_log_p(e)
    if log_p is None:
        return measured(value, low=0.0, high=high, parts=parts)
    rows = np.exp(log_p)
    own = -np.einsum("ij,ij->i", rows, log_p)
    variance = jackknife(diversity_without(p, rows) + own / (p.n - 1), p.n)
    return unless_one_class(measured_below(value, variance, spread_of_few(p), low=0.0, high=high, parts=parts), p)


def infomax(logits: Any) -> Result:
    """Infomax (the paper's M): mutual information of row and predicted class.

    Formula: H(mean_i p_i) - mean_i H(p_i), p = softmax(logits), H the entropy in nats; parts.over_log_classes is the
    same over ln K.
    Input: logits (n, K) finite real numbers, or log-probabilities; one column z means the two classes [0, z].
    Range: 0 (every row predicted alike) to ln K (certain, all classes equally often); higher is better.
    Undefined: without logits.
    Interval: as diversity, for the distance to ln K.
    Cost: none beyond the sums of the predictions.
    When it lies: gamed by training that maximizes it (SHOT and other infomax losses); wants balanced classes.
    Source: Eq. 4 of Yang et al., ICLR 2024; Bridle, Heading, MacKay 1991; `IMValidator` of pytorch-adapt.
    Deviations: none from the paper; its released code averages over batches of 32, which caps M / ln K at
    ln 32 / ln K, and adds 1e-5 and 1e-6 in the logarithms.

    >>> import numpy as np
    >>> round(infomax(np.log([[0.9, 0.1], [0.1, 0.9]])).value, 10)
    0.3680642072
    """
    return infomax_of(target(logits=logits))


METRICS = (
    Metric(
        classifier_nonuniformity, classifier_nonuniformity_of, ("outputs", "head"), INVARIANT,
        "balanced classes, a linear head, few classes; hardly moves from 31 classes on",
        "mean over pairs of (theta_ij - theta_K)^2, angles of the head's rows",
    ),
    Metric(
        infomax, infomax_of, FROM_SAMPLED_OUTPUTS, LOGITS,
        "adaptation runs with balanced classes; misleads where training maximizes it (infomax losses)",
        "H(mean p) - mean H(p), nats, over all rows",
    ),
)  # fmt: skip
