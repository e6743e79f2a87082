"""Views of an image: turned and moved a little, with noise. The rows of one image are an identity without a label."""

from __future__ import annotations

import numpy as np
from identities import Rows

VIEWS, IMAGES = 8, 150
DEGREES, PIXELS, NOISE = 10.0, 0.5, 0.08


def views_of(images: np.ndarray, count: int, rng: np.random.Generator) -> Rows:
    """`count` views of every image, one after another; the identity is the place of the image."""
    out = np.stack([view(image, rng) for image in images for _ in range(count)])
    return Rows(out, np.repeat(np.arange(len(images)), count))


def view(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One view of an (8, 8) image."""
    from scipy.ndimage import affine_transform

    angle = np.deg2rad(rng.uniform(-DEGREES, DEGREES))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = np.full(2, 3.5)
    moved = affine_transform(image, turn, center - turn @ center + rng.uniform(-PIXELS, PIXELS, 2), order=1)
    return np.clip(moved + rng.normal(0, NOISE, moved.shape), 0, 1).astype(np.float32)
