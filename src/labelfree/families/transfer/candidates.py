"""Several candidates on the same rows: agreement with their ensemble, disagreement, saturation of a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from labelfree.arrays import Float, Index, Rows, blocks_of, matrix
from labelfree.documents.findings import Noted
from labelfree.errors import ArrayError, UsageError
from labelfree.evidence.evidence import Evidence
from labelfree.families.spec import LOGITS, Metric
from labelfree.families.transfer.accuracy import share_error
from labelfree.families.transfer.intervals import count_interval, share_interval, with_interval, withheld
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries.probabilities import softmax, two_classes

WINDOW = 3
THRESHOLD = 0.01


@dataclass(frozen=True, eq=False)
class Agreement:
    """What C candidates say of the same n rows, by counts; merges over disjoint rows.

    with_ensemble: (C,) rows on which the candidate predicts what the mean of all their probabilities predicts;
    apart: (C, C) rows on which two candidates predict different classes; squares: (C,) sum over rows of the squared
    number of candidates that predict otherwise; pair_square: sum over rows of the squared number of pairs apart.
    """

    n: int
    with_ensemble: Index
    apart: Index
    squares: Index
    pair_square: int = 0

    @classmethod
    def empty(cls, candidates: int) -> Self:
        """No rows yet."""
        row, square = np.zeros(candidates, np.int64), np.zeros((candidates, candidates), np.int64)
        return cls(0, row, square, row)

    def update(self, logits: Sequence[Rows]) -> Self:
        """The counts of these rows and all before them. logits: one (m, K) block per candidate, the same rows in each.

        Cost: C m K exponentials, C^2 m comparisons; memory: one sum of probabilities (m, K) beside the blocks.
        """
        if len(logits) != len(self.with_ensemble):
            raise ValueError(f"expected blocks of {len(self.with_ensemble)} candidates, found {len(logits)}")
        total = np.zeros_like(softmax(logits[0]))
        votes = np.empty((len(logits), len(total)), np.int64)
        for c, block in enumerate(logits):
            total += softmax(block)
            votes[c] = two_classes(block).argmax(axis=1)
        apart, squares, pairs = np.zeros_like(self.apart), np.zeros_like(self.squares), np.zeros(len(total), np.int64)
        for c, own in enumerate(votes):
            differ = votes != own
            others = differ.sum(axis=0)
            apart[c], squares[c] = differ.sum(axis=1), others @ others
            pairs += others
        met = (votes == total.argmax(axis=1)).sum(axis=1)
        return self.merge(type(self)(len(total), met, apart, squares, int((pairs // 2) @ (pairs // 2))))

    def merge(self, other: Self) -> Self:
        """The counts of both sets of rows."""
        return type(self)(
            self.n + other.n,
            self.with_ensemble + other.with_ensemble,
            self.apart + other.apart,
            self.squares + other.squares,
            self.pair_square + other.pair_square,
        )


def _too_few(a: Agreement) -> Result | None:
    if len(a.with_ensemble) < 2:
        return undefined("one_candidate", f"needs at least 2 candidates, found {len(a.with_ensemble)}")
    return undefined("insufficient", "needs at least 1 row, found 0") if a.n == 0 else None


def ensv_of(a: Agreement) -> tuple[Result, ...]:
    """`ensv` of every candidate, in their order."""
    count = len(a.with_ensemble)
    if few := _too_few(a):
        return (few,) * count
    params: dict[str, Plain] = {"candidates": count, "rows": a.n}
    results = []
    for met in map(int, a.with_ensemble):
        found = measured(met / a.n, share_error(met, a.n), low=0.0, high=1.0, params=params)
        if met in (0, a.n):
            results.append(withheld(found, "all rows agree, or none: how rare the others are they do not tell"))
            continue
        results.append(with_interval(found, count_interval(met, a.n)))
    return tuple(results)


def gde_of(a: Agreement) -> tuple[Result, ...]:
    """`gde` of every candidate, in their order."""
    count = len(a.with_ensemble)
    if few := _too_few(a):
        return (few,) * count
    pairs = count * (count - 1) // 2
    all_pairs = float(a.apart.sum()) / (2 * pairs * a.n)
    params: dict[str, Plain] = {"candidates": count, "rows": a.n}
    results = []
    for c in range(count):
        error = float(a.apart[c].sum()) / ((count - 1) * a.n)
        square = float(a.squares[c]) / ((count - 1) ** 2 * a.n)
        parts: dict[str, Plain] = {
            "disagreement": error,
            "with": [int(v) / a.n for v in a.apart[c]],
            "all_pairs": all_pairs,
            "all_pairs_se": _mean_error(all_pairs, a.pair_square / (pairs**2 * a.n), a.n),
        }
        se = _mean_error(error, square, a.n)
        # As many rows of one value as vary as much: their share has the interval of a share.
        varies = square > error * error
        rows = a.n * (max(error * (1 - error) / max(square - error * error, 1e-300), 1.0) if varies else 1.0)
        found = measured(1 - error, se, low=0.0, high=1.0, params=params, parts=parts)
        results.append(with_interval(found, share_interval((1 - error) * rows, rows)))
    return tuple(results)


def _mean_error(mean: float, square: float, n: int) -> float:
    """Standard error of the mean over rows of a share in [0, 1], two rows of 0 and two of 1 added (never 0)."""
    mean, square = (mean * n + 2) / (n + 4), (square * n + 2) / (n + 4)
    return math.sqrt(max(square - mean * mean, 0.0) / (n + 4))


def agreement(logits: Sequence[Rows]) -> Agreement:
    """The counts of whole matrices (n, K), one per candidate, taken in by blocks."""
    shape = two_classes(logits[0]).shape
    for c, other in enumerate(logits):
        if two_classes(other).shape != shape:
            raise ArrayError(
                f"candidate {c}: expected logits of the same {shape[0]} rows and {shape[1]} classes as the first "
                f"candidate, found shape {other.shape}"
            )
    found = Agreement.empty(len(logits))
    for blocks in zip(*(blocks_of(z, 1 << 18) for z in logits), strict=True):
        found = found.update(blocks)
    return found


def of_samples(candidates: Sequence[Evidence]) -> Agreement | Result:
    """The counts over the sampled rows of several data sets with the same ids, in whatever order their files are.

    A sample is the rows with the lowest hash of (seed, id): with equal ids and seeds the same rows in the same order.
    """
    logits = []
    first = candidates[0].drawn
    for e in candidates:
        if e.outputs is None or e.outputs.logits is None or e.drawn is None:
            return undefined("no_logits", "needs logits or probabilities of every candidate")
        if first is None or not np.array_equal(e.drawn.keys, first.keys):
            return undefined("other_rows", "the candidates were not measured on the same rows: their ids differ")
        logits.append(e.outputs.logits)
    if len({two_classes(z).shape[1] for z in logits}) > 1:
        return undefined("other_classes", "the candidates have different numbers of classes")
    return agreement(logits)


def _alone(e: Evidence) -> Result:
    return undefined("one_candidate", "needs at least 2 candidates on the same ids: give several targets")


def ensv(logits: Any, *others: Any) -> Result:
    """EnsV: agreement of a candidate with the ensemble of all candidates.

    Formula: share of the rows on which argmax p of the candidate is argmax of the mean of softmax(logits) over all
    candidates, itself among them.
    Input: logits (n, K) of the candidate, others: (n, K) each, the same rows in the same order; at least one other.
    Range: 0 to 1. Equal shifts of the logits of a row do not matter; the candidates given do.
    Undefined: no other candidate; no rows.
    Interval: of a share over the rows, by the mid-P value (Lancaster 1961); none where all rows agree, or none does.
    Cost: one softmax of every candidate, in blocks: memory does not grow with the rows.
    When it lies: it follows the majority: near copies (neighboring checkpoints of one run) outvote a better candidate,
    and a confident candidate outweighs the others; comparable only among candidates scored together.
    Source: Hu et al., "Towards Reliable Model Selection for Unsupervised Domain Adaptation" (EnsV), NeurIPS 2024
    Datasets and Benchmarks. Deviations: none.

    >>> import numpy as np
    >>> a, b = np.log([[0.9, 0.1], [0.6, 0.4]]), np.log([[0.6, 0.4], [0.1, 0.9]])
    >>> ensv(a, b).value, ensv(b, a).value
    (0.5, 1.0)
    """
    return ensv_of(agreement([matrix(z, "logits") for z in (logits, *others)]))[0]


def gde(logits: Any, *others: Any) -> Result:
    """GDE: accuracy expected from how often candidates disagree.

    Formula: 1 - mean over the others of the share of rows on which argmax p differs. parts: disagreement (the expected
    error), with (per candidate), all_pairs (mean over all pairs of candidates).
    Input: logits (n, K) of the candidate, others: (n, K) each, the same rows in the same order; at least one other.
    Range: 0 to 1.
    Undefined: no other candidate; no rows.
    Interval: of a share (Wilson 1927) of as many rows as vary like the share of others that differ.
    Cost: C^2 n comparisons for all of C candidates.
    When it lies: calibrated only across independent training runs of one recipe (seed and order of the data), whose
    ensemble is calibrated on the target; checkpoints of one run, and candidates adapted from one model, agree more than
    they are right. A weak candidate among strong ones is charged its difference, a strong one among weak ones too.
    Source: Jiang et al., "Assessing Generalization of SGD via Disagreement", ICLR 2022. Deviations: the mean over all
    given candidates in place of one pair.

    >>> import numpy as np
    >>> a, b = np.log([[0.9, 0.1], [0.6, 0.4]]), np.log([[0.6, 0.4], [0.1, 0.9]])
    >>> gde(a, b).value
    0.5
    """
    return gde_of(agreement([matrix(z, "logits") for z in (logits, *others)]))[0]


@dataclass(frozen=True)
class Saturation:
    """Whether and where a score over the epochs stood still. Positions count from 0.

    saturated: a window was found; first: the position that ends it; window: its first and last position; best: the
    position of the highest score inside it, or of the highest of all where none was found (None without scores);
    spread: std / mean of the window that ends at each position, None where there is none.
    """

    saturated: bool
    first: int | None
    window: tuple[int, int] | None
    best: int | None
    spread: tuple[float | None, ...]
    warnings: tuple[Noted, ...] = ()


def saturation(scores: Sequence[float | None], window: int = WINDOW, threshold: float = THRESHOLD) -> Saturation:
    """The saturation rule of the Transfer Score over the epochs of one run.

    Formula: S_m = sigma / mu of the scores m - window + 1 .. m (trailing, exactly `window` of them, ddof 0). The first
    m with mu > 0 and S_m < threshold ends the window; best is the highest score inside it, the first of equal ones.
    Never saturated: best is the highest score of all. Windows with mu <= 0 or a missing score (None) have no S.
    Input: scores in the order of the epochs, None where undefined; window >= 2; threshold > 0.
    Source: Yang et al., ICLR 2024, equation 6, window 3 and threshold 0.01. Deviations: the paper leaves open the ddof,
    the partial windows and what never saturates; this is our reading.

    >>> found = saturation([1.10, 1.32, 1.45, 1.52, 1.555, 1.563, 1.570, 1.561, 1.540, 1.50])
    >>> found.first, found.window, found.best
    (6, (4, 6), 6)
    """
    if window < 2:
        raise UsageError(f"window: expected at least 2 epochs, found {window}")
    if not threshold > 0:
        raise UsageError(f"threshold: expected a number above 0, found {threshold}")
    values: Float = np.array([np.nan if s is None else s for s in scores], dtype=np.float64)
    if odd := [i for i, s in enumerate(scores) if s is not None and not math.isfinite(s)]:
        raise ArrayError(f"scores: expected finite numbers or None, found {scores[odd[0]]} at position {odd[0]}")
    spread: list[float | None] = [None] * len(values)
    negative = []
    for m in range(window - 1, len(values)):
        part = values[m - window + 1 : m + 1]
        mean = float(part.mean())
        if mean > 0:
            spread[m] = float(part.std()) / mean
        elif mean <= 0:
            negative.append(m)
    warnings = []
    if negative:
        below = f"the mean score is not above 0 in {len(negative)} windows, first at position {negative[0]}: "
        warnings.append(Noted("negative_scores", f"{below}no relative spread there"))
    if missing := int(np.isnan(values).sum()):
        unknown = f"{missing} of {len(values)} scores are undefined: windows that hold one have no spread"
        warnings.append(Noted("missing_scores", unknown))
    first = next((m for m, s in enumerate(spread) if s is not None and s < threshold), None)
    low, high = (0, len(values) - 1) if first is None else (first - window + 1, first)
    inside = values[low : high + 1]
    best = None if np.isnan(inside).all() else low + int(np.nanargmax(inside))
    return Saturation(
        first is not None, first, None if first is None else (low, high), best, tuple(spread), tuple(warnings)
    )


METRICS = (
    Metric(
        ensv, _alone, ("sample", "outputs"), LOGITS,
        "candidates of several methods or settings; misleads where near copies outvote a better one",
        "share of rows on which argmax is that of the mean softmax of all candidates",
    ),
    Metric(
        gde, _alone, ("sample", "outputs"), LOGITS,
        "independent training runs of one recipe; misleads among checkpoints of one run",
        "1 - mean share of rows on which argmax differs from another candidate's",
    ),
)  # fmt: skip
