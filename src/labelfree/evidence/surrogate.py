"""Rows without structure, to compare with."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.evidence.scaling import centered
from labelfree.kernels.threads import spread

_BLOCK = 256


def gaussian_like(rows: Rows, seed: int) -> Float:
    """Gaussian rows, as many as given and with their mean and covariance: their shape without their structure."""
    n, d = rows.shape
    random = np.random.default_rng((seed, 0x6A55))
    mean = rows.mean(axis=0, dtype=np.float64)
    apart = centered(rows)
    if n <= 2 * d:  # fewer rows than a covariance has directions: mix the rows themselves
        mixing = apart / np.sqrt(n - 1)
    else:
        covariance = apart.T @ apart / (n - 1)
        covariance[np.diag_indices(d)] += 1e-10 * np.trace(covariance) / d + 1e-14 * np.trace(covariance)
        mixing = np.linalg.cholesky(covariance).T
    del apart
    out = np.empty((n, d))

    def work(piece: tuple[int, Float]) -> None:
        start, drawn = piece
        np.add(drawn @ mixing, mean, out=out[start : start + len(drawn)])

    starts = range(0, n, _BLOCK)
    for _ in spread(work, ((at, random.standard_normal((min(_BLOCK, n - at), len(mixing)))) for at in starts)):
        pass
    return out
