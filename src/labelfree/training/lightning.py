"""The monitor as a callback of Lightning.

from labelfree.training.lightning import LabelfreeCallback

trainer = lightning.Trainer(callbacks=[LabelfreeCallback(history="history.jsonl", plateau="separability")])
"""

from __future__ import annotations

from importlib import import_module
from math import ceil, inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from labelfree import history
from labelfree.commands.signatures import spelled
from labelfree.errors import MissingExtra, UsageError
from labelfree.training.check import Check
from labelfree.training.monitor import Monitor, attempted
from labelfree.training.plan import DEFAULTS, Asked, plan, with_checks
from labelfree.training.rates import Rates

__all__ = ["LabelfreeCallback"]

_OF_ONE_BATCH = ("prefix", "layer", "head", "pool", "normalize", "on_bad", "device", "threads", "dealt")
"""Options that have a meaning where no check is recorded or judged, as in fast_dev_run."""


class Hooks:
    """Collects features while Lightning validates, checks at the end, and stops training by `trainer.should_stop`.

    options: those of `Monitor` (`Asked`); dataloader: which of the validation sets. The scalars go through every logger
    of the trainer and into its callback metrics, there as NaN where a check gives no value. A run that is resumed from
    a checkpoint goes on from its step. `last` is the latest check of the run. Several callbacks in one trainer need a
    prefix and a run each.
    """

    @spelled(Asked, DEFAULTS)
    def __init__(self, *, dataloader: int = 0, **options: Unpack[Asked]) -> None:
        self.plan = plan(**options)
        self.options, self.dataloader = options, dataloader
        self.monitor: Monitor | None = None
        self.last: Check | None = None
        self.known: list[history.Record] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch, after the sanity check and after a checkpoint was loaded."""
        self._close()
        if wrong := self._beyond(trainer):
            raise UsageError(wrong)
        options: Any = self.options
        if trainer.fast_dev_run:
            kept = {name: value for name, value in options.items() if name in _OF_ONE_BATCH}
            options = {**kept, "metrics": [metric.name for metric in self.plan.metrics]}
        else:
            options = with_checks(options, _validations(trainer))
        resume = trainer.global_step or None
        self.monitor = Monitor(
            pl_module,
            resume=resume,
            known=self.known,
            to=list(trainer.loggers),
            scheduler=attempted(lambda: _rates(trainer))[0],
            **options,
        )
        self.last = None

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Leave out what came before."""
        if self.monitor is not None:
            self.monitor.reset()
            if wrong := self._beyond(trainer):
                self.monitor.tell(wrong)
            if trainer.world_size > 1 and (rows := _rows(trainer.val_dataloaders, self.dataloader)) is not None:
                self.monitor.expect(rows)

    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Leave out the other validation sets."""
        if self.monitor is not None:
            self.monitor.paused = dataloader_idx != self.dataloader

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Check, before a checkpoint of this step is written."""
        if self.monitor is None:
            return
        self.monitor.paused = False
        each = _steps_per_epoch(trainer)
        epoch = trainer.current_epoch if each is None else trainer.global_step / each
        self.last = self.monitor.check(trainer.global_step, epoch=epoch)
        values = {name: self.last.scalars.get(name, nan) for name in self.plan.scalars}
        pl_module.log_dict(values, logger=False, sync_dist=trainer.world_size > 1)
        trainer.should_stop = trainer.should_stop or self.last.stop

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Take the hooks off the model."""
        if self.monitor is not None and self.last is None:
            self.monitor.tell("nothing was checked: the trainer ran no validation; give it a validation set")
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Take the hooks off the model."""
        self._close()

    @property
    def state_key(self) -> str:
        """What a checkpoint calls the state."""
        return f"{type(self).__name__}, prefix {self.plan.prefix!r}"

    def state_dict(self) -> dict[str, Any]:
        """The records of the run, so that a checkpoint can be resumed where its history is not at hand."""
        return {"records": attempted(self._records)[0] or []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the records of a checkpoint."""
        self.known = list(state_dict.get("records", ()))

    def _records(self) -> list[history.Record]:
        path = self.options.get("history")
        if path is None or not Path(path).exists():
            return []
        return history.read(path, run=self.options.get("run", "default"))

    def _beyond(self, trainer: Any) -> str | None:
        """What is wrong with the number of the validation set, as soon as it is known how many there are."""
        loaders = len(trainer.num_val_batches)
        if not loaders or 0 <= self.dataloader < loaders:
            return None
        return f"dataloader: expected the number of a validation set, 0 to {loaders - 1}, found {self.dataloader}"

    def _close(self) -> None:
        if self.monitor is not None:
            self.monitor.close()
            self.monitor = None


def _validations(trainer: Any) -> float | None:
    """How often the trainer will validate in all, where it knows."""
    every, batches, epochs = trainer.val_check_batch, trainer.num_training_batches, trainer.max_epochs
    if every in (None, inf) or batches == inf:
        return None
    ends = [] if epochs is None or epochs < 0 else [epochs * batches]
    if trainer.max_steps >= 0:
        ends.append(trainer.max_steps * trainer.accumulate_grad_batches)
    if not ends:
        return None
    if trainer.check_val_every_n_epoch is None:  # counted over batches of all epochs
        return float(min(ends) // every)
    rounds, rest = divmod(min(ends), batches)
    looked = trainer.check_val_every_n_epoch
    return float(rounds // looked * (batches // every) + (rest // every if (rounds + 1) % looked == 0 else 0))


def _steps_per_epoch(trainer: Any) -> int | None:
    """Steps of the optimizer in an epoch, where the trainer knows."""
    batches = trainer.num_training_batches
    return None if batches in (0, inf) else ceil(batches / trainer.accumulate_grad_batches)


def _rates(trainer: Any) -> Rates | None:
    """The learning rate of the first scheduler, or of the first optimizer where there is none."""
    each = _steps_per_epoch(trainer)
    ends = [] if each is None or trainer.max_epochs in (None, -1) else [each * trainer.max_epochs]
    ends += [trainer.max_steps] if trainer.max_steps >= 0 else []
    if not trainer.lr_scheduler_configs:
        return Rates(trainer.optimizers[0]) if trainer.optimizers else None
    first = trainer.lr_scheduler_configs[0]
    per = first.frequency * (1 if first.interval == "step" else each or inf)
    steps = min(ends) if ends and per != inf else None
    return Rates(first.scheduler, steps, per)


def _rows(dataloaders: Any, which: int) -> int | None:
    """Rows of a validation set, where it says how many it has."""
    found = dataloaders[which] if isinstance(dataloaders, list | tuple) else dataloaders
    dataset: Any = getattr(found, "dataset", None)
    return len(dataset) if hasattr(dataset, "__len__") else None


if TYPE_CHECKING:

    class LabelfreeCallback(Hooks):
        """The callback: `Hooks` of a Lightning `Callback`."""


def __getattr__(name: str) -> Any:
    """The callback is made on first use, of the Lightning that is installed."""
    if name != "LabelfreeCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            base = import_module(package).Callback
        except ImportError:
            continue
        globals()[name] = type(name, (Hooks, base), {"__module__": __name__, "__doc__": Hooks.__doc__})
        return globals()[name]
    raise MissingExtra("the callback of Lightning", "lightning")
