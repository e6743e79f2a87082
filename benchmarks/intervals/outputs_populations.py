"""Populations of embeddings, logits and labels for the interval study of transfer: a fixed model, fresh rows each time.

Each has a source and a shifted target domain, a head and three other candidates' heads fitted once to source rows.
OPEN were used to design the intervals; KEPT were set aside to judge, with other laws, shapes and seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Rows = Callable[[int, np.random.Generator, bool], tuple[Floats, NDArray[np.int64]]]
"""Rows (n, d) and their classes (n,), of the target domain where the third argument is true, else of the source."""


@dataclass(frozen=True)
class Drawn:
    """One draw: target rows and logits, the candidates' logits, source rows with logits and labels, the head."""

    X: Floats
    logits: Floats
    others: tuple[Floats, ...]
    source: Floats
    source_logits: Floats
    source_labels: NDArray[np.int64]
    head: Floats


@dataclass(frozen=True)
class Population:
    """A law of rows with k classes, and models fitted once to `fitted` source rows; sharpness multiplies their logits.

    source_share: source rows per target row.
    """

    rows: Rows
    k: int
    sharpness: float = 1.0
    fitted: int = 2_000
    source_share: float = 1.0
    seed: int = 0

    @cached_property
    def heads(self) -> list[tuple[Floats, Floats]]:
        """Weight (k, d) and offset (k,) of the model and of three others, each fitted to rows of its own."""
        found = []
        for c, rows in enumerate((self.fitted, self.fitted, self.fitted // 2, self.fitted // 8)):
            rng = np.random.default_rng([self.seed, 91, c])
            X, y = self.rows(rows, rng, False)
            center, scale = X.mean(axis=0), X.std(axis=0) + 1e-9
            fit = LogisticRegression(max_iter=300).fit((X - center) / scale, y)
            weight = np.zeros((self.k, X.shape[1]))
            offset = np.full(self.k, -8.0)
            if len(fit.classes_) == 2:
                weight[fit.classes_] = np.stack([-fit.coef_[0], fit.coef_[0]]) / 2
                offset[fit.classes_] = np.array([-fit.intercept_[0], fit.intercept_[0]]) / 2
            else:
                weight[fit.classes_], offset[fit.classes_] = fit.coef_, fit.intercept_
            weight += 1e-3 * rng.normal(size=weight.shape)
            found.append((weight / scale, offset - weight @ (center / scale)))
        return found

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """n fresh target rows, and source rows, with what the models say of them."""
        X, _ = self.rows(n, rng, True)
        source, labels = self.rows(max(10, round(n * self.source_share)), rng, False)
        told = [self.sharpness * (X @ weight.T + offset) for weight, offset in self.heads]
        weight, offset = self.heads[0]
        beside = self.sharpness * (source @ weight.T + offset)
        return Drawn(X, told[0], tuple(told[1:]), source, beside, labels, weight)


def _centers(k: int, d: int, apart: float, seed: int) -> Floats:
    return np.random.default_rng([seed, 7]).normal(size=(k, d)) * apart / np.sqrt(2 * d)


def clusters(
    k: int, d: int, apart: float, *, shares: Floats | None = None, freedom: float | None = None, shift: float = 0.5,
    seed: int = 0,
) -> Rows:  # fmt: skip
    """k classes about centers `apart` from each other, in a column's deviation; freedom: Student's t, row by row."""
    centers = _centers(k, d, apart, seed)
    moved = np.random.default_rng([seed, 8]).normal(size=d) * shift

    def rows(n: int, rng: np.random.Generator, shifted: bool) -> tuple[Floats, NDArray[np.int64]]:
        y = rng.choice(k, n, p=shares)
        noise = rng.normal(size=(n, d))
        if freedom is not None:
            noise *= np.sqrt(freedom / rng.chisquare(freedom, (n, 1)))
        return centers[y] + noise + (moved if shifted else 0.0), y

    return rows


def zipf(k: int, power: float = 1.0) -> Floats:
    """Shares of k classes that fall with their rank."""
    share = np.arange(1, k + 1) ** -power
    return np.asarray(share / share.sum())


def spiral(k: int, d: int, turns: float, seed: int) -> Rows:
    """Consecutive pieces of a rolled-up sheet, a class each, bent once more into d columns."""
    rng = np.random.default_rng([seed, 9])
    mixing = rng.normal(size=(3, d)) / np.sqrt(3)

    def rows(n: int, rng: np.random.Generator, shifted: bool) -> tuple[Floats, NDArray[np.int64]]:
        t, height = rng.random(n), rng.random(n)
        angle = 2 * np.pi * turns * (0.3 + 0.7 * t) + (0.3 if shifted else 0.0)
        sheet = np.stack([angle * np.cos(angle), angle * np.sin(angle), 8 * height], axis=1) / 4
        return np.tanh(sheet @ mixing) + 0.02 * rng.normal(size=(n, d)), np.minimum((t * k).astype(np.int64), k - 1)

    return rows


def sphere(k: int, d: int, seed: int) -> Rows:
    """Points of a sphere in 4 dimensions bent into d columns, classes the nearest of k poles."""
    rng = np.random.default_rng([seed, 9])
    poles, mixing = rng.normal(size=(k, 4)), rng.normal(size=(4, d))

    def rows(n: int, rng: np.random.Generator, shifted: bool) -> tuple[Floats, NDArray[np.int64]]:
        g = rng.normal(size=(n, 4)) + (np.array([0.5, 0, 0, 0]) if shifted else 0.0)
        g /= np.linalg.norm(g, axis=1, keepdims=True)
        return np.sin(g @ mixing) + 0.02 * rng.normal(size=(n, d)), (g @ poles.T).argmax(axis=1)

    return rows


def lognormal(k: int, d: int, apart: float, sigma: float, seed: int, shares: Floats | None = None) -> Rows:
    """exp of Gaussian classes: positive columns with long right tails, as counts and activations have."""
    plain = clusters(k, d, apart, shares=shares, shift=0.3, seed=seed)

    def rows(n: int, rng: np.random.Generator, shifted: bool) -> tuple[Floats, NDArray[np.int64]]:
        X, y = plain(n, rng, shifted)
        return np.exp(sigma * X), y

    return rows


def resampled(X: Floats, y: NDArray[np.int64], fade: float, jitter: float, seed: int) -> Rows:
    """Real rows drawn with replacement, each moved by Gaussian noise: no two are equal, n may exceed their number.

    jitter: length of the noise over the median distance to the nearest other row; fade: what the target is
    multiplied by before more noise is added. The source domain draws from one half of the rows, the target from the
    other.
    """
    scale = X.std()
    X = (X - X.mean(axis=0)) / scale
    squared = ((X[:300, None] - X[None, :300]) ** 2).sum(axis=2) + 1e9 * np.eye(min(300, len(X)))
    noise = jitter * float(np.median(np.sqrt(squared.min(axis=1)))) / np.sqrt(X.shape[1])
    half = np.random.default_rng([seed, 10]).random(len(X)) < 0.5

    def rows(n: int, rng: np.random.Generator, shifted: bool) -> tuple[Floats, NDArray[np.int64]]:
        index = rng.choice(np.flatnonzero(half != shifted), n)
        moved = X[index] * (fade if shifted else 1.0) + noise * rng.normal(size=(n, X.shape[1]))
        return moved + (0.3 * noise * rng.normal(size=moved.shape) if shifted else 0.0), y[index]

    return rows


def _digits() -> tuple[Floats, NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def _tumors() -> tuple[Floats, NDArray[np.int64]]:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def _wine() -> tuple[Floats, NDArray[np.int64]]:
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


OPEN = {
    "heavy tails, t(4), K = 6": Population(clusters(6, 16, 4.0, freedom=4.0, seed=1), 6, seed=1),
    "Zipf, K = 30": Population(clusters(30, 24, 6.0, shares=zipf(30), seed=2), 30, seed=2),
    "sphere bent, K = 4": Population(sphere(4, 12, 3), 4, seed=3, source_share=0.5),
    "lognormal, K = 5": Population(lognormal(5, 20, 3.0, 0.5, 4), 5, seed=4),
    "K = 2, 10 % and 90 %": Population(clusters(2, 6, 3.0, shares=np.array([0.9, 0.1]), seed=5), 2, seed=5),
    "few rows per class, K = 40": Population(clusters(40, 32, 6.0, seed=6), 40, seed=6),
    "overconfident, K = 5": Population(clusters(5, 16, 4.0, seed=7), 5, sharpness=20.0, seed=7),
    "undecided, K = 20": Population(clusters(20, 16, 3.0, seed=8), 20, sharpness=0.1, seed=8),
    "wine resampled, K = 3": Population(resampled(*_wine(), 0.8, 0.5, 9), 3, fitted=400, seed=9),
    "K = 2, 5 % and 95 %": Population(clusters(2, 8, 3.0, shares=np.array([0.95, 0.05]), seed=21), 2, seed=21),
    "few rows per class, K = 80": Population(clusters(80, 40, 7.0, seed=22), 80, fitted=3_000, seed=22),
    "overconfident, K = 8": Population(clusters(8, 20, 4.5, seed=23), 8, sharpness=10.0, seed=23),
    "lognormal, K = 2": Population(lognormal(2, 12, 4.0, 0.4, 24), 2, seed=24),
    "few columns, t(8), K = 2": Population(clusters(2, 5, 3.0, freedom=8.0, seed=25), 2, seed=25),
}
KEPT = {
    "heavy tails, t(3), K = 12": Population(clusters(12, 40, 5.0, freedom=3.0, seed=31), 12, seed=31),
    "Zipf, K = 60": Population(clusters(60, 32, 7.0, shares=zipf(60), seed=32), 60, seed=32),
    "rolled sheet, K = 7": Population(spiral(7, 20, 1.5, 33), 7, seed=33),
    "lognormal, K = 8": Population(lognormal(8, 30, 4.0, 0.7, 34), 8, seed=34, source_share=0.5),
    "K = 2, 4 % and 96 %": Population(clusters(2, 10, 3.5, shares=np.array([0.96, 0.04]), seed=35), 2, seed=35),
    "few rows per class, K = 100": Population(clusters(100, 48, 8.0, seed=36), 100, fitted=4_000, seed=36),
    "overconfident, K = 10": Population(clusters(10, 24, 4.5, seed=37), 10, sharpness=8.0, seed=37),
    "undecided, K = 15": Population(clusters(15, 12, 4.0, seed=38), 15, sharpness=0.2, seed=38),
    "digits resampled, K = 10": Population(resampled(*_digits(), 0.7, 0.5, 39), 10, fitted=900, seed=39),
    "tumors resampled, K = 2": Population(resampled(*_tumors(), 0.8, 0.5, 40), 2, fitted=300, seed=40),
    "lognormal, K = 2, 6 % and 94 %": Population(
        lognormal(2, 8, 3.5, 0.5, 41, shares=np.array([0.94, 0.06])), 2, seed=41
    ),
    "sphere bent, K = 70": Population(sphere(70, 16, 42), 70, fitted=4_000, seed=42),
}
