"""The same run in the Trainer of transformers, stopped by the callback: `python train.py DIRECTORY --callback`.

Optimizer and draws are those of `Run.train`, so the weights are the same at every check, and so is the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from finetuning import Kind, Run, texts
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from labelfree.training import Check
from labelfree.training.transformers import LabelfreeCallback


class Finetuning(Trainer):
    """Trains a run batch by batch, and evaluates on the unlabeled texts before the first step and at every check."""

    def __init__(self, run: Run, unlabeled: Sequence[Any], callback: LabelfreeCallback, directory: Path) -> None:
        self.run, self.checks = run, list[Check]()
        self.steps = [{"step": i} for i in range(run.kind.steps * run.kind.checks)]
        asked = TrainingArguments(
            output_dir=str(directory), max_steps=len(self.steps), eval_on_start=True, eval_strategy="steps",
            eval_steps=run.kind.steps, max_grad_norm=0.0, save_strategy="no", report_to=[], use_cpu=True,
            disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        constant = torch.optim.lr_scheduler.LambdaLR(run.optimizer, lambda _: 1.0)
        super().__init__(
            run.model, asked, train_dataset=self.steps, eval_dataset=unlabeled, callbacks=[callback],
            optimizers=(run.optimizer, constant),
        )  # fmt: skip
        self.callback = callback

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Steps: the batch of a step is drawn where its loss is."""
        return DataLoader(self.steps, batch_size=None)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Batches, as the trained layers take them."""
        return DataLoader([{"states": states, "mask": mask} for states, mask in self.eval_dataset], batch_size=None)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Loss and gradients of the step."""
        model.train()
        loss = self.run.batch_loss(int(inputs["step"]))
        self.accelerator.backward(loss)
        return loss.detach()

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Keep what the callback found."""
        metrics = super().evaluate(*args, **kwargs)
        if self.callback.last is not None:
            self.checks.append(self.callback.last)
        return metrics


def watched(kind: Kind, seed: int, directory: Path, every: int = 1) -> list[Check]:
    """The checks of a run until the callback stopped it; every: only every so many texts."""
    run = Run(kind, seed)
    unlabeled = run.model.frozen(texts("eval")[0][::every])
    directory.mkdir(parents=True, exist_ok=True)
    callback = LabelfreeCallback(head="head", history=directory / "history.jsonl", plateau="separability")
    trainer = Finetuning(run, unlabeled, callback, directory)
    trainer.train()
    return trainer.checks
