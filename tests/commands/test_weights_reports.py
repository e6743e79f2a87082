"""Several checkpoints in Python are what several are in the shell."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree import WeightsReports
from labelfree.documents.reading import rounded
from labelfree.errors import LabelfreeError, UnknownName, UsageError
from labelfree.reports.weights import WeightsReport
from program import Program

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("runs")
    found = []
    for step in (100, 20, 3):
        W = RNG.normal(size=(12, 8)).astype(np.float32)
        W[:, : step // 20] = 0
        found.append(folder / f"step_{step}.safetensors")
        save_file({"a.weight": W, "b.weight": W[:6] + 1, "b.bias": W[0]}, found[-1])
    return found


@pytest.fixture(scope="module")
def reports(paths: list[Path]) -> WeightsReports:
    return labelfree.weights(paths)


def test_a_list_is_one_report_each_in_the_order_given(reports: WeightsReports, paths: list[Path]) -> None:
    assert len(reports) == 3
    assert reports.names == [str(path) for path in paths]
    for report, path in zip(reports, paths, strict=True):
        assert report.to_json() == labelfree.weights(path).to_json()
    assert isinstance(reports[1:], WeightsReports)
    assert reports[1:].names == reports.names[1:]
    one: WeightsReport = reports[0]
    assert one in reports
    assert reports["step_20"] is reports[1] is reports[str(paths[1])]
    held: Container[object] = reports
    assert "step_3" in held
    assert "step_4" not in held
    assert "state dict" not in repr(reports)
    assert repr(reports).count("weights of") == 3


def test_the_document_is_that_of_the_shell(
    labelfree: Program, reports: WeightsReports, paths: list[Path], tmp_path: Path
) -> None:
    done = labelfree("weights", *paths, "--json", "-q")
    assert done.returncode == 0
    assert done.stdout == reports.to_json()
    assert json.loads(done.stdout)["across"] == rounded(reports.across)
    for suffix in ("json", "ndjson", "csv", "parquet"):
        file = tmp_path / f"python.{suffix}"
        reports.save(file)
        labelfree("weights", *paths, "-q", "-o", tmp_path / f"shell.{suffix}")
        assert file.read_bytes() == (tmp_path / f"shell.{suffix}").read_bytes()
    frame = reports.to_frame()
    assert len(frame) == 3 * 2
    assert frame["stable_rank"].tolist() == pq.read_table(tmp_path / "python.parquet")["stable_rank"].to_pylist()


def test_what_changed_is_by_layer(reports: WeightsReports) -> None:
    found = reports.across
    assert found["comparable"]
    shares = {change["layer"]: change["rank_share"] for change in found["changes"]}
    assert shares["a.weight"] == [report.layers[0].rank_share for report in reports]
    assert abs(shares["a.weight"][0] - shares["a.weight"][-1]) > 0.2


def test_objects_in_memory_have_names_of_their_own() -> None:
    found = labelfree.weights([{"fc": np.eye(4)}, {"fc": np.eye(6)}, {"fc": np.eye(4)}])
    assert found.names == ["state dict 0", "state dict 1", "state dict 2"]
    assert not found.across["comparable"]
    assert [f.sources for f in found["state dict 1"].findings] == []
    assert labelfree.weights(({"fc": np.eye(4)},)).names == ["state dict 0"]
    assert labelfree.weights({"fc": np.eye(4)}).input.sources == ["state dict"]


def test_progress_says_which_checkpoint_is_measured() -> None:
    seen: list[str] = []
    labelfree.weights([{"fc": np.eye(4)}] * 2, progress=lambda stage, done: seen.append(stage))
    assert seen == ["1/2 measuring layers", "2/2 measuring layers"]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda r: labelfree.weights([]), UsageError, "expected a checkpoint or a list of them, found an empty list"),
        (lambda r: labelfree.weights([{"fc": np.eye(4)}, 3]), UsageError, "found an object of type int"),
        (lambda r: r["step_21"], UnknownName, "did you mean 'step_20'"),
        (lambda r: r.save("x.svg"), LabelfreeError, "expected a suffix among"),
        (lambda r: WeightsReports([]).save("x.json"), LabelfreeError, "expected reports to write, found none"),
    ],
)
def test_what_cannot_be_done_is_refused(call: Any, error: type[Exception], said: str, reports: WeightsReports) -> None:
    with pytest.raises(error, match=said):
        call(reports)


def test_two_checkpoints_of_one_name_are_taken_by_their_place(paths: list[Path]) -> None:
    found = labelfree.weights([paths[0], paths[0]])
    with pytest.raises(UnknownName, match="2 sources have this name"):
        found[str(paths[0])]
