"""The learning rate of a run: what schedulers of torch and transformers say of the steps to come, by their formulas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as made

from labelfree import history
from labelfree.errors import UsageError
from labelfree.training import Monitor
from labelfree.training.rates import Rates, ahead

pytestmark = pytest.mark.once


def optimizer(rate: float = 1.0) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=rate, momentum=0.5)


def told(scheduler: Any, steps: int | None, step: int = 0, per: float = 1) -> dict[str, Any]:
    return Rates(scheduler, steps, per).at(step)


def test_milestones_are_drops() -> None:
    found = told(made.MultiStepLR(optimizer(), [30, 60], gamma=0.1), 100)
    assert found == {"learning_rate": 1.0, "cycle": None, "drops": [30, 60]}
    assert told(made.StepLR(optimizer(), 25, gamma=0.5), 90)["drops"] == [25, 50, 75]
    assert told(made.MultiStepLR(optimizer(), [30, 60], gamma=0.9), 100)["drops"] == []  # by a tenth is none


def test_restarts_are_a_cycle_and_smooth_schedules_are_nothing() -> None:
    assert told(made.CosineAnnealingWarmRestarts(optimizer(), 40), 200)["cycle"] == 40
    assert told(made.CosineAnnealingWarmRestarts(optimizer(), 10, T_mult=2), 100)["cycle"] == 40  # the longest
    assert told(made.CyclicLR(optimizer(), 0.1, 1.0, step_size_up=15), 200)["cycle"] == 30
    for scheduler in (
        made.CosineAnnealingLR(optimizer(), 100),
        made.OneCycleLR(optimizer(), 1.0, total_steps=100),
        made.LinearLR(optimizer(), 1.0, 0.01, 100),
        made.ExponentialLR(optimizer(), 0.97),
        made.LambdaLR(optimizer(), lambda i: min(i / 10, 1.0)),
    ):
        found = told(scheduler, 100)
        assert (found["cycle"], found["drops"]) == (None, []), scheduler


def test_the_rates_ahead_are_those_of_the_formula_and_of_the_scheduler_itself() -> None:
    cosine = made.CosineAnnealingLR(optimizer(), 50)
    expected = [(1 + math.cos(math.pi * i / 50)) / 2 for i in range(51)]
    assert ahead(cosine, 50) == pytest.approx(expected, abs=1e-12)
    real = optimizer()
    pieces: list[Any] = [made.LinearLR(real, 0.1, 1.0, 10), made.CosineAnnealingWarmRestarts(real, 15)]
    sequential = made.SequentialLR(real, pieces, [10])
    found, rates = ahead(sequential, 60), [real.param_groups[0]["lr"]]
    for _ in range(60):
        real.step()
        sequential.step()
        rates.append(real.param_groups[0]["lr"])
    assert found == pytest.approx(rates)


def test_looking_ahead_changes_nothing() -> None:
    real = optimizer()
    scheduler = made.OneCycleLR(real, 1.0, total_steps=30)
    before = (dict(scheduler.state_dict()), {k: v for k, v in real.param_groups[0].items() if k != "params"})
    assert len(ahead(scheduler, 99)) == 31  # torch lets it take one step more than it is of
    assert before == (dict(scheduler.state_dict()), {k: v for k, v in real.param_groups[0].items() if k != "params"})


def test_transformers_say_it_by_their_lambdas() -> None:
    given = pytest.importorskip("transformers.optimization")
    restarting = given.get_cosine_with_hard_restarts_schedule_with_warmup(optimizer(), 10, 100, num_cycles=3)
    assert told(restarting, 100)["cycle"] == 30
    linear = given.get_linear_schedule_with_warmup(optimizer(), 10, 100)
    assert told(linear, 100) == {"learning_rate": 0.0, "cycle": None, "drops": []}


def test_epochs_of_a_scheduler_are_steps_of_the_run() -> None:
    real = optimizer()
    scheduler = made.MultiStepLR(real, [3, 6])
    assert told(scheduler, 800, per=100)["drops"] == [300, 600]


@pytest.mark.parametrize("before", [True, False])
def test_steps_of_a_scheduler_are_seen_from_two_checks(before: bool) -> None:
    """A check of every epoch of 100 steps, before or after the step of the scheduler: drops after 300 and 600."""
    real = optimizer()
    scheduler = made.MultiStepLR(real, [3, 6])
    rates, seen = Rates(scheduler, 800), []
    for epoch in range(1, 4):
        real.step()
        if not before:
            scheduler.step()
        seen.append(rates.at(100 * epoch).get("drops"))
        if before:
            scheduler.step()
    assert seen == [None, [300, 600], [300, 600]]


def test_a_run_that_is_resumed_sees_what_is_left() -> None:
    real = optimizer()
    scheduler = made.CosineAnnealingWarmRestarts(real, 40)
    for _ in range(50):
        real.step()
        scheduler.step()
    assert told(scheduler, 200, step=50)["cycle"] == 40
    assert told(scheduler, 100, step=50)["cycle"] is None  # the one restart ahead says no length


def test_what_waits_for_a_metric_or_is_unknown_says_nothing() -> None:
    real = optimizer(0.25)
    assert told(made.ReduceLROnPlateau(real), 100) == {"learning_rate": 0.25}
    assert told(made.StepLR(real, 5), None) == {"learning_rate": 0.25}
    assert told(real, None) == {"learning_rate": 0.25}

    class Broken(made.LambdaLR):  # type: ignore[misc]
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError("no copies")

    assert told(Broken(real, lambda _: 1.0), 100) == {"learning_rate": 0.25}


def test_a_rate_that_cannot_be_read_costs_no_check(tmp_path: Path) -> None:
    real = optimizer()
    monitor = Monitor(history=tmp_path / "h.jsonl", metrics="rankme", scheduler=real)
    for step, rate in enumerate((0.5, float("nan"), None)):
        real.param_groups[0]["lr"] = rate
        monitor.add(np.eye(8))
        assert monitor.check(step).problem is None
    told = [record.get("schedule") for record in history.read(tmp_path / "h.jsonl")]
    assert told == [{"learning_rate": 0.5}, {"learning_rate": None}, None]


def test_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match=r"scheduler: expected a scheduler of torch.optim.lr_scheduler .* found int"):
        Rates(3)
