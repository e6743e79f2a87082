"""The monitor as a callback of the Trainer of transformers.

from labelfree.training.transformers import LabelfreeCallback

callback = LabelfreeCallback(history="history.jsonl", plateau="separability")
trainer = transformers.Trainer(model, args, callbacks=[callback], ...)
callback.to = trainer  # the scalars go where the trainer's own logs go
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, nan
from typing import TYPE_CHECKING, Any, Unpack

from labelfree.commands.signatures import spelled
from labelfree.errors import MissingExtra, UsageError
from labelfree.training.check import Check
from labelfree.training.loggers import checked
from labelfree.training.monitor import Monitor, attempted
from labelfree.training.plan import DEFAULTS, Asked, plan, with_checks
from labelfree.training.rates import Rates

__all__ = ["LabelfreeCallback"]


class Hooks:
    """Collects features while the Trainer evaluates, checks in `on_evaluate`, stops by `control.should_training_stop`.

    options: those of `Monitor` (`Asked`), where rows are dealt out in batches unless `dealt` says otherwise, as
    accelerate does; dataset: which of several evaluation sets, by its name, the first where none is named; to: what
    the scalars are logged to (see `logged`), best the Trainer itself; without it they stand in `state.log_history`.
    They are added to the metrics of the evaluation too, as "eval_labelfree/separability", for `metric_for_best_model`,
    as NaN where a check gives no value. A run that is resumed from a checkpoint goes on from its step. `last` is the
    latest check of the run.
    """

    @spelled(Asked, DEFAULTS)
    def __init__(self, *, dataset: str | None = None, to: Any = None, **options: Unpack[Asked]) -> None:
        self.plan = plan(**options)
        self.options: Asked = {"dealt": "batches", **options}
        self.dataset, self.to = dataset, checked(to)
        self.monitor: Monitor | None = None
        self.last: Check | None = None
        self.evaluated: list[str] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Begin to watch."""
        self._close()
        sets = getattr(self.to, "eval_dataset", None)
        if self.dataset is not None and isinstance(sets, dict) and self.dataset not in sets:
            raise UsageError(self._unknown(sets))
        options = with_checks(self.options, _evaluations(args, state))
        rates = attempted(lambda: _rates(state, **kwargs))[0]
        self.monitor = Monitor(model, resume=state.global_step or None, scheduler=rates, **options)
        self.last, self.evaluated = None, []

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave out what came before."""
        if self.evaluated:
            self._missed()
        self._reset()

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any, **kwargs: Any) -> None:
        """Leave out what was predicted."""
        self._reset()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """See how many rows there are: ranks repeat some where they cannot be shared out evenly."""
        dataset: Any = getattr(kwargs.get("eval_dataloader"), "dataset", None)
        if self.monitor is not None and args.world_size > 1 and hasattr(dataset, "__len__"):
            self.monitor.expect(len(dataset))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Check, before a checkpoint of this step is written."""
        if self.monitor is None:
            return
        metrics = {} if metrics is None else metrics
        if not self._asked_for(metrics, self.monitor):
            self.monitor.reset()
            return
        self.monitor.to = self.to if state.is_world_process_zero else None
        self.last = self.monitor.check(state.global_step, epoch=state.epoch)
        if self.to is None and self.last.scalars:
            state.log_history.append({"epoch": state.epoch, **self.last.scalars, "step": state.global_step})
        metrics.update({f"eval_{name}": self.last.scalars.get(name, nan) for name in self.plan.scalars})
        control.should_training_stop = control.should_training_stop or self.last.stop

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the hooks off the model."""
        self._missed()
        self._close()

    def _asked_for(self, metrics: Any, monitor: Monitor) -> bool:
        """Whether these metrics are of the evaluation set to look at, by the name in "eval_NAME_runtime"."""
        name = min((key for key in metrics if key.endswith("_runtime")), key=len, default="").removesuffix("_runtime")
        if name not in self.evaluated:
            self.evaluated.append(name)
        if self.dataset is not None:
            return name == f"eval_{self.dataset}"
        if len(self.evaluated) > 1:
            first = self.evaluated[0].removeprefix("eval_")
            monitor.tell(f"several sets are evaluated, of which the first, {first!r}, is measured; name one: dataset=")
        return name == self.evaluated[0]

    def _missed(self) -> None:
        """Say why nothing was checked, where nothing was."""
        if self.monitor is not None and self.last is None:
            none = "the Trainer ran no evaluation; give it an eval_strategy"
            sets = [one.removeprefix("eval_") for one in self.evaluated]
            self.monitor.tell(f"nothing was checked: {self._unknown(sets) if sets else none}")

    def _unknown(self, sets: Iterable[str]) -> str:
        return f"dataset: expected the name of an evaluation set, one of {', '.join(sets)}, found {self.dataset!r}"

    def _reset(self) -> None:
        if self.monitor is not None:
            self.monitor.reset()

    def _close(self) -> None:
        if self.monitor is not None:
            self.monitor.close()
            self.monitor = None


def _evaluations(args: Any, state: Any) -> float | None:
    """How often the Trainer will evaluate in all, where it knows."""
    strategy = str(getattr(args.eval_strategy, "value", args.eval_strategy))
    if strategy == "steps" and state.eval_steps and state.max_steps > 0:
        return int(state.max_steps // state.eval_steps) + bool(args.eval_on_start)
    if strategy == "epoch" and state.num_train_epochs:
        epochs: float = state.num_train_epochs
        return ceil(epochs) + bool(args.eval_on_start)
    return None


def _rates(state: Any, optimizer: Any = None, lr_scheduler: Any = None, **kwargs: Any) -> Rates | None:
    """The learning rate of the trainer's scheduler, or of its optimizer."""
    scheduler = getattr(lr_scheduler, "scheduler", lr_scheduler)  # accelerate wraps it
    if scheduler is None:
        return None if optimizer is None else Rates(getattr(optimizer, "optimizer", optimizer))
    return Rates(scheduler, state.max_steps if state.max_steps > 0 else None, 1)


if TYPE_CHECKING:

    class LabelfreeCallback(Hooks):
        """The callback: `Hooks` of a `TrainerCallback`."""


def __getattr__(name: str) -> Any:
    """The callback is made on first use."""
    if name != "LabelfreeCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise MissingExtra("the callback of transformers", "hf") from error
    globals()[name] = type(name, (Hooks, TrainerCallback), {"__module__": __name__, "__doc__": Hooks.__doc__})
    return globals()[name]
