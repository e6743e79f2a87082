"""sklearn's digits as a labelled source and three targets whose labels only the judge sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

SOURCE, HELD_OUT = 600, 300
"""Rows of the source: trained on, and held out with their labels. The other 897 become targets."""


class Rows(NamedTuple):
    """(n, 64) float32 images, and their classes."""

    images: np.ndarray
    labels: np.ndarray


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.images[order] / 16, data.target[order]


def source() -> tuple[Rows, Rows]:
    """The rows trained on and the rows held out."""
    images, labels = _digits()
    trained, held_out = slice(0, SOURCE), slice(SOURCE, SOURCE + HELD_OUT)
    return _rows(images[trained], labels[trained]), _rows(images[held_out], labels[held_out])


def target(name: str) -> Rows:
    """The rows of a target, in an order that says nothing; the same rows for every seed of training."""
    images, labels = _digits()
    return TARGETS[name](images[SOURCE + HELD_OUT :], labels[SOURCE + HELD_OUT :], np.random.default_rng(1))


def _rows(images: np.ndarray, labels: np.ndarray) -> Rows:
    return Rows(images.reshape(-1, 64).astype(np.float32), labels)


def _turned(images: np.ndarray, degrees: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import rotate

    return np.stack([rotate(image, rng.uniform(*degrees), reshape=False, order=1) for image in images])


def turned(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Rows:
    """Turned by 15 to 35 degrees, all to one side, and blurred."""
    from scipy.ndimage import gaussian_filter

    return _rows(np.clip(gaussian_filter(_turned(images, (15, 35), rng), (0, 0.4, 0.4)), 0, 1), labels)


def faded(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Rows:
    """Half the contrast on a ground that grows lighter from right to left, with noise."""
    ground = np.linspace(0.6, 0.0, 8)[None, None, :]
    return _rows(np.clip(ground + 0.5 * images + rng.normal(0, 0.06, images.shape), 0, 1), labels)


def unbalanced(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Rows:
    """Turned to the other side by 15 to 35 degrees, noisy; the rarest class is 20 times rarer than the commonest."""
    share = np.geomspace(1.0, 0.05, 10)[(labels * 7 + 3) % 10]
    kept = rng.random(len(labels)) < share
    moved = _turned(images[kept], (-35, -15), rng)
    return _rows(np.clip(moved + rng.normal(0, 0.1, moved.shape), 0, 1), labels[kept])


TARGETS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Rows]] = {
    "turned": turned,
    "faded": faded,
    "unbalanced": unbalanced,
}
