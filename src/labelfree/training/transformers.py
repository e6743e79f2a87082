"""The monitor as a callback of the Trainer of transformers.

from labelfree.training.transformers import LabelfreeCallback

callback = LabelfreeCallback(history="history.jsonl", plateau="separability")
trainer = transformers.Trainer(model, args, callbacks=[callback], ...)
callback.to = trainer  # the scalars go where the trainer's own logs go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from labelfree.errors import MissingExtra
from labelfree.training.check import Check
from labelfree.training.monitor import Monitor
from labelfree.training.plan import Asked, plan

__all__ = ["LabelfreeCallback"]


class Hooks:
    """Collects features while the Trainer evaluates, checks in `on_evaluate`, stops by `control.should_training_stop`.

    options: those of `Monitor` (`Asked`), where rows are dealt out in batches unless `dealt` says otherwise, as
    accelerate does; dataset: which of several evaluation sets, by its name; to: what the scalars are logged to (see
    `logged`), best the Trainer itself; without it they stand in `state.log_history`. They are added to the metrics of
    the evaluation too, as "eval_labelfree/separability", for `metric_for_best_model`. A run that is resumed from a
    checkpoint goes on from its step. `last` is the latest check.
    """

    def __init__(self, *, dataset: str | None = None, to: Any = None, **options: Unpack[Asked]) -> None:
        plan(**options)
        self.options: Asked = {"dealt": "batches", **options}
        self.dataset, self.to = dataset, to
        self.monitor: Monitor | None = None
        self.last: Check | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Begin to watch."""
        self._close()
        self.monitor = Monitor(model, resume=state.global_step or None, **self.options)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave out what came before."""
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
        if self.dataset is not None and not any(name.startswith(f"eval_{self.dataset}_") for name in metrics or ()):
            self.monitor.reset()
            return
        self.monitor.to = self.to if state.is_world_process_zero else None
        self.last = self.monitor.check(state.global_step)
        if self.to is None and self.last.scalars:
            state.log_history.append({"epoch": state.epoch, **self.last.scalars, "step": state.global_step})
        if metrics is not None:
            metrics.update({f"eval_{name}": value for name, value in self.last.scalars.items()})
        control.should_training_stop = control.should_training_stop or self.last.stop

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the hooks off the model."""
        self._close()

    def _reset(self) -> None:
        if self.monitor is not None:
            self.monitor.reset()

    def _close(self) -> None:
        if self.monitor is not None:
            self.monitor.close()
            self.monitor = None


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
