"""The monitor: the report of the command over the same rows, and nothing that could end a training run."""

from __future__ import annotations

import importlib
import logging
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import labelfree
from labelfree import history
from labelfree.errors import HistoryError, LabelfreeError, MissingExtra, UsageError
from labelfree.training import Check, Monitor
from labelfree.training.collection import Collection
from labelfree.training.features import located
from labelfree.training.plan import plan
from reports import report

Matrix = NDArray[np.float32]


class Classifier(nn.Module):  # type: ignore[misc]
    """Two layers and a head, as a user writes them."""

    def __init__(self, head: str = "fc") -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 12), nn.ReLU())
        self.head = head
        self.add_module(head, nn.Linear(12, 3))

    def forward(self, x: Any) -> Any:
        return self.get_submodule(self.head)(self.body(x))


@pytest.fixture
def classifier() -> Classifier:
    torch.manual_seed(0)
    net = Classifier()
    net.eval()
    return net


def rows(n: int = 300, d: int = 12, seed: int = 0) -> Matrix:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(n, d)) + 3 * rng.normal(size=(4, d))[rng.integers(0, 4, n)], np.float32)


def fed(monitor: Monitor, X: Any, batch: int = 64, ids: Any = None) -> Monitor:
    for i in range(0, len(X), batch):
        monitor.add(X[i : i + batch], None if ids is None else ids[i : i + batch])
    return monitor


def stored(path: Path, X: Matrix, ids: Any = None) -> Path:
    columns: dict[str, Any] = {"embedding": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])}
    pq.write_table(pa.table(columns if ids is None else {"id": ids, **columns}), path)
    return path


def same(found: Check, expected: labelfree.Report) -> None:
    """The metrics to 1e-8, everything that identifies rows and measurement exactly."""
    assert found.problem is None
    assert found.report is not None
    document = expected.model_dump(mode="json")
    assert found.report["command"] == document["command"]
    assert found.report["settings"] == document["settings"]
    for name in ("n", "d", "rows", "rows_hash", "sample", "id", "dtype"):
        assert found.report["input"][name] == document["input"][name], name
    assert set(found.report["metrics"]) == set(document["metrics"])
    for name, entry in document["metrics"].items():
        mine = found.report["metrics"][name]
        assert mine["params"] == entry["params"]
        for part in (part for part in ("value", "se") if (mine[part], entry[part]) != (None, None)):
            assert mine[part] == pytest.approx(entry[part], rel=1e-8, abs=1e-12), (name, part)
    assert found.report["warnings"] == document["warnings"]


@pytest.mark.parametrize("batch", [1, 7, 300])
@pytest.mark.parametrize("named", [False, True])
def test_the_report_is_that_of_the_command_over_the_same_rows(tmp_path: Path, batch: int, named: bool) -> None:
    X = rows()
    ids = [f"item {i * 7 % 300}" for i in range(300)] if named else None
    file = stored(tmp_path / "rows.parquet", X, ids)
    beside = ("effective_rank", "mean_cosine")
    for metrics, command in (
        (("separability", "separability_robust"), labelfree.separability),
        (("rankme", "alpha_req", "twonn"), labelfree.rank),
        (("rankme", "separability"), labelfree.evaluate),
    ):
        monitor = Monitor(metrics=metrics, sample=100, seed=5, ids=ids)
        same(fed(monitor, X, batch).check(0), command(file, only=(*metrics, *beside), sample=100, seed=5))
        if named:  # the ids given with the rows are as good
            monitor = Monitor(metrics=metrics, sample=100, seed=5)
            same(fed(monitor, X, batch, ids).check(0), command(file, only=(*metrics, *beside), sample=100, seed=5))


