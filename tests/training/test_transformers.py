"""The callback in real training runs of the Trainer of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import training_runs as runs
from labelfree import gate, history
from labelfree.errors import HistoryError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore")  # those of transformers


@pytest.fixture(scope="module")
def callback_class() -> Any:
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from labelfree.training.transformers import LabelfreeCallback

    return LabelfreeCallback


def trained(
    place: Path,
    callback: Any,
    model: Any = None,
    *,
    resume: Any = None,
    to_trainer: bool = False,
    beside: Any = (),
    **arguments: Any,
) -> Any:
    """The trainer after the run."""
    from transformers import Trainer, TrainingArguments, set_seed

    set_seed(0)
    sets = [{"x": x, "labels": label} for x, label in runs.data()]
    given = {
        "max_steps": 160, "eval_strategy": "steps", "eval_steps": 4, "save_strategy": "no", "report_to": "none",
        "per_device_train_batch_size": 40, "per_device_eval_batch_size": 48, "learning_rate": 0.02, "use_cpu": True,
        "disable_tqdm": True, "lr_scheduler_type": "constant", "logging_steps": 1000,
    }  # fmt: skip
    data, evaluated = arguments.pop("data", sets), arguments.pop("evaluated", sets)
    asked = TrainingArguments(str(place / "out"), **{**given, **arguments})
    model = runs.Net() if model is None else model
    trainer = Trainer(model, asked, train_dataset=data, eval_dataset=evaluated, callbacks=[callback, *beside])
    if to_trainer:
        callback.to = trainer
    trainer.train(resume_from_checkpoint=resume)
    return trainer


@pytest.fixture(scope="module")
def plateau(callback_class: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A run that a plateau ended, with its checkpoints: its place, trainer and callback."""
    place = tmp_path_factory.mktemp("plateau")
    callback = callback_class(history=place / "h.jsonl", **runs.OPTIONS)
    trainer = trained(
        place, callback, to_trainer=True, save_strategy="steps", save_steps=16, report_to=["tensorboard"],
        metric_for_best_model="labelfree/separability", greater_is_better=True,
    )  # fmt: skip
    return place, trainer, callback


def test_a_plateau_ends_the_run(plateau: Any) -> None:
    place, trainer, callback = plateau
    stopped = trainer.state.global_step
    assert 36 <= stopped < 160
    assert callback.last.verdict["decision"] == "stop"
    assert callback.last.step == stopped
    records = history.read(place / "h.jsonl")
    assert [r["step"] for r in records] == list(range(4, stopped + 1, 4))
    assert {r["metrics"]["separability"]["n"] for r in records} == {160}
    expected: dict[str, Any] = {"learning_rate": 0.02, "cycle": None, "drops": []}
    assert [r["schedule"] for r in records] == [{**expected, "epoch": r["step"] / 4} for r in records]
    assert gate(history=place / "h.jsonl", checks=40, **runs.OPTIONS)["verdict"] == callback.last.verdict
    assert not trainer.model.classifier._forward_pre_hooks


