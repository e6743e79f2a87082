"""Scores of the class probabilities of target rows: each a function of the sums that `Predictions` keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float, blocks_of
from labelfree.catalog import SAMPLE
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import predictions_of, sampled_logits, target
from labelfree.families.spec import FROM_OUTPUTS, FROM_SAMPLED_OUTPUTS, LOGITS, Metric
from labelfree.results import Plain, Result, measured
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.probabilities import entropy_of, log_softmax

TAYLOR_UP_TO = 5.0  # mean of -ln p up to which MaNo takes Taylor probabilities instead of the softmax


def _mean_error(total: float, squares: float, n: int) -> float | None:
    """Standard error of the mean of n values by their sum and the sum of their squares."""
    if n < 2:
        return None
    return float((max(squares - total * total / n, 0.0) / (n - 1) / n) ** 0.5)


def _count(p: Predictions) -> dict[str, Plain]:
    return {"n": p.n, "classes": p.classes}


def marginal_entropy(p: Predictions) -> tuple[float, Float]:
    """Entropy of the mean probabilities, and its gradient (K,) with respect to them, up to a constant."""
    mean = p.total / p.n
    gradient = np.zeros_like(mean)
    np.log(mean, out=gradient, where=mean > 0)
    return float(-(mean @ gradient)), -gradient


def along(p: Predictions, gradient: Float) -> float:
    """Variance over the rows of gradient . p."""
    mean = p.total / p.n
    return max(float(gradient @ (p.gram / p.n) @ gradient - (gradient @ mean) ** 2), 0.0)


def _entropy(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    high = float(np.log(p.classes))
    error = _mean_error(p.entropy, p.entropy_square, p.n)
    parts: dict[str, Plain] = {**_count(p), "share_of_maximum": p.entropy / p.n / high}
    return measured(p.entropy / p.n, error, low=0.0, high=high, parts=parts)


def entropy(logits: Any) -> Result:
    """Mean entropy of the predictions (C-Entropy): how undecided the classifier is.

    Formula: mean_i of -sum_k p_ik ln p_ik, p = softmax(logits).
    Input: logits (n, K) finite real numbers, or log-probabilities; one column z means the two classes [0, z].
    Range: 0 (certain) to ln K, in nats; lower is better.
    Undefined: without logits.
    Interval: standard error of the mean.
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
    value, gradient = marginal_entropy(p)
    high = float(np.log(p.classes))
    error = (along(p, gradient) / (p.n - 1)) ** 0.5 if p.n > 1 else None
    parts: dict[str, Plain] = {
        **_count(p),
        "share_of_maximum": value / high,
        "classes_predicted": int((p.predicted > 0).sum()),
    }
    return measured(value, error, low=0.0, high=high, parts=parts)


def diversity(logits: Any) -> Result:
    """Entropy of the mean prediction: how evenly the classes are predicted.

    Formula: -sum_k q_k ln q_k, q = mean_i p_i, p = softmax(logits).
    Input: as entropy.
    Range: 0 (one class, surely) to ln K (all classes alike), in nats; higher is better where classes are balanced.
    Undefined: without logits.
    Interval: influence function, from the second moments of the probabilities.
    Cost: shared with entropy.
    When it lies: undecided predictions reach the maximum; imbalanced targets should not.
    Source: the first term of infomax; `DiversityValidator` of pytorch-adapt. Deviations: none.

    >>> import numpy as np
    >>> round(diversity(np.log([[0.9, 0.1], [0.1, 0.9]])).value, 10)
    0.6931471806
    """
    return _diversity(target(logits=logits))


def _sampled_p(e: Evidence) -> Float | None:
    """Probabilities of the sampled rows (m, K), m >= 2, or None."""
    logits = sampled_logits(e)
    return np.exp(log_softmax(logits)) if logits is not None and len(logits) > 1 else None


def _form_error(e: Evidence, form: Float, n: int, *, weighted: bool = False) -> float | None:
    """Standard error over n rows of a mean of (w) p^T A p, from the sampled rows."""
    p = _sampled_p(e)
    if p is None:
        return None
    influence = np.concatenate([np.einsum("ij,ij->i", part @ form, part) for part in blocks_of(p)])
    if weighted:
        influence *= 1 + np.exp(-entropy_of(np.log(np.maximum(p, 1e-300))))
    return float(influence.std(ddof=1) / n**0.5)


