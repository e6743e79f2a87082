"""What it costs to trust a score: rank correlation with the truth, and accuracy lost by keeping what it ranks first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

Row: TypeAlias = dict[str, Any]
"""A checkpoint: target, method, seed, epoch, accuracy, and one entry for every score (None where undefined)."""


def correlation(score: Sequence[float | None], truth: Sequence[float]) -> float | None:
    """Spearman correlation over the checkpoints that have a score; None below three, or where one side never moves."""
    from scipy.stats import spearmanr

    pairs = np.array([(s, t) for s, t in zip(score, truth, strict=True) if s is not None])
    if len(pairs) < 3 or any(len(np.unique(side)) < 2 for side in pairs.T):
        return None
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def lost(score: Sequence[float | None], truth: Sequence[float]) -> float | None:
    """Best accuracy less that of the checkpoint with the highest score, in points; ties cost their mean."""
    there = [s for s in score if s is not None]
    if not there:
        return None
    kept = [t for s, t in zip(score, truth, strict=True) if s == max(there)]
    return 100 * (max(truth) - float(np.mean(kept)))


def groups(rows: Iterable[Row], *keys: str) -> dict[Hashable, list[Row]]:
    """The rows by what they share."""
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[k] for k in keys), []).append(row)
    return found


def trusted(pools: dict[Hashable, list[Row]], value: Callable[[Row], float | None]) -> dict[str, Any]:
    """Over pools of candidates: mean and worst rank correlation, mean and worst loss, and where the worst one is."""
    correlations, losses = [], {}
    for name, pool in pools.items():
        scores, truth = [value(row) for row in pool], [row["accuracy"] for row in pool]
        correlations.append(correlation(scores, truth))
        losses[name] = lost(scores, truth)
    there = [c for c in correlations if c is not None]
    cost = {name: loss for name, loss in losses.items() if loss is not None}
    worst = max(cost, key=lambda name: cost[name]) if cost else None
    return {
        "spearman": _mean(there),
        "lowest": round(min(there), 3) if there else None,
        "defined": len(there),
        "pools": len(pools),
        "lost": _mean(cost.values(), 1),
        "worst": None if worst is None else _choice(pools[worst], value),
    }


def _choice(pool: list[Row], value: Callable[[Row], float | None]) -> Row:
    """What a score kept of a pool, and what there was: the first of those it ranks first, their mean accuracy."""
    there = [row for row in pool if value(row) is not None]
    highest = max(value(row) for row in there)
    kept = [row for row in there if value(row) == highest]
    best = max(pool, key=lambda row: row["accuracy"])
    return {
        "lost": round(lost([value(row) for row in pool], [row["accuracy"] for row in pool]) or 0.0, 1),
        "kept": {key: kept[0][key] for key in ("target", "method", "seed", "epoch")}
        | {"accuracy": float(np.mean([row["accuracy"] for row in kept])), "tied": len(kept)},
        "best": {key: best[key] for key in ("method", "epoch", "accuracy")},
    }


def by(pools: dict[Hashable, list[Row]], key: str, value: Callable[[Row], float | None]) -> dict[str, Any]:
    """Mean correlation and loss of the pools of each method, or of each target."""
    names = dict.fromkeys(pool[0][key] for pool in pools.values())
    out = {}
    for name in names:
        found = trusted({k: pool for k, pool in pools.items() if pool[0][key] == name}, value)
        out[name] = {"spearman": found["spearman"], "lost": found["lost"]}
    return out


def errors(rows: Sequence[Row], name: str) -> dict[str, Any]:
    """How far an estimate of accuracy is from the truth, in points: mean absolute error and mean signed error."""
    off = [(row, 100 * (row[name] - row["accuracy"])) for row in rows if row[name] is not None]
    if not off:
        return {"checkpoints": 0, "absolute": None, "signed": None, "worst": None}
    row, most = max(off, key=lambda pair: abs(pair[1]))
    return {
        "checkpoints": len(off),
        "absolute": _mean([abs(e) for _, e in off], 1),
        "signed": _mean([e for _, e in off], 1),
        "worst": {"off": round(most, 1)} | {k: row[k] for k in ("target", "method", "seed", "epoch", "accuracy")},
    }


def _mean(values: Iterable[float], digits: int = 3) -> float | None:
    values = list(values)
    return round(float(np.mean(values)), digits) if values else None
