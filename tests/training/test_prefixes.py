"""One rule for the loop and the shell: the monitor and the command agree on every prefix of many runs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree import history
from labelfree.cli.main import run as program
from labelfree.training import Check, Monitor
from program import Program
from reports import entry, report

pytestmark = pytest.mark.once

RNG = np.random.default_rng(20)


def _noisy(values: Any, by: float = 0.01) -> list[float]:
    return [float(v) for v in np.asarray(values) + RNG.normal(0, by, len(values))]


STEPS = np.arange(16)
RISING = [0.2 + 0.03 * i for i in range(16)]
PLATEAU = [0.3 + 0.3 * (1 - math.exp(-i / 2)) for i in range(16)]
UNDEFINED = entry(None)
HEALTHY = [8.0] * 16


def _run(
    values: Any, ranks: Any = HEALTHY, cosines: Any = None, about: Any = None, **more: Any
) -> list[dict[str, Any]]:
    """A report for every value, with its effective rank and mean cosine; about: the spread about the mean of each."""
    cosines = [0.1] * len(values) if cosines is None else cosines
    reports = [
        report({"separability": value}, rank=ranks[i], cosine=cosines[i], source=f"epoch_{i:02}.parquet", **more)
        for i, value in enumerate(values)
    ]
    for one, spread in zip(reports, about or (), strict=False):
        whole = {"centered_rank": 6.0, "sphericity": 0.4, "directions": 5, "cut": 0.5}
        one["metrics"]["effective_rank"]["parts"] = {"about_mean": {**whole, "spread": spread, "spread_share": spread}}
    return reports


FALLING = [8.0 * 0.7**i for i in range(16)]
CONE = [min(0.1 + 0.1 * i, 0.99) for i in range(16)]
SLOPE: dict[str, Any] = {"plateau": "separability"}
PATIENT: dict[str, Any] = {"plateau": "separability", "rule": "patience", "patience": 2, "warmup": 1}
RUNS: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str | None]] = {
    "a plateau": (_run(PLATEAU), SLOPE, "stop"),
    "a plateau with noise": (_run(_noisy(PLATEAU, 0.001)), {**SLOPE, "checks": 16}, "stop"),
    "rising": (_run(RISING), SLOPE, None),
    "rising with noise": (_run(_noisy(RISING, 0.02)), SLOPE, None),
    "falling": (_run(RISING[::-1]), SLOPE, "stop"),
    "constant": (_run([0.4] * 16), SLOPE, "stop"),
    "collapse": (_run(RISING, FALLING, CONE), SLOPE, "collapse"),
    "collapse by repetition": (_run(RISING, FALLING, duplicate=30), SLOPE, "collapse"),
    "an offset": (_run(RISING, FALLING, CONE, [1.0] * 16), SLOPE, None),
    "a point": (_run(RISING, HEALTHY, CONE, [0.5**i for i in range(16)]), {**SLOPE, "classes": 10}, "collapse"),
    "an old history that goes on": (_run(RISING, FALLING, CONE, [1.0] * 5), SLOPE, "collapse"),
    "rank alone": (_run(RISING, FALLING), SLOPE, None),
    "short": (_run(PLATEAU[:4]), SLOPE, None),
    "undefined at the end": (_run([*PLATEAU[:6], UNDEFINED, UNDEFINED]), SLOPE, None),
    "undefined in between": (_run([*PLATEAU[:5], UNDEFINED, *PLATEAU[5:]], [8.0] * 17), SLOPE, "stop"),
    "undefined throughout": (_run([UNDEFINED] * 6), SLOPE, None),
    "with standard errors": (_run([entry(v, 0.01) for v in PLATEAU]), SLOPE, "stop"),
    "patience": (_run(_noisy(PLATEAU)), PATIENT, "stop"),
    "patience, rising": (_run(RISING), PATIENT, None),
    "a threshold": (_run(RISING), {"plateau": "separability", "rule": "threshold", "stop_at": 0.5}, "stop"),
    "a short window": (_run(_noisy(PLATEAU)), {**SLOPE, "window": 4, "warmup": 0, "min_delta": 0.05}, "stop"),
    "a requirement that fails": (_run(PLATEAU), {**SLOPE, "require": "separability >= 0.55"}, "stop"),
    "two metrics": (
        [
            {**r, "metrics": {**r["metrics"], "separability_robust": entry(RISING[i])}}
            for i, r in enumerate(_run(PLATEAU))
        ],
        {"plateau": ["separability", "separability_robust"], "when": "any", "min_delta": 0.02},
        "stop",
    ),
}


def _arguments(options: dict[str, Any]) -> list[str]:
    found = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            found += [f"--{name.replace('_', '-')}", str(one)]
    return found


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """`labelfree` in this process: its exit code, and what it prints as JSON."""

    def run(*arguments: object) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["labelfree", *map(str, arguments)])
        code = program()
        return int(code), json.loads(capsys.readouterr().out)

    return run


def checks(path: Path, reports: list[dict[str, Any]], options: dict[str, Any]) -> list[Check]:
    monitor = Monitor(history=path, **options)
    return [monitor.judge(10 * i, one) for i, one in enumerate(reports)]


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Check]]:
    """The checks of the monitor in every run."""
    place = tmp_path_factory.mktemp("loop")
    return {name: checks(place / f"{name}.jsonl", *RUNS[name][:2]) for name in RUNS}


def test_there_are_runs_of_all_kinds(monitored: dict[str, list[Check]]) -> None:
    assert len(RUNS) == 23
    ended: dict[str | None, int] = {}
    for name, (_, _, expected) in RUNS.items():
        first = next((c for c in monitored[name] if c.stop), None)
        decision = None if first is None or first.verdict is None else first.verdict["decision"]
        assert decision == expected, name
        ended[decision] = ended.get(decision, 0) + 1
    assert min(ended.values()) >= 2
    assert len(ended) == 3


@pytest.mark.parametrize("name", RUNS)
def test_the_monitor_and_the_command_agree_on_every_prefix(
    tmp_path: Path, command: Callable[..., tuple[int, Any]], monitored: dict[str, list[Check]], name: str
) -> None:
    reports, options, _ = RUNS[name]
    shell = tmp_path / "shell.jsonl"
    assert len(monitored[name]) == len(reports)
    for i, check in enumerate(monitored[name]):
        history.append(shell, reports[i], step=10 * i)
        code, document = command("gate", "--history", shell, "--json", *_arguments(options))
        assert check.problem is None
        assert check.verdict == document["verdict"]
        assert check.stop == (code in (11, 12))
        assert code == document["verdict"]["exit_code"]


SAW = [0.4 + 0.02 * (i % 4) / 4 for i in range(28)]


@pytest.mark.parametrize(
    ("values", "drops", "decision"), [(SAW, [], "stop"), (PLATEAU, [75, 155], "continue"), (PLATEAU, [75], "stop")]
)
def test_the_schedule_of_the_monitor_is_in_the_history_of_the_command(
    tmp_path: Path, command: Callable[..., tuple[int, Any]], values: list[float], drops: list[int], decision: str
) -> None:
    """Restarts every 40 steps, or drops; the command reads of them in the history alone."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    made = torch.optim.lr_scheduler
    cyclic = values is SAW
    scheduler = made.CosineAnnealingWarmRestarts(optimizer, 40) if cyclic else made.MultiStepLR(optimizer, drops)
    path, options = tmp_path / "h.jsonl", {**SLOPE, "checks": len(values)}
    monitor = Monitor(history=path, scheduler=scheduler, steps=10 * len(values), **options)
    for i, one in enumerate(_run(values, [8.0] * len(values))):
        check = monitor.judge(10 * i, one, epoch=i / 4)
        code, document = command("gate", "--history", path, "--json", *_arguments(options))
        assert check.problem is None
        assert check.verdict == document["verdict"]
        assert code == document["verdict"]["exit_code"]
        assert history.read(path)[-1]["schedule"]["learning_rate"] == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-11
        )
        for _ in range(10):
            optimizer.step()
            scheduler.step()
    assert check.verdict is not None
    assert check.verdict["decision"] == decision
    (found,) = check.verdict["conditions"]
    assert history.read(path)[-1]["schedule"]["epoch"] == (len(values) - 1) / 4
    if cyclic:
        assert found["schedule"] == {"cycle": 40, "cycle_from": "scheduler", "next_drop": None}
    else:
        assert (found["reason"] == "plateau_before_drop") == (drops[-1] == 155)