def _nuclear_norm(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    values, vectors = np.linalg.eigh(p.gram / p.n)
    values = np.maximum(values, 0.0)
    sigma = np.sqrt(values)
    share = min(p.n, p.classes) ** -0.5
    there = values > 1e-12 * values[-1]
    inverse = np.divide(1.0, sigma, out=np.zeros_like(sigma), where=there)
    error = _form_error(e, 0.5 * share * (vectors * inverse) @ vectors.T, p.n)
    norm = float(sigma.sum())
    parts: dict[str, Plain] = {**_count(p), "bnm": norm / p.n**0.5, "nuclear": norm * p.n**0.5}
    return measured(norm * share, error, low=0.0, high=1.0, parts=parts)


def nuclear_norm(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Nuclear norm of the prediction matrix: decided and diverse at once.

    Formula: ||P||_* / sqrt(min(n, K) n), P (n, K) the softmax of the logits; parts.bnm is ||P||_* / n.
    Input: as entropy.
    Range: for n >= K from 1 / K (all rows undecided) over 1 / sqrt(K) (all rows surely one class) to 1 (one-hot, all
    classes equally often).
    Undefined: without logits.
    Interval: influence function on the sampled rows.
    Cost: one K x K eigendecomposition. The norm comes from P^T P: digits below 1e-8 of the largest singular value are
    lost, some 1e-7 of the score.
    When it lies: a classifier that is confidently and evenly wrong reaches 1; imbalanced targets stay below.
    Source: Deng et al., "Confidence and dispersity speak", ICML 2023; Cui et al., CVPR 2020 (BNM). Deviations: none.

    >>> import numpy as np
    >>> round(nuclear_norm(1e4 * np.eye(3)).value, 10)
    1.0
    """
    return _nuclear_norm(target(logits=logits, sample=sample, seed=seed))


def _softmax_corr(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    second = p.gram / p.n
    trace, norm, root = float(np.trace(second)), float(np.linalg.norm(second)), p.classes**0.5
    form = np.eye(p.classes) / (norm * root) - trace / (norm**3 * root) * second
    parts: dict[str, Plain] = {**_count(p), "corr_c": trace / norm}
    return measured(trace / norm / root, _form_error(e, form, p.n), low=p.classes**-0.5, high=1.0, parts=parts)


def softmax_corr(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """SoftmaxCorr: how much the class-class correlation of the predictions looks like the identity.

    Formula: cos(P^T P, I) = tr(P^T P) / (||P^T P||_F sqrt(K)), P (n, K) the softmax; parts.corr_c is sqrt(K) times it.
    Input: as entropy.
    Range: 1 / sqrt(K) (all rows one prediction, or all uniform) to 1 (one-hot, all classes equally often).
    Undefined: without logits.
    Interval: influence function on the sampled rows.
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
    return _softmax_corr(target(logits=logits, sample=sample, seed=seed))


def _mcc(e: Evidence) -> Result:
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    confusion = p.weighted / p.n
    rows, k = confusion.sum(axis=1), p.classes
    seen = rows > 0
    there = np.where(seen, rows, 1.0)
    kept = np.where(seen, np.diagonal(confusion) / there, 1.0)
    # d value = -1/K sum_k (d C_kk / r_k - C_kk / r_k^2 d r_k), and r_k = sum_j C_kj: a form in p
    form = np.diag(seen / there) - (seen * kept / there)[:, None]
    error = _form_error(e, -(form + form.T) / (2 * k), p.n, weighted=True)
    parts: dict[str, Plain] = {**_count(p), "classes_seen": int(seen.sum())}
    return measured(float(1 - kept.mean()), error, low=0.0, high=1 - 1 / k, params={"temperature": 1.0}, parts=parts)


def mcc(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Minimum class confusion: probability shared between different classes.

    Formula: 1 - 1/K sum_k C_kk / sum_j C_kj, C = sum_i w_i p_i p_i^T, w_i = 1 + exp(-entropy of p_i), p = softmax.
    Input: as entropy.
    Range: 0 (no row hesitates between classes) to 1 - 1/K; lower is better. A class of probability exactly 0 in all
    rows counts as not confused.
    Undefined: without logits.
    Interval: influence function on the sampled rows.
    Cost: none beyond the sums.
    When it lies: a confidently wrong or collapsed classifier scores best; training with this loss optimizes it.
    Source: Jin, Wang, Long, Wang, "Minimum class confusion", ECCV 2020, temperature 1. Deviations: over all rows
    instead of batches; tllib adds 1e-5 inside the logarithm of the entropy, which we (and pytorch-adapt) do not.

    >>> import numpy as np
    >>> round(mcc(np.zeros((4, 3))).value, 10)
    0.6666666667
    """
    return _mcc(target(logits=logits, sample=sample, seed=seed))


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
        **_count(p),
        "criterion": criterion,
        "normalization": "softmax" if calibrated else "taylor",
        "softmax": (p.softmax4 / p.n) ** 0.25,
        "taylor": (p.taylor4 / p.n) ** 0.25,
    }
    high = p.classes**-0.25
    warnings = []
    if abs(criterion - TAYLOR_UP_TO) < 0.25:
        warnings.append(f"the criterion {criterion:.2f} is near 5, where the normalization changes: compare parts")
    return measured(value, error, low=0.0, high=high, params=params, parts=parts, warnings=warnings)


def mano(logits: Any) -> Result:
    """MaNo: 4-norm of the normalized logits.

    Formula: (mean_ij s_ij^4)^(1/4); s = softmax(z) where the criterion, the mean of -ln softmax over rows and classes,
    is above 5, else the Taylor probabilities 1 + z + z^2 / 2 less their least value in the row, over their sum.
    Input: logits (n, K); the Taylor form needs the logits themselves: log-probabilities give another value.
    Range: K^-1 (uniform softmax; 0 for Taylor rows without any difference) to K^(-1/4) (one-hot); higher is better.
    parts.normalization says which form was taken; scores of different forms do not compare.
    Undefined: without logits.
    Interval: standard error of the mean fourth power, by the delta method; not across the switch of forms.
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
    error = _mean_error(p.confidence, p.confidence_square, p.n)
    return measured(p.confidence / p.n, error, low=1 / p.classes, high=1.0, parts=_count(p))


def average_confidence(logits: Any) -> Result:
    """Average confidence: the accuracy of a calibrated classifier.

    Formula: mean_i max_k p_ik, p = softmax(logits).
    Input: as entropy.
    Range: 1/K to 1, in units of accuracy.
    Undefined: without logits.
    Interval: standard error of the mean over rows; the error of a classifier that is not calibrated is not in it.
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
        entropy, _entropy, FROM_OUTPUTS, LOGITS,
        "adaptation runs that do not minimize entropy; " + _CONFIDENT,
        "mean of -sum p ln p over rows, nats",
    ),
    Metric(
        diversity, _diversity, FROM_OUTPUTS, LOGITS,
        "balanced targets, beside entropy: an alarm for collapse; misleads under imbalance and for undecided "
        "classifiers",
        "entropy of the mean prediction, nats",
    ),
    Metric(
        nuclear_norm, _nuclear_norm, FROM_SAMPLED_OUTPUTS, LOGITS,
        "shifts and adaptation with nearly balanced classes; misleads under strong imbalance and where training "
        "maximizes it (BNM)",
        "||P||_* / sqrt(min(n, K) n), P the softmax probabilities",
    ),
    Metric(
        softmax_corr, _softmax_corr, FROM_SAMPLED_OUTPUTS, LOGITS,
        "shifts with nearly balanced classes; its published directions disagree",
        "cos(P^T P, I), P the softmax probabilities",
    ),
    Metric(
        mcc, _mcc, FROM_SAMPLED_OUTPUTS, LOGITS,
        "adaptation runs that do not minimize class confusion; " + _CONFIDENT,
        "1 - mean_k C_kk / sum_j C_kj, C = sum w p p^T, w = 1 + exp(-entropy)",
    ),
    Metric(
        mano, _mano, FROM_OUTPUTS, LOGITS,
        "one classifier under several shifts; misleads where it is confidently wrong, and across its two "
        "normalizations",
        "(mean s^4)^(1/4), s = softmax or Taylor probabilities by the criterion",
    ),
    Metric(
        average_confidence, _average_confidence, FROM_OUTPUTS, LOGITS,
        "calibrated classifiers; misleads (too high) under shift, where networks are overconfident",
        "mean of max p over rows",
    ),
)  # fmt: skip