def test_the_defaults_are_those_of_the_command(tmp_path: Path) -> None:
    X = rows(64, 5)
    file, only = stored(tmp_path / "rows.parquet", X), ("effective_rank", "mean_cosine")
    same(fed(Monitor(), X).check(0), labelfree.separability(file, only=("separability", *only)))
    same(fed(Monitor(metrics="rankme"), X).check(0), labelfree.rank(file, only=("rankme", *only)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_any_width(dtype: torch.dtype) -> None:
    tensor = torch.tensor(rows(40, 5)).to(dtype).requires_grad_()
    found = fed(Monitor(metrics="rankme"), tensor).check(0)
    exact = tensor.detach().double().numpy()
    assert found.scalars["labelfree/rankme"] == pytest.approx(labelfree.metrics.rankme(exact).value, rel=1e-8)
    assert found.report is not None
    assert found.report["input"]["dtype"] == str(dtype).removeprefix("torch.")


def test_the_hook_takes_what_the_head_sees_and_changes_nothing(classifier: Classifier) -> None:
    x = torch.tensor(rows(90, 6))
    with torch.no_grad():
        before, features = [classifier(part) for part in x.split(32)], classifier.body(x).numpy()
    with Monitor(classifier, metrics="rankme") as monitor, torch.no_grad():
        after = [classifier(part) for part in x.split(32)]
        found = monitor.check(0)
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    same(found, labelfree.rank(features, only=("rankme", "effective_rank", "mean_cosine")))
    assert found.report is not None
    assert found.report["input"]["column"] == "input of fc"


@pytest.mark.parametrize("width", [10, 3])
def test_the_head_says_how_many_classes_a_few_points_serve(width: int, tmp_path: Path) -> None:
    """Rows that end in four points: a collapse for ten classes, and what three classes may look like."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 400)
    points = 5 * np.linalg.qr(rng.normal(size=(12, 12)))[0]
    begun, ended = points[labels] + 1.5 * rng.normal(size=(400, 12)), points[labels % 4]
    net = nn.Sequential()
    net.add_module("body", nn.Identity())
    net.add_module("fc", nn.Linear(12, width))
    monitor = Monitor(net.eval(), history=tmp_path / "h.jsonl", plateau="separability")
    for step, X in enumerate((begun, begun, ended + 1e-3 * rng.normal(size=(400, 12)))):
        with torch.no_grad():
            net(torch.tensor(X, dtype=torch.float32))
        found = monitor.check(step)
    assert found.verdict is not None
    assert found.verdict["decision"] == ("collapse" if width == 10 else "continue")
    assert found.verdict["guards"][0]["reason"] == ("few_points" if width == 10 else "rank_kept")
    assert [record["collapse"]["classes"] for record in history.read(tmp_path / "h.jsonl")] == [width] * 3
    alike = labelfree.gate(history=tmp_path / "h.jsonl", plateau="separability")["verdict"]
    assert alike == found.verdict


def test_no_hook_is_left(classifier: Classifier) -> None:
    def hooks() -> int:
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in classifier.modules())

    assert hooks() == 0
    with Monitor(classifier) as monitor:
        assert hooks() > 0
    assert hooks() == 0
    classifier(torch.zeros(2, 6))
    assert monitor.check(0).problem is not None


def test_what_a_training_model_sees_is_not_collected(classifier: Classifier) -> None:
    x = torch.tensor(rows(30, 6))
    with Monitor(classifier) as monitor:
        for mode in (True, False, True):
            classifier.train(mode)
            with torch.set_grad_enabled(mode):
                classifier(x)
        found = monitor.check(0)
        assert found.report is not None
        assert found.report["input"]["n"] == 30
        classifier.train()
        classifier(x)
        assert "in training mode alone; evaluate it in eval mode" in str(monitor.check(1).problem)


def test_a_frozen_part_in_eval_mode_does_not_count_as_evaluation(classifier: Classifier) -> None:
    with Monitor(classifier) as monitor:
        classifier.train()
        classifier.body.eval()
        classifier.fc.eval()  # type: ignore[operator]
        classifier(torch.zeros(2, 6))
        assert monitor.check(0).report is None


def test_features_are_copied_before_anything_changes_them() -> None:
    class Changed(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(6, 8)
            self.act = nn.ReLU(inplace=True)
            self.fc = nn.Linear(8, 2)

        def forward(self, x: Any) -> Any:
            return self.fc(self.act(self.body(x)))

    torch.manual_seed(1)
    net, x = Changed().eval(), torch.tensor(rows(50, 6))
    with Monitor(net, layer="body", metrics="rankme") as monitor, torch.no_grad():
        net(x)
        found = monitor.check(0).scalars["labelfree/rankme"]
        expected = net.body(x).numpy()
    assert (expected < 0).any()
    assert found == pytest.approx(labelfree.metrics.rankme(expected).value, rel=1e-8)


def _named(*names: str) -> nn.Module:
    net = nn.Module()
    for name in names:
        inside: nn.Module = net
        *parents, last = name.split(".")
        for parent in parents:
            if not hasattr(inside, parent):
                inside.add_module(parent, nn.Module())
            inside = inside.get_submodule(parent)
        inside.add_module(last, nn.Linear(4, 4))
    return net


@pytest.mark.parametrize(
    ("names", "head"),
    [
        (("encoder.layer.0.dense", "fc"), "fc"),
        (("bert.pooler.dense", "classifier"), "classifier"),
        (("pre_classifier", "classifier"), "classifier"),
        (("model.head.0", "model.head.2"), "model.head.2"),
        (("classifier.dense", "classifier.out_proj"), "classifier.out_proj"),
        (("net.head.fc", "domain_classifier"), "net.head.fc"),
    ],
)
def test_the_head_is_found_by_its_name(names: tuple[str, ...], head: str) -> None:
    assert located(_named(*names), None, None) == (head, True)


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (("encoder.layer.0.dense",), {}, "no linear layer that is called as heads are"),
        (("a.fc", "b.fc"), {}, "found 'a.fc', 'b.fc'"),
        (("body.fc",), {"layer": "bdy.fc"}, "did you mean 'body.fc'"),
        (("fc",), {"head": "other"}, "has no module 'other'"),
        (("fc",), {"layer": "fc", "head": "fc"}, "leave one of them out"),
    ],
)
def test_an_unclear_place_is_refused_before_training(
    names: tuple[str, ...], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        Monitor(_named(*names), **options)


def test_a_model_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"torch\.nn\.Module, found ndarray"):
        Monitor(np.eye(3))


class Tokens(nn.Module):  # type: ignore[misc]
    """Embeds tokens; the mask comes in as users pass it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Embedding(11, 5)
        self.fc = nn.Linear(5, 2)

    def forward(self, ids: Any, attention_mask: Any = None, extra: Any = None) -> Any:
        return self.fc(self.inner(ids))


TABLE = torch.tensor([[1, 2, 3, 0], [4, 5, 0, 0], [6, 7, 8, 9], [0, 0, 10, 1]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]])


def _pooled(weight: Matrix, pool: str) -> list[Matrix]:
    found = []
    for ids, mask in zip(TABLE.tolist(), MASK.tolist(), strict=True):
        real = [weight[i] for i, there in zip(ids, mask, strict=True) if there]
        found.append({"mean": np.mean(real, axis=0), "cls": real[0], "last": real[-1]}[pool])
    return found


@pytest.mark.parametrize("pool", ["mean", "cls", "last"])
@pytest.mark.parametrize("called", ["named", "positional", "inside"])
def test_tokens_are_pooled_by_their_mask(pool: Any, called: str) -> None:
    torch.manual_seed(0)
    net = Tokens()
    outer = nn.ModuleDict({"net": net}).eval()
    calls: dict[str, Callable[[], Any]] = {
        "named": lambda: net(TABLE, attention_mask=MASK),
        "positional": lambda: net(TABLE, MASK),
        "inside": lambda: net(TABLE, None, {"attention_mask": MASK}),
    }
    with Monitor(outer, layer="net.inner", pool=pool, metrics="rankme") as monitor, torch.no_grad():
        calls[called]()
        found = monitor.check(0)
    expected = np.array(_pooled(net.inner.weight.detach().numpy(), pool))
    assert found.scalars["labelfree/rankme"] == pytest.approx(labelfree.metrics.rankme(expected).value, rel=1e-6)


def test_a_mask_is_never_kept_for_another_batch() -> None:
    net = Tokens().eval()
    with Monitor(net, layer="inner", metrics="rankme") as monitor, torch.no_grad():
        with pytest.raises(TypeError):  # called with a mask, and broken off before the embedding ran
            net(TABLE, MASK, nonsense=1)
        net(TABLE)
        found = monitor.check(0)
    expected = net.inner.weight.detach().numpy()[TABLE.numpy()].mean(axis=1)
    assert found.scalars["labelfree/rankme"] == pytest.approx(labelfree.metrics.rankme(expected).value, rel=1e-6)


@pytest.mark.parametrize(("framework", "extra"), [("lightning", "lightning"), ("transformers", "hf")])
def test_a_framework_that_is_missing(monkeypatch: pytest.MonkeyPatch, framework: str, extra: str) -> None:
    module = importlib.import_module(f"labelfree.training.{framework}")
    monkeypatch.delitem(vars(module), "LabelfreeCallback", raising=False)
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=rf"pip install .*\[{extra}\]"):
        module.LabelfreeCallback  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'Callback'"):
        module.Callback  # noqa: B018


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"metrics": "rankmee"}, "no metric 'rankmee'; did you mean 'rankme'"),
    ({"metrics": "infomax"}, "needs more than features"),
    ({"metrics": "lidar"}, "needs more than features"),
    ({"metrics": "pseudo_opis"}, "needs more than features"),
    ({"plateau": "separability"}, "^plateau: needs the checks of a run: history=FILE"),
    ({"plateau": "mean_cosine", "history": "h.jsonl"}, "no direction"),
    ({"plateau": "separability", "history": "h.jsonl", "window": 2}, "^window: expected a number of checks"),
    (
        {"plateau": "separability", "history": "h.jsonl", "rule": "threshold"},
        "^rule='threshold': say .* stop_at=NUMBER",
    ),
    ({"rule": "patience", "history": "h.jsonl"}, "^rule: has no effect without plateau='METRIC'"),
    ({"min_delta": 0.1, "require": "rankme >= 1"}, "^min_delta: has no effect without plateau='METRIC'"),
    ({"require": "rankme"}, "^require: expected METRIC OP NUMBER"),
    ({"plateu": "separability"}, "no option 'plateu'; did you mean 'plateau'"),
    ({"foo": 1}, "no option 'foo'; its options are history, run,"),
    ({"to": 42}, "to: expected a logger .*, found int"),
    ({"prefix": ""}, "prefix: expected a name"),
    ({"run": 3}, "run: expected a name, found 3"),
    ({"run": " ", "history": "h.jsonl"}, "expected a name"),
    ({"history": "nowhere/h.jsonl"}, "does not exist"),
    ({"sample": 1}, "sample"),
    ({"on_bad": "ignore"}, "on_bad"),
    ({"normalize": "l1"}, "normalize"),
    ({"normalize": "l2", "metrics": "rankme"}, "rank has no option 'normalize'"),
    ({"device": "tpu"}, "expected cpu, cuda or auto"),
    ({"pool": "max"}, "pool: expected one of mean"),
    ({"dealt": "cards"}, "dealt: expected rows or batches"),
    ({"rows": 0}, "rows: expected the number"),
    ({"rows": 3, "ids": [1, 2]}, "ids: expected one for each of 3 rows, found 2"),
    ({"resume": -1, "history": "h.jsonl"}, "resume: expected the step"),
]