@pytest.mark.parametrize("name", ["a plateau", "collapse", "undefined at the end"])
def test_the_program_itself_agrees(tmp_path: Path, labelfree: Program, name: str) -> None:
    reports, options, _ = RUNS[name]
    path = tmp_path / "loop.jsonl"
    *_, check = checks(path, reports, options)
    done = labelfree("gate", "--history", path, "--json", *_arguments(options))
    assert check.verdict == json.loads(done.stdout)["verdict"]
    assert check.verdict is not None
    assert done.returncode == check.verdict["exit_code"]
    assert done.returncode != 0


def test_a_run_that_is_resumed_anywhere_stops_where_it_would_have(
    tmp_path: Path, monitored: dict[str, list[Check]]
) -> None:
    reports, options, _ = RUNS["a plateau with noise"]
    whole = monitored["a plateau with noise"]
    stop = next(c.step for c in whole if c.stop)
    assert 60 < stop < 150
    for at in (0, 3, 5, 6, 8, 13):
        path = tmp_path / f"{at}.jsonl"
        monitor = Monitor(history=path, **options)
        for i in range(min(at + 3, len(reports))):  # it went on, and was killed
            monitor.judge(10 * i, reports[i])
        monitor = Monitor(history=path, resume=10 * at, **options)
        resumed = [monitor.judge(10 * i, reports[i]) for i in range(at + 1, len(reports))]
        assert [c.verdict for c in resumed] == [c.verdict for c in whole[at + 1 :]]
        if stop > 10 * at:
            assert next(c.step for c in resumed if c.stop) == stop
