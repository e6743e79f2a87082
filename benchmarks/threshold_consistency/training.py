"""Small embedding networks, trained with and without the threshold-consistency term (TCM), and some that are broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from identities import Rows
from views import view

WIDTH, BATCH, RATE, EPOCHS = 32, 64, 2e-3, 40
WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Of the TCM term beside the loss, whose own weight is 1."""

Embedding: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""(n, 8, 8) images to (n, WIDTH) rows."""


class Recipe(NamedTuple):
    """A way to train; epochs at which it is also kept, under those names."""

    loss: str = "proxies"
    tcm: float = 0.0
    scale: float = 16.0
    epochs: int = EPOCHS
    wrong: float = 0.0
    """Share of the training labels drawn anew at random."""
    augmented: bool = False
    kept: tuple[tuple[int, str], ...] = ()


RECIPES = {
    "plain": Recipe(kept=((0, "untrained"), (1, "epoch 1"), (3, "epoch 3"), (10, "epoch 10"))),
    **{f"tcm {weight:g}": Recipe(tcm=weight) for weight in WEIGHTS},
    "neighbors": Recipe("neighbors"),
    "neighbors, tcm 1": Recipe("neighbors", tcm=1.0),
    "soft": Recipe(scale=4.0),
    "sharp": Recipe(scale=64.0),
    "augmented": Recipe(augmented=True),
    "wrong labels": Recipe(wrong=0.4, epochs=2 * EPOCHS),
    "collapsed": Recipe("pull", epochs=10),
}
PAIRS = {f"tcm {weight:g}": "plain" for weight in WEIGHTS} | {"neighbors, tcm 1": "neighbors"}
"""Recipes with the term, and the same recipe without it."""
LAST = "plain"
"""The last epoch of the plain run: what is kept by who looks at no score."""


def models(rows: Rows, seed: int, names: tuple[str, ...]) -> Iterator[tuple[str, Embedding]]:
    """Every model of the named recipes; with "plain", also those broken on purpose: its embedding, spoiled."""
    for name in names:
        recipe = RECIPES[name]
        for at, embedding in trained(recipe, rows, seed):
            yield dict(recipe.kept).get(at, name), embedding
        if name == "plain":
            yield "offset", lambda images, good=embedding: good(images) + 10 * _direction(seed)
            yield "drowned", lambda images, good=embedding: _unit(good(images)) + 3 * _noise(images, seed)
            yield "noise", lambda images: _noise(images, seed)


def _direction(seed: int) -> np.ndarray:
    return _unit(np.random.default_rng([7, seed]).normal(size=(1, WIDTH))) * WIDTH**0.5


def _noise(images: np.ndarray, seed: int) -> np.ndarray:
    """Rows that say nothing of their images, of length about one."""
    return np.random.default_rng([8, seed]).normal(size=(len(images), WIDTH)) / WIDTH**0.5


def _unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def trained(recipe: Recipe, rows: Rows, seed: int) -> Iterator[tuple[int, Embedding]]:
    """The network after each kept epoch and after the last one; the same start and batches for every recipe."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, WIDTH))
    proxies = nn.Parameter(torch.randn(int(rows.identity.max()) + 1, WIDTH))
    optimizer = torch.optim.Adam([*net.parameters(), proxies], lr=RATE)
    order, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    labels = torch.tensor(_some_wrong(rows.identity, recipe.wrong, rng))
    images = torch.tensor(rows.images)
    if any(at == 0 for at, _ in recipe.kept):
        yield 0, _frozen(net)
    for epoch in range(1, recipe.epochs + 1):
        if recipe.augmented:
            images = torch.tensor(np.stack([view(image, rng) for image in rows.images]))
        for batch in torch.randperm(len(labels), generator=order)[: len(labels) // BATCH * BATCH].split(BATCH):
            x = nn.functional.normalize(net(images[batch]))
            optimizer.zero_grad()
            _loss(recipe, x, labels[batch], proxies).backward()
            optimizer.step()
        if epoch == recipe.epochs or any(at == epoch for at, _ in recipe.kept):
            yield epoch, _frozen(net)


def _frozen(net: Any) -> Embedding:
    """The network as it is now."""
    import copy

    import torch

    net = copy.deepcopy(net).eval()

    def embedding(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(net(torch.tensor(images)).numpy(), np.float64)

    return embedding


def _some_wrong(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    wrong = rng.random(len(labels)) < share
    return np.where(wrong, rng.integers(0, labels.max() + 1, len(labels)), labels)


def _loss(recipe: Recipe, x: Any, labels: Any, proxies: Any) -> Any:
    """Of a batch of unit rows: proxies (softmax of the cosines to one vector for each class), neighbors (the same over
    the other rows of the batch), or pull (all rows to one point)."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    s = x @ x.T
    other = ~torch.eye(len(x), dtype=torch.bool)
    same = (labels[:, None] == labels) & other
    if recipe.loss == "proxies":
        loss = cross_entropy(recipe.scale * x @ normalize(proxies).T, labels)
    elif recipe.loss == "neighbors":
        log = (recipe.scale * s).masked_fill(~other, -1e9).log_softmax(1)
        loss = -(log * same).sum(1).div(same.sum(1).clamp_min(1)).mean()
    else:
        loss = (1 - s).mean()
    return loss + recipe.tcm * tcm(s[same], s[~same & other]) if recipe.tcm else loss


def tcm(positive: Any, negative: Any, least: float = 0.9, most: float = 0.5) -> Any:
    """Threshold-consistent margin loss over cosines: how far the positive pairs below `least` are below it, and the
    negative pairs above `most` above it, each in the mean over those pairs."""
    short, long = (least - positive).clamp_min(0), (negative - most).clamp_min(0)
    return short.sum() / (positive <= least).sum().clamp_min(1) + long.sum() / (negative >= most).sum().clamp_min(1)
