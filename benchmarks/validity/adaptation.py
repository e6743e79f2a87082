"""Ways to adapt a network to a target without labels, each as the loss of one step.

Textbook forms, small: what matters here is that each trains on something that a score later looks at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

WIDTH, CLASSES = 64, 10


class Step(NamedTuple):
    """A batch of source and a batch of target rows through the network, as torch tensors."""

    source: Any
    """(b, 64) features of source rows, the head's input."""
    target: Any
    source_logits: Any
    target_logits: Any
    labels: Any
    """Of the source rows."""
    judge: Any
    """A network that tells source features from target features."""
    done: float
    """The fraction of training that is over."""


class Method(NamedTuple):
    """loss of a step; what that loss optimizes of the scores; step size; whether the source is not looked at again and
    its head left alone; epochs on the source before."""

    loss: Callable[[Step], Any]
    optimizes: tuple[str, ...]
    rate: float = 0.02
    source_free: bool = False
    warm: int = 16


def network(width: int = WIDTH) -> Any:
    """Two hidden layers; the second one, behind its ReLU, is the embedding that the linear head reads."""
    from torch import nn

    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, width), nn.ReLU(), nn.Linear(width, CLASSES))


def judge() -> Any:
    """The domain classifier of DANN."""
    from torch import nn

    return nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, 1))


def supervised(step: Step) -> Any:
    """Cross-entropy on the source: no adaptation at all."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(step.source_logits, step.labels)


def dann(step: Step) -> Any:
    """A judge learns to tell the domains apart; its gradient comes back to the features with the sign reversed."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    strength = 2 / (1 + math.exp(-10 * step.done)) - 1
    features = torch.cat([step.source, step.target])
    reversed_ = features.detach() * (1 + strength) - strength * features
    said = step.judge(reversed_).squeeze(1)
    truth = torch.cat([torch.ones(len(step.source)), torch.zeros(len(step.target))])
    return supervised(step) + binary_cross_entropy_with_logits(said, truth)


def coral(step: Step) -> Any:
    """Means and covariances of both domains are pulled together."""
    gap = _covariance(step.source) - _covariance(step.target)
    means = step.source.mean(0) - step.target.mean(0)
    return supervised(step) + 1e-3 * gap.square().sum() + 0.05 * means.square().sum()


def _covariance(x: Any) -> Any:
    centered = x - x.mean(0)
    return centered.T @ centered / (len(x) - 1)


def entropy(step: Step) -> Any:
    """Every target row is made sure, as in test-time entropy minimization; nothing keeps the classes apart."""
    return _entropies(step.target_logits).mean()


def infomax(step: Step) -> Any:
    """The target part of SHOT: every row sure, all classes equally often; the head stays as it is."""
    mean = step.target_logits.softmax(1).mean(0)
    return _entropies(step.target_logits).mean() + (mean * mean.clamp_min(1e-12).log()).sum()


def _entropies(logits: Any) -> Any:
    log = logits.log_softmax(1)
    return -(log.exp() * log).sum(1)


def bnm(step: Step) -> Any:
    """Batch nuclear-norm maximization on the target's class probabilities."""
    import torch

    p = step.target_logits.softmax(1)
    return supervised(step) - torch.linalg.matrix_norm(p, "nuc") / len(p)


def norms(step: Step) -> Any:
    """Stepwise growth of the features' norms in both domains, as in SAFN."""
    longer = 0.0
    for features in (step.source, step.target):
        length = features.norm(dim=1)
        longer = longer + (length - length.detach() - 1.0).square().mean()
    return supervised(step) + 0.002 * longer


METHODS: dict[str, Method] = {
    "source only": Method(supervised, ("source_accuracy",)),
    "dann": Method(dann, ("c2st", "mmd")),
    "coral": Method(coral, ("coral", "frechet")),
    "entropy": Method(entropy, ("entropy", "average_confidence"), rate=0.0005, source_free=True),
    "infomax": Method(infomax, ("infomax", "transfer_score"), rate=0.003, source_free=True),
    "infomax, early": Method(infomax, ("infomax", "transfer_score"), rate=0.1, source_free=True, warm=6),
    "bnm": Method(bnm, ("nuclear_norm",)),
    "norms": Method(norms, ("hopkins", "transfer_score")),
}
