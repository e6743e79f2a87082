"""The learning rate of a training run: what it is at a check, and what its scheduler says of the steps to come."""

from __future__ import annotations

import copy
import warnings
from math import inf, isfinite
from types import SimpleNamespace
from typing import Any

from labelfree.errors import UsageError
from labelfree.gating.schedules import cycle_of, drops, restarts

_MOST = 200_000
"""Steps of a scheduler that are looked ahead."""


class Rates:
    """Reads the learning rate, that of the first group of parameters.

    source: a scheduler of torch, or an optimizer; steps: of the whole training, None where not known, and then nothing
    is looked ahead; per: steps of training in a step of the scheduler, None to see from two checks.
    """

    def __init__(self, source: Any, steps: float | None = None, per: float | None = None) -> None:
        if not (hasattr(source, "param_groups") or hasattr(getattr(source, "optimizer", None), "param_groups")):
            raise UsageError(
                f"scheduler: expected a scheduler of torch.optim.lr_scheduler or an optimizer, found "
                f"{type(source).__name__}"
            )
        self.source, self.steps, self.per = source, steps, per
        self._ahead: dict[str, Any] | None = None
        self._first: tuple[int, int] | None = None

    def at(self, step: int) -> dict[str, Any]:
        """What a record says of the learning rate at a step: {"learning_rate", "cycle", "drops"}."""
        optimizer = self.source if hasattr(self.source, "param_groups") else self.source.optimizer
        if self._ahead is None:
            self._ahead = self._looked(step)
        rate = float(optimizer.param_groups[0]["lr"])
        return {"learning_rate": rate if isfinite(rate) else None, **(self._ahead or {})}

    def _looked(self, step: int) -> dict[str, Any] | None:
        """What the scheduler says of cycles and drops; None where its steps cannot be told yet."""
        if self.steps is None or self.steps == inf or hasattr(self.source, "param_groups"):
            return {}
        begun = int(getattr(self.source, "last_epoch", 0))
        self._first = self._first or (step, begun)
        per = self.per
        if per is None:
            steps, counted = step - self._first[0], begun - self._first[1]
            if steps <= 0 or counted <= 0:
                return None
            per = steps / counted
        found = ahead(self.source, min(int(self.steps / per) - begun, _MOST))
        if not found:
            return {}
        at = [round((begun + i) * per) for i in range(len(found))]
        cycle = cycle_of(at, found)
        if begun and len(restarts(found)) < 2:  # the only cycle ahead began before the run was resumed
            cycle = None
        return {"cycle": cycle, "drops": [at[i] for i in drops(found)]}


def ahead(scheduler: Any, steps: int) -> list[float]:
    """The rates of a scheduler from now on, if it goes on for so many steps; empty where it does not say.

    A copy is stepped whose optimizer holds no parameters. What waits for a metric (ReduceLROnPlateau) does not say.
    """
    real = scheduler.optimizer
    groups = [{name: value for name, value in group.items() if name != "params"} for group in real.param_groups]
    standing = SimpleNamespace(
        param_groups=copy.deepcopy(groups), defaults=dict(getattr(real, "defaults", {})), state={}, step=lambda: None
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stepped = copy.deepcopy(scheduler, {id(real): standing})
            found = [float(standing.param_groups[0]["lr"])]
            for _ in range(steps):
                try:
                    stepped.step()
                except ValueError:  # beyond its last step
                    break
                found.append(float(standing.param_groups[0]["lr"]))
    except Exception:  # whatever a scheduler of somebody else needs, training goes on
        return []
    return found if len(found) > 1 else []
