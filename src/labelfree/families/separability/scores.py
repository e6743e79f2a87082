"""Topological class separability: how far the merges of a few large components stand out from all others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import command
from labelfree.documents.findings import Noted
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.scaling import Topology, normalized
from labelfree.families.rank.effective import effective_rank_alone
from labelfree.families.rank.unit_rows import mean_cosine_of as mean_cosine_of
from labelfree.families.separability.giotto import giotto_diagram
from labelfree.families.separability.persistence import LOST, Persistence, Statistic, persistence
from labelfree.families.separability.subsamples import standard_error, unfit
from labelfree.families.spec import FROM_SAMPLE, INVARIANT, Metric
from labelfree.results import Plain, Result, measured, undefined
from labelfree.trees import Merges

EXACT = command("separability").sample
"""Rows up to which `separability` uses all of them; beyond, the seeded sample of this size."""
SIDE = 0.02
"""Share of the rows that both sides of a merge must hold for `separability_robust`."""
TIGHT = 0.999
"""`separability_robust` from which the clusters are called points."""
LARGEST = 10
GAP_AMONG = 20
H1_ROWS = 500


def score(m: Merges) -> float | None:
    """1 - mean / max of the deaths."""
    return float(1 - (m.length / m.length[-1]).mean()) if m.length[-1] > 0 else None


def robust_score(m: Merges) -> float | None:
    """1 - median of the deaths of distinct rows over the largest that merges two sides of at least 2 %."""
    large, apart = large_deaths(m), m.length[m.length > 0]
    return max(0.0, float(1 - np.median(apart) / large.max())) if large.any() else None


def large_deaths(m: Merges) -> Float:
    """The deaths of merges with at least 2 % of the rows on both sides, ascending."""
    return m.length[m.smaller >= SIDE * (len(m.length) + 1)]


def entropy(m: Merges) -> float:
    """-sum q log2 q of the deaths over their sum."""
    q = m.length[m.length > 0] / m.length.sum()
    return float(-(q * np.log2(q)).sum())


def _params(e: Evidence, p: Persistence) -> dict[str, Plain]:
    how = e.topology
    return {
        "definition_id": "topo-sep/v1",
        "engine": how.h0,
        "metric": how.metric,
        "normalize": how.normalize,
        "replicate_rows": p.replicate_rows,
        "replicates": len(p.replicates),
        "rows": p.n,
    }


def _against_chance(p: Persistence, statistic: Statistic, value: float) -> dict[str, Plain]:
    """Parts: the same statistic on the surrogate and on the subsamples."""
    null = statistic(p.surrogate)
    values = [v for v in map(statistic, p.replicates) if v is not None]
    whole = len(values) == len(p.replicates) > 1
    return {
        "surrogate": null,
        "excess": None if null is None else value - null,
        "replicates": values if whole else None,
        "replicate_factor": p.factor if whole else None,
    }


def _bars(p: Persistence) -> dict[str, Plain]:
    m = p.merges
    top = m.length[::-1][:GAP_AMONG]
    top = top[top > 0]
    gap = int(np.argmax(top[:-1] / top[1:])) if len(top) > 1 else 0
    return {
        "bars": len(m.length),
        "zero_bars": p.zero,
        "zero_bar_share": p.zero / len(m.length),
        "max": float(m.length[-1]),
        "mean": float(m.length.mean()),
        "median": float(np.median(m.length)),
        "components_at_widest_gap": gap + 2,
        "widest_gap": float(top[gap] / top[gap + 1]) if len(top) > 1 else None,
        "largest": [
            {"death": float(length), "smaller": int(small), "larger": int(large)}
            for length, small, large in zip(
                m.length[::-1][:LARGEST], m.smaller[::-1][:LARGEST], m.larger[::-1][:LARGEST], strict=True
            )
        ],
    }


def _collapse(e: Evidence, p: Persistence) -> list[str]:
    """Signs that the rows have collapsed, which makes them look separable."""
    signs = []
    if p.zero > 0.2 * p.n:
        signs.append(f"{100 * p.zero / p.n:.0f} % of the rows repeat another one")
    robust = robust_score(p.merges)
    if robust is not None and robust > TIGHT:
        signs.append("half of the rows lie nearer to another one than a thousandth of the way between clusters")
    cosine, rank = mean_cosine_of(e).value, effective_rank_alone(e)
    if cosine is not None and cosine > 0.9:
        signs.append(f"the mean cosine between rows is {cosine:.2f}")
    if not isinstance(rank, Result) and rank < 2:
        signs.append(f"the effective rank is {rank:.2f}")
    return signs


def _separability(e: Evidence) -> Result:
    p = persistence(e)
    if isinstance(p, Result):
        return p
    value = score(p.merges)
    assert value is not None
    against = _against_chance(p, score, value)
    error = standard_error(p, score, value, p.merges.length)
    signs = _collapse(e, p)
    parts: dict[str, Plain] = {**against, **_bars(p), "collapse": signs}
    warnings = []
    if signs:
        said = f"possible collapse: {'; '.join(signs)}: collapsed rows score high without being separable"
        warnings.append(Noted("possible_collapse", said))
    if p.left_out:
        lost = f"{p.left_out} rows {LOST[e.topology.normalize]}, have no direction and were left out"
        warnings.append(Noted("no_direction", lost))
    high = 1 - 1 / len(p.merges.length)
    return measured(value, error, low=0.0, high=high, params=_params(e, p), parts=parts, warnings=warnings)


def separability(
    X: Any, *, normalize: str = "l2", metric: str = "euclidean", sample: int | None = EXACT, seed: int = 0
) -> Result:
    """Topological class separability S: do a few merges stand far above all others?

    Formula: 1 - mean(p) / max(p), p the n - 1 deaths of the H0 persistence of the Vietoris-Rips filtration: the edge
    lengths of the Euclidean minimum spanning tree. Bars of length zero (equal rows) are kept, the infinite bar is not.
    Input: X (n, d) finite real numbers, n >= 3, no zero rows; rows are scaled to length one unless normalize is
    "none", "layernorm" or "zscore"; metric "euclidean" or "cosine" (half the squared distance of unit rows).
    Range: 0 (all deaths equal) to 1 - 1/(n - 1), without a unit. Invariant to rotation and to the order of rows.
    Undefined: fewer than 3 rows; all rows equal; a zero row.
    Interval: standard deviation over 20 subsamples of m = min(n / 2, 2,000) rows without replacement; over 20 of m / 2
    where one death lies a tenth above the next, or from 4,000 rows on; in between their geometric mean
    (docs/separability.md); times (2 m / n)^(1/8) and Student's quantile over 1.96.
    Cost: about n^2 d multiply-adds for the tree, twice with the surrogate; memory n d and one block of rows.
    When it lies: a collapsed embedding scores high; one outlier among hundreds of rows decides max(p) (read
    separability_robust); no order between different n, d, dimensions or normalizations; self-supervised sweeps and
    adaptation by entropy minimization. parts.surrogate is S of Gaussian rows with the same mean and covariance,
    parts.excess the difference.
    Source: ours (topo-sep/v1), after Gourgoulias et al., "Estimating class separability of text embeddings with
    persistent homology", TMLR 2024, whose formula we could not read: no value here may be called theirs.

    >>> import numpy as np
    >>> round(separability(np.array([[0.0], [1.0], [3.0], [7.0]]) + 1, normalize="none").value, 12)
    0.416666666667
    """
    return _separability(_evidence(X, normalize, metric, sample, seed))


def _evidence(X: Any, normalize: str, metric: str, sample: int | None, seed: int) -> Evidence:
    return replace(evidence(X, sample=sample, seed=seed), topology=Topology.checked(normalize=normalize, metric=metric))


def _robust(e: Evidence) -> Result:
    p = persistence(e)
    if isinstance(p, Result):
        return p
    if p.merges.smaller[-1] < 0:
        reason = f"giotto-tda does not say how large the merging sides are; use {option('h0', 'auto')}"
        return undefined("engine", reason)
    value = robust_score(p.merges)
    if value is None:
        least = int(np.ceil(SIDE * p.n))
        return undefined("no_large_merge", f"no merge has {least} rows (2 %) on both sides", _params(e, p))
    against = _against_chance(p, robust_score, value)
    error = standard_error(p, robust_score, value, large_deaths(p.merges))
    reason = unfit(p.n, value, [robust_score(m) for m in p.replicates])
    warnings, error = ((Noted("no_interval", reason),), None) if reason else ((), error)
    return measured(value, error, low=0.0, high=1.0, params=_params(e, p), parts=against, warnings=warnings)


def separability_robust(
    X: Any, *, normalize: str = "l2", metric: str = "euclidean", sample: int | None = EXACT, seed: int = 0
) -> Result:
    """S that outliers cannot move: typical death against the largest merge of two large sides.

    Formula: 1 - median(p > 0) / max{p_i : both sides of merge i hold at least 2 % of the rows}, at least 0. Equal
    deaths merge in the order of the lowest row of their components.
    Input: as separability.
    Range: 0 to 1, without a unit. Invariant to rotation and to the order of rows without ties.
    Undefined: as separability; and where no merge has 2 % of the rows on both sides.
    Interval: as separability, from 200 rows on, where it is above 0 on every half of the rows and not much less there.
    Cost: shared with separability.
    When it lies: classes below 2 % of the rows do not exist for it; spikes early under label noise.
    Source: ours; the merge sizes come from the tree of separability.

    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]) + 1
    >>> separability_robust(X, normalize="none").value
    0.875
    """
    return _robust(_evidence(X, normalize, metric, sample, seed))


def _entropy(e: Evidence) -> Result:
    p = persistence(e)
    if isinstance(p, Result):
        return p
    bars = len(p.merges.length)
    value, null = entropy(p.merges), entropy(p.surrogate)
    most = float(np.log2(bars))
    parts: dict[str, Plain] = {"surrogate": null, "excess": value - null, "share_of_maximum": value / most}
    return measured(value, low=0.0, high=most, params=_params(e, p), parts=parts)


def persistence_entropy(
    X: Any, *, normalize: str = "l2", metric: str = "euclidean", sample: int | None = EXACT, seed: int = 0
) -> Result:
    """Entropy of the H0 deaths: how evenly persistence is spread over the merges.

    Formula: -sum q_i log2 q_i, q_i = p_i / sum(p), p the deaths as in separability; bars of length zero add nothing.
    Input: as separability.
    Range: 0 (one death holds all) to log2(n - 1) bits (all deaths equal); parts.share_of_maximum is the quotient.
    Undefined: as separability.
    Interval: none: it grows with the number of rows, which subsamples change.
    Cost: shared with separability.
    When it lies: moved by outliers less than S but still moved; compare only at equal n.
    Source: the persistent entropy of giotto-tda's PersistenceEntropy without normalization, in bits.

    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]) + 1
    >>> round(persistence_entropy(X, normalize="none").value, 10)
    1.5849625007
    """
    return _entropy(_evidence(X, normalize, metric, sample, seed))


def _total(e: Evidence) -> Result:
    p = persistence(e)
    if isinstance(p, Result):
        return p
    value, null = float(p.merges.length.sum()), float(p.surrogate.length.sum())
    parts: dict[str, Plain] = {"surrogate": null, "excess": value - null, "mean": value / len(p.merges.length)}
    return measured(value, low=0.0, params=_params(e, p), parts=parts)


def total_persistence(
    X: Any, *, normalize: str = "l2", metric: str = "euclidean", sample: int | None = EXACT, seed: int = 0
) -> Result:
    """Total H0 persistence: the length of the minimum spanning tree.

    Formula: sum(p), p the deaths as in separability.
    Input: as separability.
    Range: above 0, in the unit of the distances.
    Undefined: as separability.
    Interval: none: it grows with the number of rows, which subsamples change.
    Cost: shared with separability.
    When it lies: other work reads a long tree (over the diameter) as a good embedding, while separated classes have a
    short one: the two disagree in sign, hence no direction.
    Source: the sum of the lifetimes of the H0 diagram.

    >>> import numpy as np
    >>> total_persistence(np.array([[0.0], [1.0], [3.0], [7.0]]) + 1, normalize="none").value
    7.0
    """
    return _total(_evidence(X, normalize, metric, sample, seed))


def _h1(e: Evidence) -> Result:
    p = persistence(e)
    if isinstance(p, Result):
        return p
    rows = min(H1_ROWS, p.n)
    points = normalized(p.drawn.rows, e.topology)[:rows]
    if e.topology.metric == "cosine":
        reason = f"H1 is computed for Euclidean distances only; leave out {option('metric', 'cosine')}"
        return undefined("metric", reason)
    diagram = giotto_diagram(points, 1)
    life = diagram[:, 1] - diagram[:, 0]
    params: dict[str, Plain] = {"normalize": e.topology.normalize, "metric": e.topology.metric, "rows": rows}
    parts: dict[str, Plain] = {"bars": len(life), "max": float(life.max(initial=0.0))}
    return measured(float(life.sum()), low=0.0, params=params, parts=parts)


def h1_total_persistence(
    X: Any, *, normalize: str = "l2", metric: str = "euclidean", sample: int | None = EXACT, seed: int = 0
) -> Result:
    """Total H1 persistence: how much loops the rows form, by giotto-tda.

    Formula: sum of death - birth over the H1 bars of the Euclidean Vietoris-Rips filtration of the first 500 sampled
    rows.
    Input: as separability; needs giotto-tda (Python 3.11 or 3.12) and is computed on request: --only, homology=1.
    Range: 0 (no loops) upward, in the unit of the distances.
    Undefined: as separability; cosine distances.
    Interval: none.
    Cost: grows fast with the rows, hence 500 of them: seconds.
    When it lies: no setting is known in which it orders models.
    Source: giotto-tda 0.6.2, VietorisRipsPersistence; float32.

    >>> import numpy as np
    >>> h1_total_persistence(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), normalize="none").value  # doctest: +SKIP
    0.0
    """
    return _h1(_evidence(X, normalize, metric, sample, seed))


_DEATHS = "deaths p: edge lengths of the minimum spanning tree of the rows, scaled and measured as params say"
METRICS = (
    Metric(
        separability, _separability, ("moments", "unit", "sample"), INVARIANT,
        "supervised fine-tuning at fixed rows and width, with an effective-rank guard; misleads under collapse, "
        "in self-supervised sweeps and across widths",
        "topo-sep/v1: 1 - mean(p) / max(p); " + _DEATHS,
    ),
    Metric(
        separability_robust, _robust, FROM_SAMPLE, INVARIANT,
        "fine-tuning with outliers or imbalance, alignment sweeps; misleads early under label noise",
        "topo-sep/v1: 1 - median(p > 0) / max(p with 2 % of the rows on both sides); " + _DEATHS,
    ),
    Metric(
        persistence_entropy, _entropy, FROM_SAMPLE, INVARIANT,
        "a description: falls as clean classes separate, but also under outliers and collapse",
        "topo-sep/v1: -sum q log2 q, q = p / sum(p); " + _DEATHS,
    ),
    Metric(
        total_persistence, _total, FROM_SAMPLE, INVARIANT,
        "a description: published readings of it disagree in sign",
        "topo-sep/v1: sum(p); " + _DEATHS,
    ),
    Metric(
        h1_total_persistence, _h1, FROM_SAMPLE, INVARIANT,
        "a description: no setting is known in which more is better",
        "sum of H1 lifetimes of the rows that params count, scaled as they say, giotto-tda",
    ),
)  # fmt: skip
