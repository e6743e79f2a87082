"""Target rows as arrays: the evidence of the metrics of transfer, from features, logits and a head in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import Index, Keys, Rows, as_array, blocks_of, matrix
from labelfree.catalog import SAMPLE
from labelfree.errors import ArrayError
from labelfree.evidence.evidence import Evidence, Need, evidence
from labelfree.evidence.outputs import Outputs, Variant
from labelfree.evidence.scaling import in_range
from labelfree.head import Head
from labelfree.results import Result, undefined
from labelfree.summaries import Moments, Sample
from labelfree.summaries.hashing import hash_ids, mix
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.sample import Drawn


def given_head(weight: Any) -> Head:
    """A head from its weight (K, d), rows the classes; (d,) is the one row of a binary head."""
    if isinstance(weight, Head):
        return weight
    rows = matrix(np.atleast_2d(as_array(weight, "head")), "head").astype(np.float64)
    return Head(rows, None, "given", "array")


def target(
    X: Any = None,
    logits: Any = None,
    head: Any = None,
    *,
    variant: Variant = "standard",
    sample: int | None = SAMPLE,
    seed: int = 0,
    moments: bool = True,
) -> Evidence:
    """Evidence of target rows: X (n, d), logits (n, K), head (K, d); what is None is not known.

    moments: whether those of the rows are computed; no metric of transfer looks at those of unit rows.
    """
    scores = None if logits is None else matrix(logits, "logits")
    if X is not None:
        summed: tuple[Need, ...] = ("moments",) if moments else ()
        e = evidence(X, sample=sample, seed=seed, needs=summed)
        rows: Rows = matrix(X)
    else:
        e = _rows_unknown(np.empty((0, 1)) if scores is None else scores, sample, seed)
        rows = np.empty((e.n, 0))
    outputs = Outputs(variant=variant, head=None if head is None else given_head(head))
    if X is not None and outputs.head is not None and outputs.head.weight.shape[1] != e.d:
        found = outputs.head.weight.shape
        raise ArrayError(f"head: expected (K, {e.d}), a row per class as wide as X, found shape {found}")
    if scores is not None:
        if len(scores) != e.n:
            raise ArrayError(f"logits: expected {e.n} rows as in X, found {len(scores)}; align them by row")
        known = scores
        outputs = replace(
            outputs,
            predictions=Predictions.empty(known.shape[1]).update(known),
            logits=known[e.drawn.index] if e.drawn is not None else known[:0],
            again=lambda: ((rows[i : i + 4096], known[i : i + 4096]) for i in range(0, e.n, 4096)),
        )
    return replace(e, outputs=outputs)


def beside(X: Any, other: Any, named: str, seed: int = 0, *, moments: bool = False) -> Evidence:
    """Evidence of rows X (n, d) with that of other rows (m, d) as its reference, all of them sampled.

    named: what messages call the others; moments: whether those of both sides are computed.
    """
    both, exponent = in_range(("X", matrix(X)), (named, matrix(other, named)))
    sides = []
    for rows in both:
        n, d = rows.shape
        keys, index = mix(hash_ids(np.arange(n)), seed), np.arange(n)
        order = np.argsort(keys, kind="stable")
        summary = None
        if moments:
            summary = Moments.empty(d)
            for block in blocks_of(rows):
                summary = summary.update(block)
        drawn = Drawn(keys, index, rows).take(order)
        sides.append(Evidence(n, d, moments=summary, drawn=drawn, seed=seed, exponent=exponent))
    first, second = sides
    if first.d != second.d:
        raise ArrayError(f"{named}: expected {first.d} columns as in X, found {second.d}")
    return replace(first, reference=second)


def _rows_unknown(scores: Rows, sample: int | None, seed: int) -> Evidence:
    """Evidence of rows of which only the logits are known, with the sample that the rows would have."""
    index: Index = np.arange(len(scores), dtype=np.int64)
    keys: Keys = mix(hash_ids(index), seed)
    drawn = Sample.empty(sample).update(scores, keys, index).drawn()
    return Evidence(n=len(scores), d=scores.shape[1], drawn=drawn, seed=seed)


def predictions_of(e: Evidence) -> Predictions | Result:
    """The summary of the predictions of at least one row, or why there is none."""
    found = None if e.outputs is None else e.outputs.predictions
    if found is None:
        return undefined("no_logits", "needs the logits or probabilities of the rows (a list column, or logit_0...)")
    if found.n == 0:
        return undefined("insufficient", "needs at least 1 row, found 0")
    return found


def sampled_logits(e: Evidence) -> Rows | None:
    """The logits of the sampled rows (m, K), or None where they are not known."""
    return None if e.outputs is None else e.outputs.logits
