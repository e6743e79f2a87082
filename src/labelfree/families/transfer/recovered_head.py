"""The head where none was given: recovered from embeddings and logits, if they determine it; and checked if it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.head import Head
from labelfree.summaries.regression import Regression

__all__ = ["COMMON", "Regression", "cross_check", "log_probabilities", "mismatch", "recovered"]

RESIDUAL = 1e-2
"""Largest residual of the least squares fit, as a fraction of the logits about their mean."""
ERROR = 0.05
"""Largest expected error of the recovered weights, as a fraction of them."""
SIGNAL = 10.0
"""Least variance in any direction of the embeddings, as a multiple of that of their rounding in storage."""
MISMATCH = 0.1
"""Largest |rows @ weight.T + bias - logits| of a head that fits, as a fraction of the spread of the logits."""

_UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
_NUMERICAL = 1e-10  # eigenvalues of a correlation matrix from sums, in float64
COMMON = "probabilities determine the head only up to a common vector, on which U depends; store the logits"
"""Why probabilities recover no head."""


def recovered(regression: Regression, *, stored: str = "float64", probabilities: bool = False) -> Head | str:
    """The head by least squares, logits = weight x + bias, or the reason why it cannot be recovered.

    stored: the dtype of the embeddings in their file ("float16", "bfloat16", "float32", "float64", "int8"), for how
    far their rounding goes; probabilities: the logits are logarithms of probabilities. Cost d^3 + d^2 K.

    The rows must determine the head: there are more of them than the d + 1 unknowns of a class; every direction of
    the embeddings has at least 10 times the variance of its rounding in storage (one without variance leaves its
    weights open); the relative residual ||X W' + b - L|| / ||L - mean L|| is at most 1e-2 (Frobenius; storage as
    float16 causes 1e-3, a layer in between more); and the weights are expected to be off by at most 0.05 of their
    norm, by the standard error that follows from the residual and by the attenuation that follows from the rounding
    of the embeddings.

    Logarithms of probabilities are the logits less a constant in each row. They determine the differences of the
    weights of any two classes, not the vector that may be added to all of them; the angles between the weights
    depend on it. So they are refused, also when they come under the name of logits and fit once they are centered
    (`log_probabilities` tells from a sample where they would fit without).
    One column, or two of which the first is all zero, is a layer with one logit: see Head.
    """
    if probabilities:
        return COMMON
    n, d, classes = regression.n, regression.rows.d, regression.classes
    if n <= d + 1:
        return f"recovering the head needs more than {d + 1} rows for {d} features and a bias, found {n}"
    total = float(regression.squares.sum())
    if not total > 0:
        return "the logits are the same in all rows, which determines no head"
    fit = _fitted(regression, stored)
    if isinstance(fit, str):
        return fit
    weight = fit.weight
    lost = np.maximum(regression.squares - np.einsum("jk,kj->k", regression.cross, weight), 0.0)
    relative = float(np.sqrt(lost.sum() / total))
    if relative > RESIDUAL:
        shared = regression.common - float(weight.mean(axis=0) @ regression.cross.mean(axis=1))
        left, spread = lost.sum() - classes * max(shared, 0.0), total - classes * regression.common
        if classes > 1 and left <= 0.1 * float(lost.sum()) and left <= RESIDUAL**2 * spread:
            return f"the logits fit a linear head only after a constant is taken from each row: {COMMON}"
        return (
            f"no linear head makes these logits from these features: the residual is {relative:.2g} of their spread, "
            f"at most {RESIDUAL:g} is allowed; a layer lies between, storage rounded them, or they are of two models"
        )
    variance = float(lost.sum()) / (n - d - 1) * fit.inverse
    error = float(np.sqrt((variance + fit.attenuation**2) / np.square(weight).sum()))
    if error > ERROR:
        return (
            f"the recovered weights would be off by {error:.2g} of their norm, at most {ERROR:g} is allowed; "
            "give more rows, or the head"
        )
    bias = regression.mean - weight @ regression.rows.mean
    key = "least squares from embeddings and logits"
    if classes == 1:
        return Head.of_one_logit(weight, bias, "recovered", key)
    if classes == 2 and regression.squares[0] == 0 and regression.mean[0] == 0:
        return Head.of_one_logit(weight[1:], bias[1:], "recovered", key)
    return Head(weight, bias, "recovered", key)


@dataclass(frozen=True, eq=False)
class _Fit:
    """weight: (K, d); inverse: trace of the inverse of the scatter; attenuation: norm of what rounding took away."""

    weight: Float
    inverse: float
    attenuation: float


def _fitted(regression: Regression, stored: str) -> _Fit | str:
    """Least squares by the eigenvectors of the correlation matrix, or why the embeddings do not have full rank."""
    rows, d = regression.rows, regression.rows.d
    power = np.diagonal(rows.scatter)
    noise = rows.n * _rounding(stored, power / rows.n + rows.mean**2)
    still = np.flatnonzero(power <= SIGNAL * noise)
    if len(still):
        return (
            f"{len(still)} of {d} features are constant but for rounding (the first is number {still[0]}): "
            "their weights cannot be recovered"
        )
    scale = np.sqrt(power)
    values, vectors = np.linalg.eigh(rows.scatter / scale[:, None] / scale)
    rounded = np.square(vectors).T @ (noise / power)  # the share of rounding in each eigenvalue
    rank = int((values > np.maximum(SIGNAL * rounded, _NUMERICAL)).sum())
    if rank < d:
        return (
            f"the features span only {rank} of {d} directions beyond the rounding of their storage: "
            "the weights along the others cannot be recovered"
        )
    basis = vectors / scale[:, None]
    weight = basis @ ((basis.T @ regression.cross) / values[:, None])
    taken = basis @ ((basis.T @ (noise[:, None] * weight)) / values[:, None])
    return _Fit(weight.T, float((np.square(basis) / values).sum()), float(np.linalg.norm(taken)))


def _rounding(stored: str, squares: Float) -> Float:
    """Variance of the rounding error of numbers with these mean squares, stored in this dtype."""
    if stored in _UNITS:
        return np.asarray(_UNITS[stored] ** 2 / 3 * squares)
    return np.full_like(squares, 1 / 12) if stored.lstrip("u").startswith("int") else _rounding("float64", squares)


def log_probabilities(logits: Rows) -> bool:
    """Whether what is called logits are logarithms of probabilities: exp sums to one in every row, up to float16.

    logits: (m, K). Where predictions are nearly uniform they fit a linear head, and it would be the wrong one.
    """
    values = np.asarray(logits, np.float64)
    if values.shape[1] < 2 or len(values) == 0 or values.max() > 1e-2:
        return False
    return bool(np.abs(np.exp(values).sum(axis=1) - 1).max() <= 1e-2)


def cross_check(head: Head, rows: Rows, logits: Rows, *, probabilities: bool = False) -> tuple[float, float]:
    """Largest |rows @ weight.T + bias - logits| over all entries, and the standard deviation of the logits.

    rows: (m, d); logits: (m, K), m >= 1, or (m, 1) of a head with one logit, whose two classes are known up to a
    constant in each row: both sides are then taken about the mean of the row. probabilities: the logits are logarithms
    of probabilities. They are compared with those of the head where they are at least 1e-4 of the largest of the row
    (below, zeros and the rounding of small numbers would decide), and the standard deviation is that of the logits of
    the head about the mean of each row.
    """
    found = np.asarray(logits, np.float64)
    if found.shape[1] == 1:
        found = np.hstack([np.zeros_like(found), found])
    expected = rows.astype(np.float64) @ head.weight.T
    if head.bias is not None:
        expected += head.bias
    if probabilities or head.one_logit:
        expected -= expected.mean(axis=1, keepdims=True)
    if probabilities:
        top = expected.max(axis=1, keepdims=True)
        total = top + np.log(np.exp(expected - top).sum(axis=1, keepdims=True))
        seen = found >= found.max(axis=1, keepdims=True) + np.log(1e-4)
        return float(np.abs(expected - total - found)[seen].max()), float(expected.std())
    if head.one_logit:
        found = found - found.mean(axis=1, keepdims=True)
    return float(np.abs(expected - found).max()), float(found.std())


def mismatch(head: Head) -> str | None:
    """One sentence where the embeddings are not what the head was applied to; None where they are or nobody knows."""
    if head.residual is None or head.spread is None or head.residual <= MISMATCH * head.spread + 1e-6:
        return None
    return (
        f"the features are not the input of the head {head.key}: rows @ weight.T + bias differs from the logits by up "
        f"to {head.residual:.3g}, and these spread by {head.spread:.3g}; a norm, a dropout or a layer lies between, or "
        "the head is of another checkpoint"
    )
