"""Metrics of several views of the same items: rows that share a value of the group column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows, blocks_of
from labelfree.documents.findings import Noted
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.numerical_rank import rounding_of
from labelfree.evidence.scaling import directions as unit_rows
from labelfree.evidence.spectrum import EPS
from labelfree.evidence.tails import too_heavy
from labelfree.families.rank.effective import entropy_rank
from labelfree.families.rank.item_deletions import item_error
from labelfree.families.rank.jackknife import error_of
from labelfree.families.spec import FROM_VIEWS, INVARIANT, Metric
from labelfree.results import Plain, Result, measured, undefined

DELTA = 1e-4
"""Ridge on the within scatter of LiDAR."""
LEAST_ITEMS = 20
"""Items of equal weight below which `alignment` has no interval."""
_SURE = 0.01  # of a length, what rounding may be for its square to be right to a ten-thousandth


@dataclass(frozen=True, eq=False)
class _Groups:
    """Rows sorted by group, groups of at least two rows: starts (g,), sizes (g,)."""

    rows: Rows
    starts: Index
    sizes: Index
    single: int

    def sums(self, values: Float) -> Float:
        """Sums of values (m, ...) over each group, (g, ...)."""
        return np.add.reduceat(values, self.starts, axis=0)


def _groups(e: Evidence, zero_rows: bool) -> _Groups | Result:
    if e.views is None:
        reason = f"needs views of the same items: name the column that holds the item with {option('group')}"
        return undefined("no_group", reason)
    keys, rows = e.views.keys, e.views.rows
    if not zero_rows:
        kept = rows.any(axis=1)
        keys, rows = keys[kept], rows[kept]
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    kept = sizes[group] >= 2
    rows, group = rows[kept], group[kept]
    order = np.argsort(group, kind="stable")
    rows, group = rows[order], group[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.empty(0, np.int64)
    found = _Groups(rows, starts, np.diff(np.r_[starts, len(group)]), int((sizes < 2).sum()))
    if len(starts) < 3:
        reason = f"needs at least 3 groups of 2 rows or more, found {len(starts)}"
        return undefined("insufficient", reason)
    return found


def _counts(groups: _Groups) -> dict[str, Plain]:
    return {
        "groups": len(groups.starts),
        "rows": int(groups.sizes.sum()),
        "views_median": float(np.median(groups.sizes)),
        "single_row_groups_left_out": groups.single,
    }


def _contrasts(groups: _Groups, rows: Float) -> Float:
    """Rows (n - g, d) with the scatter of all rows about the mean of their group: differences within each group.

    There are no more of them than directions in which they can spread. Of n rows about n means rounding alone would
    show in the others.
    """
    apart = np.repeat(rows[groups.starts], groups.sizes, axis=0)
    np.subtract(rows, apart, out=apart)
    share = 1 / (groups.sizes + np.sqrt(groups.sizes))
    apart -= np.repeat(groups.sums(apart) * share[:, None], groups.sizes, axis=0)
    return np.delete(apart, groups.starts, axis=0)


def _triangle(rows: Float) -> Float:
    """Triangular (min(m, d), d) of the same scatter as rows (m, d)."""
    return np.linalg.qr(rows, mode="r")  # type: ignore[return-value]


def _directions(rows: Float, ridge: float) -> tuple[Float, Float]:
    """Singular values (k,) of rows (m, d) and d right vectors, of which the first k are theirs.

    From the scatter of the rows, where its rounding cannot reach the square of the ridge that is added to it.
    """
    if len(rows) >= rows.shape[1]:
        scatter = rows.T @ rows
        if EPS * float(np.trace(scatter)) < _SURE**4 * ridge**2:
            values, vectors = np.linalg.eigh(scatter)
            return np.sqrt(np.maximum(values, 0.0)), vectors.T
    triangle = np.empty((0, rows.shape[1]))
    for block in blocks_of(rows):
        triangle = _triangle(np.concatenate([triangle, block]))
    _, sigma, directions = np.linalg.svd(triangle)
    return sigma, directions


def _lidar(e: Evidence) -> Result:
    groups = _groups(e, zero_rows=True)
    if isinstance(groups, Result):
        return groups
    rows = groups.rows.astype(np.float64)
    g, n = len(groups.starts), len(rows)
    rounding = rounding_of("float64", float(np.linalg.norm(rows)) / math.sqrt(n))
    means = groups.sums(rows) / groups.sizes[:, None]
    between = (means - means.mean(axis=0)) / math.sqrt(g - 1)
    if float(np.linalg.norm(between)) * _SURE <= rounding:
        return undefined("collapsed", "the group means do not differ: there is no between-group direction")
    within = _contrasts(groups, rows)
    within /= math.sqrt(n - g)
    del rows
    tails = too_heavy(np.square(between).sum(axis=1), "items")
    if n < e.d:  # both lie in the span of the rows
        turned = _triangle(np.concatenate([within, between]).T).T
        within, between = turned[: n - g], turned[n - g :]
    ridge = math.ldexp(math.sqrt(DELTA), -e.exponent)  # which has the unit of the rows
    sigma, directions = _directions(within, ridge)
    k = len(sigma)
    width = np.full(len(directions), ridge)
    width[:k] = np.hypot(sigma, ridge)
    white = between @ (directions.T / width)
    largest = float(np.linalg.norm(white))
    faint = float(sigma.min()) <= rounding and rounding > ridge * _SURE
    if faint or rounding > float(width.min()) * largest * _SURE:
        few = f"{n} rows of {g} groups in {e.d} columns"
        reason = f"the ridge of {DELTA:g} is lost in rounding beside the views, which span too little ({few})"
        return undefined("singular", reason)
    white /= largest
    values, vectors = np.linalg.eigh(white.T @ white)
    values = np.maximum(values, 0.0)
    values[: max(0, len(values) - (g - 1))] = 0.0
    value = entropy_rank(values)[0]
    apart = math.sqrt(g - 1) * (white @ vectors)
    rest = within @ ((directions[:k].T / width[:k]) @ vectors[:k])
    error = item_error(values, apart, rest, groups.starts - np.arange(g), groups.sizes - 1, e.d, tails)
    warnings = []
    if len(np.unique(groups.sizes)) > 1:
        uneven = "groups differ in size: noise directions scale with the number of views, compare equal counts"
        warnings.append(Noted("uneven_views", uneven))
    params: dict[str, Plain] = {"delta": DELTA}
    high = min(e.d, g - 1)
    warnings += error.warnings
    return measured(value, error.se, low=1.0, high=high, params=params, parts=_counts(groups), warnings=warnings)


def lidar(X: Any, group: Any, *, seed: int = 0) -> Result:
    """LiDAR: effective rank of what separates items, measured against what differs between views of one item.

    Formula: exp H(lambda / sum lambda), lambda the eigenvalues of Sw^(-1/2) Sb Sw^(-1/2); Sb = scatter of the item
    means / (g - 1), Sw = scatter of the views about their item mean / (rows - g) + 1e-4 I.
    Input: X (n, d) finite real numbers; group (n,) the item of each row; items with one row are left out.
    Range: 1 to min(d, g - 1). The ridge is in the squared unit of the rows: the value of rows times s tends to that of
    Sw^-1 Sb without a ridge as s grows, and to exp H of the eigenvalues of Sb alone as s falls.
    Undefined: fewer than three items with two views; item means that differ by rounding alone; views of low rank
    with more rows - items than that, of rows so large that rounding hides the ridge (from lengths of about 1e11 on).
    Interval: by deletion of single items, exactly. None below 2 d rows more than items, or where the item means may
    have heavy tails (about 40 items show that they have not).
    Cost: at most 20,000 rows, whole items; two eigendecompositions of width d, and a triangular decomposition of the
    rows where they are large beside the ridge (longer than about 50).
    When it lies: directions of pure noise keep eigenvalues of order 1 / views, so compare at equal numbers of
    views and items; use more items than columns.
    Source: Thilak et al., "LiDAR", ICLR 2024. Deviations: unequal numbers of views allowed (pooled Sw); the ridge
    is 1e-4, a value that the paper does not state.

    >>> import numpy as np
    >>> means = np.repeat(10 * np.eye(6, 8), 16, axis=0)
    >>> views = np.tile(np.concatenate([np.eye(8), -np.eye(8)]) / 2, (6, 1))
    >>> round(lidar(means + views, np.repeat(np.arange(6), 16)).value, 6)
    5.0
    """
    return _lidar(evidence(X, group=group, seed=seed))


def _alignment(e: Evidence) -> Result:
    groups = _groups(e, zero_rows=False)
    if isinstance(groups, Result):
        return groups
    rows = unit_rows(groups.rows)
    size = groups.sizes.astype(np.float64)
    total = groups.sums(rows)
    apart = size * size - np.einsum("ij,ij->i", total, total)  # sum over pairs i < j of ||w_i - w_j||^2
    pairs = size * (size - 1) / 2
    value = float(apart.sum() / pairs.sum())
    error = error_of(len(size), (apart - value * pairs) / pairs.mean(), np.empty(0), _few(pairs))
    return measured(value, error.se, low=0.0, high=4.0, parts=_counts(groups), warnings=error.warnings)


def _few(pairs: Float) -> str:
    """Why the items allow no interval of a mean over their pairs; empty where they do."""
    counted = float(pairs.sum() ** 2 / (pairs @ pairs))
    if counted >= LEAST_ITEMS:
        return ""
    found = f"{len(pairs)} items weigh as {counted:.0f} with equally many views"
    return f"no interval: {found}, expected at least {LEAST_ITEMS}"


def alignment(X: Any, group: Any, *, seed: int = 0) -> Result:
    """Alignment loss: mean squared distance between the unit rows of two views of one item.

    Formula: mean of ||w - w'||^2 over all pairs of rows in one group, w the rows scaled to length one.
    Input: X (n, d) finite real numbers; group (n,) the item of each row; zero rows and single rows are left out.
    Range: 0 (views coincide) to 4 (opposite).
    Undefined: fewer than three items with two views.
    Interval: influence of single items; none below 20 of them, counted by the pairs of views that they weigh with.
    Cost: at most 20,000 rows, whole items; n d flop.
    When it lies: a collapsed encoder is perfectly aligned: read uniformity beside it.
    Source: Wang and Isola, ICML 2020, the alignment loss with alpha = 2, as in the authors' code. Deviations: items
    with many views weigh by their pairs.

    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]] * 3)
    >>> alignment(X, [0, 0, 1, 1, 2, 2]).value
    2.0
    """
    return _alignment(evidence(X, group=group, seed=seed))


METRICS = (
    Metric(
        lidar, _lidar, FROM_VIEWS, INVARIANT,
        "joint-embedding self-supervised encoders with the same numbers of items and views; misleads as RankMe does "
        "under supervision",
        "exp H(eig(Sw^-1/2 Sb Sw^-1/2)), Sb / (g - 1), Sw / (rows - g) + 1e-4 I",
    ),
    Metric(
        alignment, _alignment, FROM_VIEWS, INVARIANT,
        "contrastive encoders on the same views, together with uniformity; a collapsed model has the best value",
        "mean ||w - w'||^2 over pairs of unit rows in one group",
    ),
)  # fmt: skip
