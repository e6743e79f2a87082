"""Three roads to the Hopkins part of the Transfer Score: ours, the printed equation, the released procedure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.families.transfer.hopkins import hopkins_of
from labelfree.families.transfer.hopkins_distances import (
    REPEATS,
    gathered,
    points_for,
    random_stream,
    scan_of,
    statistic,
    tendency,
)
from labelfree.families.transfer.intervals import no_interval
from labelfree.kernels.numpy_queries import Queries
from labelfree.results import Plain, Result, undefined
from labelfree.summaries.probabilities import softmax

BATCH = 32
"""Rows of a batch of the released code, over which its infomax is averaged."""

Found: TypeAlias = "tuple[dict[str, Plain], float | None, tuple[Noted, ...]] | Result"
"""Parts of the score, the standard error of its Hopkins part, and warnings; or why there is none."""


def batched_infomax(blocks: Iterable[tuple[Rows, Rows]]) -> float | None:
    """Mean over consecutive batches of 32 rows, the incomplete last one left out, as the released code computes it."""
    waiting: Float = np.empty((0, 0))
    values = []
    for _, logits in blocks:
        if len(logits) == 0:
            continue
        p = softmax(logits)
        waiting = np.concatenate([waiting, p]) if len(waiting) else p
        whole = len(waiting) // BATCH
        for batch in np.split(waiting[: whole * BATCH], whole) if whole else ():
            mean = batch.mean(axis=0)
            own = -(batch * np.log(batch + 1e-5)).sum(axis=1).mean()
            values.append(float(-(mean * np.log(mean + 1e-6)).sum() - own))
        waiting = waiting[whole * BATCH :]
    return float(np.mean(values)) if values else None


def _standard(e: Evidence) -> Found:
    h = hopkins_of(e)
    if isinstance(h, Result):
        return h
    found = h.found
    parts: dict[str, Plain] = {
        "h": found.value,
        "h_sd": float(found.values.std(ddof=1)),
        "h_null": h.null,
        "points": h.m,
        "repeats": len(found.values),
    }
    error = h.error
    return parts, error, h.warnings if error is not None else (*h.warnings, no_interval(h.why_no_interval))


def _literal(e: Evidence) -> Found:
    """Eq. 3 as printed: exponent d, both kinds of distances to the m rows drawn."""
    scan = scan_of(e)
    if e.n < 2 or scan is None:
        return undefined("insufficient", f"needs at least 2 rows with their features, found {e.n if scan else 0}")
    m = points_for(e.n, e.d)
    if m < 2:
        return undefined("insufficient", f"needs at least 2 drawn rows, found {m}")
    stream = random_stream(e.seed)
    chosen = np.stack([stream.choice(e.n, m, replace=False) for _ in range(REPEATS)])
    box = gathered(scan, chosen.ravel())
    low, high = box.edges()
    if not (high > low).any():
        return undefined("collapsed", f"all {e.n} rows are equal: they have no box to throw points into")
    values = []
    for rows in box.picked.reshape(REPEATS, m, -1):
        u, w = among(rows, low + stream.random(rows.shape) * (high - low))
        values.append(statistic(u, w, power=e.d))
        e.progress("nearest rows (Hopkins)", len(values) / REPEATS)
    if not np.isfinite(values).all():
        return undefined("collapsed", "all nearest distances of a draw are zero")
    parts: dict[str, Plain] = {
        "h": float(np.mean(values)),
        "h_sd": float(np.std(values, ddof=1)),
        "points": m,
        "repeats": REPEATS,
    }
    return parts, None, ()


def among(rows: Rows, thrown: Float) -> tuple[Float, Float]:
    """Distances u (m,) of the points thrown and w (m,) of the rows (m, d) to the nearest (other) row."""
    center = rows.mean(axis=0, dtype=np.float64)
    reach = max(float(np.abs(rows - center).max()), float(np.abs(thrown - center).max()))
    own = np.concatenate([np.arange(len(rows)), np.full(len(thrown), -1)])
    queries = Queries(np.concatenate([rows, thrown]), own, center, 2.0 ** np.ceil(np.log2(reach)))
    queries.update(rows, 0)
    w, u = np.split(queries.distance, [len(rows)])
    return u, w


def _official(e: Evidence) -> Found:
    """The released procedure: whole batches of 32 rows, 5 % of those rows once, numbers from the legacy generators."""
    assert e.outputs is not None
    scan, again = scan_of(e), e.outputs.again
    n = e.n - e.n % BATCH
    m = int(0.05 * n)
    if m < 1 or scan is None:
        return undefined("insufficient", f"the official procedure needs at least {BATCH} rows, found {e.n}")
    if again is None:
        return undefined("no_logits", "the official procedure needs the logits of all rows in their order")
    numbers = np.random.RandomState(e.seed).random_sample((m, e.d))
    chosen = np.array([random.Random(e.seed).sample(range(n), m)])
    found = tendency(
        lambda: _first(scan(), n), chosen, lambda: numbers, lambda done: e.progress("nearest rows (Hopkins)", done), n
    )
    if found is None:
        return undefined("collapsed", f"all {n} rows are equal: they have no box to throw points into")
    parts: dict[str, Plain] = {"h": found.value, "m": batched_infomax(again()), "n": n, "points": m, "repeats": 1}
    return parts, None, ()


def _first(blocks: Iterable[Rows], n: int) -> Iterator[Rows]:
    """The first n rows."""
    for block in blocks:
        yield block[:n]
        n -= min(n, len(block))


BY_VARIANT: dict[str, Callable[[Evidence], Found]] = {"standard": _standard, "literal": _literal, "official": _official}
REFERENCE = {"standard": "all", "literal": "drawn", "official": "all"}
