"""Settings of a model that would build more than its weights are refused before memory or minutes are spent on it."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelfree.errors import SourceError
from labelfree.models.networks.limits import Held
from labelfree.models.networks.opening import open_network
from model_files import minilm, transformer

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("saved")
    import transformers

    images = {"image_size": 8, "patch_size": 4}
    swin = transformers.SwinConfig(depths=[1, 1], num_heads=[1, 1], embed_dim=4, **images)
    transformers.SwinModel(swin).save_pretrained(place / "swin")
    return {
        "bert": transformer(place / "bert", "BertModel"),
        "gpt2": transformer(place / "gpt2", "GPT2Model", "GPT2Config"),
        "distilbert": transformer(place / "distilbert", "DistilBertModel", "DistilBertConfig"),
        "vit": transformer(place / "vit", "ViTModel", "ViTConfig", **images),
        "swin": place / "swin",
    }


def changed(source: Path, place: Path, file: str = "config.json", **settings: Any) -> Path:
    """A copy of a directory with other settings in one of its files."""
    shutil.copytree(source, place)
    there = json.loads((place / file).read_text()) if (place / file).exists() else {}
    (place / file).write_text(json.dumps({**there, **settings}))
    return place


@pytest.fixture
def bounded() -> Iterator[None]:
    """At most ten seconds of one processor, and no more than 300 MB beside what the process holds."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


TOO_MUCH: list[tuple[str, dict[str, Any], str]] = [
    ("bert", {"num_hidden_layers": 10**8}, "at most 10,000 for num_hidden_layers, found 100,000,000; correct it"),
    ("bert", {"num_hidden_layers": 1e8}, "at most 10,000 for num_hidden_layers, found 100,000,000"),
    (
        "bert",
        {"num_hidden_layers": 10_000},
        "39 tensors with 4,540 numbers, found some that build one of more than 1,156",
    ),
    ("bert", {"hidden_size": 10**9}, "at most 1,048,576 for hidden_size, found 1,000,000,000"),
    ("bert", {"hidden_size": 100_000}, "found some that build one of more than 16,795,376 numbers"),
    ("bert", {"vocab_size": 10**12}, "at most 1,048,576 for vocab_size"),
    ("bert", {"vocab_size": 1_048_577}, "at most 1,048,576 for vocab_size, found 1,048,577"),
    ("bert", {"intermediate_size": 1_048_576}, "found some that build one of more than 16,795,376 numbers"),
    ("bert", {"max_position_embeddings": 10**12}, "found some that build one of more than 16,795,376 numbers"),
    ("bert", {"type_vocab_size": 10**9}, "at most 1,048,576 for type_vocab_size"),
    ("bert", {"num_labels": 10**9}, "at most 1,048,576 for num_labels"),
    ("gpt2", {"n_layer": 10**8}, "at most 10,000 for n_layer"),
    ("gpt2", {"n_positions": 10**8}, "found some that build one of more than"),
    ("gpt2", {"n_inner": 10**8}, "found some that build one of more than"),
    ("distilbert", {"n_layers": 10**8}, "at most 10,000 for n_layers"),
    ("distilbert", {"max_position_embeddings": 10**9, "sinusoidal_pos_embds": True}, "build one of more than"),
    ("distilbert", {"hidden_dim": 10**9}, "at most 1,048,576 for hidden_dim"),
    ("vit", {"image_size": 10**6, "patch_size": 1}, "found some that build one of more than"),
    ("vit", {"num_channels": 10**8}, "at most 1,048,576 for num_channels"),
    ("swin", {"depths": [1, 10**8]}, "at most 10,000 for depths, found 100,000,000"),
    ("swin", {"depths": [1, 9_999]}, "found some that build one of more than"),
    ("swin", {"window_size": 20_000}, "found some that build one of more than"),
]


@pytest.mark.parametrize(("model", "settings", "said"), TOO_MUCH, ids=lambda value: str(value)[:40])
def test_settings_that_would_build_more_than_the_weights_are_refused(
    model: str, settings: dict[str, Any], said: str, saved: dict[str, Path], tmp_path: Path, bounded: None
) -> None:
    with pytest.raises(SourceError) as caught:
        open_network(str(changed(saved[model], tmp_path / "m", **settings)))
    assert said in str(caught.value)
    assert "download the directory again" in str(caught.value)
    assert str(tmp_path / "m") in str(caught.value)


