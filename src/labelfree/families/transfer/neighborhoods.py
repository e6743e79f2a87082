"""Scores of how predictions lie among their neighbors: soft neighborhoods, and clusters of the features."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import directions
from labelfree.evidence.targets import predictions_of, sampled_logits, target
from labelfree.families.spec import FROM_SAMPLED_OUTPUTS, INVARIANT, LOGITS, Metric
from labelfree.families.transfer.intervals import unless_one_class, withheld
from labelfree.kernels.threads import spread
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries.probabilities import softmax, two_classes

TEMPERATURE = 0.05
_TILE_NUMBERS = 1 << 20
_LARGE = 0.05
_ROWS_PER_CLASS = 3
"""Rows per class below which there is no interval: a row has too few neighbors for how they come and go."""


def neighborhood_density(rows: Rows, temperature: float = TEMPERATURE) -> tuple[float, float]:
    """SND of (m, c) rows and its variance: tiles of rows times m, never m x m.

    The variance by the influence of single rows holds no more than its first part, that by leaving rows out holds the
    second part, of pairs, twice (Efron and Stein 1981): their mean holds each once.
    """
    unit = directions(rows)
    m = len(unit)
    step = max(1, _TILE_NUMBERS // m)
    entropy, pull = np.empty(m), np.zeros((2, m))

    def work(start: int) -> tuple[int, Float, Float]:
        score = unit[start : start + step] @ unit.T / temperature
        own = np.arange(len(score))
        score[own, start + own] = -np.inf
        score -= score.max(axis=1, keepdims=True)
        q = np.exp(score)
        total = q.sum(axis=1, keepdims=True)
        q /= total
        score -= np.log(total)
        score[own, start + own] = 0.0
        score *= q
        h = -score.sum(axis=1)
        line = (1 - h) @ q - score.sum(axis=0)
        # Without a neighbor of large share q the entropy is (h + q ln q) / (1 - q) + ln(1 - q), which is no line in q.
        row, column = np.nonzero(q > _LARGE)
        share, part, before = q[row, column], score[row, column], h[row]
        left = np.maximum(1 - share, 1e-12)
        without = np.clip((before + part) / left + np.log(left), 0.0, np.log(max(m - 2, 1)))
        exact = np.bincount(column, before - without - (1 - before) * share + part, minlength=m)
        return start, h, np.stack([line, line + exact])

    for start, h, columns in spread(work, range(0, m, step)):
        entropy[start : start + step] = h
        pull += columns
    return float(entropy.mean()), float((entropy + pull).var(axis=1, ddof=1).mean() / m)


def _snd(e: Evidence) -> Result:
    if isinstance(found := predictions_of(e), Result):
        return found
    logits = sampled_logits(e)
    m = 0 if logits is None else len(logits)
    if logits is None or m < 3:
        return undefined("insufficient", f"needs at least 3 sampled rows, found {m}")
    value, variance = neighborhood_density(softmax(logits))
    high = float(np.log(m - 1))
    params: dict[str, Plain] = {
        "features": "probabilities",
        "temperature": TEMPERATURE,
        "self": "removed",
        "rows": m,
    }
    parts: dict[str, Plain] = {"share_of_maximum": value / high}
    notes = []
    if value > 0.98 * high:
        giant = "nearly every row is a neighbor of every other: one giant cluster, the known failure of SND"
        notes.append(Noted("one_cluster", giant))
    result = measured(value, variance**0.5, low=0.0, high=high, params=params, parts=parts, warnings=notes)
    if m < _ROWS_PER_CLASS * found.classes:
        least = _ROWS_PER_CLASS * found.classes
        return withheld(result, f"it takes {_ROWS_PER_CLASS} rows per class, {least} in all, found {m}")
    return unless_one_class(result, found)


def snd(logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Soft neighborhood density: how many close neighbors a prediction has.

    Formula: mean_i of the entropy over j != i of softmax_j(cos(p_i, p_j) / 0.05), p the softmax of the logits.
    Input: logits (n, K); computed on a seeded sample of params.rows rows.
    Range: 0 to ln(m - 1), m the rows; higher is meant to be better. Grows with m: compare at equal m only.
    Undefined: without logits; fewer than 3 sampled rows.
    Interval: at these m rows, the variance by the influence of a row and by leaving it out, in the mean. None with
    fewer than 3 rows per class, and with few rows nearly all of one class, as diversity.
    Cost: m^2 K multiply-adds and m^2 exponentials; memory one block of rows times m.
    When it lies: one giant cluster (collapse) reaches the maximum; consistently poor in the large comparison of
    Musgrave et al. 2022.
    Source: Saito et al., "Tune it the right way", ICCV 2021, with the softmax outputs as features, as the released
    code. Deviations: a row is no neighbor of its own (as pytorch-adapt; the released code gives it cosine -1); no 1e-5
    in the logarithm.

    >>> import numpy as np
    >>> round(snd(np.zeros((5, 3))).value, 10)  # every other row is as near: ln 4
    1.3862943611
    """
    return _snd(target(logits=logits, sample=sample, seed=seed))


