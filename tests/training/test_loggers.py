"""Scalars through the functions of each logger; TensorBoard for real, the others where they are installed.

benchmarks/loggers.py logs to all of them and reads them back; its results are checked here.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from labelfree.training import logged
from repository import ROOT

SCALARS = {"labelfree/separability": 0.25, "labelfree/effective_rank": 3.5}


def benchmark() -> Any:
    place = ROOT / "benchmarks" / "loggers.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_loggers", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_what_is_logged_is_read_back(tmp_path: Path, name: str) -> None:
    pytest.importorskip(name)
    written, read = benchmark().LOGGERS[name](tmp_path)
    assert [step for step, _ in read] == [10, 20, 30]
    assert [value for _, value in read] == pytest.approx([value for _, value in written], rel=1e-6)
    assert len({value for _, value in read}) == 3


def test_the_results_say_that_every_logger_was_read_back() -> None:
    found = json.loads((ROOT / "benchmarks" / "results" / "loggers.json").read_text())
    assert set(found["loggers"]) == {"tensorboard", "wandb", "mlflow", "trackio"}
    page = (ROOT / "docs" / "training.md").read_text()
    for name, result in found["loggers"].items():
        assert result["same"], name
        assert [step for step, _ in result["read"]] == [10, 20, 30]
        assert result["version"] in page


class Recorder:
    """Keeps how it was called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []


class Writer(Recorder):
    def add_scalar(self, tag: str, value: float, global_step: int) -> None:
        self.calls.append((tag, value, global_step))


class Metrics(Recorder):
    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.calls.append((metrics, step))


class Run(Recorder):
    def log(self, data: dict[str, float], step: int) -> None:
        self.calls.append((data, step))


class Trainer(Recorder):
    callback_handler = None

    def log(self, logs: dict[str, float]) -> None:
        self.calls.append(logs)


def test_each_kind_is_called_as_it_wants_to_be() -> None:
    writer, metrics, run, trainer, called = Writer(), Metrics(), Run(), Trainer(), []
    everyone = [writer, metrics, None, run, trainer, lambda scalars, step: called.append((scalars, step))]
    assert logged(SCALARS, 7, everyone) == []
    assert writer.calls == [(name, value, 7) for name, value in SCALARS.items()]
    assert metrics.calls == run.calls == called == [(SCALARS, 7)]
    assert trainer.calls == [SCALARS]
    assert logged({}, 8, writer) == []
    assert len(writer.calls) == 2


def test_a_logger_gets_numbers_of_its_own() -> None:
    def spoil(scalars: dict[str, float], step: int) -> None:
        scalars.clear()

    run = Run()
    assert logged(SCALARS, 1, [spoil, run]) == []
    assert run.calls == [(SCALARS, 1)]


def test_one_that_throws_is_said_and_the_others_go_on() -> None:
    class Broken:
        def log(self, data: Any, step: int) -> None:
            raise OSError(28, "No space left on device")

    run = Run()
    (said,) = logged(SCALARS, 1, [Broken(), run])
    assert said == "the logger Broken failed (OSError: [Errno 28] No space left on device); training goes on without it"
    assert run.calls == [(SCALARS, 1)]
    (said,) = logged(SCALARS, 1, 5)
    assert "the logger int failed (TypeError: expected add_scalar, log_metrics, log" in said


def test_a_module_is_named_in_a_message() -> None:
    (said,) = logged(SCALARS, 1, sys)
    assert said.startswith("the logger sys failed (TypeError")
