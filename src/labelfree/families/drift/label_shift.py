"""How much the shares of the classes have changed, without labels of the current rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.labels import labelled
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.targets import predictions_of, sampled_logits, target
from labelfree.families.drift.sides import NOT_DAMAGE, reference_of
from labelfree.families.spec import LOGITS, Metric
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries.probabilities import softmax, two_classes

MOST_CONFUSED = 1e3
"""Condition number of the confusion matrix beyond which it determines no shares."""
_ROUNDS, _STILL = 10_000, 1e-12
_ASSUMED = "; right only where the classes themselves look as before, and their shares alone have changed"


def _bbse(e: Evidence) -> Result:
    behind, seen = reference_of(e), predictions_of(e)
    if isinstance(behind, Result):
        return behind
    if isinstance(seen, Result):
        return seen
    known = None if behind.outputs is None else behind.outputs.labelled
    if known is None or len(known.label) == 0:
        return undefined("no_labels", f"needs labels of the reference rows ({option('label', like='COLUMN')})")
    k = seen.classes
    confusion = np.zeros((k, k))
    np.add.at(confusion, (known.predicted, known.label), 1 / len(known.label))
    return of_confusion(confusion, seen.predicted / seen.n)


def of_confusion(confusion: Float, predicted: Float) -> Result:
    """The shares that reference confusions (K, K), predicted by true, and current predicted shares (K,) determine."""
    usual = confusion.sum(axis=0)
    singular = np.linalg.svd(confusion, compute_uv=False)
    if singular[-1] * MOST_CONFUSED <= singular[0]:
        absent = np.flatnonzero(usual == 0)
        why = f"no reference row is of class {absent[0]}" if len(absent) else "classes are predicted alike"
        return undefined("confused_classes", f"the confusions of the reference determine no shares: {why}")
    weights = np.linalg.solve(confusion, predicted)
    clipped = np.maximum(weights, 0.0) * usual
    shares = clipped / clipped.sum()
    parts: dict[str, Plain] = {
        "shares": shares.tolist(), "reference": usual.tolist(), "weights": weights.tolist(),
        "clipped": int((weights < 0).sum()), "condition": float(singular[0] / singular[-1]),
    }  # fmt: skip
    return measured(float(np.abs(shares - usual).sum() / 2), low=0.0, high=1.0, parts=parts)


def bbse(logits: Any, reference_logits: Any, reference_labels: Any) -> Result:
    """How far the class shares have moved, by the confusions of a labelled reference.

    Formula: w = C^-1 q, C[i, j] the share of reference rows of class j that are predicted as i, q the shares of the
    predictions of current rows; class shares w_j p_j, p of the reference labels. Half the sum of the absolute
    differences of the shares. parts.shares; parts.weights; negative weights are set to 0 and counted in parts.clipped.
    Input: logits (m, K), reference_logits (n, K), reference_labels (n,) class numbers.
    Range: 0 (the same shares) to 1.
    Undefined: fewer than 20 rows on a side; no logits; no reference labels; confusions that determine no shares
    (condition above 1,000).
    Interval: none.
    Cost: K^3.
    When it lies: it takes for granted that the rows of each class look as before. Where they do not, it turns that into
    class shares that are wrong.
    Source: Lipton et al., "Detecting and Correcting for Label Shift with Black Box Predictors", ICML 2018.
    Deviations: clipped at 0.

    >>> import numpy as np
    >>> bbse(np.eye(2)[[0] * 30 + [1] * 10], np.eye(2)[[0, 1] * 20], [0, 1] * 20).parts["shares"]
    [0.75, 0.25]
    """
    return _bbse(_of_arrays(logits, reference_logits, reference_labels))


def _mlls(e: Evidence) -> Result:
    behind, scores = reference_of(e), sampled_logits(e)
    if isinstance(behind, Result):
        return behind
    if scores is None:
        return undefined("no_logits", "needs the logits or probabilities of the rows (a list column, or logit_0...)")
    p = softmax(two_classes(scores))
    usual = _usual(behind, p.shape[1])
    return usual if isinstance(usual, Result) else of_probabilities(p, usual)


def _usual(behind: Evidence, k: int) -> Float | Result:
    """The class shares of the reference: of its labels, or of its predictions where it has none."""
    outputs = behind.outputs
    if outputs is not None and outputs.labelled is not None and len(outputs.labelled.label):
        return np.asarray(np.bincount(outputs.labelled.label, minlength=k) / len(outputs.labelled.label))
    if outputs is None or outputs.predictions is None:
        return undefined("no_logits", "needs the logits or labels of the reference")
    return np.asarray(outputs.predictions.total / outputs.predictions.n)


def of_probabilities(p: Float, usual: Float) -> Result:
    """The most likely class shares of rows with these probabilities (m, K), where they were `usual` (K,) before."""
    there = usual > 0
    given = p[:, there] / usual[there]
    shares = usual[there] / usual[there].sum()
    for _ in range(_ROUNDS):
        joint = given * shares
        moved = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        still, shares = float(np.abs(moved - shares).max()) < _STILL, moved
        if still:
            break
    whole = np.zeros(len(usual))
    whole[there] = shares
    gain = float(np.log((given * shares).sum(axis=1) / (given * usual[there]).sum(axis=1)).mean())
    parts: dict[str, Plain] = {
        "shares": whole.tolist(), "reference": usual.tolist(), "mean_log_likelihood_ratio": gain, "converged": still,
    }  # fmt: skip
    return measured(float(np.abs(whole - usual).sum() / 2), low=0.0, high=1.0, params={"rows": len(p)}, parts=parts)


def mlls(logits: Any, reference_logits: Any, reference_labels: Any = None) -> Result:
    """How far the class shares have moved, by the most likely ones of the current probabilities.

    Formula: shares s that maximize sum_i ln sum_k p_ik s_k / p_k by EM from p, the class shares of the reference labels
    (of its mean probabilities where it has none). Half the sum of the absolute differences of s and p.
    parts.mean_log_likelihood_ratio: how much likelier the rows are by s.
    Input: logits (m, K), reference_logits (n, K), reference_labels (n,) class numbers or None.
    Range: 0 (the same shares) to 1.
    Undefined: fewer than 20 rows on a side; no logits.
    Interval: none.
    Cost: K times the sampled rows, some hundred times.
    When it lies: probabilities must be calibrated, and the rows of each class look as before; over-confident ones give
    the shares of the predictions.
    Source: Saerens et al., Neural Computation 2002; Alexandari et al., ICML 2020. Deviations: no calibration step.

    >>> import numpy as np
    >>> sure = 20 * np.eye(2)
    >>> [round(s, 6) for s in mlls(sure[[0] * 30 + [1] * 10], sure[[0, 1] * 20], [0, 1] * 20).parts["shares"]]
    [0.75, 0.25]
    """
    return _mlls(_of_arrays(logits, reference_logits, reference_labels))


def _of_arrays(logits: Any, reference_logits: Any, reference_labels: Any) -> Evidence:
    behind = target(logits=reference_logits)
    if reference_labels is not None:
        known = labelled(reference_logits, np.asarray(reference_labels))
        behind = replace(behind, outputs=replace(behind.outputs or Outputs(), labelled=known))
    return replace(target(logits=logits, sample=None), reference=behind)


METRICS = (
    Metric(
        bbse, _bbse, ("outputs", "sample", "source"), LOGITS, NOT_DAMAGE + _ASSUMED,
        "total variation between C^-1 q p_ref and p_ref, C the confusions of the labelled reference",
    ),
    Metric(
        mlls, _mlls, ("outputs", "sample", "source"), LOGITS, NOT_DAMAGE + _ASSUMED,
        "total variation between the most likely class shares (EM) and those of the reference",
    ),
)  # fmt: skip
