"""The callback in real training runs of Lightning."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import training_runs as runs
from labelfree import gate, history
from labelfree.errors import HistoryError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Lightning


@pytest.fixture(scope="module")
def pl() -> Any:
    return pytest.importorskip("lightning.pytorch")


@pytest.fixture(scope="module")
def callback_class(pl: Any) -> Any:
    from labelfree.training.lightning import LabelfreeCallback

    return LabelfreeCallback


@pytest.fixture(scope="module")
def plateau(pl: Any, callback_class: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A run that a plateau ended: its place, trainer and callback."""
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    place = tmp_path_factory.mktemp("plateau")
    loggers = [CSVLogger(place, name="csv"), TensorBoardLogger(place, name="tensorboard")]
    callback = callback_class(history=place / "h.jsonl", **runs.OPTIONS)
    best = pl.callbacks.ModelCheckpoint(place, filename="best", monitor="labelfree/separability", mode="max")
    trainer = runs.fit(pl, [callback, best], place, logger=loggers)
    return place, trainer, callback


def test_a_plateau_ends_the_run(plateau: Any) -> None:
    place, trainer, callback = plateau
    assert trainer.should_stop
    assert 9 <= trainer.current_epoch < 40
    assert callback.last.verdict["decision"] == "stop"
    assert callback.last.step == trainer.global_step == 4 * trainer.current_epoch
    records = history.read(place / "h.jsonl")
    assert [r["step"] for r in records] == [4 * i for i in range(1, trainer.current_epoch + 1)]  # no sanity check
    assert {r["metrics"]["separability"]["n"] for r in records} == {160}
    lines, prefix, decisions = (place / "h.jsonl").read_text().splitlines(), place / "prefix.jsonl", []
    for i in range(len(lines)):
        prefix.write_text("\n".join(lines[: i + 1]))
        verdict = gate(history=prefix, **runs.OPTIONS)["verdict"]
        decisions.append(verdict["decision"])
    assert decisions == ["continue"] * (len(lines) - 1) + ["stop"]
    assert verdict == callback.last.verdict


def test_the_scalars_are_in_every_logger(plateau: Any) -> None:
    import csv

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place, trainer, callback = plateau
    expected: list[Any] = [
        (r["step"], pytest.approx(r["metrics"]["separability"]["value"], rel=1e-6))
        for r in history.read(place / "h.jsonl")
    ]
    with (place / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["step"]), float(row["labelfree/separability"])) for row in rows] == expected
    events = EventAccumulator(str(place / "tensorboard" / "version_0")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("labelfree/separability")] == expected
    assert trainer.checkpoint_callback.best_model_score == pytest.approx(
        max(value.expected for _, value in expected), rel=1e-6
    )
    assert set(callback.last.scalars) == {
        "labelfree/separability",
        "labelfree/effective_rank",
        "labelfree/mean_cosine",
    }


def test_a_collapse_ends_the_run(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", window=12)
    trainer = runs.fit(pl, [callback], tmp_path, collapses=True)
    assert callback.last.verdict["decision"] == "collapse"
    assert trainer.should_stop
    assert trainer.current_epoch < 40
    assert callback.last.verdict["guards"][0]["mean_cosine"] > 0.9


def test_a_killed_run_stops_where_it_would_have(plateau: Any, pl: Any, callback_class: Any, tmp_path: Path) -> None:
    _, whole, expected = plateau
    assert whole.current_epoch > 9
    program = [sys.executable, runs.__file__, str(tmp_path), "8"]
    killed = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [r["step"] for r in history.read(tmp_path / "h.jsonl")] == [4 * i for i in range(1, 9)]
    checkpoint = tmp_path / "epoch=5.ckpt"
    for lost in (False, True):  # the history beside the checkpoint, and a machine that has only the checkpoint
        path = tmp_path / ("other.jsonl" if lost else "h.jsonl")
        callback = callback_class(history=path, **runs.OPTIONS)
        resumed = runs.fit(pl, [callback], tmp_path, checkpoint=checkpoint)
        assert resumed.global_step == whole.global_step
        assert callback.last.verdict == {**expected.last.verdict, "conditions": callback.last.verdict["conditions"]}
        assert len(history.read(path)) == whole.current_epoch


def test_a_run_that_begins_over_another_is_refused_before_training(plateau: Any, pl: Any, callback_class: Any) -> None:
    place, _, _ = plateau
    before = (place / "h.jsonl").read_bytes()
    with pytest.raises(HistoryError, match="whose training begins"):
        runs.fit(pl, [callback_class(history=place / "h.jsonl")], place)
    assert (place / "h.jsonl").read_bytes() == before


def test_a_wrong_option_is_refused_when_the_callback_is_made(callback_class: Any) -> None:
    with pytest.raises(UsageError, match="did you mean 'separability'"):
        callback_class(metrics="separabilty")


def test_a_logger_that_throws_and_bad_rows_do_not_stop_training(
    pl: Any, callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(pl.loggers.CSVLogger):  # type: ignore[name-defined, misc]
        def log_metrics(self, metrics: Any, step: Any = None) -> None:
            raise ConnectionError("no network")

    class Spoil(pl.Callback):  # type: ignore[name-defined, misc]
        def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
            spoiled = [lambda _, x: (x[0] * float("nan"),)] if trainer.current_epoch == 2 else []
            hook = pl_module.net.classifier.register_forward_pre_hook
            self.handles = [hook(spoil, prepend=True) for spoil in spoiled]

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            for handle in self.handles:
                handle.remove()

    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", min_delta=0)
    trainer = runs.fit(
        pl,
        [callback, Spoil()],
        tmp_path,
        logger=Broken(tmp_path),
        limit_val_batches=1,
        num_sanity_val_steps=0,
        max_steps=20,
    )
    assert trainer.global_step == 20
    assert [r["step"] for r in history.read(tmp_path / "h.jsonl")] == [4, 8, 16, 20]
    assert caplog.text.count("the logger Broken failed") == 1
    assert "step 12: input of net.classifier: 64 of 64 rows hold NaN" in caplog.text


def test_a_torn_history_does_not_keep_a_checkpoint_from_being_written(callback_class: Any, tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    callback = callback_class(history=path)
    assert callback.state_dict() == {"records": []}
    path.write_text("torn {")
    assert callback.state_dict() == {"records": []}


def test_one_of_several_validation_sets(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", dataloader=1)
    runs.fit(pl, [callback], tmp_path, sets=2, max_steps=8)
    assert {r["metrics"]["separability"]["n"] for r in history.read(tmp_path / "h.jsonl")} == {160}


def test_the_callback_works_in_the_other_package_and_can_be_copied(callback_class: Any, tmp_path: Path) -> None:
    other = pytest.importorskip("pytorch_lightning")
    callback = pickle.loads(pickle.dumps(callback_class(history=tmp_path / "h.jsonl", **runs.OPTIONS)))
    trainer = runs.fit(other, [callback], tmp_path, max_steps=8)
    assert callback.last.step == 8
    assert not trainer.lightning_module.net.classifier._forward_pre_hooks
