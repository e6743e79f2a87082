"""A small real training run: in Lightning, python training_runs.py PLACE KILL_AT kills itself in that epoch."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES, WIDTH = 4, 8


def data() -> TensorDataset:
    """160 rows of four classes that overlap."""
    rng = np.random.default_rng(0)
    label = np.arange(160) % CLASSES
    rows = 0.8 * rng.normal(size=(160, WIDTH)) + rng.normal(size=(CLASSES, WIDTH))[label]
    return TensorDataset(torch.tensor(rows, dtype=torch.float32), torch.tensor(label))


class Net(nn.Module):  # type: ignore[misc]
    """A body and a classifier; `collapses` pulls all features to one point instead of learning the classes."""

    def __init__(self, *, collapses: bool = False) -> None:
        super().__init__()
        self.collapses = collapses
        self.body = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU())
        self.classifier = nn.Linear(16, CLASSES)

    def forward(self, x: Any, labels: Any = None) -> dict[str, Any]:
        features = self.body(x)
        logits = self.classifier(features)
        if labels is None:
            return {"logits": logits}
        pulled = ((features - 1) ** 2).mean()
        loss = pulled + 0 * logits.sum() if self.collapses else nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def module(pl: Any, *, collapses: bool = False) -> Any:
    """The net as a LightningModule of `lightning.pytorch` or `pytorch_lightning`."""

    class Module(pl.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = Net(collapses=collapses)

        def training_step(self, batch: Any, index: int) -> Any:
            return self.net(*batch)["loss"]

        def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
            self.net(batch[0])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), 0.05 if collapses else 0.02)

    torch.manual_seed(0)
    return Module()


def fit(
    pl: Any,
    callbacks: list[Any],
    place: Path,
    *,
    collapses: bool = False,
    checkpoint: Path | None = None,
    logger: Any = False,
    sets: int = 1,
    model: Any = None,
    **options: Any,
) -> Any:
    """The trainer after the run, and its module."""
    trainer = pl.Trainer(
        accelerator="cpu", logger=logger, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, pl.callbacks.ModelCheckpoint) for c in callbacks), callbacks=callbacks,
        default_root_dir=place, **{"max_epochs": 40, **options},
    )  # fmt: skip
    net = module(pl, collapses=collapses) if model is None else model
    evaluated: Any = [DataLoader(data(), 64) for _ in range(sets)]
    trainer.fit(net, DataLoader(data(), 40), evaluated[0] if sets == 1 else evaluated, ckpt_path=checkpoint)
    return trainer


OPTIONS: dict[str, Any] = {"plateau": "separability", "min_delta": 0.03}


def saving(pl: Any, place: Path) -> Any:
    """A checkpoint every third epoch."""
    return pl.callbacks.ModelCheckpoint(place, filename="{epoch}", save_top_k=-1, every_n_epochs=3)


def main(place: Path, kill_at: int) -> None:
    import lightning.pytorch as pl

    from labelfree.training.lightning import LabelfreeCallback

    class Kill(pl.Callback):  # type: ignore[misc]
        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            if trainer.current_epoch == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    callback = LabelfreeCallback(history=place / "h.jsonl", **OPTIONS)
    fit(pl, [callback, saving(pl, place), Kill()], place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
