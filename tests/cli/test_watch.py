"""watch: every file once, when it is whole; a stop ends it, and nothing else does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree as package
from labelfree import history
from labelfree.commands.arrivals import SETTLED
from labelfree.commands.watching import HISTORY, STOP, ScoredFile, Watch, measured_by, watch
from labelfree.errors import LabelfreeError, OutputError, SourceError, UsageError
from program import Program
from reports import entry, report, run_of

pytestmark = pytest.mark.once

R = "rankme"


class Time:
    """A clock that only sleeping moves, and what happens at the next look."""

    def __init__(self, place: Path, *looks: Any) -> None:
        self.now, self.place, self.looks = time.time() + 1000, place, list(looks)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.looks:
            self.looks.pop(0)()
        else:
            raise TimeoutError


def flat(path: Path, step: int, rows: Any = None) -> Path:
    file = path / f"step_{step:02}.npy"
    np.save(file, np.eye(8) if rows is None else rows)
    return file


def watched(place: Path, *looks: Any, **options: Any) -> tuple[Watch, Time]:
    clock = Time(place, *looks)
    rule = {"plateau": (R,), **options.pop("rule", {})}
    measure = options.pop("measure", measured_by([R], {}))
    models = options.pop("models", False)
    return Watch(
        place, measure, models, options.pop("run", "default"), rule, clock=clock.clock, wall=clock.clock,
        sleep=clock.sleep, **options,
    ), clock  # fmt: skip


def all_checks(checks: Iterator[ScoredFile]) -> list[ScoredFile]:
    """The checks until there is nothing more to look at."""
    found: list[ScoredFile] = []
    try:
        for check in checks:
            found.append(check)
    except TimeoutError:
        pass
    return found


def test_a_plateau_stops_and_says_so_in_a_file(tmp_path: Path) -> None:
    for step in range(12):
        flat(tmp_path, step)
    one, _ = watched(tmp_path)
    checks = list(one.checks())
    assert [c.step for c in checks] == list(range(9))  # the rule decides first at check 9; the rest is never scored
    assert [c.verdict["verdict"]["decision"] for c in checks if c.verdict] == ["continue"] * 8 + ["stop"]
    assert json.loads((tmp_path / STOP).read_text()) == checks[-1].verdict
    assert len(history.read(tmp_path / HISTORY)) == 9
    (again,) = watched(tmp_path)[0].checks()  # STOP is there: the same answer, and nothing is scored
    assert again.verdict == checks[-1].verdict
    (tmp_path / STOP).unlink()
    (again,) = watched(tmp_path)[0].checks()  # the history says it too
    assert again.verdict == checks[-1].verdict
    assert (tmp_path / STOP).exists()
    assert len(history.read(tmp_path / HISTORY)) == 9


def test_a_collapse_stops(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for step in range(4):
        flat(tmp_path, step, rng.normal(size=(200, 8)) if step < 3 else np.ones((200, 8)))
    *_, last = watched(tmp_path)[0].checks()
    assert last.verdict is not None
    assert (last.verdict["verdict"]["decision"], last.verdict["verdict"]["exit_code"]) == ("collapse", 12)


def test_a_file_is_scored_once_also_after_a_restart(tmp_path: Path) -> None:
    scored: list[str] = []

    def measure(path: Path) -> Any:
        scored.append(path.name)
        return report({R: 2.0 + len(scored)}, source=str(path))

    for step in (0, 1):
        flat(tmp_path, step)
    assert len(list(watched(tmp_path, measure=measure, idle=0)[0].checks())) == 2
    flat(tmp_path, 0, np.ones((3, 3)))  # a file is its path
    flat(tmp_path, 2)
    resumed, new = watched(tmp_path, measure=measure, idle=0)[0].checks()
    assert (resumed.report, new.step) == (None, 2)
    assert scored == ["step_00.npy", "step_01.npy", "step_02.npy"]


def test_a_file_counts_when_it_no_longer_changes(tmp_path: Path) -> None:
    whole = flat(tmp_path, 1).read_bytes()
    file = tmp_path / "step_01.npy"

    def grown(size: int) -> Any:
        def write() -> None:
            file.write_bytes(whole[:size])
            os.utime(file, (clock.now, clock.now))

        return write

    one, clock = watched(tmp_path, grown(140), grown(300), grown(len(whole)), lambda: None, idle=0)
    grown(50)()
    (check,) = one.checks()
    assert (check.step, check.problem) == (1, None)
    assert clock.now >= SETTLED


def test_a_writer_whose_clock_is_behind_is_waited_for(tmp_path: Path) -> None:
    """A file server's time is that of its files: seen to change, a file counts from then on."""
    whole = flat(tmp_path, 1).read_bytes()
    file = tmp_path / "step_01.npy"

    def grown(size: int) -> Any:
        def write() -> None:
            file.write_bytes(whole[:size])
            os.utime(file, (clock.now - 60, clock.now - 60))

        return write

    one, clock = watched(tmp_path, *map(grown, (200, 300, 400, len(whole))), *[lambda: None] * 5, idle=12.0)
    grown(140)()
    first, scored = one.checks()
    assert first.problem is not None
    assert (scored.step, scored.problem) == (1, None)


