"""OPIS: how unevenly one decision threshold treats groups of rows that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import as_array, matrix
from labelfree.documents.findings import Noted
from labelfree.errors import ArrayError
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.groups import Grouping, GroupRows
from labelfree.evidence.scaling import in_range
from labelfree.evidence.zone import FAR, Calibration
from labelfree.families.opis.behavior import Judged
from labelfree.families.opis.curves import EPS
from labelfree.families.opis.intervals import sureness
from labelfree.families.opis.judging import judged
from labelfree.families.opis.operating_point import STEPS
from labelfree.families.opis.tables import summary
from labelfree.families.spec import INVARIANT, Metric
from labelfree.results import Plain, Result, undefined
from labelfree.summaries.hashing import hash_ids

FEW_ROWS = 5
"""Median size of groups below which their noise is warned of."""
DEAD = 0.1
"""Share of the way from chance to one that the mean utility must reach for OPIS to say anything."""


def _params(found: Judged, zone: Calibration) -> dict[str, Plain]:
    return {
        "far": list(zone.far),
        "space": zone.space,
        "c": 1,
        "reference_curve": "macro",
        "quadrature": "exact" if found.operating.exact else f"trapezoid-{STEPS}",
        "label_source": found.given.origin,
        "frozen": found.given.frozen,
        "circular": found.given.circular,
        "groups_hash": found.given.digest,
        "singletons": "left out",
        "sample": None
        if found.given.sampled is None
        else dict(zip(("rows", "seed"), found.given.sampled, strict=True)),
        **({} if found.stable is None else {"stable": found.stable}),
    }


def _of_worst(found: Judged, e: Evidence) -> tuple[dict[str, Plain], dict[str, Plain]]:
    """Params and parts of the metrics of the worst groups."""
    params: dict[str, Plain] = {**_params(found, _zone(e)), "eps": EPS, "worst_set": "per_threshold"}
    return params, {"worst_groups": found.consistency.count}


def _zone(e: Evidence) -> Calibration:
    return e.grouping.zone if e.grouping is not None else Calibration()


def _warnings(found: Judged, parts: dict[str, Any]) -> list[Noted]:
    said: dict[str, str] = {}
    lift, mean = parts["utility_lift"], found.consistency.mean_utility
    if lift < DEAD:
        said["near_chance"] = (
            f"mean_utility {mean:.3f} is near chance ({parts['chance_utility']:.3f}): a model that tells nothing apart "
            "treats all groups alike, so that OPIS is low without being good"
        )
    if parts["size_median"] < FEW_ROWS:
        share = parts["noise_share"]
        of = "" if share is None else f", about {100 * min(1.0, max(0.0, share)):.0f} % of it in groups of 6 and more"
        noisy = f"half of the groups have fewer than {FEW_ROWS} rows: the noise of small groups raises OPIS{of}"
        said["small_groups"] = noisy
    if found.given.circular:
        said["circular"] = (
            "circular: the groups are clusters of the very distances that they judge, tight by construction"
        )
    if found.stable is False:
        agreed = found.runs["stability_ari"]
        said["unstable_groups"] = (
            f"unstable pseudo-groups: clusterings with other seeds agree little (adjusted Rand {agreed:.2f})"
        )
    if found.given.own and found.given.origin == "crossfit":
        said["own_dimensions"] = (
            "the groups were made of half of these very dimensions: other checkpoints are judged without that help"
        )
    null = found.runs.get("null")
    if isinstance(null, dict) and null["mean_utility"] >= mean:
        said["no_groups"] = "no evidence of groups: rows without structure reach the same mean utility"
    return [Noted(code, text) for code, text in said.items()]


def _headline(e: Evidence, *, pseudo: bool) -> Result:
    found = judged(e)
    if isinstance(found, Result):
        return found
    params = _params(found, _zone(e))
    if found.pseudo and not pseudo:
        return undefined("pseudo_groups", "the groups are clusters: pseudo_opis carries the value", params)
    if pseudo and not found.pseudo:
        return undefined("grouped", "groups were given: opis carries the value", params)
    value, parts = found.consistency.opis, summary(found)
    sure = sureness(found, "opis", value, 0.25)
    warnings = (*_warnings(found, parts), *sure.warnings)
    return Result(value, sure.se, sure.interval, params=params, parts=parts, warnings=warnings)


def _opis(e: Evidence) -> Result:
    return _headline(e, pseudo=False)


def _pseudo_opis(e: Evidence) -> Result:
    return _headline(e, pseudo=True)


def _eps_opis(e: Evidence) -> Result:
    found = judged(e)
    if isinstance(found, Result):
        return found
    return _besides(found, "eps_opis", found.consistency.eps_opis, *_of_worst(found, e))


def _mean_utility(e: Evidence) -> Result:
    found = judged(e)
    if isinstance(found, Result):
        return found
    scores, beside = found.consistency, summary(found)
    parts = {name: beside[name] for name in ("chance_utility", "utility_lift")}
    if null := found.runs.get("null"):
        parts["null"] = null["mean_utility"]  # type: ignore[index, call-overload]
    return _besides(found, "mean_utility", scores.mean_utility, _params(found, _zone(e)), parts)


def _worst_utility(e: Evidence) -> Result:
    found = judged(e)
    if isinstance(found, Result):
        return found
    return _besides(found, "worst_utility", found.consistency.worst_utility, *_of_worst(found, e))


def _besides(found: Judged, name: str, value: float, params: Mapping[str, Plain], parts: Mapping[str, Plain]) -> Result:
    """A value from 0 to 1 with its interval, or with why there is none."""
    value = min(max(value, 0.0), 1.0)
    sure = sureness(found, name, value, 1.0)
    return Result(value, sure.se, sure.interval, params=params, parts=parts, warnings=sure.warnings)


def _evidence(
    X: Any,
    group: Any,
    far: Any,
    space: str,
    seed: int,
    *,
    k: Sequence[int] = (),
    seeds: int = 5,
    circular: bool = False,
) -> Evidence:
    (rows,), exponent = in_range(("X", matrix(X)))
    zone = Calibration.checked(far, space)
    if group is None:
        how = Grouping(zone, circular=circular, k=tuple(k), seeds=seeds)
        return replace(evidence(X, seed=seed), grouping=how)
    names = as_array(group, "group")
    if names.shape != (len(rows),):
        raise ArrayError(f"group: expected one name for each of {len(rows)} rows, found shape {names.shape}")
    index = np.flatnonzero([name is not None and name == name for name in names.tolist()])  # NaN is no name
    given = GroupRows(hash_ids(names[index]), index, rows[index], names[index], null=len(rows) - len(index))
    return Evidence(n=len(rows), d=rows.shape[1], seed=seed, grouping=Grouping(zone, given), exponent=exponent)


def opis(X: Any, group: Any, *, far: Any = FAR, space: str = "l2", seed: int = 0) -> Result:
    """Operating-point inconsistency score: the variance over groups of their utility at one global threshold.

    Formula: (1/T) sum_i integral (U_i(t) - mean_i U_i(t))^2 dt / (t_max - t_min), U_i = 2 sens_i spec_i / (sens_i +
    spec_i), 0 where both are 0; sens_i the share of pairs inside group i at distance t or less, spec_i the share of
    pairs with one end in it beyond t; t_min and t_max the least distances that accept `far` of all pairs of different
    groups. Counts are exact; the integral is exact up to 256 rows, and the trapezoidal rule over 256 steps beyond.
    Input: X (n, d) finite real numbers, no zero row, scaled to length one here; group (n,), names of what belongs
    together, two groups of two rows at least (single rows are left out). space "l2" or "cosine": what t is.
    Range: 0 (every group behaves alike) to 0.25; parts.root is on the scale of U. Depends on `far`: compare at one.
    Undefined: fewer than two groups; fewer than 1 / far_min pairs of different groups; a calibration range without
    width, as in a collapsed embedding.
    Interval: from the influence of each group, on the ends of the range and on other groups too, by Hall's (1992)
    correction for skewness; none below 100 groups, and none where nearly all have the utility that the range allows. It
    is of as many other groups like these, not of another training.
    Cost: n^2 d multiply-adds twice over half the pairs, no n x n matrix.
    When it lies: a model that tells nothing apart has the lowest OPIS of all: read mean_utility beside it, never alone.
    Groups of few rows raise it (parts.split_half, parts.noise_share). Wrong names in groups raise it. It does not see
    ranking: parts.recall_at_1.
    Source: after Zhang et al., "Threshold-Consistent Margin Loss for Open-World Deep Metric Learning", ICLR 2024
    (arXiv 2307.04047), whose body we have not read: the mean curve is the mean over groups (macro), c = 1.

    >>> import numpy as np
    >>> angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> round(opis(X, np.repeat(np.arange(6), 3), far=(0.05, 0.3)).value, 12)
    0.0
    """
    return _opis(_evidence(X, group, far, space, seed))


def pseudo_opis(
    X: Any, *, far: Any = FAR, space: str = "l2", k: Sequence[int] = (), seeds: int = 5, seed: int = 0
) -> Result:
    """OPIS of pseudo-groups: clusters of one half of the dimensions, judged in the other half.

    Formula: as opis. Unit rows are rotated at random; k-means on one half of the dimensions makes the groups, the
    other half is judged. The value is the median over `seeds` rotations, at the number of groups k on which the seeds
    agree best (adjusted Rand index); parts.pseudo has all runs, their agreement, and the same procedure on Gaussian
    rows of the same mean and covariance.
    Input: X (n, d) finite real numbers, d >= 2, no zero row; of more than 5,000 rows a sample. k: numbers of groups to
    try; none for half, once and twice sqrt(n / 2).
    Range: 0 to 0.25; not on the scale of opis: half of the dimensions have less utility and more spread.
    Undefined: as opis; one dimension.
    Interval: none: clusters are a partition of the rows, and no sample of groups.
    Cost: k-means and opis for every k and seed.
    When it lies: a wrong k can move it several times; it orders models only where parts.pseudo.stability_ari is high.
    Source: ours; cross-fitting keeps the clusters from being tight by construction.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(np.eye(8), 30, axis=0) + 0.1 * rng.normal(size=(240, 8))
    >>> pseudo_opis(X, k=(8,), seeds=1).params["label_source"]
    'crossfit'
    """
    return _pseudo_opis(_evidence(X, None, far, space, seed, k=k, seeds=seeds))


def eps_opis(X: Any, group: Any, *, far: Any = FAR, space: str = "l2", seed: int = 0) -> Result:
    """How far the worst tenth of the groups is from the mean utility.

    Formula: integral (U_eps(t) - mean_i U_i(t))^2 dt / (t_max - t_min), U_eps(t) the mean utility of the worst tenth
    of the groups (at least one), chosen anew at each threshold; the rest as opis.
    Input: as opis.
    Undefined: as opis.
    Cost: shared with opis.
    Range: 0 to 1; 0 for a single worst group that is all of them.
    Interval: as opis, none below 150 groups: the worst tenth is to be of 15.
    When it lies: as opis; with few groups it is one group's noise.
    Source: after Zhang et al., ICLR 2024 (the name is theirs; eps = 0.1 and the choice at each threshold are ours).

    >>> import numpy as np
    >>> angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> round(eps_opis(X, np.repeat(np.arange(6), 3), far=(0.05, 0.3)).value, 12)
    0.0
    """
    return _eps_opis(_evidence(X, group, far, space, seed))


def mean_utility(X: Any, group: Any, *, far: Any = FAR, space: str = "l2", seed: int = 0) -> Result:
    """The utility of a group at one global threshold, averaged over groups and the calibration range.

    Formula: integral mean_i U_i(t) dt / (t_max - t_min), as in opis.
    Input: as opis.
    Undefined: as opis.
    Cost: shared with opis.
    Range: 0 to 1. Groups that say nothing have parts.chance_utility (the mean of 2 F (1 - F), F the false accept rate);
    parts.utility_lift is the share of the way from there to one.
    Interval: as opis, none below 40 groups; also where nearly all have the utility that the range allows.
    When it lies: high for groups that are near-duplicates; bounded by the false accept rates of the range.
    Source: the reference curve of Zhang et al., ICLR 2024, integrated.

    >>> import numpy as np
    >>> angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> round(mean_utility(X, np.repeat(np.arange(6), 3), far=(0.05, 0.3)).value, 6)
    0.888553
    """
    return _mean_utility(_evidence(X, group, far, space, seed))


def worst_utility(X: Any, group: Any, *, far: Any = FAR, space: str = "l2", seed: int = 0) -> Result:
    """The utility of the worst tenth of the groups at one global threshold, averaged over the calibration range.

    Formula: integral U_eps(t) dt / (t_max - t_min), U_eps as in eps_opis.
    Input: as opis.
    Undefined: as opis.
    Cost: shared with opis.
    Range: 0 to 1, at most mean_utility.
    Interval: as eps_opis.
    When it lies: groups of few rows are the worst by chance.
    Source: as eps_opis; this is what an operator feels of it.

    >>> import numpy as np
    >>> angle = np.repeat(np.arange(6), 3) * np.pi / 3 + np.tile([-0.2, 0.0, 0.2], 6)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> round(worst_utility(X, np.repeat(np.arange(6), 3), far=(0.05, 0.3)).value, 6)
    0.888553
    """
    return _worst_utility(_evidence(X, group, far, space, seed))


_CURVES = (
    "U_i: harmonic mean of group i's sensitivity and specificity at a global threshold, over the FAR range of params"
)
_HOLDS = (
    "healthy models on the same groups, with mean_utility beside it; misleads for models that tell nothing apart, "
    "which have the lowest values, and for groups of few rows"
)
METRICS = (
    Metric(
        opis, _opis, ("groups",), INVARIANT,
        _HOLDS,
        "opis/v1, after Zhang et al., ICLR 2024: mean over thresholds of Var_i U_i; " + _CURVES,
    ),
    Metric(
        pseudo_opis, _pseudo_opis, ("groups",), INVARIANT,
        "ordering healthy models whose pseudo-groups are stable over seeds; not on the scale of opis",
        "pseudo-opis/v1: opis of cross-fitted clusters, median over seeds; " + _CURVES,
    ),
    Metric(
        eps_opis, _eps_opis, ("groups",), INVARIANT,
        _HOLDS,
        "eps-opis/v1, after Zhang et al., ICLR 2024: "
        "mean over thresholds of (mean of the worst 10 % of U_i - mean U_i)^2; " + _CURVES,
    ),
    Metric(
        mean_utility, _mean_utility, ("groups",), INVARIANT,
        "models on the same groups and FAR range",
        "mean-utility/v1: mean over thresholds and groups of U_i; " + _CURVES,
    ),
    Metric(
        worst_utility, _worst_utility, ("groups",), INVARIANT,
        "models on the same groups of at least five rows and FAR range",
        "worst-utility/v1: mean over thresholds of the mean of the worst 10 % of U_i; " + _CURVES,
    ),
)  # fmt: skip
"""The family of OPIS, in the order of the tables."""
