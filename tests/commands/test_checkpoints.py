"""Checkpoints as data sets of every metric command: embedded, measured, and named as what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import labelfree  # noqa: E402
from labelfree.cli.main import run as program  # noqa: E402
from labelfree.commands.report import Report  # noqa: E402
from labelfree.errors import LabelfreeError, UsageError  # noqa: E402
from model_files import sentences, transformer  # noqa: E402

N = 150


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints of a classifier, texts with ids, groups and labels, and one checkpoint's embeddings as a file."""
    place = tmp_path_factory.mktemp("models")
    transformer(place / "checkpoint-100", "BertForSequenceClassification", num_labels=3)
    shutil.copytree(place / "checkpoint-100", place / "checkpoint-200")
    from safetensors.torch import load_file, save_file

    state = load_file(place / "checkpoint-200" / "model.safetensors")
    save_file({k: v * 1.1 for k, v in state.items()}, place / "checkpoint-200" / "model.safetensors", {"format": "pt"})
    table = {
        "id": [f"row {i}" for i in range(N)], "text": [text[:60] for text in sentences(N)],
        "item": [i // 3 for i in range(N)], "label": [i % 3 for i in range(N)],
    }  # fmt: skip
    pq.write_table(pa.table(table), place / "texts.parquet")
    labelfree.embed(
        place / "checkpoint-100", data=place / "texts.parquet", output=place / "e.parquet", column="text",
        keep=("item", "label"), device="cpu",
    )  # fmt: skip
    return place


def model(place: Path, step: int = 100) -> str:
    return str(place / f"checkpoint-{step}")


COMMANDS: dict[str, dict[str, Any]] = {
    "rank": {}, "separability": {}, "opis": {"group": "item"}, "evaluate": {}, "transfer": {}, "doctor": {},
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_checkpoint_is_measured_as_the_file_that_embed_writes(command: str, place: Path) -> None:
    """The same numbers and rows; head and logits are those of the checkpoint."""
    measure, own = getattr(labelfree, command), COMMANDS[command]
    found = measure(model(place), data=place / "texts.parquet", **{"column": "text", **own})
    head = {"head": model(place)} if command in ("evaluate", "transfer") else {}
    expected = measure(place / "e.parquet", **own, **head)
    assert {n: e.value for n, e in found.metrics.items()} == {n: e.value for n, e in expected.metrics.items()}
    assert found.input.rows_hash == expected.input.rows_hash
    assert found.input.sources == [model(place)]
    assert (found.input.n, found.input.d, found.input.id) == (N, 12, "id")
    if head:
        assert found.input.head is not None
        assert found.input.head.origin == "given"
        assert found.input.head.key == f"{model(place)}::classifier"
        assert found.input.head.residual is not None
        assert found.input.head.residual < 1e-4
        assert found.input.outputs is not None
    document = json.loads(found.to_json())
    assert document["input"]["model"]["facts"]["layer"] == "input of classifier"
    assert document["settings"]["data"] == str(place / "texts.parquet")
    assert document["settings"]["column"] == "text"
    assert Report.from_json(found.to_json()).input.model is not None


@pytest.mark.filterwarnings("ignore::labelfree.FindingWarning")
def test_drift_of_a_checkpoint_over_data_is_refused_where_another_wrote_the_reference(
    place: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "reference": place / "e.parquet", "data": place / "texts.parquet", "column": "text", "device": "cpu",
        "only": ("energy_ratio", "class_alignment"),
    }  # fmt: skip
    report = labelfree.drift(model(place), **asked)
    assert report["energy_ratio"] < 0
    assert "shared_rows" in {one.code for one in report.findings}
    report.save(tmp_path / "rows.parquet")
    assert sorted(pq.read_table(tmp_path / "rows.parquet")["id"].to_pylist()) == sorted(f"row {i}" for i in range(N))
    with pytest.raises(UsageError, match="found two models"):
        labelfree.drift(model(place, 200), **asked)


def test_checkpoints_are_candidates_as_the_files_that_embed_writes(place: Path, tmp_path: Path) -> None:
    files = []
    for step in (100, 200):
        files.append(str(tmp_path / f"checkpoint-{step}.parquet"))
        labelfree.embed(model(place, step), data=place / "texts.parquet", output=files[-1], column="text", device="cpu")
    found = labelfree.select([model(place), model(place, 200)], data=place / "texts.parquet", column="text")
    expected = labelfree.select(files)
    of = [[(o.name, o.step, o.score, o.status, o.parts) for o in one.candidates] for one in (found, expected)]
    assert of[0] == of[1]
    assert [one.step for one in found.candidates] in ([100, 200], [200, 100])
    assert {one.source for one in found.candidates} == {model(place), model(place, 200)}
    assert (found.setting, found.input.id, found.input.n) == ("logits", "id", N)
    assert found.settings["data"] == str(place / "texts.parquet")
    assert not {"data", "model"} & expected.settings.keys()
    for source, said in (("s.parquet", "embeds the target alone"), (None, "at least 2 candidates")):
        with pytest.raises(UsageError, match=said):
            labelfree.select([model(place)], data=place / "texts.parquet", column="text", source=source)


def test_without_a_model_reports_are_as_they_were(place: Path) -> None:
    document = json.loads(labelfree.rank(place / "e.parquet").to_json())
    assert "model" not in document["input"]
    assert not {"data", "model", "layer", "pool", "trust_code", "batch_size"} & document["settings"].keys()


def test_two_checkpoints_over_the_same_data_hold_the_same_rows(place: Path) -> None:
    one, again, other = (
        labelfree.rank(model(place, step), data=place / "texts.parquet", column="text") for step in (100, 100, 200)
    )
    assert one.to_json() == again.to_json()
    assert one.input.rows_hash == other.input.rows_hash
    assert one.input.fingerprint != other.input.fingerprint
    prints = [r.input.model.facts["model"]["fingerprint"] for r in (one, other) if r.input.model]
    assert prints[0] != prints[1]
    both = labelfree.transfer_all([model(place, s) for s in (100, 200)], data=place / "texts.parquet", column="text")
    assert all(report["gde"].value is not None for report in both)


def test_layers_pools_and_columns_of_the_data(place: Path) -> None:
    report = labelfree.rank(
        model(place), data=place / "texts.parquet", column="text", group="item", layer="bert.embeddings", pool="mean"
    )
    assert report.input.model is not None
    assert report.input.model.facts["layer"] == "output of bert.embeddings"
    assert report["lidar"].value is not None
    audited = labelfree.transfer(model(place), data=place / "texts.parquet", column="text", audit="label")
    assert audited.audit is not None
    assert audited.audit.rows == N


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "x"}, r"layer: has no effect without data"),
        ({"trust_code": True}, r"trust_code: has no effect without data"),
        ({"batch_size": 3}, r"batch_size: has no effect without data"),
        ({"pool": "cls"}, r"pool: has no effect without data"),
        ({"model": "a:b"}, r"model: has no effect without data"),
    ],
)
def test_options_of_a_model_need_data(options: dict[str, Any], message: str, place: Path) -> None:
    with pytest.raises(UsageError, match=message):
        labelfree.rank(place / "e.parquet", **options)


