"""Identities out of sklearn's digits: what is trained on, and the rows that every model is judged on.

closed  ten digits; half of the images trained on, the other half judged
open    an identity is a digit upright or lying on its side: digits 0 to 4 trained on, 5 to 9 judged; no identity is in
        both. Five digits alone would leave a variance over five groups.

All images are seen in uneven light, drawn anew for each row: without it the pixels themselves are nearly as good as any
trained embedding, and training on five digits only spoils the other five.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

SETTINGS = ("closed", "open")
COPIES = 2
"""Times that every image trained on is seen, each in another light."""


class Rows(NamedTuple):
    """(n, 8, 8) float32 images in [0, 1], and their identities (n,)."""

    images: np.ndarray
    identity: np.ndarray


class Setting(NamedTuple):
    """Rows trained on, and rows judged."""

    trained: Rows
    judged: Rows


@cache
def setting(name: str) -> Setting:
    """One of SETTINGS; the same rows in the same order at every call."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(0)
    data = load_digits()
    order = rng.permutation(len(data.target))
    images, digit = data.images[order] / 16, data.target[order]
    if name == "closed":
        half = len(digit) // 2
        trained, judged = (images[:half], digit[:half]), (images[half:], digit[half:])
    else:
        low, high = digit < 5, digit >= 5
        both = np.concatenate([images[low], _lying(images[low])])
        trained = both, np.concatenate([digit[low], digit[low] + 5])
        lying = rng.random(int(high.sum())) < 0.5
        some = np.where(lying[:, None, None], _lying(images[high]), images[high])
        judged = some, digit[high] - 5 + 5 * lying
    copies = tuple(np.concatenate([part] * COPIES) for part in trained)
    return Setting(Rows(_lit(copies[0], rng), copies[1]), Rows(_lit(judged[0], rng), judged[1]))


def _lying(images: np.ndarray) -> np.ndarray:
    return np.rot90(images, axes=(1, 2))


def _lit(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image at a contrast of its own, on a ground that grows lighter in a direction of its own."""
    n = len(images)
    down, right = np.mgrid[-1:1:8j, -1:1:8j]
    angle, strength, contrast = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 0.6, n), rng.uniform(0.4, 1, n)
    slope = np.cos(angle)[:, None, None] * down + np.sin(angle)[:, None, None] * right
    ground = strength[:, None, None] * (slope + 2**0.5) / 8**0.5
    return np.clip(ground + contrast[:, None, None] * images, 0, 1).astype(np.float32)
