"""Trains every run of the study and keeps its checkpoints in a folder; a run that is there is not done again.

python benchmarks/validity/runs.py FOLDER        a minute or two, 150 MB

FOLDER/<target>_<method>_<seed>.npz   what a user would have: features, logits and head of every checkpoint
FOLDER/labels_<target>.npy            the target's labels, apart: only the judge opens them
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from adaptation import METHODS, Method, Step, judge, network
from targets import TARGETS, Rows, source, target

CHECKPOINTS = 12
EVERY = 2
"""Epochs between two checkpoints."""
BATCH = 64


class Checkpoint(NamedTuple):
    """What is known without the target's labels: float32 arrays."""

    features: np.ndarray
    logits: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    source_features: np.ndarray
    source_logits: np.ndarray


class Run(NamedTuple):
    """The checkpoints of one training run, and the labels of the held-out source rows."""

    target: str
    method: str
    seed: int
    checkpoints: list[Checkpoint]
    source_labels: np.ndarray


def run(folder: Path, name: str, method: str, seed: int) -> Run:
    """A run from the folder; trained and put there first if need be."""
    path = folder / f"{name}_{method.replace(', ', '-').replace(' ', '-')}_{seed}.npz"
    held_out = source()[1]
    if not path.exists():
        kept = list(trained(METHODS[method], target(name), seed))
        arrays = {field: np.stack([getattr(c, field) for c in kept]) for field in Checkpoint._fields}
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
        np.save(folder / f"labels_{name}.npy", target(name).labels)
    with np.load(path) as stored:
        arrays = {field: stored[field] for field in Checkpoint._fields}
    checkpoints = [Checkpoint(*(arrays[f][i] for f in Checkpoint._fields)) for i in range(len(arrays["logits"]))]
    return Run(name, method, seed, checkpoints, held_out.labels)


def trained(method: Method, rows: Rows, seed: int) -> Iterator[Checkpoint]:
    """Warm-up on the source, then the method; a checkpoint after every few epochs of it."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    labelled, held_out = source()
    x, y, t = torch.tensor(labelled.images), torch.tensor(labelled.labels), torch.tensor(rows.images)
    model, other = network(), judge()
    order = torch.Generator().manual_seed(seed)
    for _ in _epochs(model, other, METHODS["source only"], (x, y, x), method.warm, order):
        pass
    for epoch in _epochs(model, other, method, (x, y, t), EVERY * CHECKPOINTS, order):
        if (epoch + 1) % EVERY == 0:
            yield _checkpoint(model, rows, held_out)


def _epochs(
    model: Any, other: Any, method: Method, data: tuple[Any, Any, Any], epochs: int, order: Any
) -> Iterator[int]:
    """The number of each epoch after it is done."""
    import torch

    x, y, t = data
    moving = [*model[:-1].parameters()] if method.source_free else [*model.parameters(), *other.parameters()]
    optimizer = torch.optim.SGD(moving, lr=method.rate, momentum=0.9)
    for epoch in range(epochs):
        for batch in torch.randperm(len(t), generator=order)[: len(t) // BATCH * BATCH].split(BATCH):
            some = torch.randint(len(x), (BATCH,), generator=order)
            features, others = model[:-1](x[some]), model[:-1](t[batch])
            logits = model[-1](features), model[-1](others)
            optimizer.zero_grad()
            method.loss(Step(features, others, *logits, y[some], other, epoch / epochs)).backward()
            torch.nn.utils.clip_grad_norm_(moving, 5.0)
            optimizer.step()
        yield epoch


def _checkpoint(model: Any, rows: Rows, held_out: Rows) -> Checkpoint:
    import torch

    with torch.no_grad():
        features, others = (model[:-1](torch.tensor(part.images)) for part in (rows, held_out))
        arrays = (features, model[-1](features), model[-1].weight, model[-1].bias, others, model[-1](others))
        return Checkpoint(*(a.numpy().copy() for a in arrays))


def main() -> None:
    folder = Path(sys.argv[1])
    for name in TARGETS:
        for method in METHODS:
            for seed in range(3):
                one = run(folder, name, method, seed)
                right = np.load(folder / f"labels_{name}.npy")
                accuracy = [float((c.logits.argmax(1) == right).mean()) for c in one.checkpoints]
                at_source = float((one.checkpoints[-1].source_logits.argmax(1) == one.source_labels).mean())
                print(f"{name:11}{method:12}{seed} source {at_source:.3f} target", *(f"{a:.3f}" for a in accuracy))


if __name__ == "__main__":
    main()