@pytest.mark.parametrize(("options", "says"), WRONG, ids=lambda v: str(v)[:40])
def test_a_wrong_argument_is_an_error_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabelfreeError, match=says):
        Monitor(**options)
    assert not (tmp_path / "h.jsonl").exists()


def test_a_torn_history_is_refused_before_training(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text('{"run": "de')
    with pytest.raises(HistoryError, match="torn"):
        Monitor(history=path)


def test_bad_rows_are_told_and_training_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    X, bad = rows(80, 6), rows(80, 6)
    bad[17, 2] = np.nan
    path = tmp_path / "h.jsonl"
    monitor = Monitor(history=path, plateau="separability")
    found = fed(monitor, bad).check(0)
    assert found.report is None
    assert found.verdict is None
    assert not found.stop
    assert "1 of 80 rows hold NaN or infinity, first at row 17" in str(found.problem)
    assert "training goes on" in caplog.text
    assert fed(monitor, X).check(1).problem is None
    assert [r["step"] for r in history.read(path)] == [1]
    dropped = fed(Monitor(on_bad="drop"), bad).check(0)
    assert dropped.report is not None
    assert dropped.report["input"]["rows"]["nonfinite"] == 1


def test_zero_rows_are_refused_as_by_the_command() -> None:
    X = rows(20, 4)
    X[3] = 0
    assert "rows are zero" in str(fed(Monitor(), X).check(0).problem)
    assert fed(Monitor(metrics="rankme"), X).check(0).problem is None


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        ([np.zeros((2, 3, 4))], "expected (rows, d)"),
        ([rows(5, 4), rows(5, 3)], "expected 4 columns as in the first batch, found 3"),
        ([np.array([["a"]])], "expected real numbers"),
        ([np.full((3, 2), 1e-200)], "underflow"),
        ([], "no features came"),
        ([np.zeros((0, 4))], "at least two rows"),
    ],
    ids=["shape", "width", "text", "faint", "nothing", "empty"],
)
def test_features_that_are_none_are_a_problem_of_the_check(batches: list[Any], says: str) -> None:
    monitor = Monitor(metrics="rankme", sample=10)
    for batch in batches:
        monitor.add(batch)
    found = monitor.check(3)
    assert not found.stop
    told = str(found.problem) + str((found.report or {}).get("warnings"))
    assert says in told
    assert fed(monitor, rows(9, 3)).check(4).problem is None


