"""The standard error of LiDAR by deletion: what it becomes without one item, for each item, without a decomposition."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.families.rank.jackknife import Error, error_of, grid
from labelfree.families.rank.jackknife import from_sums as rank_of

ROWS = 4_000
"""Most rows of items that are deleted in turn, the longest item counted for all."""
LEAST_ITEMS = 50
_ROOM = 1e-9  # least determinant
_ZERO = 1e-12  # of the sum: eigenvalues below are zero


def item_error(
    values: Float, apart: Float, rest: Float, starts: Index, sizes: Index, columns: int, reason: str
) -> Error:
    """The error of exp of the entropy of the eigenvalues (d,) of Sw^-1 Sb.

    Along directions in which Sw is the identity and Sb the eigenvalues: apart (g, d) the item means about their mean,
    rest (m, d) rows whose scatter is Sw without its ridge, which stays; item i has `sizes[i]` of them from `starts[i]`
    on, one less than views. columns: of the data.
    """
    g, m, d, longest = len(sizes), len(rest), len(values), int(sizes.max())
    if not reason and m < 2 * columns:
        reason = f"no interval: {m + g} rows of {g} items leave {m} for {columns} columns, expected twice as many"
    if reason:
        return Error(None, reason)
    total = float(values.sum())
    lam = values / total
    used = min(g, max(ROWS // longest, LEAST_ITEMS))
    inside = np.zeros((used, longest, d))
    for i, (start, size) in enumerate(zip(starts[:used], sizes[:used], strict=True)):
        inside[i, :size] = rest[start : start + size]
    mean = apart[:used, None, :] * (np.sqrt(g / total) / (g - 1))
    # without item i: Sw = I - inside^T inside, Sb = diag(lam) - mean^T mean
    room = np.eye(longest) - inside @ inside.transpose(0, 2, 1)
    across = (inside @ mean.transpose(0, 2, 1))[:, :, 0]
    weighted = (inside * lam) @ inside.transpose(0, 2, 1) - across[:, :, None] * across[:, None, :]
    trace = np.trace(np.linalg.solve(room, weighted), axis1=1, axis2=2) - (mean**2).sum(axis=(1, 2))
    within = _log_det(room)
    z, step = grid(lam[lam > _ZERO])
    integral = np.zeros(used)
    for k, node in enumerate(z):
        taken = np.concatenate([np.sqrt(node) * inside, mean], axis=1)
        change = _log_det(np.eye(longest + 1) - (taken / (lam + node)) @ taken.transpose(0, 2, 1)) - within
        end = k in (0, len(z) - 1)
        integral += node * (step / 2 + 1 if end else step) * (change - trace / (1 + node))
    positive = lam[lam > _ZERO]
    logs = float(positive @ np.log(positive))
    whole = float(rank_of(np.ones(1), np.full(1, logs))[0])
    less = rank_of(1 + trace, logs + trace - integral)
    return error_of(g, (g - 1) * (whole - less), np.empty(0))


def _log_det(matrices: Float) -> Float:
    """ln det of each of (m, q, q) positive definite matrices, as if it were _ROOM where rounding has taken it."""
    sign, value = np.linalg.slogdet(matrices)
    return np.asarray(np.where(sign > 0, value, np.log(_ROOM)))
