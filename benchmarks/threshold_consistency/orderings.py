"""Which orderings of models survive without labels: correlations, what a choice costs, whether a term helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from measuring import SOURCES, Row
from training import LAST, PAIRS

HEALTHY = 0.3
"""Least mean utility by true identities of a healthy model; random groups have about 0.08."""
TRUE = "opis true"
RESAMPLES = 300


def healthy(row: Row) -> bool:
    """Whether a model is of any use, by its true identities."""
    return row["mean_utility true"] is not None and row["mean_utility true"] >= HEALTHY


def rho(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """Spearman correlation of pairs that are both defined; None below three, or where one side never moves."""
    from scipy.stats import rankdata

    there = np.array([pair for pair in pairs if None not in pair], float)
    if len(there) < 3 or any(len(np.unique(side)) < 2 for side in there.T):
        return None
    return float(np.corrcoef(rankdata(there[:, 0]), rankdata(there[:, 1]))[0, 1])


def correlation(rows: Sequence[Row], one: str, other: str, *, interval: bool = True) -> dict[str, Any]:
    """rho over the models; its 95 % interval by drawing recipes, each with all of its seeds."""
    names = list(dict.fromkeys(row["model"] for row in rows))
    pairs = {name: [(row[one], row[other]) for row in rows if row["model"] == name] for name in names}
    value = rho(pair for name in names for pair in pairs[name])
    found: dict[str, Any] = {"rho": _short(value), "models": sum(None not in p for ps in pairs.values() for p in ps)}
    if interval:
        rng = np.random.default_rng(5)
        drawn = [rho(p for i in rng.integers(0, len(names), len(names)) for p in pairs[names[i]])
                 for _ in range(RESAMPLES)]  # fmt: skip
        low, high = np.quantile([d for d in drawn if d is not None], [0.025, 0.975])
        found["interval"] = [_short(float(low)), _short(float(high))]
    return found


def orderings(rows: list[Row]) -> dict[str, Any]:
    """For each source of groups: its OPIS against the true one; its mean utility as a substitute, and by itself."""
    well = [row for row in rows if healthy(row)]
    sweep = [row for row in rows if row["model"] in {"plain", *PAIRS} - {"neighbors, tcm 1"}]
    found = {}
    for name in SOURCES:
        opis, utility = f"opis {name}", f"mean_utility {name}"
        found[name] = {
            "all": correlation(rows, TRUE, opis),
            "healthy": correlation(well, TRUE, opis),
            "sweep": correlation(sweep, TRUE, opis, interval=False),
            "by utility": correlation(well, TRUE, utility, interval=False),
            "utility, all": correlation(rows, "mean_utility true", utility, interval=False),
            "utility, healthy": correlation(well, "mean_utility true", utility, interval=False),
        }
    found["recall"] = {
        "all": correlation(rows, TRUE, "recall"),
        "healthy": correlation(well, TRUE, "recall"),
        "sweep": correlation(sweep, TRUE, "recall", interval=False),
    }
    ceiling = {
        kind: correlation(some, "opis half a", "opis half b") for kind, some in (("all", rows), ("healthy", well))
    }
    ceiling["sweep"] = correlation(sweep, "opis half a", "opis half b", interval=False)
    return {"by": found, "ceiling": ceiling, "models": len(rows), "healthy": len(well)}


def choices(rows: list[Row]) -> dict[str, Any]:
    """What it costs to keep a model by a rule, in the mean over the seeds, each with all of its models as candidates.

    all: among all of them; utility lost, and how often a model that is not healthy was kept. healthy: among those.
    """
    pools = _by(rows, "seed")
    rules: dict[str, Callable[[list[Row]], list[Row]]] = {}
    for name in SOURCES:
        if not name.startswith("half"):
            rules[f"opis, {name}"] = lambda pool, n=name: _least(pool, f"opis {n}", 1)
            rules[f"guarded opis, {name}"] = lambda pool, n=name: _guarded(pool, n)
            rules[f"utility, {name}"] = lambda pool, n=name: _least(pool, f"mean_utility {n}", -1)
    rules["last epoch"] = lambda pool: [row for row in pool if row["model"] == LAST]
    rules["random"] = lambda pool: pool
    return {
        name: {"all": _cost(pools, rule), "healthy": _cost([[r for r in p if healthy(r)] for p in pools], rule)}
        for name, rule in rules.items()
    }


def _least(pool: list[Row], key: str, sign: int) -> list[Row]:
    there = [row for row in pool if row[key] is not None]
    return [min(there, key=lambda row: sign * row[key])]


def _guarded(pool: list[Row], name: str) -> list[Row]:
    """The lowest OPIS in the half of the pool whose mean utility, by the same groups, is the higher."""
    there = [row for row in pool if row[f"mean_utility {name}"] is not None]
    middle = np.median([row[f"mean_utility {name}"] for row in there])
    return _least([row for row in there if row[f"mean_utility {name}"] >= middle], f"opis {name}", 1)


def _cost(pools: list[list[Row]], rule: Callable[[list[Row]], list[Row]]) -> dict[str, Any]:
    """True OPIS and true mean utility lost against the best candidate in each; mean over pools, of the kept ones."""
    opis, utility, dead, kept = [], [], [], []
    for pool in pools:
        some = rule(pool)
        kept.append(some[0]["model"] if len(some) == 1 else None)
        opis.append(np.mean([row[TRUE] for row in some]) - min(row[TRUE] for row in pool))
        utility.append(max(row["mean_utility true"] for row in pool) - np.mean([r["mean_utility true"] for r in some]))
        dead.append(np.mean([not healthy(row) for row in some]))
    return {
        "opis": _short(float(np.mean(opis))),
        "utility": _short(float(np.mean(utility))),
        "unhealthy": _short(float(np.sum(dead))),
        "pools": len(pools),
        "kept": kept,
    }


def term(rows: list[Row]) -> dict[str, Any]:
    """With the TCM term less without it, seed by seed: OPIS and mean utility by every source of groups, and recall."""
    keys = [f"{field} {name}" for field in ("opis", "mean_utility") for name in SOURCES] + ["recall", "view recall"]
    at = {(row["model"], row["seed"]): row for row in rows}
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    found: dict[str, Any] = {}
    for key in keys:
        found[key] = {}
        for with_it, without in PAIRS.items():
            if (with_it, seeds[0]) in at:
                found[key][with_it] = difference([at[with_it, s][key] - at[without, s][key] for s in seeds])
    return found


def difference(values: Sequence[float]) -> dict[str, Any]:
    """Mean, its standard error, and how many are below zero."""
    se = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    lower = sum(v < 0 for v in values)
    return {"mean": _short(float(np.mean(values))), "se": _short(se), "lower": int(lower), "of": len(values)}


def trap(rows: list[Row], many: int = 10) -> dict[str, Any]:
    """The models with the lowest OPIS by each source, and how many of them are not healthy."""
    found = {}
    for name in SOURCES:
        there = sorted((r for r in rows if r[f"opis {name}"] is not None), key=lambda r: r[f"opis {name}"])[:many]
        found[name] = {
            "unhealthy": sum(not healthy(row) for row in there),
            "of": len(there),
            "lowest": [[row["model"], row["seed"], _short(row[f"opis {name}"])] for row in there],
        }
    return found


def means(rows: list[Row]) -> dict[str, Any]:
    """Each model in the mean over its seeds, and whether it is healthy in how many of them."""
    found = {}
    for some in _by(rows, "model"):
        numbers = [key for key, value in some[0].items() if key not in ("setting", "seed", "model", "stablest")]
        entry: Row = {key: _short(_mean([row[key] for row in some])) for key in numbers}
        found[some[0]["model"]] = {"healthy": sum(healthy(row) for row in some), "of": len(some)} | entry
    return found


def summary(rows: list[Row]) -> dict[str, Any]:
    """All of the above for one setting."""
    return {
        "orderings": orderings(rows),
        "choices": choices(rows),
        "term": term(rows),
        "trap": trap(rows),
        "means": means(rows),
    }


def _by(rows: Iterable[Row], key: str) -> list[list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return list(found.values())


def _mean(values: Sequence[float | None]) -> float | None:
    there = [v for v in values if v is not None]
    return float(np.mean(there)) if there else None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
