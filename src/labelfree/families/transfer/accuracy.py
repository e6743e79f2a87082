"""Accuracy on rows without labels, estimated with the help of labelled source rows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import Rows, matrix
from labelfree.documents.findings import Noted
from labelfree.errors import ArrayError, option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.labels import labelled, of_rows, threshold
from labelfree.evidence.outputs import Labelled, Outputs
from labelfree.evidence.targets import predictions_of, target
from labelfree.families.spec import LOGITS, Metric
from labelfree.families.transfer.intervals import share_interval, with_interval, withheld
from labelfree.families.transfer.transport import EXACT, integer_share, price_variance, transport
from labelfree.results import Z95, Plain, Result, measured, undefined
from labelfree.summaries.probabilities import softmax, two_classes

FEW_ERRORS = 20
"""Source errors below which the thresholds of atc_mc and atc_ne are warned of."""

LEAST_ERRORS = 5
"""Source rows in error, and as many right, below which atc_mc and atc_ne have no interval."""


def share_error(count: float, n: int) -> float:
    """Standard error of a share count / n, with two successes and two failures added (Agresti and Coull): never 0."""
    share = (count + 2) / (n + 4)
    return math.sqrt(share * (1 - share) / (n + 4))


def _source(e: Evidence) -> Labelled | Result:
    """The labelled source rows, or why there are none."""
    source = e.reference
    if source is None:
        return undefined("no_source", f"needs labelled source rows ({option('source', like='FILE')})")
    if source.outputs is None or (source.outputs.predictions is None and source.outputs.labelled is None):
        return undefined("no_labels", "needs the logits of the source rows, which hold none")
    if source.outputs.labelled is None:
        return undefined("no_labels", f"needs the labels of the source rows (a column label, or {option('label')})")
    if len(source.outputs.labelled.label) == 0:
        return undefined("insufficient", "needs at least 1 source row, found 0")
    return source.outputs.labelled


def _logits(e: Evidence) -> Rows | Result:
    """Logits of the sampled target rows, or why there are none."""
    if e.outputs is None or e.outputs.logits is None:
        return undefined("no_logits", "needs logits or probabilities of the target rows")
    if len(e.outputs.logits) == 0:
        return undefined("insufficient", "needs at least 1 target row, found 0")
    return two_classes(e.outputs.logits)


def _beside(source: Labelled) -> Evidence:
    return Evidence(len(source.label), 0, outputs=Outputs(labelled=source))


def _target(logits: Any, source_logits: Any, source_labels: Any, seed: int = 0) -> Evidence:
    """Evidence of target logits alone, all of them in the order of a sample, beside a labelled source."""
    e, z = target(logits=logits, sample=None, seed=seed), matrix(source_logits, "source_logits")
    k, found = two_classes(matrix(logits, "logits")).shape[1], two_classes(z).shape[1]
    if found != k:
        raise ArrayError(f"source_logits: expected {k} classes as in logits, found {found}; score both with one model")
    return replace(e, reference=_beside(labelled(z, source_labels)))


def _source_accuracy(e: Evidence) -> Result:
    source = _source(e)
    if isinstance(source, Result):
        return source
    n, right = len(source.label), int((source.predicted == source.label).sum())
    parts: dict[str, Plain] = {"rows": n, "errors": n - right}
    found = measured(right / n, share_error(right, n), low=0.0, high=1.0, parts=parts)
    return with_interval(found, share_interval(right, n))


def source_accuracy(source_logits: Any, source_labels: Any) -> Result:
    """Accuracy on the labelled source rows: what the target would reach if nothing had shifted.

    Formula: share of the source rows whose largest logit is the one of their label.
    Input: source_logits (n, K) finite, source_labels (n,) class numbers from 0; rows the model was not trained on.
    Range: 0 to 1.
    Undefined: no source rows.
    Interval: of a share over the source rows (Wilson 1927; never of width 0).
    Cost: one pass over the source logits.
    When it lies: it knows nothing of the target: it ranks models by the source alone, and rows that the model was
    trained on raise it towards 1.
    Source: the SourceAccuracy validator (Musgrave, Belongie, Lim 2022). Deviations: none.

    >>> import numpy as np
    >>> source_accuracy(np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 3.0]]), np.array([0, 1, 1, 1])).value
    0.75
    """
    source = labelled(source_logits, source_labels)
    return _source_accuracy(Evidence(0, 0, reference=_beside(source)))


def _doc(e: Evidence) -> Result:
    source, found = _source(e), predictions_of(e)
    if isinstance(source, Result):
        return source
    if isinstance(found, Result):
        return found
    right = (source.predicted == source.label).astype(np.float64)
    gap, confidence = right - source.confidence, found.confidence / found.n
    value = float(gap.mean()) + confidence
    error, arms = None, (0.0, 0.0)
    if min(len(gap), found.n) > 1:
        spread = max(found.confidence_square / found.n - confidence**2, 0.0) / (found.n - 1)
        # Few errors hide the variance of being right: two more of either kind, and the arms of its own interval.
        more = np.concatenate([gap, np.array([0.0, 0.0, 1.0, 1.0]) - source.confidence.mean()])
        error = math.sqrt(more.var() / len(more) + spread)
        share = more.var() / np.concatenate([right, [0.0, 0.0, 1.0, 1.0]]).var()
        low, high = share_interval(right.sum(), len(right))
        arms = (
            math.sqrt(share * (right.mean() - low) ** 2 + Z95**2 * spread),
            math.sqrt(share * (high - right.mean()) ** 2 + Z95**2 * spread),
        )
    parts: dict[str, Plain] = {
        "source_accuracy": float(right.mean()),
        "source_confidence": float(source.confidence.mean()),
        "target_confidence": confidence,
        "unclamped": value,
    }
    params: dict[str, Plain] = {"rows": found.n, "source_rows": len(gap)}
    result = measured(value, error, low=0.0, high=1.0, params=params, parts=parts)
    return with_interval(result, (max(value - arms[0], 0.0), min(value + arms[1], 1.0)))


def doc(logits: Any, source_logits: Any, source_labels: Any) -> Result:
    """DoC: source accuracy less the difference of confidences between source and target.

    Formula: accuracy_s - (mean max p_s - mean max p_t), p = softmax(logits). parts.unclamped may leave [0, 1].
    Input: logits (n, K) of target rows, source_logits (m, K), source_labels (m,) class numbers from 0.
    Range: 0 to 1 (clamped).
    Undefined: no target logits, no labelled source rows.
    Interval: of the estimate over samples of rows, not of its distance from the true accuracy: that of
    the source accuracy (Wilson 1927) in the measure of correct - confidence, and the variance of the target confidence.
    Cost: one pass over both logits.
    When it lies: confident errors: a shift that leaves the confidence as it was goes unseen, and losses that sharpen
    the predictions on the target (entropy minimization) raise it without any gain in accuracy.
    Source: Guillory et al., "Predicting with Confidence on Unseen Distributions", ICCV 2021. Deviations: none.

    >>> import numpy as np
    >>> target, source = np.log([[0.5, 0.5], [0.7, 0.3]]), np.log([[0.8, 0.2], [0.1, 0.9]])
    >>> round(doc(target, source, np.array([0, 1])).value, 10)
    0.75
    """
    return _doc(_target(logits, source_logits, source_labels))


def _atc(e: Evidence, which: int) -> Result:
    source, logits = _source(e), _logits(e)
    if isinstance(source, Result):
        return source
    if isinstance(logits, Result):
        return logits
    scores, wrong = (source.confidence, source.negentropy)[which], source.predicted != source.label
    n, errors = len(scores), int(wrong.sum())
    t, below = threshold(scores, errors)
    found = np.sort(of_rows(logits)[which])
    above, rows = len(found) - int(np.searchsorted(found, t, side="left")), len(found)
    whole = e.outputs.predictions if e.outputs is not None else None
    if whole is not None and whole.thresholds is not None and whole.thresholds[which] == t:
        above, rows = whole.above[which], whole.n
    value = above / rows
    # The deviation of errors less source rows below the true threshold; see what it moves on the target.
    step = max(Z95 * math.sqrt(float(((scores < t) != wrong).sum())), 1.0)

    def at(count: int) -> float:
        return float((found >= threshold(scores, min(max(count, 0), n))[0]).mean())

    whole_step, rest = int(step), step % 1
    lower, upper = (
        (1 - rest) * at(errors + sign * whole_step) + rest * at(errors + sign * (whole_step + 1)) for sign in (1, -1)
    )
    error = math.hypot(share_error(above, rows), (upper - lower) / (2 * Z95))
    least, most = share_interval(above, rows)
    interval = (
        max(value - math.hypot(value - least, max(value - lower, 0.0)), 0.0),
        min(value + math.hypot(most - value, max(upper - value, 0.0)), 1.0),
    )
    equal = f"equal source scores: {below} source rows lie below the threshold, {errors} are errors"
    few = f"few source rows are errors ({errors} of {n}): they alone fix the threshold"
    warnings = [Noted("equal_scores", equal)] if below != errors else []
    if errors < FEW_ERRORS:
        few = few if errors else "no source row is an error: the threshold is the lowest source score"
        warnings.append(Noted("few_errors", few))
    params: dict[str, Plain] = {"rows": rows, "source_rows": n}
    parts: dict[str, Plain] = {"threshold": t if math.isfinite(t) else None, "source_errors": errors, "below": below}
    result = measured(value, error, low=0.0, high=1.0, params=params, parts=parts, warnings=warnings)
    if min(errors, n - errors) < LEAST_ERRORS:
        return withheld(result, f"it takes {LEAST_ERRORS} source rows of either kind, right and wrong")
    return with_interval(result, interval)


def _atc_mc(e: Evidence) -> Result:
    return _atc(e, 0)


def _atc_ne(e: Evidence) -> Result:
    return _atc(e, 1)


def atc_mc(logits: Any, source_logits: Any, source_labels: Any) -> Result:
    """ATC with maximum confidence: the share of target rows above a threshold found on the source.

    Formula: mean(s_t >= t), s = max p, p = softmax(logits), t the source score with as many source rows below it as
    the source has errors. Equal scores: the nearest count that distinct scores allow, the lower one of two as near
    (parts.below, and a warning). No errors: the lowest source score. Only errors: no threshold, estimate 0.
    Input: logits (n, K) of target rows, source_logits (m, K), source_labels (m,) class numbers from 0. Fit a
    temperature on the source before where the model is badly calibrated.
    Range: 0 to 1.
    Undefined: no target logits, no labelled source rows.
    Interval: of the estimate over samples of rows, not of its distance from the true accuracy: that of a share of the
    target rows (Wilson 1927), and how far the estimate moves when the source count moves by 1.96 deviations. None
    with fewer than 5 source rows in error, or 5 right.
    Cost: one sort of both scores; all target rows where they were counted in the pass, else the sampled ones.
    When it lies: confident errors on the target; fewer than a few dozen source errors (or none) fix the threshold
    badly; a loss that sharpens target predictions pushes every row above it.
    Source: Garg et al., "Leveraging Unlabeled Data to Predict Out-of-Distribution Performance", ICLR 2022.
    Deviations: the released code takes the score of one rank lower, which leaves one source row fewer below t, and
    without source errors the threshold 0.

    >>> import numpy as np
    >>> source = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    >>> target = np.log([[0.95, 0.05], [0.65, 0.35], [0.3, 0.7], [0.55, 0.45]])
    >>> atc_mc(target, source, np.array([0, 0, 0, 0])).value
    0.5
    """
    return _atc_mc(_target(logits, source_logits, source_labels))


def atc_ne(logits: Any, source_logits: Any, source_labels: Any) -> Result:
    """ATC with negative entropy: as atc_mc, the score of a row being how certain the whole prediction is.

    Formula: as atc_mc with s = sum over classes of p ln p (0 for a certain row, -ln K for an even one).
    Input: as atc_mc.
    Range: 0 to 1.
    Undefined: as atc_mc.
    Interval: as atc_mc.
    Cost: as atc_mc.
    When it lies: as atc_mc.
    Source: Garg et al., ICLR 2022. Deviations: as atc_mc (the released code estimates 0 without source errors).

    >>> import numpy as np
    >>> source = np.log([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    >>> target = np.log([[0.95, 0.05], [0.65, 0.35], [0.3, 0.7], [0.55, 0.45]])
    >>> atc_ne(target, source, np.array([0, 0, 0, 0])).value
    0.5
    """
    return _atc_ne(_target(logits, source_logits, source_labels))


def _cot(e: Evidence) -> Result:
    source, logits = _source(e), _logits(e)
    if isinstance(source, Result):
        return source
    if isinstance(logits, Result):
        return logits
    logits, k = logits[:EXACT], logits.shape[1]
    low, high = int(source.label.min()), int(source.label.max())
    if low < 0 or high >= k:
        return undefined("no_labels", f"expected source labels 0 to {k - 1} as the logits, found {low} to {high}")
    p = softmax(logits)
    counts = np.bincount(source.label, minlength=k)
    sizes = integer_share(counts, len(p))
    plan = transport(p, sizes)
    value, error, arms = plan.gain / len(p), None, (0.0, 0.0)
    if min(len(p), len(source.label)) > 3:
        variance, own = price_variance(p, source.label, plan.prices)
        error, arms = math.sqrt(variance), (math.sqrt(own), math.sqrt((own + variance) / 2))
    params: dict[str, Plain] = {
        "rows": len(p), "source_rows": len(source.label), "most_rows": EXACT, "solver": "exact",
        "marginal": "source labels, integers by largest remainders",
    }  # fmt: skip
    rounding = float(np.abs(sizes / len(p) - counts / counts.sum()).sum()) / 2
    parts: dict[str, Plain] = {"error": 1 - plan.gain / len(p), "rounding": rounding, "target_rows": e.n}
    found = measured(value, error, low=0.0, high=1.0, params=params, parts=parts)
    if k == 2:
        return withheld(found, "of two classes one price decides, which leaps where the shares are those of the source")
    return with_interval(found, (max(value - Z95 * arms[0], 0.0), min(value + Z95 * arms[1], 1.0)))


def cot(logits: Any, source_logits: Any, source_labels: Any, *, seed: int = 0) -> Result:
    """COT: how well the target predictions can be matched to the class shares of the source.

    Formula: 1 - W, W the optimal transport cost between the source labels as one-hot rows and the target probabilities
    p = softmax(logits) under the cost ||e_y - p||_1 / 2 = 1 - p_y: the estimated error, parts.error. Each target row
    is given one class, each class as often as its share of the source labels says, rounded to whole rows by largest
    remainders. parts.rounding is half the sum of what that moves the shares by, in absolute value: the value is at
    most so far from that of the shares themselves.
    Input: logits (n, K) of target rows, source_logits (m, K), source_labels (m,) class numbers from 0; only the labels
    of the source are used.
    Range: 0 to 1; at most average_confidence, which it equals where the predictions have the shares of the source.
    Undefined: no target logits, no labelled source rows.
    Interval: of the estimate over samples of rows, not of its distance from the true accuracy, by the prices of the
    optimum: variance of max(p - price) over the target rows and of the price of the label over the source rows, at the
    prices of all rows (below the value) and its mean with that across the prices of two halves, which is free of their
    noise (se; above, the mean of both). None for two classes, whose one price leaps.
    Cost: exact: about 100 passes over n x K probabilities for first prices, then shortest paths between the K classes
    for the rows that must still change class; the first 10,000 sampled rows where there are more (params.rows).
    When it lies: the class shares of the target must be those of the source; under label shift it calls the shift an
    error. Confident errors that keep the class shares go unseen.
    Source: Lu et al., "Characterizing Out-of-Distribution Error via Optimal Transport", NeurIPS 2023. Deviations:
    class shares in whole rows, which moves the number by at most K / (4 n) (.1 at n = 50 and K = 20, measured .034
    at worst; parts.rounding for the data at hand); a solver for K classes in place of one for n x n costs.

    >>> import numpy as np
    >>> target, source = np.log([[0.9, 0.1], [0.8, 0.2]]), np.log([[0.9, 0.1], [0.2, 0.8]])
    >>> round(cot(target, source, np.array([0, 1])).value, 10)
    0.55
    """
    return _cot(_target(logits, source_logits, source_labels, seed))


_SHARPENED = "losses that sharpen target predictions raise it without a gain in accuracy"
METRICS = (
    Metric(
        source_accuracy, _source_accuracy, ("source",), LOGITS,
        "little or no shift; knows nothing of the target and misleads where adaptation trades source for target",
        "share of source rows whose argmax is their label",
    ),
    Metric(
        doc, _doc, ("sample", "outputs", "source"), LOGITS,
        "mild shift that lowers confidence as it lowers accuracy; " + _SHARPENED,
        "source accuracy - (mean source confidence - mean target confidence)",
    ),
    Metric(
        atc_mc, _atc_mc, ("sample", "outputs", "source"), LOGITS,
        "a model calibrated on the source, some dozens of source errors; " + _SHARPENED,
        "share of target rows with max p >= t, as many source rows below t as source errors",
    ),
    Metric(
        atc_ne, _atc_ne, ("sample", "outputs", "source"), LOGITS,
        "a model calibrated on the source, some dozens of source errors; " + _SHARPENED,
        "share of target rows with sum p ln p >= t, as many source rows below t as source errors",
    ),
    Metric(
        cot, _cot, ("sample", "outputs", "source"), LOGITS,
        "the same class shares in source and target; misleads under label shift",
        "1 - optimal transport cost, one-hot source labels to target probabilities, cost 1 - p_y",
    ),
)  # fmt: skip
