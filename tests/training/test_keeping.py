"""What a monitor keeps of each check is what `select` needs: a real run, and the step it would keep."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import labelfree
import training_runs as runs
from labelfree.errors import UsageError
from labelfree.training import Monitor

pytestmark = pytest.mark.once

SAMPLE = 100


def held(path: Path) -> dict[str, Any]:
    """The columns of a file, as arrays."""
    return {name: np.array(values) for name, values in pq.read_table(path).to_pydict().items()}


def trained(place: Path, *, collapses_after: int = 40, until: int = 60, **options: Any) -> tuple[nn.Module, Any]:
    """A net that learns four classes and is then pulled to one point, checked every ten steps."""
    torch.manual_seed(0)
    net, data = runs.Net(), runs.data()
    x, y = data.tensors
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    with Monitor(net, metrics="rankme", keep=place, sample=SAMPLE, **options) as monitor:
        for step in range(until):
            net.collapses = step >= collapses_after
            net.train()
            optimizer.zero_grad()
            net(x, y)["loss"].backward()
            optimizer.step()
            if (step + 1) % 10 == 0:
                net.eval()
                with torch.no_grad():
                    for i in range(0, len(x), 48):
                        net(x[i : i + 48])
                assert monitor.check(step + 1).problem is None
    return net, data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module, Any]:
    place = tmp_path_factory.mktemp("run") / "kept"
    return place, *trained(place)


def test_every_check_is_kept_on_the_same_rows(run: Any) -> None:
    place, net, data = run
    found = {path.name: held(path) for path in place.iterdir()}
    assert set(found) == {f"step_{step}.parquet" for step in range(10, 70, 10)}
    last = found["step_60.parquet"]
    assert last["embedding"].shape == (SAMPLE, 16)
    types = {field.name: field.type for field in pq.read_schema(place / "step_60.parquet")}
    assert {str(types[name].value_type) for name in ("embedding", "logits")} == {"float"}
    for other in found.values():
        np.testing.assert_array_equal(other["id"], last["id"])
    with torch.no_grad():
        x = data.tensors[0][last["id"]]
        np.testing.assert_allclose(net.body(x).numpy(), last["embedding"], rtol=1e-6)
        np.testing.assert_allclose(net(x)["logits"].numpy(), last["logits"], rtol=1e-4, atol=1e-5)


def test_select_names_a_step_without_a_second_pass(run: Any) -> None:
    place, _, data = run
    answer = labelfree.select(place, sample="all")
    assert answer.setting == "logits"
    assert [one.step for one in sorted(answer.candidates, key=lambda one: one.step or 0)] == list(range(10, 70, 10))
    truth = data.tensors[1].numpy()
    right = {}
    for path in place.iterdir():
        found = held(path)
        right[path.name] = float((found["logits"].argmax(axis=1) == truth[found["id"]]).mean())
    step = answer.candidate(answer.chosen or answer.advice or "").step
    assert right[f"step_{step}.parquet"] >= max(right.values()) - 0.05
    assert step != 60


def test_ids_name_the_rows(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    names = [f"row {i}" for i in range(30)]
    monitor = Monitor(metrics="rankme", keep=tmp_path / "a", ids=names)
    monitor.add(X)
    assert monitor.check(1).problem is None
    found = held(tmp_path / "a" / "step_1.parquet")
    assert sorted(found["id"]) == sorted(names)
    np.testing.assert_array_equal(found["embedding"], X[[names.index(name) for name in found["id"]]])
    assert "logits" not in found
    hashed = Monitor(metrics="rankme", keep=tmp_path / "b")
    for step, order in ((1, np.arange(30)), (2, np.arange(30)[::-1])):
        hashed.add(X[order], [names[i] for i in order])
        assert hashed.check(step).problem is None
    one, other = (held(tmp_path / "b" / f"step_{step}.parquet") for step in (1, 2))
    np.testing.assert_array_equal(one["id"], other["id"])
    np.testing.assert_array_equal(one["embedding"], other["embedding"])


def test_the_size_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "labelfree"):
        trained(tmp_path / "kept", until=30)
    told = [record.getMessage() for record in caplog.records if "keep:" in record.getMessage()]
    size = (tmp_path / "kept" / "step_10.parquet").stat().st_size
    assert size > SAMPLE * (16 + runs.CLASSES) * 4
    assert len(told) == 1
    assert f"{SAMPLE} rows x 16 + {runs.CLASSES} numbers" in told[0]
    assert f"{size / 1e6:.1f} MB each" in told[0]


def test_a_run_that_goes_on_forgets_later_steps_and_another_run_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    trained(place)
    with pytest.raises(UsageError, match=r"keep: expected no file of a step in .*found 6 \(such as step_10.parquet\)"):
        Monitor(metrics="rankme", keep=place)
    (place / "notes.txt").write_text("mine")
    Monitor(metrics="rankme", keep=place, resume=30)
    assert sorted(path.name for path in place.iterdir()) == ["notes.txt", *(f"step_{s}.parquet" for s in (10, 20, 30))]


def test_what_cannot_be_kept_is_told_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "kept"
    monitor = Monitor(metrics="rankme", keep=place)
    place.rmdir()
    place.write_text("a file in its place")
    with caplog.at_level(logging.WARNING, "labelfree"):
        monitor.add(np.random.default_rng(0).normal(size=(30, 4)))
        check = monitor.check(1)
    assert check.problem is None
    assert check.scalars
    assert any("cannot be written" in record.getMessage() for record in caplog.records)


def test_the_callbacks_pass_it_on(tmp_path: Path) -> None:
    for name in ("transformers", "lightning"):
        module = pytest.importorskip(f"labelfree.training.{name}")
        pytest.importorskip(name)
        callback = module.LabelfreeCallback(keep=tmp_path / name, metrics="rankme")
        assert callback.plan.keep == tmp_path / name
        assert callback.options["keep"] == tmp_path / name