def test_ids_with_every_batch_or_with_none() -> None:
    monitor = Monitor(metrics="rankme")
    monitor.add(rows(4, 3), [1, 2, 3, 4])
    monitor.add(rows(4, 3))
    assert "with every batch or with none" in str(monitor.check(0).problem)
    monitor.add(rows(4, 3), [1, 2, 3])
    assert "expected one for each of 4 rows" in str(monitor.check(1).problem)
    monitor.add(rows(4, 3), [1, 2, 2, 4])
    assert "ids repeat" in str(monitor.check(2).problem)


def test_a_gate_that_cannot_decide_does_not_stop_training(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    monitor = Monitor(history=path, plateau="separability")
    assert fed(monitor, rows(50, 4)).check(0).problem is None
    other = fed(monitor, rows(60, 4)).check(1)  # another set of rows
    assert "cannot be compared" in str(other.problem)
    assert other.scalars  # they are measured, and logged
    assert not other.stop
    back = fed(monitor, rows(50, 4)).check(0)
    assert back.problem is None  # the same step again, with the same numbers
    path.write_text("torn {")
    assert "torn" in str(fed(monitor, rows(50, 4)).check(2).problem)
    path.unlink()
    path.mkdir()
    assert "is a directory" in str(fed(monitor, rows(50, 4)).check(3).problem)


def test_a_full_disk_does_not_stop_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor(history=tmp_path / "h.jsonl", plateau="separability")
    fed(monitor, rows(50, 4))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    found = monitor.check(0)
    assert "No space left on device" in str(found.problem)
    assert found.report is not None


def test_a_bug_of_ours_does_not_stop_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = fed(Monitor(metrics="rankme"), rows(50, 4))
    monkeypatch.setattr("labelfree.training.monitor.report_of", lambda *_: 1 / 0)
    assert "bug of labelfree" in str(monitor.check(0).problem)


def test_an_undefined_metric_fails_and_does_not_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor(history=tmp_path / "h.jsonl", plateau="separability", require="separability >= 0.1")
    found = fed(monitor, np.eye(2, 3, dtype=np.float32)).check(0)  # too few rows for a tree
    assert found.verdict is not None
    assert found.verdict["decision"] == "fail"
    assert not found.stop
    assert "labelfree/separability" not in found.scalars
    assert "step 0: fail" in caplog.text
    assert "training goes on" in caplog.text


def test_a_requirement_without_a_history() -> None:
    monitor = Monitor(require=["rankme >= 2", "separability >= 0"])
    found = fed(monitor, rows(50, 4)).check(0)
    assert found.verdict is not None
    assert found.verdict["decision"] == "pass"
    assert found.report is not None
    assert found.report["command"] == "evaluate"


def test_steps_never_go_back() -> None:
    monitor = Monitor(metrics="rankme")
    assert fed(monitor, rows(9, 3)).check(5).problem is None
    assert "expected none before the last check, at 5, found 4" in str(fed(monitor, rows(9, 3)).check(4).problem)
    assert "expected a whole number" in str(fed(Monitor(metrics="rankme"), rows(9, 3)).check(-1).problem)


def test_a_run_that_begins_must_have_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    fed(Monitor(history=path), rows(20, 4)).check(0)
    with pytest.raises(HistoryError, match=r"whose training begins.*history remove .* --run default"):
        Monitor(history=path)
    Monitor(history=path, run="second")
    history.remove(path, run="default")
    Monitor(history=path)


def test_resuming_forgets_what_came_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "h.jsonl"
    for run in ("default", "other"):
        for step in (0, 10, 20, 30):
            history.append(path, report({"separability": 0.1 + step / 100}), step=step, run=run)
    monitor = Monitor(history=path, resume=10, plateau="separability")
    assert "goes on from step 10: 2 records of later steps forgotten" in caplog.text
    assert [r["step"] for r in history.read(path, run="default")] == [0, 10]
    assert [r["step"] for r in history.read(path, run="other")] == [0, 10, 20, 30]
    assert monitor.judge(10, report({"separability": 0.3})).problem is None  # evaluated once more, after the resume
    assert "differs" in str(monitor.judge(10, report({"separability": 0.4})).problem)
    assert monitor.judge(20, report({"separability": 0.4})).problem is None
    values = [r["metrics"]["separability"]["value"] for r in history.read(path, run="default")]
    assert values == [0.1, 0.3, 0.4]


def test_nothing_is_forgotten_where_the_layer_does_not_exist(tmp_path: Path, classifier: Classifier) -> None:
    path = tmp_path / "h.jsonl"
    for step in (0, 10):
        history.append(path, report({"separability": 0.1}), step=step)
    with pytest.raises(UsageError, match="no module 'nowhere'"):
        Monitor(classifier, layer="nowhere", history=path, resume=0)
    assert [r["step"] for r in history.read(path)] == [0, 10]
    with pytest.raises(HistoryError, match="whose training begins"):
        Monitor(classifier, history=path)
    assert not classifier.get_submodule("fc")._forward_pre_hooks


def test_resuming_without_a_history_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Monitor(history=tmp_path / "h.jsonl", resume=10)
    assert "no check of run 'default' up to step 10" in caplog.text


def test_records_of_a_checkpoint_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "h.jsonl"
    for step in (0, 10, 20):
        history.append(path, report({"separability": 0.1}), step=step)
    known = history.read(path)
    path.unlink()
    Monitor(history=path, resume=10, known=known)
    assert [r["step"] for r in history.read(path)] == [0, 10]
    assert "2 records of run 'default' restored from the checkpoint" in caplog.text
    Monitor(history=path, resume=10, known=known)
    assert history.read(path) == known[:2]


def test_the_summaries_do_not_grow_with_the_rows() -> None:
    def kept(n: int) -> int:
        collection, rng = Collection(plan(metrics="rankme", sample=500), ""), np.random.default_rng(0)
        for _ in range(n // 1000):
            collection.add(rng.normal(size=(1000, 64)).astype(np.float32))
        collection.settle()
        assert collection.summaries is not None
        assert sum(len(chunk.keys) for chunk in collection.summaries.sample.chunks) <= 1000 + 500
        return len(pickle.dumps(collection.summaries))

    small, large = kept(10_000), kept(100_000)
    assert large - small < 90_000 * 9  # one hash of eight bytes a row, up to a million; a row has 256 bytes
    assert small < 10_000 * 256


def test_waiting_rows_are_bounded() -> None:
    collection = Collection(plan(metrics="rankme", sample=10), "")
    waiting = []
    for _ in range(60):
        collection.add(np.ones((100, 512), np.float32))
        waiting.append(collection.waiting)
    assert max(waiting) < 2048 + 100
    assert min(waiting) == 0


def test_a_logger_that_throws_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        calls = 0

        def log(self, scalars: dict[str, float], step: int) -> None:
            self.calls += 1
            raise ConnectionError("no network")

    broken, seen = Broken(), []
    monitor = Monitor(metrics="rankme", to=[broken, lambda scalars, step: seen.append((step, scalars))])
    for step in range(3):
        assert fed(monitor, rows(9, 3)).check(step).problem is None
    assert broken.calls == 3
    assert [step for step, _ in seen] == [0, 1, 2]
    assert caplog.text.count("the logger Broken failed (ConnectionError: no network)") == 1


def test_a_filter_of_warnings_ends_no_training(caplog: pytest.LogCaptureFixture, recwarn: Any) -> None:
    with caplog.at_level(logging.WARNING, "labelfree"):
        Monitor(metrics="rankme").check(0)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    ("options", "passes", "says"),
    [
        ({"ids": [1, 2, 3]}, 1, "ids: expected 3 rows between two checks, found 297 beyond them on rank 0"),
        ({"rows": 100}, 1, "rows: expected 100 rows between two checks, found 200 beyond them on rank 0"),
        ({"ids": list(range(301))}, 1, "ids: expected 301 rows between two checks, found 300"),
        ({"rows": 301}, 1, "rows: expected 301 rows between two checks, found 300"),
        ({"rows": 300}, 2, "rows: expected 300 rows between two checks, found 300 beyond them on rank 0"),
        ({"rows": np.int64(300)}, 1, None),
        ({"ids": list(range(300))}, 1, None),
    ],
)
def test_another_number_of_rows_than_was_said_is_a_problem(
    options: dict[str, Any], passes: int, says: str | None
) -> None:
    monitor = Monitor(metrics="rankme", **options)
    for _ in range(passes):
        fed(monitor, rows())
    found = monitor.check(0)
    assert (found.report is None) == (says is not None)
    assert str(found.problem).startswith(str(says))
    fed(monitor, rows(40))
    monitor.reset()  # what was evaluated first is left out
    if says is None:
        assert fed(monitor, rows()).check(1).problem is None


def test_a_step_is_a_whole_number_of_any_library(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    monitor = Monitor(history=path, metrics="rankme")
    for step in (np.int64(3), torch.tensor(4), 5):
        found = fed(monitor, rows(9, 3)).check(step)
        assert found.problem is None
        assert type(found.step) is int
    assert [r["step"] for r in history.read(path)] == [3, 4, 5]
    assert "step: expected a whole number of at least 0, found 6.0 of type float" in str(
        fed(monitor, rows(9, 3)).check(6.0).problem  # type: ignore[arg-type]
    )
    assert "of type Tensor" in str(fed(monitor, rows(9, 3)).check(torch.ones(2)).problem)  # type: ignore[arg-type]
    assert "of type bool" in str(fed(monitor, rows(9, 3)).check(True).problem)
    Monitor(history=path, metrics="rankme", resume=np.int64(4))  # type: ignore[arg-type]
    assert [r["step"] for r in history.read(path)] == [3, 4]


def test_what_goes_wrong_at_every_check_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor(require=["rankme >= 100", "separability >= 0"])
    for step in range(3):
        bad = rows(80, 6, seed=step)
        bad[step + 7, 2] = np.nan
        assert f"row {step + 7}" in str(fed(monitor, bad).check(step).problem)
        fed(monitor, rows(80, 6, seed=step)).check(step)
    assert [r.getMessage().split(";")[0] for r in caplog.records] == [
        "labelfree: step 0: 1 of 80 rows hold NaN or infinity, first at row 7",
        f"labelfree: step 0: {_failed(rows(80, 6, seed=0))}",
    ]
    assert "drop them with on_bad='drop'" in caplog.records[0].getMessage()


def _failed(X: Matrix) -> str:
    verdict = fed(Monitor(require=["rankme >= 100", "separability >= 0"]), X).check(0).verdict
    assert verdict is not None
    return f"{verdict['decision']}: {verdict['message']}".split(";")[0]


def test_a_metric_without_a_value_is_told(caplog: pytest.LogCaptureFixture) -> None:
    found = fed(Monitor(metrics=["rankme", "twonn"]), rows(2, 4)).check(0)
    assert found.problem is None
    assert "labelfree/twonn" not in found.scalars
    (record,) = caplog.records
    assert "step 0: twonn has no value: " in record.getMessage()
    assert "rankme" not in record.getMessage()
    assert record.getMessage().endswith("; training goes on")


def test_no_message_of_a_check_speaks_of_flags(tmp_path: Path) -> None:
    monitor = Monitor(history=tmp_path / "h.jsonl", metrics="rankme")
    told = [
        fed(monitor, X).check(step).problem for X, step in ((rows(20, 4), 0), (rows(20, 4) + 1, 0), (rows(9, 4), 1))
    ]
    net = nn.ModuleDict({"fc": nn.Linear(6, 6)}).eval()
    with Monitor(net, head="fc", pool="cls", metrics="rankme") as watching, torch.no_grad():
        net["fc"](torch.zeros(5, 6))
        told.append(watching.check(0).problem)
    assert told[0] is None
    assert "name another step or run, or replace it" in str(told[1])
    assert "begin another run with run" in str(told[2])
    assert "pool='cls': input of fc gives shape (5, 6), which has no tokens; leave pool out" in str(told[3])


def test_two_monitors_log_under_two_prefixes() -> None:
    seen: list[Any] = []
    for prefix in ("body", "val/labelfree"):
        monitor = Monitor(metrics="rankme", prefix=prefix, to=lambda scalars, step: seen.append(set(scalars)))
        assert set(fed(monitor, rows(9, 3)).check(0).scalars) == seen[-1]
    assert "body/rankme" in seen[0]
    assert "val/labelfree/rankme" in seen[1]
