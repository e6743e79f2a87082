"""The hook of the monitor: compiled models, copies, gradients, and features whose rows are not those of the batch."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import labelfree
from labelfree.errors import UsageError
from labelfree.training import Check, Monitor

ROWS = torch.randn(240, 8, generator=torch.Generator().manual_seed(0))
N, BATCH = 240, 64


@pytest.fixture
def net() -> Any:
    torch.manual_seed(1)
    found = nn.Sequential()
    found.add_module("body", nn.Sequential(nn.Linear(8, 16), nn.ReLU()))
    found.add_module("classifier", nn.Linear(16, 4))
    return found


def evaluated(model: Any, rows: Any = ROWS) -> None:
    model.eval()
    with torch.no_grad():
        for batch in rows.split(BATCH):
            model(batch)


def n(check: Check) -> int:
    assert check.problem is None, check.problem
    assert check.report is not None
    return int(check.report["input"]["n"])


@pytest.mark.parametrize("watched", ["inside", "wrapper", "in two wrappers"])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_is_watched_wherever_it_ran_before(net: Any, watched: str, backend: str) -> None:
    compiled = torch.compile(net, backend=backend)
    evaluated(compiled)  # its code has no hooks
    given = {"inside": net, "wrapper": compiled, "in two wrappers": nn.DataParallel(compiled)}[watched]
    with Monitor(given, metrics="rankme") as monitor:
        for step in range(2):
            compiled.train()
            compiled(ROWS[:BATCH]).sum().backward()
            evaluated(compiled)
            found = monitor.check(step)
            assert n(found) == N
            with torch.no_grad():
                expected = labelfree.metrics.rankme(net.body(ROWS).numpy()).value
                monitor.reset()
            assert found.scalars["labelfree/rankme"] == pytest.approx(expected, rel=1e-5)


def test_a_model_that_is_compiled_in_place_is_watched(net: Any) -> None:
    net.compile(backend="eager")
    evaluated(net)
    with Monitor(net, metrics="rankme") as monitor:
        evaluated(net)
        assert n(monitor.check(0)) == N


def test_a_compiled_model_of_a_closed_monitor_is_left_alone(net: Any) -> None:
    compiled = torch.compile(net, backend="eager")
    with Monitor(net, metrics="rankme") as monitor:
        evaluated(compiled)
        assert n(monitor.check(0)) == N
    evaluated(compiled)  # the compiled code has the hooks still
    assert monitor.check(1).problem == "no features came: the monitor was closed"
    with Monitor(net, metrics="rankme") as again:
        evaluated(compiled)
        assert n(again.check(0)) == N


def test_one_compiled_in_a_single_graph_is_refused(net: Any) -> None:
    with pytest.raises(UsageError, match=r"found fullgraph=True, which cannot be watched; .*add\(features\)"):
        Monitor(torch.compile(net, backend="eager", fullgraph=True))
    with Monitor(net, metrics="rankme"), pytest.raises(RuntimeError, match="labelfree watches this model"):
        torch.compile(net, backend="eager", fullgraph=True)(ROWS)  # which no monitor can see


def test_copies_of_a_watched_model_are_not_watched(net: Any, tmp_path: Path) -> None:
    class Locked:
        def __init__(self) -> None:
            self.lock = threading.Lock()  # as a SummaryWriter has

        def log(self, scalars: dict[str, float], step: int) -> None:
            pass

    with Monitor(net, metrics="rankme", to=Locked()) as monitor:
        torch.save(net, tmp_path / "net.pt")
        copies = [torch.load(tmp_path / "net.pt", weights_only=False), copy.deepcopy(net), AveragedModel(net)]
        for one in copies:
            evaluated(one)
        assert "evaluate the watched model itself, no copy" in str(monitor.check(0).problem)
        evaluated(net)
        assert n(monitor.check(1)) == N
        for one in copies[:2]:
            assert torch.equal(one(ROWS), net(ROWS))


def test_a_model_that_trains_in_eval_mode_is_watched_without_gradients_alone(net: Any) -> None:
    net.eval()
    with Monitor(net, metrics="rankme") as monitor:
        for step in range(2):
            for batch in ROWS.split(BATCH):
                net(batch).sum().backward()
            with torch.inference_mode(step == 1), torch.no_grad():
                for batch in ROWS[:100].split(BATCH):
                    net(batch)
            assert n(monitor.check(step)) == 100
        net(ROWS)
        assert "with gradients, as where it trains; evaluate it under torch.no_grad()" in str(monitor.check(2).problem)


def test_a_frozen_body_of_a_model_that_trains_is_not_taken_for_an_evaluation() -> None:
    class Probe(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.out = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                features = self.body(x)
            return self.out(features)

    net = Probe().eval()
    with Monitor(net, layer="body", metrics="rankme") as monitor:
        net(ROWS).sum().backward()
        evaluated(net)
        assert n(monitor.check(0)) == N


def test_gradients_inside_of_an_evaluation_are_no_training() -> None:
    class Forces(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc = nn.Linear(8, 16), nn.Linear(16, 1)

        def forward(self, x: Any) -> Any:
            with torch.enable_grad():
                x = x.clone().requires_grad_()
                return torch.autograd.grad(self.fc(self.body(x).tanh()).sum(), x)[0]

    net = Forces()
    with Monitor(net, metrics="rankme") as monitor:
        evaluated(net)
        assert n(monitor.check(0)) == N


class Recurrent(nn.Module):  # type: ignore[misc]
    """An LSTM over (rows, tokens, 8), whose tokens come first unless it is told otherwise."""

    def __init__(self, *, rows_first: bool) -> None:
        super().__init__()
        self.rows_first = rows_first
        self.rnn, self.classifier = nn.LSTM(8, 16, batch_first=rows_first), nn.Linear(16, 4)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.rnn(x if self.rows_first else x.transpose(0, 1))[0])


def test_tokens_that_come_before_the_rows_are_refused() -> None:
    X = torch.randn(N, 7, 8)
    for rows_first in (True, False):
        net = Recurrent(rows_first=rows_first)
        with Monitor(net, metrics="rankme") as monitor:
            evaluated(net, X)
            found = monitor.check(0)
            if rows_first:
                assert n(found) == N
            else:
                assert "expected one output for each of 64 rows, found shape (7, 64, 16)" in str(found.problem)


class Pooling(nn.Module):  # type: ignore[misc]
    """A graph network: nodes in, one row for each graph out."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = nn.Linear(8, 16), nn.Linear(16, 2)

    def forward(self, batch: dict[str, Any]) -> Any:
        return self.fc(self.body(batch["x"]).unflatten(0, (-1, 4)).mean(dim=1))


