"""Scores of the class probabilities of target rows: each a function of the sums that `Predictions` keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import predictions_of, sampled_logits, target
from labelfree.families.spec import FROM_SAMPLED_OUTPUTS, LOGITS, Metric
from labelfree.families.transfer.intervals import (
    jackknife,
    measured_below,
    skewed_mean,
    skewness_of,
    unless_one_class,
    with_interval,
    withheld,
)
from labelfree.families.transfer.leaving_out import diversity_without, sampled_log_p, sampled_p, spread_of_few
from labelfree.families.transfer.prediction_matrix import count, mcc_of, nuclear_norm_of, softmax_corr_of
from labelfree.results import Plain, Result, measured
from labelfree.summaries.predictions import Predictions, fourth_of_softmax, fourth_of_taylor
from labelfree.summaries.probabilities import entropy_of

TAYLOR_UP_TO = 5.0  # mean of -ln p up to which MaNo takes Taylor probabilities instead of the softmax


def _mean_error(total: float, squares: float, n: int) -> float | None:
    """Standard error of the mean of n values by their sum and the sum of their squares."""
    if n < 2:
        return None
    return float((max(squares - total * total / n, 0.0) / (n - 1) / n) ** 0.5)


def marginal_entropy(p: Predictions) -> float:
    """Entropy of the mean probabilities."""
    mean = p.total / p.n
    return float(-(mean @ np.log(np.where(mean > 0, mean, 1.0))))


def _skewed(e: Evidence, found: Result, rows: Callable[[Float], Float], n: int, low: float, high: float) -> Result:
    """A mean over n rows with its interval; rows: gives what is averaged, of the logarithms of probabilities (m, K)."""
    log_p = sampled_log_p(e)
    if log_p is None or found.value is None or found.se is None:
        return found
    return with_interval(found, skewed_mean(found.value, found.se, skewness_of(rows(log_p), n), low, high))


def _entropy(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    high = float(np.log(p.classes))
    error = _mean_error(p.entropy, p.entropy_square, p.n)
    parts: dict[str, Plain] = {**count(p), "share_of_maximum": p.entropy / p.n / high}
    return _skewed(e, measured(p.entropy / p.n, error, low=0.0, high=high, parts=parts), entropy_of, p.n, 0.0, high)


def entropy(logits: Any) -> Result:
    """Mean entropy of the predictions (C-Entropy): how undecided the classifier is.

    Formula: mean_i of -sum_k p_ik ln p_ik, p = softmax(logits).
    Input: logits (n, K) finite real numbers, or log-probabilities; one column z means the two classes [0, z].
    Range: 0 (certain) to ln K, in nats; lower is better.
    Undefined: without logits.
    Interval: of a mean of skewed rows (Hall 1992), the skewness from the sampled rows; none where the standard error
    exceeds half of the distance to the nearer bound: then a few rows make up the value.
    Cost: one exponential per logit, shared by all scores of predictions.
    When it lies: a confidently wrong or collapsed classifier scores best; entropy minimization optimizes it.
    Source: Morerio, Cavazza, Murino, ICLR 2018 (as a validator). Deviations: pytorch-adapt gives its negative; SKADA
    divides it by K.

    >>> import numpy as np
    >>> round(entropy(np.log([[0.9, 0.1], [0.1, 0.9]])).value, 10)
    0.3250829734
    """
    return _entropy(target(logits=logits))


def _diversity(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    value = marginal_entropy(p)
    high = float(np.log(p.classes))
    parts: dict[str, Plain] = {
        **count(p),
        "share_of_maximum": value / high,
        "classes_predicted": int((p.predicted > 0).sum()),
    }
    rows = sampled_p(e)
    if rows is None:
        return measured(value, low=0.0, high=high, parts=parts)
    variance = jackknife(diversity_without(p, rows), p.n)
    return unless_one_class(measured_below(value, variance, spread_of_few(p), low=0.0, high=high, parts=parts), p)


def diversity(logits: Any) -> Result:
    """Entropy of the mean prediction: how evenly the classes are predicted.

    Formula: -sum_k q_k ln q_k, q = mean_i p_i, p = softmax(logits).
    Input: as entropy.
    Range: 0 (one class, surely) to ln K (all classes alike), in nats; higher is better where classes are balanced.
    Undefined: without logits.
    Interval: jackknife over the sampled rows; the distance to ln K taken for a noncentral chi-square, with as many
    degrees as the spread of the class shares has. None where, of fewer than 500 rows, fewer than 25 (in sums of
    probability) go to other classes than the most predicted one: a few rows make up the value then.
    Cost: shared with entropy.
    When it lies: undecided predictions reach the maximum; imbalanced targets should not.
    Source: the first term of infomax; `DiversityValidator` of pytorch-adapt. Deviations: none.

    >>> import numpy as np
    >>> round(diversity(np.log([[0.9, 0.1], [0.1, 0.9]])).value, 10)
    0.6931471806
    """
    return _diversity(target(logits=logits))


def nuclear_norm(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Nuclear norm of the prediction matrix: decided and diverse at once.

    Formula: ||P||_* / sqrt(min(n, K) n), P (n, K) the softmax of the logits; parts.bnm is ||P||_* / n.
    Input: as entropy.
    Range: for n >= K from 1 / K (all rows undecided) over 1 / sqrt(K) (all rows surely one class) to 1 (one-hot, all
    classes equally often).
    Undefined: without logits.
    Interval: exact jackknife over the sampled rows; the distance to 1 taken for a noncentral chi-square, and
    none with few rows and nearly all of one class, as diversity.
    Cost: one K x K eigendecomposition. The norm comes from P^T P: digits below 1e-8 of the largest singular value are
    lost, some 1e-7 of the score.
    When it lies: a classifier that is confidently and evenly wrong reaches 1; imbalanced targets stay below.
    Source: Deng et al., "Confidence and dispersity speak", ICML 2023; Cui et al., CVPR 2020 (BNM). Deviations: none.

    >>> import numpy as np
    >>> round(nuclear_norm(1e4 * np.eye(3)).value, 10)
    1.0
    """
    return nuclear_norm_of(target(logits=logits, sample=sample, seed=seed))


