"""The fine-tuning runs of the example: what is learned from which labels, one check after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from encoder import Batch, Encoder
from torch import Tensor
from torch.nn import functional

TEXTS = Path(__file__).parent / "texts.parquet"
BATCH = 16


@dataclass(frozen=True)
class Kind:
    """How a run is trained.

    labels: texts per class that are labeled; wrong: share of these labels that are wrong; rate, head_rate: learning
    rates of the encoder's last layers and of the head; steps: of the optimizer, from one check to the next; checks:
    how often, the untrained encoder not counted; agreement: the encoder learns nothing but that two dropout views of a
    text agree, and the head follows it.
    """

    labels: int
    rate: float
    head_rate: float
    steps: int
    checks: int
    wrong: float = 0.0
    agreement: bool = False


KINDS = {
    "healthy": Kind(labels=8, rate=5e-5, head_rate=1e-3, steps=5, checks=25),
    "wrong labels": Kind(labels=32, rate=2e-4, head_rate=2e-3, steps=6, checks=25, wrong=0.4),
    "wrong labels often": Kind(labels=32, rate=2e-4, head_rate=2e-3, steps=2, checks=50, wrong=0.4),
    "high rate": Kind(labels=8, rate=1e-2, head_rate=1e-2, steps=5, checks=12),
    "no negatives": Kind(labels=8, rate=1e-4, head_rate=5e-3, steps=5, checks=25, agreement=True),
    "long healthy": Kind(labels=8, rate=5e-5, head_rate=1e-3, steps=20, checks=25),
}


def texts(split: str) -> tuple[list[str], np.ndarray]:
    """The texts of a split, those of fewest tokens first, and their classes, as numbers."""
    table = pq.read_table(TEXTS).to_pandas()
    names = sorted(set(table["class"]))
    chosen = table[table["split"] == split]
    return list(chosen["text"]), np.array([names.index(name) for name in chosen["class"]])


@torch.no_grad()
def evaluated(model: Encoder, batches: Sequence[Batch]) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and logits of all texts."""
    model.eval()
    embeddings = torch.cat([model.embedding(*batch) for batch in batches])
    return embeddings.numpy(), model.head(embeddings).numpy()


def accuracy(model: Encoder, batches: Sequence[Batch], classes: np.ndarray) -> float:
    """Share of the texts that the head puts into their class."""
    return float((evaluated(model, batches)[1].argmax(axis=1) == classes).mean())


class Run:
    """One run: `train` goes on to the next check; the same kind, seed and check give the same weights."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind, self.seed, self.check = kind, seed, 0
        torch.manual_seed(seed)
        pool, classes = texts("train")
        self.classes = int(classes.max()) + 1
        self.model = Encoder(self.classes)
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(np.flatnonzero(classes == c))[: kind.labels] for c in range(self.classes)]
        rows = np.sort(np.concatenate(chosen))
        labels = classes[rows]
        wrong = rng.permutation(len(rows))[: round(kind.wrong * len(rows))]
        labels[wrong] = (labels[wrong] + rng.integers(1, self.classes, len(wrong))) % self.classes
        [(self.states, self.mask)] = self.model.frozen([pool[i] for i in rows], batch=len(rows))
        self.labels = torch.tensor(labels)
        groups = [
            {"params": list(self.model.trained.parameters()), "lr": kind.rate},
            {"params": list(self.model.head.parameters()), "lr": kind.head_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups)

    @property
    def step(self) -> int:
        """Steps of the optimizer so far."""
        return self.check * self.kind.steps

    def train(self) -> None:
        """Go on to the next check."""
        self.model.train()
        for i in range(self.kind.steps):
            self.optimizer.zero_grad()
            self.batch_loss(self.step + i).backward()
            self.optimizer.step()
        self.check += 1

    def batch_loss(self, step: int) -> Tensor:
        """The loss of this step's batch; batch and dropout are drawn anew from the seed after every check."""
        if step % self.kind.steps == 0:
            torch.manual_seed(1000 * self.seed + step // self.kind.steps + 1)
        return self.loss(torch.randperm(len(self.labels))[:BATCH])

    def loss(self, rows: Tensor) -> Tensor:
        """Cross entropy of the labels; or the disagreement of two dropout views, which a collapse makes smallest."""
        states, mask = self.states[rows], self.mask[rows]
        if self.kind.agreement:
            one, two = (self.model.embedding(states, mask) for _ in range(2))
            probe = functional.cross_entropy(self.model.head(one.detach()), self.labels[rows])
            return (1 - functional.cosine_similarity(one, two)).mean() + probe
        return functional.cross_entropy(self.model(states, mask), self.labels[rows])

    def save(self, directory: Path) -> Path:
        """Save this step, and beside it what training needs to go on from here; the path of the checkpoint."""
        checkpoint = directory / f"step_{self.step:04}"
        self.model.save(checkpoint)
        state = {
            "check": self.check, "optimizer": self.optimizer.state_dict(), "head": self.model.head.state_dict(),
            "trained": self.model.trained.state_dict(),
        }  # fmt: skip
        torch.save(state, directory / "state.pt")
        return checkpoint

    def resume(self, directory: Path) -> bool:
        """Go on from what `save` left; False where it left nothing."""
        if not (file := directory / "state.pt").exists():
            return False
        state = torch.load(file, weights_only=True)
        self.check = state["check"]
        self.model.head.load_state_dict(state["head"])
        self.model.trained.load_state_dict(state["trained"])
        self.optimizer.load_state_dict(state["optimizer"])
        return True
