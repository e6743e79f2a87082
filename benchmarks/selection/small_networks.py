"""Small networks under the methods of benchmarks/validity/adaptation.py, and what is kept of each checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from domains import Domain, Rows

sys.path.insert(0, str(Path(__file__).parent.parent / "validity"))
from adaptation import METHODS, WIDTH, Step, judge

BATCH = 64


class Kept(NamedTuple):
    """A candidate, float32: of the target (n, d) and (n, K), of held-out source rows (n_s, d) and (n_s, K)."""

    name: str
    rows: np.ndarray
    logits: np.ndarray | None
    source: np.ndarray | None
    source_logits: np.ndarray | None


@dataclass(frozen=True)
class Plan:
    """How one network is trained: a method after epochs on the source, rate times the method's own, wrong labels."""

    method: str = "source only"
    rate: float = 1.0
    epochs: int = 16
    every: int = 16
    warm: int | None = None
    hidden: int = 128
    decay: float = 0.0
    wrong: float = 0.0
    attraction: float = 0.0
    """Weight of a late pull of all target features to their mean."""


def trained(plan: Plan, domain: Domain, seed: int) -> Iterator[Kept]:
    """A checkpoint after every few epochs of the method."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 5])
    method = METHODS[plan.method]
    d, k = domain.source.x.shape[1], domain.k
    model = nn.Sequential(
        nn.Linear(d, plan.hidden), nn.ReLU(), nn.Linear(plan.hidden, WIDTH), nn.ReLU(), nn.Linear(WIDTH, k)
    )
    labels = np.where(
        rng.random(len(domain.source.y)) < plan.wrong, rng.integers(0, k, len(domain.source.y)), domain.source.y
    )
    data = torch.tensor(domain.source.x), torch.tensor(labels), torch.tensor(domain.target.x)
    order = torch.Generator().manual_seed(seed)
    warm = method.warm if plan.warm is None else plan.warm
    if plan.method != "source only":
        for _ in _epochs(model, None, Plan(), (data[0], data[1], data[0]), warm, order):
            pass
    for epoch in _epochs(model, judge(), plan, data, plan.epochs, order):
        if (epoch + 1) % plan.every == 0:
            yield kept(f"{plan.method}, {epoch + 1}", model, domain)


def _epochs(model: Any, other: Any, plan: Plan, data: tuple[Any, Any, Any], epochs: int, order: Any) -> Iterator[int]:
    import torch

    x, y, t = data
    method = METHODS[plan.method]
    moving = [*model[:-1].parameters()] if method.source_free else [*model.parameters()]
    moving += [] if other is None else [*other.parameters()]
    optimizer = torch.optim.SGD(moving, lr=method.rate * plan.rate, momentum=0.9, weight_decay=plan.decay)
    size = min(BATCH, len(t))
    for epoch in range(epochs):
        for batch in torch.randperm(len(t), generator=order)[: len(t) // size * size].split(size):
            some = torch.randint(len(x), (size,), generator=order)
            features, others = model[:-1](x[some]), model[:-1](t[batch])
            step = Step(features, others, model[-1](features), model[-1](others), y[some], other, epoch / epochs)
            loss = method.loss(step)
            if plan.attraction and epoch >= epochs // 2:
                loss = loss + plan.attraction * (others - others.mean(0)).square().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(moving, 5.0)
            optimizer.step()
        yield epoch


def kept(name: str, model: Any, domain: Domain) -> Kept:
    """What a user would have of a network."""
    import torch

    found = []
    with torch.no_grad():
        for rows in (domain.target, domain.held_out):
            features = model[:-1](torch.tensor(rows.x))
            found += [features.numpy().copy(), model[-1](features).numpy().copy()]
    return Kept(name, *found)


def contrasted(
    rows: Rows, side: int, seed: int, rate: float, temperature: float, noise: float, epochs: int, every: int
) -> Iterator[Kept]:
    """SimCLR on images: two views, shifted, scaled and noisy; the backbone's features after every few epochs."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, normalize

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(side * side, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
    head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=rate)
    images = torch.tensor(rows.x).reshape(-1, side, side)

    def view(batch: Any) -> Any:
        steps = (tuple(torch.randint(-1, 2, (2,)).tolist()) for _ in range(len(batch)))
        moved = torch.cat([torch.roll(part, step, (1, 2)) for part, step in zip(batch.split(16), steps, strict=False)])
        moved = moved * (0.7 + 0.6 * torch.rand(len(batch), 1, 1)) + noise * torch.randn_like(moved)
        return moved.flatten(1)

    for epoch in range(epochs + 1):
        if epoch % every == 0:
            with torch.no_grad():
                yield Kept(f"epoch {epoch}", model(images.flatten(1)).numpy().copy(), None, None, None)
        for batch in torch.randperm(len(images)).split(128):
            z = normalize(head(model(torch.cat([view(images[batch]), view(images[batch])]))), dim=1)
            m = len(batch)
            like = z @ z.T / temperature - 1e9 * torch.eye(2 * m)
            loss = cross_entropy(like, torch.cat([torch.arange(m, 2 * m), torch.arange(m)]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