def test_one_vector_a_row_needs_no_row_of_the_input() -> None:
    net = Pooling().eval()
    with Monitor(net, metrics="rankme") as monitor, torch.no_grad():
        net({"x": ROWS})
        assert n(monitor.check(0)) == N // 4


class Views(nn.Module):  # type: ignore[misc]
    """Two views of every row in one call."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classifier = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.body(x)), self.classifier(self.body(x + 0.1))


def test_a_module_that_runs_twice_in_a_call_is_told() -> None:
    net = Views()
    with Monitor(net, metrics="rankme") as monitor:
        evaluated(net)
        assert "expected to run once in each call of the model" in str(monitor.check(0).problem)
    outer = nn.ModuleDict({"net": nn.Linear(8, 4)}).eval()  # called without what is around it, as in Lightning
    with Monitor(outer, layer="net", metrics="rankme") as monitor:
        evaluated(outer["net"])
        assert n(monitor.check(0)) == N
    twice = Recurrent(rows_first=True)
    with Monitor(twice, metrics="rankme") as monitor, torch.no_grad():  # a part of the model before, left out by reset
        twice.eval()
        twice.classifier(torch.randn(9, 16))
        monitor.reset()
        evaluated(twice, ROWS[:, None])
        assert n(monitor.check(0)) == N


def test_what_is_paused_is_left_out(net: Any) -> None:
    with Monitor(net, metrics="rankme") as monitor:
        monitor.paused = True
        evaluated(net)
        assert "no features came: the monitor is paused" in str(monitor.check(0).problem)
        monitor.paused = False
        evaluated(net)
        assert n(monitor.check(1)) == N
        assert "add(features) was not called" in str(Monitor(metrics="rankme").check(0).problem)


def test_copies_that_dataparallel_runs_in_threads_are_told(net: Any) -> None:
    """What nn.DataParallel does on two devices, on one: replicas of the modules, called beside each other."""

    def replicated(module: Any) -> Any:
        replica = module._replicate_for_data_parallel()
        replica._parameters = dict(module._parameters)
        replica._modules = {name: replicated(inner) for name, inner in module._modules.items()}
        return replica

    model = net.eval()
    with Monitor(model, metrics="rankme") as monitor, torch.no_grad():
        for _ in range(2):
            replicated(model)(torch.ones(4, 8))
        problem = monitor.check(0).problem
    assert problem is not None
    assert "use DistributedDataParallel, or evaluate the module inside it" in problem
