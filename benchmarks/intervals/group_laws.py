"""Laws of groups for the study of OPIS: every draw has fresh groups of one law, whose structure is fixed.

A law takes the number of groups and a generator, and gives rows (n, d) and the group of each. What all draws share (the
centers of families, the curve, the images, the sentences) is drawn once, from a seed of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]
Law = Callable[[int, np.random.Generator], tuple[Matrix, Index]]

WIDTH = 16
SENTENCES = Path(__file__).parents[2] / "fixtures" / "sentences.parquet"


def about(centers: Matrix, size: Index, spread: Matrix, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Gaussian rows about the center of each group, at its spread (T,) or at one for each column (T, d)."""
    group = np.repeat(np.arange(len(centers)), size)
    noise = rng.normal(size=(len(group), centers.shape[1]))
    return centers[group] + np.atleast_2d(spread.T).T[group] * noise, group


def lognormal_spread(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Spreads whose logarithm is Gaussian: a few groups are far wider than all others; 5 to 9 rows."""
    spread = 0.5 * np.exp(0.5 * rng.normal(size=groups))
    return about(rng.normal(size=(groups, WIDTH)), rng.integers(5, 10, groups), spread, rng)


def zipf_sizes(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Sizes from a power law, from 2 rows to 60, every second group of 2 or 3; even spreads."""
    size = np.minimum(1 + rng.zipf(1.8, groups), 60)
    return about(rng.normal(size=(groups, WIDTH)), size, np.full(groups, 0.6), rng)


def _of_families(groups: int, apart: float, rng: np.random.Generator) -> tuple[Matrix, Index]:
    fixed = np.random.default_rng(40)
    centers, often = fixed.normal(size=(40, 24)), np.arange(1, 41) ** -0.5
    family = rng.choice(40, groups, p=often / often.sum())
    spread = rng.uniform(0.2, 0.6, groups)
    return about(centers[family] + apart * rng.normal(size=(groups, 24)), np.full(groups, 6), spread, rng)


def families(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Groups of 40 families of unequal frequency (one pair of groups in thirty is of one), near and told apart."""
    return _of_families(groups, 0.6, rng)


def confusable(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """The same families, whose groups lie so near one another that they are confused."""
    return _of_families(groups, 0.3, rng)


def curve(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Groups along a closed curve that winds through 12 dimensions, their rows spread along it; 4 to 11 rows."""
    size = rng.integers(4, 12, groups)
    group = np.repeat(np.arange(groups), size)
    place = rng.uniform(0, 2 * np.pi, groups)[group]
    place = place + rng.uniform(0.01, 0.08, groups)[group] * rng.normal(size=len(group))
    turns = np.arange(1, 7)
    rows = np.concatenate([np.cos(place[:, None] * turns), np.sin(place[:, None] * turns)], axis=1)
    return rows + 0.1 * rng.normal(size=rows.shape), group


def heavy_rows(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Rows and centers with the tails of Student's t of 3 degrees of freedom; 8 rows."""
    group = np.repeat(np.arange(groups), 8)
    centers = rng.standard_t(3, size=(groups, WIDTH))
    return centers[group] + 0.5 * rng.standard_t(3, size=(len(group), WIDTH)), group


@cache
def _digits() -> Matrix:
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data.reshape(-1, 8, 8) / 16)


def views_of_digits(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Six views of each of some images of sklearn's digits: moved by up to half a pixel, lit unevenly, with noise."""
    images = _digits()
    group = np.repeat(np.arange(groups), 6)
    seen = images[rng.integers(len(images), size=groups)][group]
    for axis in (1, 2):
        part = rng.uniform(-0.5, 0.5, len(group))[:, None, None]
        seen = (1 - np.abs(part)) * seen + np.abs(part) * np.where(
            part > 0, np.roll(seen, 1, axis), np.roll(seen, -1, axis)
        )
    light = rng.normal(size=(groups, 1, 1))[group] * np.linspace(-0.3, 0.3, 8)[None, :, None]
    rows = (seen + light + 0.1 * rng.normal(size=seen.shape)).reshape(len(group), 64)
    return rows - images.mean(axis=0).ravel(), group


def broken_tenth(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Each group with probability 0.1 has strangers for half of its rows: weak groups that are partly wrong."""
    centers, size = rng.normal(size=(groups, WIDTH)), rng.integers(4, 10, groups)
    rows, group = about(centers, size, rng.uniform(0.3, 0.6, groups), rng)
    wrong = (rng.random(groups) < 0.1)[group] & (rng.random(len(group)) < 0.5)
    rows[wrong] += 1.5 * rng.normal(size=(int(wrong.sum()), WIDTH))
    return rows, group


def cone(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Centers in a narrow cone, correlated (eigenvalues falling as j^-1.5), spreads gamma-distributed; 7 rows."""
    scale = np.arange(1, 33) ** -0.75
    centers = 2.0 * np.eye(32)[0] + scale * rng.normal(size=(groups, 32))
    return about(centers, np.full(groups, 7), rng.gamma(3.0, 0.07, groups)[:, None] * scale, rng)


def large_are_wide(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Lognormal sizes, from 2 rows on, and spreads that grow with them: the largest groups are the hardest."""
    size = np.clip(np.exp(1.6 + 0.8 * rng.normal(size=groups)), 2, 80).astype(np.int64)
    return about(rng.normal(size=(groups, WIDTH)), size, 0.3 + 0.15 * np.log(size), rng)


def tree(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Centers on the leaves of a fixed tree of depth 9, each branch half as long as the last: near and far cousins."""
    fixed = np.random.default_rng(9)
    step = [0.75**level * fixed.normal(size=(2 ** (level + 1), 20)) for level in range(9)]
    leaf = rng.integers(2**9, size=groups)
    centers = sum((moved[leaf >> (8 - level)] for level, moved in enumerate(step)), np.zeros((groups, 20)))
    spread = rng.uniform(0.15, 0.5, groups)
    return about(centers + 0.3 * rng.normal(size=centers.shape), rng.integers(3, 9, groups), spread, rng)


@cache
def _sentences() -> tuple[Matrix, list[Index]]:
    import pyarrow.parquet as pq

    found = pq.read_table(SENTENCES)
    module = np.unique(found["module"].to_pylist(), return_inverse=True)[1].ravel()
    rows = np.stack(found["embedding"].to_numpy()).astype(np.float64)
    members = [np.flatnonzero(module == m) for m in range(module.max() + 1)]
    return rows, [members[m] for m in module]


def sentences(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """A MiniLM embedding of a sentence, moved by parts of differences between sentences of its module; 4 to 8 rows."""
    rows, near = _sentences()
    anchor = rng.integers(len(rows), size=groups)
    share = rng.uniform(0.2, 0.6, groups)
    group = np.repeat(np.arange(groups), rng.integers(4, 9, groups))
    place = rng.random((len(group), 2))
    pair = np.array([near[a][(len(near[a]) * p).astype(int)] for a, p in zip(anchor[group], place, strict=True)])
    return rows[anchor[group]] + share[group][:, None] * (rows[pair[:, 0]] - rows[pair[:, 1]]), group


@cache
def _patches() -> Matrix:
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image("china.jpg") / 255.0)


def patches(groups: int, rng: np.random.Generator) -> tuple[Matrix, Index]:
    """Windows of 6 x 6 pixels of a photograph, moved by up to two pixels about a place: few or many distinct ones."""
    image = _patches()
    group = np.repeat(np.arange(groups), rng.integers(3, 12, groups))
    high, wide = image.shape[0] - 12, image.shape[1] - 12
    row = rng.integers(2, high, groups)[group] + rng.integers(-2, 3, len(group))
    column = rng.integers(2, wide, groups)[group] + rng.integers(-2, 3, len(group))
    inside = np.arange(6)
    rows = image[row[:, None, None] + inside[:, None], column[:, None, None] + inside].reshape(len(group), -1)
    return rows - rows.mean(axis=1, keepdims=True) + 0.02 * rng.normal(size=rows.shape), group


OPEN: dict[str, Law] = {
    "lognormal spread": lognormal_spread,
    "zipf sizes": zipf_sizes,
    "families": families,
    "confusable": confusable,
    "curve": curve,
    "heavy rows": heavy_rows,
    "views of digits": views_of_digits,
}
"""Laws on which the rules of the intervals were designed."""
ASIDE: dict[str, Law] = {
    "broken tenth": broken_tenth,
    "cone": cone,
    "large are wide": large_are_wide,
    "tree": tree,
    "sentences": sentences,
    "patches": patches,
}
"""Laws that were kept aside, and looked at once, when the rules stood."""
