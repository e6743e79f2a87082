"""The callback in real training runs of Lightning."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

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
    epochs = range(1, trainer.current_epoch + 1)
    assert [r["schedule"] for r in records] == [{"epoch": float(i), "learning_rate": 0.02} for i in epochs]
    lines, prefix, decisions = (place / "h.jsonl").read_text().splitlines(), place / "prefix.jsonl", []
    for i in range(len(lines)):
        prefix.write_text("\n".join(lines[: i + 1]))
        verdict = gate(history=prefix, checks=40, **runs.OPTIONS)["verdict"]  # as many as the trainer plans
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


def test_drops_to_come_are_read_from_the_scheduler(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    """Milestones at epochs 5 and 14 of 40, with 4 steps in each: a plateau waits for the second."""

    class Dropping(runs.module(pl).__class__):  # type: ignore[name-defined, misc]
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            return [optimizer], [torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 14])]

    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", min_delta=2.0, checks=40)
    runs.fit(pl, [callback], tmp_path, model=Dropping())
    assert history.read(tmp_path / "h.jsonl")[0]["schedule"]["drops"] == [20, 56]
    assert callback.last.step == 60
    assert (callback.last.verdict["decision"], callback.last.verdict["reason"]) == ("stop", "plateau")


def test_a_collapse_ends_the_run(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", window=12)
    trainer = runs.fit(pl, [callback], tmp_path, collapses=True)
    assert callback.last.verdict["decision"] == "collapse"
    assert trainer.should_stop
    assert trainer.current_epoch < 40
    assert callback.last.verdict["guards"][0]["mean_cosine"] > 0.9


@pytest.mark.once
@pytest.mark.slow
def test_a_killed_run_stops_where_it_would_have(plateau: Any, pl: Any, callback_class: Any, tmp_path: Path) -> None:
    _, whole, expected = plateau
    assert whole.current_epoch > 8
    program = [sys.executable, runs.__file__, str(tmp_path), "7"]
    killed = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [r["step"] for r in history.read(tmp_path / "h.jsonl")] == [4 * i for i in range(1, 8)]
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


def spoiling(pl: Any, epochs: set[int]) -> Any:
    """A callback that spoils the features of the validation in these epochs."""

    class Spoil(pl.Callback):  # type: ignore[name-defined, misc]
        def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
            def spoiled(_: Any, x: Any) -> Any:
                return (x[0] * float("nan"),) if trainer.current_epoch in epochs else None

            self.handle = pl_module.net.classifier.register_forward_pre_hook(spoiled, prepend=True)

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            self.handle.remove()

    return Spoil()


def test_a_logger_that_throws_and_bad_rows_do_not_stop_training(
    pl: Any, callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(pl.loggers.CSVLogger):  # type: ignore[name-defined, misc]
        def log_metrics(self, metrics: Any, step: Any = None) -> None:
            raise ConnectionError("no network")

    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", min_delta=0)
    trainer = runs.fit(
        pl,
        [callback, spoiling(pl, {2})],
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


@pytest.mark.parametrize("epochs", [{0}, {2, 3}, set(range(9))])
def test_a_check_without_a_value_ends_no_run_and_is_never_best(
    pl: Any, callback_class: Any, tmp_path: Path, epochs: set[int]
) -> None:
    seen: list[float] = []

    class Spy(pl.Callback):  # type: ignore[name-defined, misc]
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if not trainer.sanity_checking:
                seen.append(float(trainer.callback_metrics["labelfree/separability"]))

    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", min_delta=0)
    best = pl.callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", monitor="labelfree/separability", mode="max")
    early = pl.callbacks.EarlyStopping("labelfree/separability", mode="max", patience=99, check_finite=False)
    trainer = runs.fit(pl, [callback, spoiling(pl, epochs), Spy(), best, early], tmp_path, max_steps=16)
    assert trainer.global_step == 16
    assert [np.isnan(value) for value in seen] == [epoch in epochs for epoch in range(4)]  # and none of an epoch before
    steps = [r["step"] for r in history.read(tmp_path / "h.jsonl")] if len(epochs) < 9 else []
    assert steps == [4 * (epoch + 1) for epoch in range(4) if epoch not in epochs]
    if steps:
        assert best.best_model_score == pytest.approx(np.nanmax(seen))
        assert Path(best.best_model_path).name == f"epoch={int(np.nanargmax(seen))}.ckpt"


def test_fast_dev_run_records_nothing(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", rows=160, **runs.OPTIONS)
    runs.fit(pl, [callback], tmp_path, fast_dev_run=True)
    assert callback.last.problem is None
    assert callback.last.verdict is None
    assert callback.last.report["input"]["n"] == 64
    assert "labelfree/separability" in callback.last.scalars
    assert not (tmp_path / "h.jsonl").exists()
    runs.fit(pl, [callback], tmp_path, max_steps=8)
    assert [r["step"] for r in history.read(tmp_path / "h.jsonl")] == [4, 8]
    with pytest.raises(UsageError, match="no module 'nowhere'"):
        runs.fit(pl, [callback_class(layer="nowhere")], tmp_path, fast_dev_run=True)


def test_two_callbacks_in_one_trainer(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    head = callback_class(history=path, run="head", prefix="head", metrics="rankme")
    body = callback_class(history=path, run="body", prefix="body", metrics="rankme", layer="net.body.0", dataloader=1)
    saved = pl.callbacks.ModelCheckpoint(tmp_path, filename="last", monitor="body/rankme")
    trainer = runs.fit(pl, [head, body, saved], tmp_path, sets=2, max_steps=8)
    for name, callback in (("head", head), ("body", body)):
        records = history.read(path, run=name)
        assert [r["step"] for r in records] == [4, 8]
        value = callback.last.scalars[f"{name}/rankme"]
        assert records[-1]["metrics"]["rankme"]["value"] == pytest.approx(value)
        assert float(trainer.callback_metrics[f"{name}/rankme"]) == pytest.approx(value, rel=1e-6)
    assert head.last.scalars["head/rankme"] != body.last.scalars["body/rankme"]
    path.unlink()
    again = [callback_class(history=path, run=name, prefix=name, metrics="rankme") for name in ("body", "head")]
    runs.fit(pl, again, tmp_path, sets=2, max_steps=12, checkpoint=Path(saved.best_model_path))
    assert [(r["run"], r["step"]) for r in history.read(path)][::3] == [("body", 4), ("head", 4)]


def test_a_validation_set_that_does_not_exist_is_refused_before_training(
    pl: Any, callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UsageError, match="dataloader: expected the number of a validation set, 0 to 1, found 7"):
        runs.fit(pl, [callback_class(history=tmp_path / "h.jsonl", dataloader=7)], tmp_path, sets=2, max_steps=4)
    late: dict[str, Any] = {
        "num_sanity_val_steps": 0,
        "check_val_every_n_epoch": 2,
    }  # the sets are made after training has begun
    trainer = runs.fit(pl, [callback_class(metrics="rankme", dataloader=-1)], tmp_path, max_steps=8, **late)
    assert trainer.global_step == 8
    assert "dataloader: expected the number of a validation set, 0 to 0, found -1" in caplog.text


def test_a_run_without_validation_is_told(
    pl: Any, callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callback = callback_class(metrics="rankme")
    runs.fit(pl, [callback], tmp_path, max_steps=4, limit_val_batches=0)
    assert callback.last is None
    assert caplog.text.count("nothing was checked: the trainer ran no validation") == 1


def test_a_compiled_module(pl: Any, callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", metrics="rankme")
    compiled = torch.compile(runs.module(pl), backend="eager")  # the sanity check compiles its validation
    runs.fit(pl, [callback], tmp_path, model=compiled, max_steps=8)
    assert {r["metrics"]["rankme"]["n"] for r in history.read(tmp_path / "h.jsonl")} == {160}
