"""Gaussian classes whose number, width, distance and shape are known, and data without classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DISTANCES = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)


@dataclass(frozen=True)
class Family:
    """k classes of n rows and d columns in all; distances between centers are in deviations of one column.

    outliers: rows far out in random directions; share: of each class, equal if empty; offset: of the mean, per
    column; spread: factor between the widest and the narrowest class; normalize: of the metric.
    """

    name: str
    k: int = 5
    d: int = 64
    n: int = 600
    outliers: int = 0
    share: tuple[float, ...] = ()
    offset: float = 0.0
    spread: float = 1.0
    normalize: str = "l2"


BASE = tuple(Family(f"k = {k}, d = {d}", k=k, d=d) for k in (2, 5, 20) for d in (16, 64, 384))
VARIED = (
    Family("unequal classes", share=(0.6, 0.2, 0.1, 0.06, 0.04)),
    Family("unequal widths, 1 to 4", spread=4.0),
    Family("mean far from zero", offset=2.0),
    Family("normalize none", normalize="none"),
    Family("normalize layernorm", normalize="layernorm"),
    Family("normalize zscore", normalize="zscore"),
    Family("6 outliers", outliers=6),
    Family("6 outliers, mean far from zero", outliers=6, offset=2.0),
    Family("6 outliers, normalize none", outliers=6, normalize="none"),
    Family("60 classes of 20 rows", k=60, n=1200),
)


def rows(f: Family, distance: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One draw of a family: rows (n, d) and their classes (n,); outliers belong to classes drawn at random."""
    rng = np.random.default_rng([seed, f.k, f.d])
    centers = rng.normal(size=(f.k, f.d)) * distance / np.sqrt(2 * f.d)
    counts = np.round(np.array(f.share or [1 / f.k] * f.k) * f.n).astype(int)
    y = np.repeat(np.arange(f.k), counts)
    width = np.geomspace(1, f.spread, f.k) / f.spread**0.5
    X = centers[y] + width[y, None] * rng.normal(size=(len(y), f.d))
    if f.outliers:
        which = rng.choice(len(y), f.outliers, replace=False)
        X[which] = 30 * rng.normal(size=(f.outliers, f.d)) / f.d**0.5 * 3
    return X + f.offset, y


def classless(n: int = 600, d: int = 64) -> dict[str, np.ndarray]:
    """Rows without classes, some of which look separable."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(n, d))
    direction = rng.normal(size=d)
    points = rng.normal(size=(5, d))
    repeated = noise.copy()
    repeated[: int(0.4 * n)] = noise[rng.integers(int(0.4 * n), n, int(0.4 * n))]
    mixing = rng.normal(size=(10, d)) / 10**0.5
    return {
        "one Gaussian": noise,
        "one Gaussian, mean far from zero": noise + 2,
        "bent 10-d surface": np.tanh(rng.normal(size=(n, 10)) @ mixing) + 0.01 * noise,
        "a line (rank 1), off the origin": np.outer(rng.normal(size=n), direction) + 2,
        "all near one point": points[0] + 0.001 * noise,
        "all near five points, assigned at random": points[rng.integers(0, 5, n)] + 0.001 * noise,
        "40 % of the rows repeat others": repeated,
        "one Gaussian and 3 far rows, mean far from zero": np.vstack([noise[3:] + 2, -20 * noise[:3]]),
        "one Gaussian and one far class of 1 %": np.vstack([noise[6:] + 2, noise[:6] - 2]),
    }