def _class_ami(e: Evidence) -> Result:
    found = predictions_of(e)
    if isinstance(found, Result):
        return found
    logits, k = sampled_logits(e), found.classes
    if logits is None or e.drawn is None or len(logits) < max(k, 2):
        there = 0 if logits is None else len(logits)
        return undefined("insufficient", f"needs at least one sampled row per class ({k}), found {there} rows")
    rows = directions(e.drawn.rows).astype(e.drawn.rows.dtype)
    predicted = two_classes(logits).argmax(axis=1)
    counts = np.bincount(predicted, minlength=k)
    params: dict[str, Plain] = {"normalize": "l2", "rows": len(rows), "clusters": k, "init": "label_centers"}
    if (counts > 0).sum() < 2:
        return undefined("collapsed", "all sampled rows are predicted as one class", params)
    centers = np.zeros((k, rows.shape[1]), rows.dtype)
    order = np.argsort(predicted, kind="stable")
    starts = np.cumsum(counts) - counts
    seen = counts > 0
    sums = np.add.reduceat(rows[order], starts[seen], axis=0, dtype=np.float64)
    centers[seen] = sums / counts[seen, None]
    value = _agreement(rows, centers, predicted, e.seed)
    absent = int((~seen).sum())
    never = f"{absent} of {k} classes are never predicted: their clusters start at the origin"
    notes = [Noted("absent_classes", never)] if absent else []
    return measured(
        value, low=-1.0, high=1.0, params=params, parts={"classes_predicted": int(seen.sum())}, warnings=notes
    )


def _agreement(rows: Rows, centers: Rows, predicted: Any, seed: int) -> float:
    """Adjusted mutual information of the predictions with k-means clusters that start at `centers`."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score

    with warnings.catch_warnings():  # fewer distinct rows than clusters are no failure here
        warnings.simplefilter("ignore")
        clusters = KMeans(len(centers), init=centers, n_init=1, random_state=seed).fit(rows).labels_
    return float(adjusted_mutual_info_score(predicted, clusters))


def class_ami(X: Any, logits: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """ClassAMI: do clusters of the features agree with the predictions?

    Formula: adjusted mutual information of argmax of the logits with the K clusters of k-means on the rows scaled to
    length one, started at the means of the predicted classes (at the origin for classes never predicted).
    Input: X (n, d) and logits (n, K), row by row; computed on a seeded sample of params.rows rows.
    Range: about 0 (no more than chance; slightly negative possible) to 1 (the same partition); higher is better.
    Undefined: without logits; fewer sampled rows than classes; all sampled rows predicted as one class.
    Interval: none.
    Cost: some tens of iterations of m K d multiply-adds.
    When it lies: features that cluster well under wrong pseudo-labels score high; pseudo-label training optimizes it.
    Source: Musgrave, Belongie, Lim, "Three new validators", 2022. Deviations: a sample; no PCA; target rows only.

    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> class_ami(X, 9 * X).value
    1.0
    """
    return _class_ami(target(X, logits, sample=sample, seed=seed, moments=False))


METRICS = (
    Metric(
        snd, _snd, FROM_SAMPLED_OUTPUTS, LOGITS,
        "the adaptation runs of its paper; misleads under collapse into one cluster, and poor in large comparisons",
        "mean entropy of softmax(cos / 0.05) over other rows, on probabilities of the sample",
    ),
    Metric(
        class_ami, _class_ami, FROM_SAMPLED_OUTPUTS, INVARIANT,
        "most adaptation methods of the Musgrave comparison; misleads where well-clustered features carry wrong labels",
        "AMI of argmax with k-means clusters of unit rows started at the predicted classes, on the sample",
    ),
)  # fmt: skip