def test_what_is_no_checkpoint_is_refused_beside_data(place: Path) -> None:
    data = place / "texts.parquet"
    with pytest.raises(UsageError, match=r"e\.parquet: expected a checkpoint, .* found '\.parquet'"):
        labelfree.rank(place / "e.parquet", data=data)
    with pytest.raises(UsageError, match=r"data: expected one checkpoint by its path .* found ndarray"):
        labelfree.rank(np.eye(4), data=data)
    with pytest.raises(UsageError, match=r"names one tensor, which cannot be run"):
        labelfree.rank(f"{model(place)}::classifier.weight", data=data)
    with pytest.raises(LabelfreeError, match=r"no such file"):
        labelfree.rank(model(place), data="nowhere.parquet")


def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """The program in this process, where torch is loaded already."""
    monkeypatch.setattr("sys.argv", ["labelfree", *map(str, arguments)])
    monkeypatch.setenv("NO_COLOR", "1")
    code = program()
    told = capsys.readouterr()
    return code, told.out, told.err


def test_rank_side_by_side_and_a_history(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(place)
    history = tmp_path / "h.jsonl"
    arguments = ("--data", "texts.parquet", "--column", "text")
    code, out, err = cli(
        monkeypatch, capsys, "rank", "checkpoint-100", "checkpoint-200", *arguments, "--append", history
    )
    assert code == 0, err
    assert "checkpoint-100" in out
    assert "checkpoint-200" in out
    records = [json.loads(line) for line in history.read_text().splitlines()]
    assert [record["step"] for record in records] == [100, 200]
    code, out, err = cli(monkeypatch, capsys, "transfer", "checkpoint-100", "checkpoint-200", *arguments, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert [r["input"]["sources"] for r in document["reports"]] == [["checkpoint-100"], ["checkpoint-200"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rank", "e.parquet", "--layer", "x"), "--layer: has no effect without --data"),
        (("rank", "e.parquet", "--trust-code"), "--trust-code: has no effect without --data"),
        (
            ("rank", "checkpoint-100", "checkpoint-200", "--concat", "--data", "texts.parquet"),
            "--concat: every checkpoint",
        ),
        (("rank", "nowhere", "--data", "texts.parquet"), "nowhere: no such file or directory"),
        (("rank", "checkpoint-100", "--data", "texts.parquet", "-o", "texts.parquet"), "would overwrite --data"),
        (("embed", "checkpoint-100", "--data", "texts.parquet"), "Missing option"),
        (("embed", "checkpoint-100", "--data", "t.txt", "-o", "e.csv"), "-o e.csv: expected a suffix among"),
        (("rank", "checkpoint-100", "--data", "texts.parquet", "--column", "txt"), "no column 'txt'"),
    ],
)
def test_the_program_refuses_with_code_2_and_nothing_on_stdout(
    arguments: tuple[str, ...],
    message: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    code, out, err = cli(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_embed_prints_one_table_or_one_document(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(place)
    arguments = ("embed", "checkpoint-100", "--data", "texts.parquet", "--column", "text", "--keep", "item,label", "-o")
    code, out, err = cli(monkeypatch, capsys, *arguments, tmp_path / "e.parquet", "--device", "cpu")
    assert code == 0, err
    assert f"{N} rows of 12 numbers" in err
    assert "3 classes: classifier" in out
    assert (tmp_path / "e.parquet").read_bytes() == (place / "e.parquet").read_bytes()
    code, out, err = cli(monkeypatch, capsys, *arguments, tmp_path / "e.parquet", "--json", "-q", "--resume")
    assert (code, err) == (0, "")
    assert json.loads(out)["computed"] == 0
