"""Kinds of runs on which the collapse guard was not designed, and the numbers of a check by plain numpy.

Networks on the wine and breast cancer data of scikit-learn and on its digits, with other losses than collapse_guard.py,
and rows that are drawn: classes with an offset of any size, with and without unit length, and noise about a point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from torch import nn
from torch.nn import functional

Matrix = NDArray[np.float64]


def entropy(values: Matrix) -> float:
    """exp of the entropy of values over their sum."""
    p = values[values > 0] / values.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def numbers(Z: Matrix) -> dict[str, float | None]:
    """What a record holds for the guard, from singular values of the rows and of the rows about their mean."""
    n, d = Z.shape
    mean = Z.mean(axis=0)
    lengths = np.linalg.norm(Z, axis=1)
    U = Z[lengths > 0] / lengths[lengths > 0, None]
    sigma, about = (np.linalg.svd(M, compute_uv=False) for M in (Z, Z - mean))
    found: dict[str, float | None] = {
        "effective_rank": entropy(sigma),
        "mean_cosine": float((U.sum(axis=0) @ U.sum(axis=0) - len(U)) / len(U) / (len(U) - 1)),
        "duplicate_share": 1 - len(np.unique(Z, axis=0)) / n, "zero_bar_share": None,
    }  # fmt: skip
    if (Z[0] == Z).all():
        return found | {"spread": 0.0, "spread_share": 0.0} | dict.fromkeys(
            ("centered_rank", "sphericity", "directions", "cut")
        )  # fmt: skip
    share = about**2 / (about**2).sum()
    spread = float(np.sqrt((about**2).sum() / n))
    k = int(np.argmax(np.cumsum(share) >= 0.99)) + 1
    return found | {
        "centered_rank": entropy(about),
        "sphericity": float(1 / (share @ share) / (n * d / (n + d))),
        "spread": spread,
        "spread_share": spread / float(np.sqrt((lengths**2).mean())),
        "directions": k,
        "cut": float(share[k] / share[k - 1]) if k < min(n - 1, d) else 0.0,
    }


def probed(Z: Matrix, y: Any) -> float:
    """Accuracy of a ridge probe on centered rows, fitted on even ones and tested on odd ones."""
    Z = (Z - Z.mean(axis=0)) / max(float(Z.std(axis=0).max()), 1e-30)
    A, B = np.hstack([Z, np.ones((len(Z), 1))]), np.eye(int(y.max()) + 1)[y]
    W = np.linalg.solve(A[::2].T @ A[::2] + 1e-3 * len(Z) * np.eye(A.shape[1]), A[::2].T @ B[::2])
    return float(((A[1::2] @ W).argmax(axis=1) == y[1::2]).mean())


def drawn(kind: str, rng: np.random.Generator, checks: int) -> tuple[list[Matrix], Any, int]:
    """Eight classes that separate over the first half of the checks; then what the kind says happens to them."""
    d, n = int(rng.choice([3, 24, 96])) if "narrow" not in kind else 3, 800
    y = rng.integers(0, 8, n)
    centers, noise = 3 * rng.normal(size=(8, d)), rng.normal(size=(n, d))
    far = rng.normal(size=d)
    far *= float(rng.choice([20, 60])) * d**0.5 / np.linalg.norm(far)
    found = []
    for i in range(checks):
        sound = centers[y] * min(1.0, 0.3 + i / checks) + noise * (1 - 0.4 * i / checks)
        grown = max(0.0, min(1.0, (i - checks // 3) / 2))
        if "offset" in kind:
            Z = sound + grown * far
        elif "slow" in kind:
            Z = far / 20 + sound * (0.5**i if i > checks // 3 else 1)
        elif "noise" in kind:
            Z = sound if grown < 1 else far + 0.05 * rng.normal(size=(n, d))
        elif "two points" in kind:
            Z = sound if grown < 1 else far / 20 * np.where(y % 2, 1, -1)[:, None] + 0.02 * noise
        else:  # scale alone
            Z = sound * 0.2**i
        found.append(Z / np.linalg.norm(Z, axis=1, keepdims=True) if kind.endswith("unit rows") else Z)
    return found, y, 8


def trained(kind: str, rng: np.random.Generator, checks: int) -> tuple[list[Matrix], Any, int]:
    """A small network that is trained on with one of these losses after a third of the checks of classification."""
    torch.manual_seed(int(rng.integers(1 << 30)))
    data = load_wine() if "wine" in kind else load_breast_cancer() if "cancer" in kind else load_digits()
    X = torch.tensor((data.data - data.data.mean(0)) / (data.data.std(0) + 1e-9), dtype=torch.float32)
    y, K, d = torch.tensor(data.target), int(data.target.max()) + 1, int(rng.choice([16, 64]))
    model = nn.Sequential(nn.Linear(X.shape[1], 128), nn.Tanh(), nn.Linear(128, d))
    head = nn.Linear(d, K)
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], 2e-3)
    found = []
    for i in range(checks):
        if i == checks // 3 and "high rate" in kind:
            optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], 30.0)
        for _ in range(20 if i else 0):
            rows = torch.randint(0, len(X), (128,))
            one, two = (model(X[rows] + 0.3 * torch.randn(128, X.shape[1])) for _ in range(2))
            agree = ((one - two) ** 2).sum(dim=1).mean()
            if i < checks // 3 or "classes" in kind or "high rate" in kind:
                loss = functional.cross_entropy(head(one), y[rows])
            elif "vicreg" in kind:
                C = (one - one.mean(0)).T @ (one - one.mean(0)) / 127
                off = (C**2).sum() - (C.diagonal() ** 2).sum()
                loss = agree / d + functional.relu(1 - (C.diagonal() + 1e-4).sqrt()).mean() + off / d
            elif "agreement" in kind:
                loss = agree + 1e-2 * (one.mean(0) - 1).square().sum()
            elif "autoencoder" in kind:
                loss = ((one @ one.T - X[rows] @ X[rows].T) ** 2).mean() / X.shape[1] ** 2
            else:  # one class wins
                loss = (
                    -functional.log_softmax(head(one), dim=1)[:, 0].mean()
                    + 0.3 * (one - head.weight[0]).square().mean()
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            found.append(model(X).numpy().astype(np.float64))
    return found, data.target, K


Maker = Callable[[str, np.random.Generator, int], tuple[list[Matrix], Any, int]]
KEPT: dict[str, tuple[str, Maker]] = {
    "classes of wine": ("healthy", trained), "classes of cancer": ("healthy", trained),
    "classes of digits": ("healthy", trained), "vicreg": ("healthy", trained),
    "autoencoder": ("healthy", trained), "offset": ("healthy", drawn),
    "offset, unit rows": ("healthy", drawn), "narrow, offset": ("healthy", drawn), "scale alone": ("healthy", drawn),
    "agreement": ("collapsing", trained), "one class wins": ("collapsing", trained),
    "slow point": ("collapsing", drawn), "noise about a point": ("collapsing", drawn),
    "noise about a point, unit rows": ("collapsing", drawn), "narrow, slow point": ("collapsing", drawn),
    "two points": ("collapsing", drawn),
}  # fmt: skip
"""Kinds that were kept aside: whether they are healthy, and what makes them."""


def kept_run(kind: str, seed: int, checks: int) -> tuple[list[dict[str, Any]], list[float], int]:
    """The numbers of every check, the accuracy of the probe at the first third and at the end, and the classes."""
    made, y, classes = KEPT[kind][1](kind, np.random.default_rng([seed, *map(ord, kind)]), checks)
    probe = [round(probed(Z, y), 3) for Z in (made[checks // 3], made[-1])]
    return [numbers(Z) for Z in made], probe, classes
