"""Populations of rows that no other benchmark draws from: heavy tails, long tails, curved sheets, real embeddings.

A population is fixed: what is random in it besides the draw (centers, bases, maps) comes from seeds written here.
Real rows are a finite set. Drawn again as they are they would repeat, and metrics of neighbors and of the spanning
tree would see distances of zero that new rows never have; so each is drawn with replacement and moved by a Gaussian
step half as long as the median distance to the nearest other row: a smooth population around real rows, not the set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

Rows = np.ndarray
Population = Callable[[int, np.random.Generator], Rows]
Views = Callable[[int, np.random.Generator], tuple[Rows, np.ndarray]]
SENTENCES = Path(__file__).parents[2] / "fixtures" / "sentences.parquet"


def _basis(d: int, seed: int) -> Rows:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def elliptical_t3(n: int, rng: np.random.Generator) -> Rows:
    """Multivariate t with 3 degrees of freedom in a rotated basis: the fourth moment is infinite. d = 32."""
    rows = rng.normal(size=(n, 32)) * np.arange(1, 33) ** -0.7 @ _basis(32, 11)
    return rows * np.sqrt(3 / rng.chisquare(3, (n, 1))) + 0.3


def long_tail(n: int, rng: np.random.Generator) -> Rows:
    """Forty classes with Zipf shares and spreads from 0.3 to 2: the rarest hold half a percent. d = 48."""
    fixed = np.random.default_rng(12)
    centers, spread = 1.2 * fixed.normal(size=(40, 48)), np.exp(fixed.uniform(np.log(0.3), np.log(2), 40))
    share = 1 / np.arange(1, 41)
    label = rng.choice(40, n, p=share / share.sum())
    return centers[label] + spread[label, None] * rng.normal(size=(n, 48))


def swiss_roll(n: int, rng: np.random.Generator) -> Rows:
    """A swiss roll in 3 dimensions under a random smooth map to 40, with noise of 1 %."""
    angle = 1.5 * np.pi * (1 + 2 * rng.uniform(size=n))
    roll = np.stack([angle * np.cos(angle) / 10, 2 * rng.uniform(size=n), angle * np.sin(angle) / 10], axis=1)
    fixed = np.random.default_rng(13)
    return np.cos(roll @ fixed.normal(size=(3, 40)) + fixed.uniform(0, 6.28, 40)) + 0.01 * rng.normal(size=(n, 40))


def sphere_patches(n: int, rng: np.random.Generator) -> Rows:
    """Six caps of a sphere of 6 dimensions under a smooth map to 24, of unequal sizes, without noise."""
    fixed = np.random.default_rng(14)
    centers = fixed.normal(size=(6, 7))
    label = rng.choice(6, n, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    points = centers[label] / np.linalg.norm(centers[label], axis=1, keepdims=True) + 0.25 * rng.normal(size=(n, 7))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.tanh(2 * points @ fixed.normal(size=(7, 24)) + 0.5 * fixed.normal(size=24))


def lognormal(n: int, rng: np.random.Generator) -> Rows:
    """Lognormal columns that share three factors: all positive, skewed, a common direction. d = 24."""
    loading = np.random.default_rng(15).normal(size=(3, 24)) * 0.4
    return np.exp(rng.normal(size=(n, 3)) @ loading + 0.6 * rng.normal(size=(n, 24)))


def low_rank(n: int, rng: np.random.Generator) -> Rows:
    """Eight uniform factors plus noise of 5 % in a rotated basis. d = 64."""
    factors = rng.uniform(-1, 1, size=(n, 8)) * np.arange(1, 9) ** -0.5
    return (factors @ np.eye(8, 64) + 0.05 * rng.normal(size=(n, 64))) @ _basis(64, 16)


@cache
def _digits() -> Rows:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data, np.float64)


@cache
def _sentences() -> Rows:
    column = pq.read_table(SENTENCES, columns=["embedding"])["embedding"].combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).astype(np.float64).reshape(-1, 384)


def _smooth(rows: Rows) -> float:
    """Half of the median distance to the nearest other row."""
    from sklearn.neighbors import NearestNeighbors

    distance = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows)[0][:, 1]
    return 0.5 * float(np.median(distance[distance > 0]))


@cache
def _step(name: str) -> float:
    return _smooth({"digits": _digits, "sentences": _sentences}[name]())


def _resampled(rows: Rows, step: float, n: int, rng: np.random.Generator) -> Rows:
    d = rows.shape[1]
    return rows[rng.integers(0, len(rows), n)] + step / np.sqrt(d) * rng.normal(size=(n, d))


def digits(n: int, rng: np.random.Generator) -> Rows:
    """Pixels of the 1,797 handwritten digits that ship with scikit-learn, smoothed. d = 64."""
    return _resampled(_digits(), _step("digits"), n, rng)


def sentences(n: int, rng: np.random.Generator) -> Rows:
    """1,000 sentences through all-MiniLM-L6-v2 (fixtures/sentences.parquet), smoothed. d = 384: n below d as well."""
    return _resampled(_sentences(), _step("sentences"), n, rng)


POPULATIONS: dict[str, Population] = {
    f.__name__: f
    for f in (elliptical_t3, long_tail, swiss_roll, sphere_patches, lognormal, low_rank, digits, sentences)
}


def unequal_views(items: int, rng: np.random.Generator) -> tuple[Rows, np.ndarray]:
    """Two views and more by a geometric law, of items around the long-tailed classes. d = 48."""
    group = np.repeat(np.arange(items), 1 + rng.geometric(0.4, items))
    return long_tail(items, rng)[group] + 0.7 * rng.normal(size=(len(group), 48)), group


def heavy_views(items: int, rng: np.random.Generator) -> tuple[Rows, np.ndarray]:
    """Three views of items of t with 3 degrees of freedom, whose noise grows with the item. d = 32."""
    group = np.repeat(np.arange(items), 3)
    base = elliptical_t3(items, rng)
    noise = rng.normal(size=(len(group), 32)) * (0.1 + 0.1 * np.linalg.norm(base, axis=1)[group, None])
    return base[group] + noise, group


def digit_views(items: int, rng: np.random.Generator) -> tuple[Rows, np.ndarray]:
    """Five views of a digit: its pixels under noise, half of them dimmed by a random factor. d = 64."""
    group = np.repeat(np.arange(items), 5)
    rows = digits(items, rng)[group]
    return rows * rng.uniform(0.5, 1, size=(len(group), 1)) + 2 * rng.normal(size=rows.shape), group


VIEWS: dict[str, Views] = {f.__name__: f for f in (unequal_views, heavy_views, digit_views)}