def test_the_finding_ends_at_once_with_2(saved: dict[str, Path], tmp_path: Path) -> None:
    changed(saved["bert"], tmp_path / "m", num_hidden_layers=10**8)
    (tmp_path / "texts.txt").write_text("one\ntwo\n")
    done = subprocess.run(
        [sys.executable, "-m", "labelfree", "embed", "m", "--data", "texts.txt", "-o", "e.parquet"],
        capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "labelfree: m/config.json: expected at most 10,000 for num_hidden_layers, found 100,000,000; correct it, or "
        "download the directory again\n"
    )
    assert not (tmp_path / "e.parquet").exists()


def sentences_with(place: Path, kind: str, **settings: Any) -> Path:
    """all-MiniLM-L6-v2 with one more module of these settings, and no weights for it."""
    shutil.copytree(minilm(), place)
    modules = json.loads((place / "modules.json").read_text())
    at = f"sentence_transformers.models.{kind}"
    modules.append({"idx": len(modules), "name": str(len(modules)), "path": "9_More", "type": at})
    (place / "modules.json").write_text(json.dumps(modules))
    (place / "9_More").mkdir()
    file = "lstm_config.json" if kind == "LSTM" else "config.json"
    (place / "9_More" / file).write_text(json.dumps(settings))
    return place


BUILDS = "found some that build one of more than"


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("Dense", {"in_features": 10**9, "out_features": 384}, "9_More/config.json: expected at most 22,7"),
        ("Dense", {"in_features": 384, "out_features": 2_000_000}, BUILDS),
        ("LSTM", {"embedding_dimension": 384, "hidden_dim": 20_000}, BUILDS),
        ("LSTM", {"embedding_dimension": 384, "hidden_dim": 1, "num_layers": 10**8}, "at most 10,000 for num_layers"),
    ],
)
def test_modules_of_sentence_transformers_too(
    kind: str, settings: dict[str, Any], said: str, tmp_path: Path, bounded: None
) -> None:
    with pytest.raises(SourceError) as caught:
        open_network(str(sentences_with(tmp_path / "m", kind, **settings)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "size", [{"size": {"height": 10**6, "width": 10**6}}, {"size": 10**6}, {"crop_size": {"shortest_edge": 16_385}}]
)
def test_images_beyond_all_screens_are_refused(size: dict[str, Any], saved: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"preprocessor_config\.json: expected at most 16,384 for"):
        open_network(str(changed(saved["vit"], tmp_path / "m", "preprocessor_config.json", **size)))


@pytest.mark.parametrize(
    ("padding", "name"),
    [
        ({"strategy": {"Fixed": 10**9}}, "Fixed"),
        ({"strategy": "BatchLongest", "pad_to_multiple_of": 10**9}, "pad_to_m"),
    ],
)
def test_a_tokenizer_that_pads_without_end_is_refused(padding: dict[str, Any], name: str, tmp_path: Path) -> None:
    padding = {"direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]", **padding}
    with pytest.raises(SourceError, match=rf"tokenizer\.json: expected at most 1,048,576 for {name}"):
        open_network(str(changed(minilm(), tmp_path / "m", "tokenizer.json", padding=padding)))


def test_what_is_trusted_and_what_is_whole_is_built(saved: dict[str, Path], tmp_path: Path) -> None:
    for path in saved.values():
        assert open_network(str(path)).kind == "transformers"
    assert open_network(str(minilm())).kind == "sentence-transformers"
    longest = changed(saved["bert"], tmp_path / "m", max_length=10**9, bos_token_id=None, problem=10**18, seed=2**40)
    assert open_network(str(longest)).kind == "transformers"
    layers = changed(saved["bert"], tmp_path / "n", num_hidden_layers=65)  # 1,044 tensors: no bound is near a model
    with pytest.raises(SourceError, match="lacks 1008 of the tensors of BertModel"):
        open_network(str(layers))


def test_nothing_is_left_of_the_hooks(saved: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        open_network(str(changed(saved["bert"], tmp_path / "m", hidden_size=100_000)))
    assert torch.nn.Linear(4_200, 4_200).weight.numel() > 1 << 24
    modules = torch.nn.modules.module
    assert not modules._global_parameter_registration_hooks
    assert not modules._global_buffer_registration_hooks
    assert not modules._global_module_registration_hooks


def test_whole_numbers_may_be_packed() -> None:
    """A matrix of 4 bits a number lies in int32 as an eighth of its numbers, which is enough for all of them."""
    from labelfree.sources.tensor import Tensor

    packed = Tensor("w", (1_000, 125), "int32", Path("m"), lambda: torch.zeros(0).numpy())
    assert Held().with_({"w": packed}).numbers >= 1_000 * 1_000