def test_a_file_that_changes_while_it_is_read_is_no_score(tmp_path: Path) -> None:
    file = flat(tmp_path, 1)
    plain, times = measured_by([R], {}), []

    def measure(path: Path) -> Any:
        times.append(path)
        report = plain(path)
        if len(times) == 1:
            np.save(file, np.random.default_rng(0).normal(size=(16, 8)))
        return report

    one, _ = watched(tmp_path, *[lambda: None] * 5, measure=measure, idle=0)
    first, second = one.checks()
    assert "changed while it was read" in str(first.problem)
    assert second.report.input.n == 16
    assert [r["metrics"][R]["n"] for r in history.read(tmp_path / "history.jsonl")] == [16]


def test_half_a_file_is_told_once_and_tried_again_when_it_changes(tmp_path: Path) -> None:
    file = flat(tmp_path, 1)
    whole = file.read_bytes()
    file.write_bytes(whole[:200])
    one, _ = watched(tmp_path, lambda: None, lambda: None, lambda: file.write_bytes(whole) and None, lambda: None)
    checks = all_checks(one.checks())
    assert [c.problem is None for c in checks] == [False, True]
    assert "step_01.npy" in str(checks[0].problem)


def test_files_that_vanish_are_forgotten(tmp_path: Path) -> None:
    flat(tmp_path, 0)
    flat(tmp_path, 1)

    def measure(path: Path) -> Any:
        if path.name == "step_00.npy":
            path.unlink()
            raise SourceError("gone")
        return report({R: 2.0}, source=str(path))

    assert [c.step for c in watched(tmp_path, measure=measure, idle=0)[0].checks()] == [1]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    for name in ("last.npy", ".step_1.npy", "_step_1.npy", "step_1.txt", "step_1.npy.tmp", "step_1.pt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "step_2").mkdir()
    (check,) = watched(tmp_path, idle=0)[0].checks()
    assert "last.npy: expected a step in its name" in str(check.problem)


def test_a_model_directory_is_one_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    (tmp_path / "checkpoint-5" / "config.json").write_text("{}")
    (tmp_path / "checkpoint-9").mkdir()
    (tmp_path / "epoch=1-step=7.ckpt").write_bytes(b"x")
    flat(tmp_path, 1)
    measure = lambda path: report({R: 2.0}, source=str(path))  # noqa: E731
    checks = list(watched(tmp_path, measure=measure, models=True, idle=0)[0].checks())
    assert [(c.step, c.path.name) for c in checks] == [(5, "checkpoint-5"), (7, "epoch=1-step=7.ckpt")]


def test_rows_of_another_set_are_told_and_do_not_end_it(tmp_path: Path) -> None:
    flat(tmp_path, 0)
    flat(tmp_path, 1, np.eye(9))
    flat(tmp_path, 2)
    checks = list(watched(tmp_path, idle=0)[0].checks())
    assert [c.step for c in checks if c.problem is None] == [0, 2]
    assert "n 8 and 9" in str(checks[1].problem) or "n 9 and 8" in str(checks[1].problem)


def test_a_gate_without_a_value_does_not_end_it(tmp_path: Path) -> None:
    def measure(path: Path) -> Any:
        return report({R: entry(None)}, source=str(path), rank=8.0)

    for step in range(3):
        flat(tmp_path, step)
    checks = list(watched(tmp_path, measure=measure, idle=0)[0].checks())
    assert [c.verdict["verdict"]["decision"] for c in checks if c.verdict] == ["fail"] * 3
    assert not (tmp_path / STOP).exists()


def test_idle_ends_it(tmp_path: Path) -> None:
    flat(tmp_path, 0)
    one, clock = watched(tmp_path, *[lambda: None] * 50, idle=30.0)
    began = clock.now
    assert [c.step for c in one.checks()] == [0]
    assert 30 <= clock.now - began <= 40


def test_one_watch_at_a_time(tmp_path: Path) -> None:
    first = watched(tmp_path, lambda: None)[0].checks()
    flat(tmp_path, 0)
    next(first)
    with pytest.raises(OutputError, match="another process is at work on it"):
        list(watched(tmp_path, idle=0)[0].checks())


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"window": 1}, "window: expected"),
        ({"rule": "slow"}, "rule: expected one of"),
        ({"patience": 2}, "patience: has no effect"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_is_waited_for(
    tmp_path: Path, rule: dict[str, Any], message: str
) -> None:
    flat(tmp_path, 0)
    with pytest.raises(UsageError, match=message):
        list(watched(tmp_path, rule=rule)[0].checks())
    assert not (tmp_path / HISTORY).exists()


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a directory to watch"):
        watch(tmp_path / "no", metric=R, idle=0)
    (tmp_path / STOP).write_text("please\n")
    with pytest.raises(UsageError, match="STOP: is there, and holds no verdict of labelfree; remove it"):
        watch(tmp_path, metric=R, idle=0)
    with pytest.raises(UsageError, match="no metric 'rankmee'"):
        watch(tmp_path, metric="rankmee", idle=0)
    with pytest.raises(UsageError, match="expected the name of a metric"):
        watch(tmp_path, metric=(), idle=0)


def test_several_metrics_are_measured_by_one_command(tmp_path: Path) -> None:
    flat(tmp_path, 0, np.random.default_rng(0).normal(size=(50, 4)))
    assert watch(tmp_path, metric=(R, "separability"), idle=0) is not None
    (record,) = history.read(tmp_path / HISTORY)
    assert record["command"] == "evaluate"
    assert set(record["metrics"]) == {R, "separability", "effective_rank", "mean_cosine"}


def test_the_command(labelfree: Program, tmp_path: Path) -> None:
    for step in range(9):
        flat(tmp_path, step)
    done = labelfree("watch", tmp_path, "--metric", R, "--idle", "0")
    assert done.returncode == 11, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "step 0  step_00.npy  rankme 8  no verdict  continue"
    assert lines[9].startswith("STOP: rankme ")
    assert lines[10].startswith("gate stop (plateau), exit code 11; ")
    done = labelfree("watch", tmp_path, "--metric", R, "--idle", "0", "--json")
    assert done.returncode == 11
    assert json.loads(done.stdout) == json.loads((tmp_path / STOP).read_text())
    empty = tmp_path / "empty"
    empty.mkdir()
    done = labelfree("watch", empty, "--metric", R, "--idle", "0")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"labelfree: {empty}: nothing was scored\n"
    assert labelfree("watch", empty, "--metric", R, "--idle", "0", "--json").stdout == "null\n"
    done = labelfree("watch", empty, "--metric", "rankmee")
    assert (done.returncode, done.stdout) == (2, "")
    assert labelfree("watch", empty).returncode == 2


def test_beside_a_writer_that_is_slow_and_a_watch_that_is_killed(tmp_path: Path) -> None:
    """A real process writes half files, whole files, and removes some; the watch is killed and begun again."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8))
    command = [sys.executable, "-m", "labelfree", "watch", str(tmp_path), "--metric", R]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def write() -> None:
        for step in range(12):
            file = tmp_path / f"step_{step:02}.npy"
            with file.open("wb") as stream:
                np.save(tmp_path / "whole.part", rows)  # numpy adds .npy: no step in its name
                content = (tmp_path / "whole.part.npy").read_bytes()
                stream.write(content[: len(content) // 2])
                stream.flush()
                time.sleep(0.3)
                stream.write(content[len(content) // 2 :])
            if step == 4:
                file.unlink()

    writer = threading.Thread(target=write)
    writer.start()
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert first.stdout is not None
    first.stdout.readline()  # one file is scored
    first.send_signal(signal.SIGKILL)
    first.communicate()
    scored = {record["step"] for record in history.read(tmp_path / HISTORY)}
    again = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=environment)
    writer.join()
    assert again.returncode == 11, again.stderr
    steps = [record["step"] for record in history.read(tmp_path / HISTORY)]
    assert len(steps) == len(set(steps)) == 9  # the plateau rule decides at its ninth check
    assert scored < set(steps)
    assert not any(f"step {step} " in again.stdout for step in scored)


def test_python_says_what_the_command_says(tmp_path: Path) -> None:
    for step in range(9):
        flat(tmp_path, step)
    found = package.watch(tmp_path, metric=R, idle=0)
    assert found is not None
    assert found["verdict"]["decision"] == "stop"
    shutil.rmtree(tmp_path)
    with pytest.raises(LabelfreeError):
        package.watch(tmp_path, metric=R, idle=0)


def old(path: Path) -> Path:
    """The file as one that was written a while ago, so that no watch waits for it."""
    os.utime(path, (time.time() - 60,) * 2)
    return path


@pytest.fixture
def run_place(tmp_path: Path) -> Path:
    """A directory of checkpoints, and beside it rows and a module with the factory of their network."""
    import torch

    (tmp_path / "net.py").write_text("from torch import nn\ndef make():\n    return nn.Sequential(nn.Linear(8, 6))\n")
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32))
    (tmp_path / "ck").mkdir()
    for step in range(2):
        torch.save(torch.nn.Sequential(torch.nn.Linear(8, 6)).state_dict(), tmp_path / "ck" / f"epoch_{step}.pt")
        old(tmp_path / "ck" / f"epoch_{step}.pt")
    return tmp_path / "ck"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("--data no.npy --model net:make", "no.npy: no such file"),
        ("--data net.py --model net:make", "net.py: expected Parquet"),
        ("--data rows.npy --model net:mke", "--model net:mke: net has no 'mke'; did you mean make?"),
        ("--data rows.npy --model nett:make", "--model nett:make: cannot import nett"),
        ("--model net:make", "--model: has no effect without --data"),
        ("--layer 0", "--layer: has no effect without --data"),
        ("--pool mean", "--pool: has no effect without --data"),
        ("--trust-code", "--trust-code: has no effect without --data"),
        ("--batch-size 3", "--batch-size: has no effect without --data"),
        ("--device tpu", "--device: expected cpu, cuda or auto, found 'tpu'"),
        ("--plateau mean_cosine", "--plateau: mean_cosine has no direction"),
        ("--plateau rnk", "--plateau: no metric 'rnk'"),
        ("--metric weight_norm", "--metric: weight_norm is no metric of rows"),
        ("--metric cka --plateau rankme", "--metric: cka compares two files of the same rows"),
        ("--metric energy_ratio --plateau rankme", "--metric: energy_ratio needs a reference"),
    ],
)
def test_what_no_file_could_be_scored_with_is_refused_at_once(
    labelfree: Program, run_place: Path, asked: str, message: str
) -> None:
    done = labelfree("watch", run_place, "--metric", R, *asked.split())  # without --idle 0: it does not wait either
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"labelfree: {message}")
    assert not (run_place / HISTORY).exists()


def test_a_plateau_metric_is_measured_too(labelfree: Program, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4))
    for step in range(9):
        old(flat(tmp_path, step, rows))
    done = labelfree("watch", tmp_path, "--metric", R, "--plateau", "separability", "--idle", "0")
    assert done.returncode == 11, done.stderr
    assert re.match(r"step 0  step_00.npy  rankme \S+, separability \S+  healthy  continue\n", done.stdout)


def test_where_no_file_could_be_scored_it_is_2(labelfree: Program, tmp_path: Path) -> None:
    for step in range(2):
        (tmp_path / f"step_{step}.npy").write_bytes(b"x")
        old(tmp_path / f"step_{step}.npy")
    for asked in (
        ("--idle", "0", "--json"),
        (
            "--idle",
            "0",
        ),
        ("--idle", "0"),
    ):
        done = labelfree("watch", tmp_path, "--metric", R, *asked)
        assert (done.returncode, done.stdout) == (2, "")
        *each, last = done.stderr.splitlines()
        assert [f"step_{step}.npy: expected a complete .npy file" in said for step, said in enumerate(each)] == [
            True
        ] * 2
        assert last.startswith(f"labelfree: {tmp_path}: expected a file that can be scored, found none (")
    with pytest.raises(SourceError, match="found none"):
        watch(tmp_path, metric=R, idle=0)
    old(flat(tmp_path, 3))
    assert labelfree("watch", tmp_path, "--metric", R, "--idle", "0").returncode == 0


def test_a_stop_that_is_there_is_said(labelfree: Program, tmp_path: Path) -> None:
    for step in range(9):
        old(flat(tmp_path, step))
    asked = ("watch", tmp_path, "--metric", R, "--idle", "0", "--json")
    first = labelfree(*asked)
    assert (first.returncode, first.stderr) == (11, "")
    again = labelfree(*asked)
    assert (again.returncode, again.stdout) == (11, first.stdout)
    assert again.stderr == f"labelfree: {tmp_path / STOP} is there: remove it to go on\n"


def test_another_metric_over_scored_files_asks_for_another_run(labelfree: Program, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4))
    for step in range(2):
        old(flat(tmp_path, step, rows))
    assert labelfree("watch", tmp_path, "--metric", R, "--idle", "0").returncode == 0
    before = (tmp_path / HISTORY).read_bytes()
    for asked in (("separability",), (R, "--metric", "nesum"), (R, "--plateau", "rankme_centered")):
        done = labelfree("watch", tmp_path, "--metric", *asked, "--idle", "0")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"step_00.npy: expected its {asked[-1]} in run 'default'" in done.stderr
        assert done.stderr.endswith("name another run with --run\n")
    done = labelfree("watch", tmp_path, "--metric", R, "--idle", "0")
    assert (done.returncode, (tmp_path / HISTORY).read_bytes()) == (0, before)  # the same metric: nothing again
    done = labelfree("watch", tmp_path, "--metric", "separability", "--idle", "0", "--run", "second")
    assert done.returncode == 0, done.stderr
    assert [r["run"] for r in history.read(tmp_path / HISTORY)] == ["default"] * 2 + ["second"] * 2


def network() -> Any:
    """What the weights of the checkpoints below belong to."""
    from torch import nn

    return nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))


def test_checkpoints_are_run_over_the_data(tmp_path: Path) -> None:
    import torch

    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    run = tmp_path / "run"
    run.mkdir()
    for step in (10, 20):
        torch.manual_seed(step)
        torch.save({"state_dict": network().state_dict()}, run / f"epoch=0-step={step}.ckpt")
    options = {"model": network, "sample": 50}
    found = watch(run, metric=R, data=tmp_path / "rows.npy", measuring=options, idle=0)
    assert found is not None
    records = history.read(run / HISTORY)
    assert [(r["step"], r["metrics"][R]["n"], r["metrics"][R]["d"]) for r in records] == [(10, 60, 6), (20, 60, 6)]
    torch.manual_seed(20)
    features = np.tanh(rows @ (linear := network()[0]).weight.detach().numpy().T + linear.bias.detach().numpy())
    assert records[1]["metrics"][R]["value"] == pytest.approx(package.metrics.rankme(features).value, rel=1e-5)


def test_the_history_may_hold_other_runs(tmp_path: Path) -> None:
    run_of(tmp_path / HISTORY, [0.5] * 3, run="other")
    flat(tmp_path, 0)
    (check,) = watched(tmp_path, idle=0)[0].checks()
    assert check.verdict is not None
    assert check.verdict["inputs"][0]["checks"] == 1
