"""The last layer of small networks over digits and glyphs, for benchmarks/doctor/mixed_spaces.py.

    python benchmarks/doctor/image_networks.py

A network has a loss (classes, two views, the input again), an activation, a width and a seed; networks of two seeds are
two models of the same images. Even seeds are on the side "design", odd ones on the side "kept". Needs torch.
"""

from __future__ import annotations

import sys
import time
from itertools import product

import numpy as np
from real_embeddings import PLACE, glyphs

LOSSES = ("classes", "classes rectified", "views", "input")
WIDTHS = (64, 192)
SEEDS = range(4)


def images() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pixels and classes by name."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    drawn, letters, _ = glyphs(4000)
    small = drawn.reshape(-1, 16, 2, 16, 2).mean((2, 4)).reshape(len(drawn), -1)
    return {"digits": (digits.data / 16, digits.target), "glyphs": (small, letters)}


def trained(pixels: np.ndarray, classes: np.ndarray, loss: str, width: int, seed: int, steps: int = 400) -> np.ndarray:
    """Rows of the last layer."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(seed)
    X, y = torch.tensor(pixels, dtype=torch.float32), torch.tensor(classes)
    last = nn.ReLU() if loss == "classes rectified" else nn.Identity()
    body = nn.Sequential(nn.Linear(X.shape[1], 256), nn.ReLU(), nn.Linear(256, width), last)
    head = nn.Linear(width, X.shape[1] if loss == "input" else int(y.max()) + 1)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], 2e-3)
    for _ in range(steps):
        rows = torch.randint(0, len(X), (128,))
        one = body(X[rows] + 0.1 * torch.randn(len(rows), X.shape[1]))
        if loss == "views":
            two = body(X[rows] + 0.1 * torch.randn(len(rows), X.shape[1]))
            a, b = functional.normalize(one), functional.normalize(two)
            total = functional.cross_entropy(a @ b.T / 0.2, torch.arange(len(rows)))
        elif loss == "input":
            total = functional.mse_loss(head(one), X[rows])
        else:
            total = functional.cross_entropy(head(one), y[rows])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    with torch.no_grad():
        return np.asarray(body(X).numpy())


def made() -> None:
    """Write what is not there yet."""
    import torch

    torch.set_num_threads(1)
    path = PLACE / "networks.npz"
    if path.exists():
        return
    begun, found = time.perf_counter(), {}
    for name, (pixels, classes) in images().items():
        found[f"{name} kind"] = classes
        for loss, width, seed in product(LOSSES, WIDTHS, SEEDS):
            found[f"{name}, {loss}, {width}, {seed}"] = trained(pixels, classes, loss, width, seed)
    np.savez(path, **found)
    print(f"networks: {time.perf_counter() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    made()
