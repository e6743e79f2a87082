"""Checkpoints of small networks on sklearn's digits: healthy training, wrong labels, and a collapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from supervised import with_labels, without_labels

TRAINED = 900
STEPS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Epochs after which a checkpoint is taken."""
WRONG = 0.4
"""Share of wrong labels in the run of that name."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images (n, 64) in [0, 1] and their labels, in one random order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.data[order] / 16, data.target[order]


def _network(width: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 32), nn.Tanh(), nn.Linear(32, 10))


def _epochs(model: Any, x: Any, loss: Callable[[Any, Any], Any], rate: float, seed: int) -> Iterator[int]:
    """The number of epochs done, from 0; between two of them the model is trained for one."""
    import torch

    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for done in range(max(STEPS) + 1):
        yield done
        for batch in torch.randperm(len(x), generator=order).split(32):
            optimizer.zero_grad()
            loss(model(x[batch]), batch).backward()
            optimizer.step()


def healthy(seed: int) -> list[dict[str, Any]]:
    """Trained on the right labels of half the rows."""
    return _supervised(seed, wrong=0.0, width=64, rate=0.003)


def wrong_labels(seed: int) -> list[dict[str, Any]]:
    """Trained on labels of which 40 % are wrong, long and wide enough to learn many of them by heart."""
    return _supervised(seed, wrong=WRONG, width=256, rate=0.1)


def _supervised(seed: int, *, wrong: float, width: int, rate: float) -> list[dict[str, Any]]:
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    images, labels = digits()
    given = labels[:TRAINED].copy()
    rng = np.random.default_rng(seed)
    changed = rng.random(TRAINED) < wrong
    given[changed] = (given[changed] + rng.integers(1, 10, changed.sum())) % 10
    y = torch.tensor(given)
    model = _network(width)
    x = torch.tensor(images[:TRAINED], dtype=torch.float32)
    held_out = images[TRAINED:], labels[TRAINED:]
    return [
        _checkpoint(model, *held_out, epoch)
        for epoch in _epochs(model, x, lambda out, batch: cross_entropy(out, y[batch]), rate, seed)
        if epoch in STEPS
    ]


def collapse(seed: int) -> list[dict[str, Any]]:
    """A half-trained network that goes on without labels by making itself sure, on noisy rows: entropy minimization."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    images, labels = digits()
    y = torch.tensor(labels[:TRAINED])
    model = _network(64)
    x = torch.tensor(images[:TRAINED], dtype=torch.float32)
    for epoch in _epochs(model, x, lambda out, batch: cross_entropy(out, y[batch]), 0.003, seed):
        if epoch == 4:
            break
    noisy = images[TRAINED:] + np.random.default_rng(seed).normal(0, 0.35, images[TRAINED:].shape)
    rows = torch.tensor(noisy, dtype=torch.float32)

    def entropy(out: Any, batch: Any) -> Any:
        logp = out.log_softmax(1)
        return -(logp.exp() * logp).sum(1).mean()

    return [
        _checkpoint(model, noisy, labels[TRAINED:], epoch)
        for epoch in _epochs(model, rows, entropy, 0.01, seed)
        if epoch in STEPS
    ]


def _checkpoint(model: Any, images: np.ndarray, labels: np.ndarray, epoch: int) -> dict[str, Any]:
    """What both sides say of the held-out rows' features, and how often the head is right."""
    import torch

    with torch.no_grad():
        features = model[:-1](torch.tensor(images, dtype=torch.float32))
        right = model[-1](features).argmax(1).numpy() == labels
    X = features.numpy().astype(np.float64)
    accuracy = {"accuracy": round(float(right.mean()), 4)}
    return {"epoch": epoch} | without_labels(X) | with_labels(X, labels) | accuracy


RUNS = {"healthy": healthy, "wrong labels": wrong_labels, "collapse": collapse}
