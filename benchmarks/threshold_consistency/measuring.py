"""Every number of one model: OPIS and utilities by each source of groups, and what true identities say of retrieval."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from identities import Rows, setting
from pseudo_groups import clusters, halves, stability, unit
from reference_opis import Scores, scores_of
from training import Embedding, models
from views import IMAGES, VIEWS, views_of

KS, DRAWS = (5, 10, 20), 3
"""Numbers of pseudo-groups, and seeds of k-means whose median is taken."""
FROZEN = "epoch 10"
"""The checkpoint of each seed whose clusters, found once, also judge all other models of that seed."""
SOURCES = {
    "true": "identities",
    "half a": "identities",
    "half b": "identities",
    "views": "views",
    **{f"{kind} {k}": kind for kind in ("crossfit", "frozen", "pixels", "same space") for k in KS},
    "crossfit, stablest": "crossfit",
}
"""Every source of groups, and its kind."""
Row = dict[str, Any]


class Job(NamedTuple):
    """One seed of one setting, and how large."""

    setting: str
    seed: int
    recipes: tuple[str, ...]
    images: int = IMAGES
    views: int = VIEWS


def measured(job: Job) -> list[Row]:
    """Every model of the job, in the order of training."""
    trained, judged = setting(job.setting)
    rng = np.random.default_rng(11)
    shown = views_of(judged.images[: job.images], job.views, rng)
    half = rng.permutation(len(judged.identity)) % 2 == 0
    found = dict(models(trained, job.seed, job.recipes))
    pixels = judged.images.reshape(len(judged.images), -1)
    elsewhere = {"pixels": pixels, "frozen": found[FROZEN](judged.images)}
    fixed = {f"{kind} {k}": _drawn(X, k) for kind, X in elsewhere.items() for k in KS}
    rows = []
    for name, embedding in found.items():
        row: Row = {"setting": job.setting, "seed": job.seed, "model": name}
        row |= _numbers(embedding, judged, shown, half, fixed)
        rows.append(row)
    return rows


def _numbers(
    embedding: Embedding, judged: Rows, shown: Rows, half: np.ndarray, fixed: dict[str, list[np.ndarray]]
) -> Row:
    X, y, V = embedding(judged.images), judged.identity, embedding(shown.images)
    found = {
        "true": scores_of(X, y),
        "half a": scores_of(X[half], y[half]),
        "half b": scores_of(X[~half], y[~half]),
        "views": scores_of(V, shown.identity),
    }
    kinds = {k: _crossfit(X, k) for k in KS}
    stable = max(KS, key=lambda k: kinds[k][1])
    found |= {f"crossfit {k}": kinds[k][0] for k in KS} | {"crossfit, stablest": kinds[stable][0]}
    found |= {name: _median([scores_of(X, group) for group in groups]) for name, groups in fixed.items()}
    found |= {f"same space {k}": _median([scores_of(X, group) for group in _drawn(X, k)]) for k in KS}
    row: Row = {f"{field} {name}": getattr(found[name], field) for field in Scores._fields for name in SOURCES}
    row |= {f"stability {k}": kinds[k][1] for k in KS} | {"stablest": stable}
    nearest, voted = retrieval(X, y)
    return row | {"recall": nearest, "knn": voted, "view recall": retrieval(V, shown.identity)[0]}


def _drawn(X: np.ndarray, k: int) -> list[np.ndarray]:
    return [clusters(X, k, seed) for seed in range(DRAWS)]


def _crossfit(X: np.ndarray, k: int) -> tuple[Scores, float]:
    """Groups found in half of the rotated dimensions and judged in the other half; and how stable they are."""
    parts = [halves(X, seed) for seed in range(DRAWS)]
    groups = [clusters(one, k, seed) for seed, (one, _) in enumerate(parts)]
    scores = _median([scores_of(other, group) for (_, other), group in zip(parts, groups, strict=True)])
    return scores, stability(groups)


def _median(found: list[Scores]) -> Scores:
    """Field by field; None where any is undefined."""
    columns = zip(*found, strict=True)
    return Scores(*(None if None in column else float(np.median(column)) for column in columns))


def retrieval(X: np.ndarray, y: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Recall@1, and the share of rows named right by a vote of the k nearest others (ties: the smallest name)."""
    s = unit(X) @ unit(X).T
    np.fill_diagonal(s, -np.inf)
    near = y[np.argsort(-s, axis=1, kind="stable")[:, :k]]
    voted = np.array([np.bincount(row).argmax() for row in near])
    return float((near[:, 0] == y).mean()), float((voted == y).mean())