def softmax_corr(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """SoftmaxCorr: how much the class-class correlation of the predictions looks like the identity.

    Formula: cos(P^T P, I) = tr(P^T P) / (||P^T P||_F sqrt(K)), P (n, K) the softmax; parts.corr_c is sqrt(K) times it.
    Input: as entropy.
    Range: 1 / sqrt(K) (all rows one prediction, or all uniform) to 1 (one-hot, all classes equally often).
    Undefined: without logits.
    Interval: as nuclear_norm, for 1 / value^2 - 1; none below 200 rows.
    Cost: none beyond the sums.
    When it lies: as nuclear_norm. Its direction is contested: the code of EnsV and MixVal takes the smallest Corr-C
    for the best, by which collapse would win; we take the largest.
    Source: Tu, Deng, Zheng, Gedeon, "What does softmax probability tell us about classifiers ranking across diverse
    test conditions?", 2024; Corr-C in the code of EnsV (NeurIPS 2024). Deviations: their reference matrix is the
    identity here, which expects balanced classes; the direction of Corr-C, as said.

    >>> import numpy as np
    >>> round(softmax_corr(1e4 * np.eye(3)).value, 10)
    1.0
    """
    return softmax_corr_of(target(logits=logits, sample=sample, seed=seed))


def mcc(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Minimum class confusion: probability shared between different classes.

    Formula: 1 - 1/K sum_k C_kk / sum_j C_kj, C = sum_i w_i p_i p_i^T, w_i = 1 + exp(-entropy of p_i), p = softmax.
    Input: as entropy.
    Range: 0 (no row hesitates between classes) to 1 - 1/K; lower is better. A class of probability exactly 0 in all
    rows counts as not confused.
    Undefined: without logits.
    Interval: as entropy, the variance by the jackknife and by the influence of the sampled rows, in the mean; also
    none below 200 rows, nor with few rows and nearly all of one class, as diversity.
    Cost: none beyond the sums.
    When it lies: a confidently wrong or collapsed classifier scores best; training with this loss optimizes it.
    Source: Jin, Wang, Long, Wang, "Minimum class confusion", ECCV 2020, temperature 1. Deviations: over all rows
    instead of batches; tllib adds 1e-5 inside the logarithm of the entropy, which we (and pytorch-adapt) do not.

    >>> import numpy as np
    >>> round(mcc(np.zeros((4, 3))).value, 10)
    0.6666666667
    """
    return mcc_of(target(logits=logits, sample=sample, seed=seed))


def _mano(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    criterion = p.surprise / p.n
    calibrated = criterion > TAYLOR_UP_TO
    total, squares = (p.softmax4, p.softmax4_square) if calibrated else (p.taylor4, p.taylor4_square)
    value = (total / p.n) ** 0.25
    error = _mean_error(total, squares, p.n)
    error = error / (4 * value**3) if error is not None and value > 0 else None
    params: dict[str, Plain] = {"power": 4, "taylor_up_to": TAYLOR_UP_TO}
    parts: dict[str, Plain] = {
        **count(p),
        "criterion": criterion,
        "normalization": "softmax" if calibrated else "taylor",
        "softmax": (p.softmax4 / p.n) ** 0.25,
        "taylor": (p.taylor4 / p.n) ** 0.25,
    }
    high = p.classes**-0.25
    warnings = []
    if abs(criterion - TAYLOR_UP_TO) < 0.25:
        near = f"the criterion {criterion:.2f} is near 5, where the normalization changes: compare parts"
        warnings.append(Noted("near_switch", near))
    found = measured(value, error, low=0.0, high=high, params=params, parts=parts, warnings=warnings)
    if p.classes == 2 and not calibrated:
        return withheld(found, "of two classes the Taylor form keeps one, the same value for every row")
    logits = sampled_logits(e)
    if error is None or logits is None:
        return found
    rows = (fourth_of_softmax if calibrated else fourth_of_taylor)(logits)
    skewness = skewness_of(rows, p.n)
    ends = skewed_mean(total / p.n, 4 * value**3 * error, skewness, 0.0, 1 / p.classes)
    return with_interval(found, None if ends is None else (ends[0] ** 0.25, ends[1] ** 0.25))


def mano(logits: Any) -> Result:
    """MaNo: 4-norm of the normalized logits.

    Formula: (mean_ij s_ij^4)^(1/4); s = softmax(z) where the criterion, the mean of -ln softmax over rows and classes,
    is above 5, else the Taylor probabilities 1 + z + z^2 / 2 less their least value in the row, over their sum.
    Input: logits (n, K); the Taylor form needs the logits themselves: log-probabilities give another value.
    Range: K^-1 (uniform softmax; 0 for Taylor rows without any difference) to K^(-1/4) (one-hot); higher is better.
    parts.normalization says which form was taken; scores of different forms do not compare.
    Undefined: without logits.
    Interval: of the mean fourth power, as entropy; not across the switch of forms. None for the Taylor form of two
    classes, which is the same for every row.
    Cost: none beyond the sums.
    When it lies: a confidently wrong classifier scores high; candidates on both sides of the switch.
    Source: Xie et al., "MaNo", NeurIPS 2024, p = 4. Deviations: all rows at once, where the released code
    averages over batches of 128 and leaves dropout on.

    >>> import numpy as np
    >>> round(mano(1e4 * np.eye(16)).value, 10)
    0.5
    """
    return _mano(target(logits=logits))


def _average_confidence(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    low, error = 1 / p.classes, _mean_error(p.confidence, p.confidence_square, p.n)
    found = measured(p.confidence / p.n, error, low=low, high=1.0, parts=count(p))
    return _skewed(e, found, lambda log_p: np.exp(log_p.max(axis=1)), p.n, low, 1.0)


def average_confidence(logits: Any) -> Result:
    """Average confidence: the accuracy of a calibrated classifier.

    Formula: mean_i max_k p_ik, p = softmax(logits).
    Input: as entropy.
    Range: 1/K to 1, in units of accuracy.
    Undefined: without logits.
    Interval: as entropy; the error of a classifier that is not calibrated is not in it.
    Cost: shared with entropy.
    When it lies: networks are overconfident, more so under shift: it is an upper estimate; no estimate without
    calibration on the target.
    Source: Hendrycks and Gimpel, ICLR 2017 (confidence); the "AC" baseline of Garg et al., ICLR 2022. Deviations: none.

    >>> import numpy as np
    >>> round(average_confidence(np.log([[0.9, 0.1], [0.3, 0.7]])).value, 10)
    0.8
    """
    return _average_confidence(target(logits=logits))


_CONFIDENT = "misleads where the classifier is confidently wrong or collapsed, or was trained to minimize it"
METRICS = (
    Metric(
        entropy, _entropy, FROM_SAMPLED_OUTPUTS, LOGITS,
        "adaptation runs that do not minimize entropy; " + _CONFIDENT,
        "mean of -sum p ln p over rows, nats",
    ),
    Metric(
        diversity, _diversity, FROM_SAMPLED_OUTPUTS, LOGITS,
        "balanced targets, beside entropy: an alarm for collapse; misleads under imbalance and for undecided "
        "classifiers",
        "entropy of the mean prediction, nats",
    ),
    Metric(
        nuclear_norm, nuclear_norm_of, FROM_SAMPLED_OUTPUTS, LOGITS,
        "shifts and adaptation with nearly balanced classes; misleads under strong imbalance and where training "
        "maximizes it (BNM)",
        "||P||_* / sqrt(min(n, K) n), P the softmax probabilities",
    ),
    Metric(
        softmax_corr, softmax_corr_of, FROM_SAMPLED_OUTPUTS, LOGITS,
        "shifts with nearly balanced classes; its published directions disagree",
        "cos(P^T P, I), P the softmax probabilities",
    ),
    Metric(
        mcc, mcc_of, FROM_SAMPLED_OUTPUTS, LOGITS,
        "adaptation runs that do not minimize class confusion; " + _CONFIDENT,
        "1 - mean_k C_kk / sum_j C_kj, C = sum w p p^T, w = 1 + exp(-entropy)",
    ),
    Metric(
        mano, _mano, FROM_SAMPLED_OUTPUTS, LOGITS,
        "one classifier under several shifts; misleads where it is confidently wrong, and across its two "
        "normalizations",
        "(mean s^4)^(1/4), s = softmax or Taylor probabilities by the criterion",
    ),
    Metric(
        average_confidence, _average_confidence, FROM_SAMPLED_OUTPUTS, LOGITS,
        "calibrated classifiers; misleads (too high) under shift, where networks are overconfident",
        "mean of max p over rows",
    ),
)  # fmt: skip