def test_the_scalars_go_where_the_logs_of_the_trainer_go(plateau: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place, trainer, _ = plateau
    expected: list[Any] = [
        (r["step"], pytest.approx(r["metrics"]["separability"]["value"], rel=1e-6))
        for r in history.read(place / "h.jsonl")
    ]
    logs = [e for e in trainer.state.log_history if "labelfree/separability" in e]
    assert [(e["step"], e["labelfree/separability"]) for e in logs] == expected
    (events,) = {file.parent for file in place.rglob("*tfevents*")}
    found = EventAccumulator(str(events)).Reload()
    (tag,) = [tag for tag in found.Tags()["scalars"] if tag.endswith("labelfree/separability") and "eval" not in tag]
    assert [(e.step, e.value) for e in found.Scalars(tag)] == expected
    best = max(entry["labelfree/separability"] for entry in logs)
    assert trainer.state.best_metric == pytest.approx(best, rel=1e-6)


def test_a_run_resumed_in_the_middle_stops_where_it_would_have(
    plateau: Any, callback_class: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place, whole, expected = plateau
    stopped = whole.state.global_step
    records = history.read(place / "h.jsonl")
    callback = callback_class(history=place / "h.jsonl", **runs.OPTIONS)
    resumed = trained(place, callback, resume=str(place / "out" / "checkpoint-16"))
    assert f"{(stopped - 16) // 4} records of later steps forgotten" in caplog.text
    assert resumed.state.global_step == stopped
    for name in ("decision", "reason", "best"):
        assert callback.last.verdict[name] == expected.last.verdict[name]
    again = history.read(place / "h.jsonl")
    assert [r["step"] for r in again] == [r["step"] for r in records]
    logs = [e["step"] for e in resumed.state.log_history if "labelfree/separability" in e]
    assert logs == [r["step"] for r in records]  # those of the checkpoint, and without a logger in the state


def test_a_collapse_ends_the_run(callback_class: Any, tmp_path: Path) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", window=12)
    trainer = trained(tmp_path, callback, runs.Net(collapses=True), learning_rate=0.05)
    assert callback.last.verdict["decision"] == "collapse"
    assert trainer.state.global_step < 160


def test_a_model_of_transformers_and_one_of_several_sets(callback_class: Any, tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3,
        max_position_embeddings=12,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    ids = torch.randint(1, 40, (50, 8))
    masks = torch.arange(8) < 3 + torch.arange(50)[:, None] % 6
    rows = [{"input_ids": ids[i], "attention_mask": masks[i].long(), "labels": i % 3} for i in range(50)]
    for name, options in {"head": {}, "layer": {"layer": "bert.encoder"}}.items():
        path = tmp_path / f"{name}.jsonl"
        callback = callback_class(history=path, dataset="second", metrics="rankme", **options)
        trained(
            tmp_path, callback, model, max_steps=2, eval_steps=1, data=rows,
            evaluated={"first": rows[:20], "second": rows[20:]},
        )  # fmt: skip
        assert [r["step"] for r in history.read(path)] == [1, 2]
        assert {r["metrics"]["rankme"]["n"] for r in history.read(path)} == {30}
    with torch.no_grad():
        model.eval()
        batch = {name: torch.stack([row[name] for row in rows[20:]]) for name in ("input_ids", "attention_mask")}
        hidden = model.bert(**batch).last_hidden_state.numpy()
    mask = batch["attention_mask"].numpy()[..., None]
    from labelfree.metrics import rankme

    pooled = rankme((hidden * mask).sum(axis=1) / mask.sum(axis=1)).value
    assert history.read(path)[-1]["metrics"]["rankme"]["value"] == pytest.approx(pooled, rel=1e-5)


def spoiled(callback_class: Any, steps: set[int]) -> Any:
    """A callback of transformers that spoils the features of the evaluations at these steps."""
    from transformers import TrainerCallback

    class Spoil(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            def spoil(_: Any, x: Any) -> Any:
                return (x[0] * float("nan"),) if state.global_step in steps and not model.training else None

            if state.global_step == 1:
                model.classifier.register_forward_pre_hook(spoil, prepend=True)

    return Spoil()


@pytest.mark.parametrize("steps", [{4}, {8, 12}, {4, 8, 12, 16}])
def test_a_check_without_a_value_ends_no_run_and_is_never_best(
    callback_class: Any, tmp_path: Path, steps: set[int]
) -> None:
    from transformers import EarlyStoppingCallback

    callback = callback_class(history=tmp_path / "h.jsonl", plateau="separability", min_delta=0)
    trainer = trained(
        tmp_path, callback, beside=[spoiled(callback_class, steps), EarlyStoppingCallback(9)], max_steps=16,
        save_strategy="steps", save_steps=4, metric_for_best_model="labelfree/separability", greater_is_better=True,
        load_best_model_at_end=True,
    )  # fmt: skip
    assert trainer.state.global_step == 16
    values = {
        e["step"]: e["labelfree/separability"] for e in trainer.state.log_history if "labelfree/separability" in e
    }
    assert set(values) == {4, 8, 12, 16} - steps  # no NaN is logged
    if values:
        assert trainer.state.best_metric == max(values.values())
        assert trainer.state.best_global_step == max(values, key=values.__getitem__)


SETS = ("a", "a_b", "c")


def several(place: Path, callback: Any, **arguments: Any) -> Any:
    """A run with three evaluation sets of 160, 80 and 40 rows."""
    rows = [{"x": x, "labels": label} for x, label in runs.data()]
    evaluated = {name: rows[: 160 // 2**i] for i, name in enumerate(SETS)}
    return trained(place, callback, max_steps=8, evaluated=evaluated, **arguments)


@pytest.mark.parametrize(("dataset", "n"), [(None, 160), ("a", 160), ("a_b", 80), ("c", 40)])
def test_one_of_several_sets_by_its_whole_name(
    callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, dataset: str | None, n: int
) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", dataset=dataset, metrics="rankme")
    trainer = several(
        tmp_path, callback, save_strategy="steps", save_steps=4, metric_for_best_model="labelfree/rankme",
        greater_is_better=True,
    )  # fmt: skip
    records = history.read(tmp_path / "h.jsonl")
    assert [(r["step"], r["metrics"]["rankme"]["n"]) for r in records] == [(4, n), (8, n)]
    assert trainer.state.best_metric == pytest.approx(max(r["metrics"]["rankme"]["value"] for r in records))
    told = [r.getMessage() for r in caplog.records if r.name == "labelfree"]
    assert told[1:] == []
    assert [m.split("; ")[-1] for m in told] == (["name one: dataset="] if dataset is None else [])


def test_a_set_that_does_not_exist_is_told_and_ends_nothing(
    callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callback = callback_class(history=tmp_path / "h.jsonl", dataset="b", metrics="rankme")
    trainer = several(tmp_path, callback)
    assert trainer.state.global_step == 8
    assert callback.last is None
    assert caplog.text.count("dataset: expected the name of an evaluation set, one of a, a_b, c, found 'b'") == 1
    with pytest.raises(UsageError, match="one of a, a_b, c, found 'b'"):  # where the names are known before training
        several(tmp_path, callback, to_trainer=True)


def test_early_stopping_sees_the_measured_set_alone(callback_class: Any, tmp_path: Path) -> None:
    from transformers import EarlyStoppingCallback

    stopping = EarlyStoppingCallback(2)
    callback = callback_class(history=tmp_path / "h.jsonl", dataset="c", metrics="rankme")
    several(
        tmp_path, callback, beside=[stopping], save_strategy="steps", save_steps=4, greater_is_better=True,
        metric_for_best_model="labelfree/rankme", load_best_model_at_end=True,
    )  # fmt: skip
    first, second = (r["metrics"]["rankme"]["value"] for r in history.read(tmp_path / "h.jsonl"))
    assert stopping.early_stopping_patience_counter == (second <= first)


def test_a_run_without_evaluation_is_told(
    callback_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(tmp_path, callback_class(metrics="rankme"), max_steps=2, eval_strategy="no")
    assert caplog.text.count("nothing was checked: the Trainer ran no evaluation") == 1


def test_something_that_is_no_logger_is_refused(callback_class: Any) -> None:
    with pytest.raises(UsageError, match=r"to: expected a logger .*, found int"):
        callback_class(metrics="rankme", to=42)


def test_a_run_that_begins_over_another_is_refused_before_training(plateau: Any, callback_class: Any) -> None:
    place, _, _ = plateau
    with pytest.raises(HistoryError, match="whose training begins"):
        trained(place, callback_class(history=place / "h.jsonl"))


def test_a_wrong_option_is_refused_when_the_callback_is_made(callback_class: Any) -> None:
    with pytest.raises(UsageError, match="needs the checks of a run"):
        callback_class(plateau="separability")


def test_predictions_and_evaluations_outside_of_training_are_left_alone(plateau: Any, callback_class: Any) -> None:
    place, trainer, callback = plateau
    before = history.read(place / "h.jsonl")
    last = callback.last
    trainer.evaluate()
    assert history.read(place / "h.jsonl") == before
    assert callback.last is last
