"""Checkpoints of every kind that can be run: what is loaded, what is taken from it, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from checkpoint_files import LIBRARIES, tree  # noqa: E402
from labelfree.errors import LabelfreeError, ResourceError, SourceError, UnsafeCheckpoint, UsageError  # noqa: E402
from labelfree.models.batching import Halving, batch_rows  # noqa: E402
from labelfree.models.features.features import extracted, head_of, planned  # noqa: E402
from labelfree.models.features.pooling import pooled  # noqa: E402
from labelfree.models.networks.fingerprints import fingerprint  # noqa: E402
from labelfree.models.networks.network import Network, Prepared  # noqa: E402
from labelfree.models.networks.opening import open_network  # noqa: E402
from model_files import minilm, transformer  # noqa: E402

D, K = 6, 3


class Classifier(nn.Module):  # type: ignore[misc]
    """A trunk and a head, as most networks of images are."""

    def __init__(self, head: str = "fc") -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, D))
        self.add_module(head, nn.Linear(D, K))
        self.named = head

    def forward(self, x: Any) -> Any:
        return self.get_submodule(self.named)(self.trunk(x))


def seeded(module: Any) -> Any:
    torch.manual_seed(1)
    for parameter in module.parameters():
        parameter.data.normal_()
    return module.eval()


def arrays(n: int = 5) -> Any:
    return np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Any]:
    module = seeded(Classifier())
    torch.save(module.state_dict(), tmp_path / "plain.pt")
    return tmp_path / "plain.pt", module


def features(network: Network, items: Any, **choice: Any) -> tuple[Any, Any, Any]:
    """Embeddings, logits and the plan for a few items."""
    with torch.inference_mode():
        batch = network.prepare(items)
        plan = planned(network, batch, len(items), **{"layer": None, "pool": None, **choice})
        rows, logits = extracted(network, plan, batch, len(items))
    return rows.numpy(), None if logits is None else logits.numpy(), plan


WRAPPED: dict[str, Any] = {
    "plain": lambda s: s,
    "wrapped": lambda s: {"step": 3, "model_state": s, "optimizer": {"lr": 0.1}},
    "lightning": lambda s: {"epoch": 1, "state_dict": {f"model.{k}": v for k, v in s.items()}},
    "data parallel": lambda s: {f"module.{k}": v for k, v in s.items()},
    "compiled": lambda s: {f"_orig_mod.{k}": v for k, v in s.items()},
    "under a name of its own": lambda s: {
        "state_dict": {**{f"net.{k}": v for k, v in s.items()}, "criterion.weight": torch.ones(3)}
    },
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_state_dicts_fill_what_the_factory_builds(kind: str, tmp_path: Path) -> None:
    module = seeded(Classifier())
    torch.save(WRAPPED[kind](module.state_dict()), tmp_path / "w.ckpt")
    network = open_network(str(tmp_path / "w.ckpt"), model=Classifier)
    x = arrays()
    rows, logits, plan = features(network, x)
    with torch.no_grad():
        trunk = module.trunk(torch.from_numpy(x))
        assert np.array_equal(rows, trunk.numpy())
        assert np.array_equal(logits, module.fc(trunk).numpy())
    assert (plan.what, plan.pool) == ("input of fc", "none")
    assert network.notes == (
        ["1 tensors are not used by the module of model: criterion.weight"] if kind.startswith("under") else []
    )


def test_a_module_whose_own_names_begin_like_a_wrapper(tmp_path: Path) -> None:
    def build() -> Any:
        return tree(backbone=nn.Linear(4, 5), model=nn.Linear(5, 2))

    module = seeded(build())
    torch.save({"state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}}, tmp_path / "w.pt")
    network = open_network(str(tmp_path / "w.pt"), model=build)
    assert all(torch.equal(a, b) for a, b in zip(network.module.parameters(), module.parameters(), strict=True))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_stored_dtypes_are_computed_as_float32(dtype: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    module = seeded(Classifier())
    save_file({k: v.to(getattr(torch, dtype)) for k, v in module.state_dict().items()}, tmp_path / "w.safetensors")
    network = open_network(str(tmp_path / "w.safetensors"), model=Classifier)
    for name, value in network.module.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, module.state_dict()[name].to(getattr(torch, dtype)).float())


def test_what_is_missing_too_much_or_of_another_shape_is_said_by_name(saved: tuple[Path, Any], tmp_path: Path) -> None:
    path, module = saved
    state = module.state_dict()
    torch.save({k: v for k, v in state.items() if not k.startswith("trunk.0")}, tmp_path / "less.pt")
    less = open_network(str(tmp_path / "less.pt"), model=Classifier)
    with pytest.raises(UsageError, match=r"lacks 2 tensors .*\(trunk\.0\.weight, trunk\.0\.bias\).*random numbers"):
        features(less, arrays())
    torch.save({**state, "fc.weight": torch.zeros(7, D)}, tmp_path / "wide.pt")
    with pytest.raises(SourceError, match=r"found 1 others: fc\.weight: 7 x 6 for 3 x 6; build it with"):
        open_network(str(tmp_path / "wide.pt"), model=Classifier)
    torch.save({"other": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(SourceError, match=r"holds none of the tensors .* it has other; the module trunk\.0\.weight"):
        open_network(str(tmp_path / "other.pt"), model=Classifier)
    torch.save({**state, "extra.weight": torch.zeros(2)}, tmp_path / "more.pt")
    more = open_network(str(tmp_path / "more.pt"), model=Classifier)
    assert more.notes == ["1 tensors are not used by the module of model: extra.weight"]
    assert np.array_equal(features(more, arrays())[0], features(open_network(str(path), model=Classifier), arrays())[0])


def test_without_the_head_its_input_is_still_sound(saved: tuple[Path, Any], tmp_path: Path) -> None:
    path, module = saved
    torch.save({k: v for k, v in module.state_dict().items() if "trunk" in k}, tmp_path / "trunk.pt")
    network = open_network(str(tmp_path / "trunk.pt"), model=Classifier)
    rows, logits, plan = features(network, arrays())
    assert logits is None
    assert not plan.scored
    assert head_of(network, plan) is None
    assert np.array_equal(rows, features(open_network(str(path), model=Classifier), arrays())[0])
    with pytest.raises(UsageError, match=r"lacks 2 tensors"):
        features(network, arrays(), layer="fc")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere_at_all:build", r"cannot import nowhere_at_all .* looked in"),
        ("json:dumpz", r"json has no 'dumpz'; did you mean dump\?"),
        ("json", r"expected package\.module:factory, found 'json'"),
        ("os; rm:x", r"expected package\.module:factory"),
        ("json:JSONDecoder", r"expected a torch\.nn\.Module, or a pair .* found JSONDecoder"),
        ("json:dumps", r"called without arguments, raised TypeError"),
        ("sys:path", r"expected a function without arguments, found list"),
    ],
)
def test_factories_that_do_not_work_say_so(spec: str, message: str, saved: tuple[Path, Any]) -> None:
    with pytest.raises(UsageError, match=message):
        open_network(str(saved[0]), model=spec)


def test_a_factory_of_the_current_directory(
    saved: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_nets.py").write_text(
        "from torch import nn\n\ndef doubling():\n    return nn.Linear(4, 8, bias=False), double\n\n"
        "def double(item):\n    import torch\n\n    return torch.as_tensor(item) * 2\n"
    )
    torch.save({"weight": torch.eye(8, 4)}, tmp_path / "eye.pt")
    monkeypatch.chdir(tmp_path)
    network = open_network("eye.pt", model="my_own_nets:doubling")
    rows, _, _ = features(network, arrays())
    assert np.array_equal(rows[:, :4], 2 * arrays())


def test_weights_alone_ask_for_the_network(saved: tuple[Path, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds 6 tensors and no network; .*model='package\.module:factory'"):
        open_network(str(saved[0]))
    directory = tmp_path / "weights"
    directory.mkdir()
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2, 2)}, directory / "model.safetensors")
    with pytest.raises(UsageError, match=r"holds weights and no config\.json; .*model='"):
        open_network(str(directory))
    (directory / "config.json").write_text('{"architecture": "resnet18", "pretrained_cfg": {}}')
    with pytest.raises(UsageError, match=r"expected a model_type of transformers, found none; .*timm\.create_model"):
        open_network(str(directory))


# Heads: by what they compute, on networks whose layers are called as in many libraries.


class Run(nn.Module):  # type: ignore[misc]
    """A network of one chain of layers: a trunk, and the head of a library at its end."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.trunk = nn.Linear(4, 12)
        built, self.head = LIBRARIES[name]
        self.inner = built()

    def forward(self, x: Any) -> Any:
        return self.inner.get_submodule(self.head)(torch.relu(self.trunk(x)))


@pytest.mark.parametrize(
    "library", [name for name in LIBRARIES if name not in ("torchvision squeezenet", "torchvision segmentation")]
)
def test_the_head_of_every_library_is_found(library: str) -> None:
    module = seeded(Run(library))
    network = Network("net", "module", module, ("array",), lambda x: Prepared(torch.from_numpy(x)), module, {})
    rows, logits, plan = features(network, arrays())
    assert plan.what == f"input of inner.{LIBRARIES[library][1]}"
    with torch.no_grad():
        assert np.array_equal(rows, torch.relu(module.trunk(torch.from_numpy(arrays()))).numpy())
        assert np.array_equal(logits, module(torch.from_numpy(arrays())).numpy())
    head = head_of(network, plan)
    assert head is not None
    assert np.allclose(rows @ head.weight.T + head.bias, logits, atol=1e-5)


def test_a_projection_is_no_head(tmp_path: Path) -> None:
    module = seeded(nn.Sequential())
    module.add_module("trunk", nn.Linear(4, D))
    module.add_module("projector", nn.Linear(D, 2))
    seeded(module)
    network = Network("net", "module", module, ("array",), lambda x: Prepared(torch.from_numpy(x)), module, {})
    rows, logits, plan = features(network, arrays())
    assert (plan.what, logits, rows.shape) == ("output of the model", None, (5, 2))


def test_a_layer_by_its_name(saved: tuple[Path, Any]) -> None:
    network = open_network(str(saved[0]), model=Classifier)
    rows, logits, plan = features(network, arrays(), layer="trunk.0")
    with torch.no_grad():
        assert np.array_equal(rows, saved[1].trunk[0](torch.from_numpy(arrays())).numpy())
    assert logits is not None
    assert plan.what == "output of trunk.0"
    with pytest.raises(UsageError, match=r"has no such layer; near ones are trunk\.1, trunk\.0, trunk\.2"):
        features(network, arrays(), layer="trunk.1.0")
    with pytest.raises(UsageError, match=r"has no such layer; its layers are trunk, trunk\.0, trunk\.1, trunk\.2, fc"):
        features(network, arrays(), layer="@")
    with pytest.raises(UsageError, match=r"pool='cls': output of trunk\.0 gives shape \(5, 8\), which has no tokens"):
        features(network, arrays(), layer="trunk.0", pool="cls")


def test_what_changes_an_output_in_place_does_not_change_the_features() -> None:
    module = seeded(nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 2)))
    network = Network("net", "module", module, ("array",), lambda x: Prepared(torch.from_numpy(x)), module, {})
    rows, _, _ = features(network, arrays(), layer="0")
    assert (rows < 0).any()


def test_a_layer_that_does_not_run_is_refused() -> None:
    module = seeded(tree(a=nn.Linear(4, 3)))
    module.aside = nn.Linear(2, 2)
    network = Network(
        "net", "module", module, ("array",), lambda x: Prepared(torch.from_numpy(x)), module.a.forward, {}
    )
    with pytest.raises(UsageError, match=r"layer='aside': the model has it, and does not run it"):
        features(network, arrays(), layer="aside")


# Pooling, by hand.

TOKENS = torch.tensor([[[1.0, 0.0], [3.0, 2.0], [50.0, 9.0]], [[-50.0, 9.0], [4.0, 4.0], [6.0, 8.0]]])


@pytest.mark.parametrize(
    ("pool", "mask", "expected"),
    [
        ("mean", [[1, 1, 0], [0, 1, 1]], [[2, 1], [5, 6]]),
        ("cls", [[1, 1, 0], [0, 1, 1]], [[1, 0], [4, 4]]),
        ("last", [[1, 1, 0], [0, 1, 1]], [[3, 2], [6, 8]]),
        ("mean", [[1, 0, 1], [1, 1, 1]], [[25.5, 4.5], [-40 / 3, 7]]),
        ("last", None, [[50, 9], [6, 8]]),
        ("cls", None, [[1, 0], [-50, 9]]),
        ("mean", None, [[18, 11 / 3], [-40 / 3, 7]]),
    ],
)
def test_pooling_takes_real_tokens_on_either_side(pool: str, mask: Any, expected: Any) -> None:
    mask = None if mask is None else torch.tensor(mask)
    assert np.allclose(pooled(TOKENS, 2, mask, pool, "x"), expected)


def test_maps_are_pooled_over_space_and_none_takes_vectors_alone() -> None:
    maps = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert np.array_equal(pooled(maps, 2, None, "mean", "x"), [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]])
    assert np.array_equal(pooled(maps[:, :, :1, :1], 2, None, "none", "x"), maps[:, :, 0, 0])
    with pytest.raises(UsageError, match=r"pool='none': x gives shape \(2, 3, 2, 2\), not one vector a row; .*mean"):
        pooled(maps, 2, None, "none", "x")
    with pytest.raises(UsageError, match=r"pool='none': x gives shape \(2, 3, 2\), .* expected pool mean, cls or last"):
        pooled(TOKENS, 2, None, "none", "x")
    with pytest.raises(UsageError, match=r"x: expected one output for each of 3 rows, found shape \(2, 3, 2\)"):
        pooled(TOKENS, 3, None, "mean", "x")
    with pytest.raises(UsageError, match=r"found shape \(2, 1, 1, 1, 1\)"):
        pooled(torch.zeros(2, 1, 1, 1, 1), 2, None, "mean", "x")


# Directories of transformers.


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transformer(tmp_path_factory.mktemp("bert"), "BertForSequenceClassification", num_labels=3)


TEXTS = ["a cat", "the stock market fell by two points on monday", "one"]


def test_a_classifier_of_transformers(classifier: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = open_network(str(classifier))
    rows, logits, plan = features(network, TEXTS)
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(classifier),
        AutoTokenizer.from_pretrained(classifier),
    )
    with torch.inference_mode():
        for i, text in enumerate(TEXTS):
            out = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
            assert np.allclose(logits[i], out.logits[0], atol=1e-5)
            pooler = model.bert.pooler(out.hidden_states[-1])[0]
            assert np.allclose(rows[i], pooler, atol=1e-5)
    assert plan.what == "input of classifier"
    assert (network.kind, network.accepts, network.longest) == ("transformers", ("text",), 64)


@pytest.mark.parametrize(("pool", "position"), [("cls", 0), ("last", -1), ("mean", None)])
def test_tokens_of_a_layer_are_pooled(classifier: Path, pool: str, position: int | None) -> None:
    from transformers import AutoModel, AutoTokenizer

    rows, logits, plan = features(open_network(str(classifier)), TEXTS, layer="bert.encoder", pool=pool)
    model, tokenizer = AutoModel.from_pretrained(classifier), AutoTokenizer.from_pretrained(classifier)
    with torch.inference_mode():
        for i, text in enumerate(TEXTS):
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            expected = hidden.mean(dim=0) if position is None else hidden[position]
            assert np.allclose(rows[i], expected, atol=1e-5)
    assert logits is not None
    assert plan.what == "output of bert.encoder"


def test_an_encoder_below_a_head_for_words_is_mean_pooled_and_says_what_it_leaves(tmp_path: Path) -> None:
    path = transformer(tmp_path, "BertForMaskedLM")
    network = open_network(str(path))
    rows, logits, plan = features(network, TEXTS)
    assert (plan.what, plan.pool, logits, rows.shape) == ("output of the model", "mean", None, (3, 12))
    assert any("are of no use to BertModel: cls.predictions" in note for note in network.notes)


def test_a_causal_model_takes_the_last_token_and_a_classifier_its_own(tmp_path: Path) -> None:
    small = {"num_key_value_heads": 2, "pad_token_id": None}
    bare = transformer(tmp_path / "bare", "LlamaForCausalLM", "LlamaConfig", **small)
    rows, logits, plan = features(open_network(str(bare)), TEXTS)
    assert (plan.pool, logits) == ("last", None)
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(bare), AutoTokenizer.from_pretrained(bare)
    with torch.inference_mode():
        for i, text in enumerate(TEXTS):
            tokens = {k: v for k, v in tokenizer(text, return_tensors="pt").items() if k != "token_type_ids"}
            assert np.allclose(rows[i], model(**tokens).last_hidden_state[0, -1], atol=1e-4)
    scored = transformer(tmp_path / "scored", "LlamaForSequenceClassification", "LlamaConfig", num_labels=3, **small)
    network = open_network(str(scored))
    rows, logits, plan = features(network, TEXTS)
    assert (plan.what, plan.pool) == ("input of score", "last")
    head = head_of(network, plan)
    assert head is not None
    assert np.allclose(rows @ head.weight.T, logits, atol=1e-4)


def test_only_the_encoder_of_two_runs(tmp_path: Path) -> None:
    settings = {"d_model": 12, "num_layers": 1, "num_heads": 2, "d_kv": 6, "d_ff": 20}
    network = open_network(str(transformer(tmp_path, "T5ForConditionalGeneration", "T5Config", **settings)))
    rows, _, plan = features(network, TEXTS)
    assert (plan.pool, rows.shape) == ("mean", (3, 12))
    assert any("the encoder of T5Model is run" in note for note in network.notes)


@pytest.mark.parametrize(
    ("name", "config", "settings", "pool"),
    [
        ("ViTForImageClassification", "ViTConfig", {"image_size": 32, "patch_size": 8, "num_labels": 3}, "none"),
        ("ViTModel", "ViTConfig", {"image_size": 32, "patch_size": 8}, "cls"),
        (
            "ResNetForImageClassification", "ResNetConfig",
            {"hidden_sizes": [8, 12], "depths": [1, 1], "embedding_size": 4, "num_labels": 3}, "none",
        ),
        ("ResNetModel", "ResNetConfig", {"hidden_sizes": [8, 12], "depths": [1, 1], "embedding_size": 4}, "mean"),
    ],
)  # fmt: skip
def test_models_of_images(name: str, config: str, settings: dict[str, Any], pool: str, tmp_path: Path) -> None:
    from PIL import Image
    from transformers import ViTImageProcessor

    path = transformer(tmp_path, name, config, **settings)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(path)
    pixels = np.random.default_rng(0).integers(0, 255, (3, 40, 50, 3), dtype=np.uint8)
    network = open_network(str(path))
    rows, logits, plan = features(network, [Image.fromarray(p) for p in pixels])
    assert (plan.pool, rows.shape, network.accepts) == (pool, (3, 12), ("image",))
    assert (logits is None) == ("Classification" not in name)
    head = head_of(network, plan)
    if head is not None:
        assert np.allclose(rows @ head.weight.T + head.bias, logits, atol=1e-4)


def test_a_directory_without_its_tensors_is_refused(classifier: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "less"
    shutil.copytree(classifier, path)
    state = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    save_file({k: v for k, v in state.items() if "classifier" not in k}, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(SourceError, match=r"lacks 2 of the tensors .*classifier\.bias, classifier\.weight"):
        open_network(str(path))
    (path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(SourceError, match=r"expected a complete safetensors file"):
        open_network(str(path))


def test_a_sharded_directory(classifier: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    path = tmp_path / "sharded"
    shutil.copytree(classifier, path)
    (path / "model.safetensors").unlink()
    AutoModelForSequenceClassification.from_pretrained(classifier).save_pretrained(path, max_shard_size="3KB")
    assert len(list(path.glob("model-*.safetensors"))) > 1
    one, other = open_network(str(path)), open_network(str(classifier))
    assert fingerprint(one.module) == fingerprint(other.module)
    assert np.array_equal(features(one, TEXTS)[0], features(other, TEXTS)[0])


# Nothing in a checkpoint is run.

HOSTILE: dict[str, Any] = {
    "config": ("config.json", {"auto_map": {"AutoModel": "modeling_evil.Evil"}}),
    "nested": ("config.json", {"text_config": {"auto_map": {"AutoConfig": "modeling_evil.Evil"}}}),
    "tokenizer": ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["modeling_evil.Evil", None]}}),
    "processor": ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "modeling_evil.Evil"}}),
    "kernel": ("config.json", {"attn_implementation": "someone/kernel"}),
    "module": ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "modeling_evil.Evil"}]),
    "other package": ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "os.system"}]),
    "deep inside": ("modules.json", [{"path": "", "type": "sentence_transformers.util.http_get"}]),
    "activation": ("2_Dense/config.json", {"activation_function": "torch.os.system"}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_directories_that_name_code_are_refused(kind: str, classifier: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(classifier, path)
    (path / "modeling_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    name, change = HOSTILE[kind]
    if kind == "activation":
        shutil.copy(minilm() / "modules.json", path)
        modules = json.loads((path / "modules.json").read_text())
        modules[2] = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
        (path / "modules.json").write_text(json.dumps(modules))
    file = path / name
    file.parent.mkdir(exist_ok=True)
    document = json.loads(file.read_text()) if file.exists() and isinstance(change, dict) else {}
    file.write_text(json.dumps({**document, **change} if isinstance(change, dict) else change))
    with pytest.raises(UnsafeCheckpoint, match=r"wants to run code: .*nothing was run\..*trust_code=True"):
        open_network(str(path))
    assert not (tmp_path / "ran").exists()


def test_code_of_a_directory_runs_where_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    path = transformer(tmp_path / "own", "BertModel")
    (path / "modeling_own.py").write_text("from transformers import BertModel\n\n\nclass Own(BertModel):\n    pass\n")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_own.Own"}}))
    network = open_network(str(path), trust_code=True)
    assert type(network.module).__name__ == "Own"


def test_module_paths_outside_the_directory_are_refused(classifier: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(classifier, path)
    (path / "modules.json").write_text('[{"type": "sentence_transformers.models.Transformer", "path": "../bert"}]')
    with pytest.raises(UnsafeCheckpoint, match=r"module path '\.\./bert' lies outside"):
        open_network(str(path))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "modules.json", "anything.json"])
def test_a_pipe_in_a_directory_is_not_waited_for(name: str, classifier: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(classifier, path)
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)
    with pytest.raises(SourceError, match=r"expected a file, found a pipe or device"):
        open_network(str(path))


def test_adapters_are_explained(classifier: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/base", "peft_type": "LORA"}')
    with pytest.raises(SourceError, match=r"adapter \(PEFT\) of the model 'someone/base', .*merge_and_unload"):
        open_network(str(tmp_path))


class Whole(nn.Module):  # type: ignore[misc]
    """A module that is pickled whole."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(x)


@pytest.mark.parametrize("kind", ["pickle", "script"])
def test_whole_modules_are_for_those_who_trust_them(kind: str, tmp_path: Path) -> None:
    module, path = seeded(Whole()), tmp_path / "whole.pt"
    if kind == "pickle":
        torch.save(module, path)
    else:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.trace(module, torch.zeros(1, 4)), path)
    with pytest.raises(UnsafeCheckpoint, match=r"trust_code=True lets the checkpoint run any code"):
        open_network(str(path))
    network = open_network(str(path), trust_code=True)
    rows, _, plan = features(network, arrays())
    with torch.no_grad():
        inside = torch.from_numpy(arrays())
        expected = inside if kind == "pickle" else module(inside)
    assert np.allclose(rows, expected)
    assert plan.what == ("input of fc" if kind == "pickle" else "output of the model")


class Settings:
    """What a training script leaves in its checkpoints."""


def test_a_state_dict_beside_foreign_objects(tmp_path: Path) -> None:
    module = seeded(Classifier())
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": Settings()}, tmp_path / "w.ckpt")
    with pytest.raises(UnsafeCheckpoint, match=r"Settings.*nothing was run.*trust_code=True"):
        open_network(str(tmp_path / "w.ckpt"), model=Classifier)
    network = open_network(str(tmp_path / "w.ckpt"), model=Classifier, trust_code=True)
    assert fingerprint(network.module) == fingerprint(module)


def test_the_hub_is_out_of_reach_and_afterwards_as_before(classifier: Path) -> None:
    from huggingface_hub import constants

    from labelfree.models.networks.trust import offline

    before = constants.HF_HUB_OFFLINE
    with offline():
        assert constants.HF_HUB_OFFLINE
        assert constants.is_offline_mode()
    assert before == constants.HF_HUB_OFFLINE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", r"nowhere: no such file or directory"),
        ("w.onnx", r"expected a checkpoint, .* found '\.onnx'"),
        ("empty", r"expected a directory with config\.json or modules\.json, .*the directory has neither"),
        ("w.pt::fc.weight", r"names one tensor, which cannot be run over data; leave 'fc\.weight' and its :: out"),
        ("broken", r"config\.json: expected JSON"),
    ],
)
def test_what_is_no_checkpoint(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.onnx").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    with pytest.raises(LabelfreeError, match=message):
        open_network(name)


# Fingerprints and batches.


def test_any_weight_that_changes_changes_the_fingerprint() -> None:
    module = seeded(nn.Linear(300, 300))
    before = fingerprint(module)
    for i, j in ((0, 0), (150, 150), (299, 299)):
        with torch.no_grad():
            old = module.weight[i, j].clone()
            module.weight[i, j] += 1e-3
            assert fingerprint(module) != before
            module.weight[i, j] = old
            assert fingerprint(module) == before
    assert fingerprint(module.double()) != before
    assert fingerprint(nn.Sequential()) == fingerprint(nn.Sequential())


def test_batches_follow_the_memory(saved: tuple[Path, Any]) -> None:
    network = open_network(str(saved[0]), model=Classifier)
    with torch.inference_mode():
        batch = network.prepare(arrays(8))
        parameters = sum(p.numel() for p in network.module.parameters()) * 4
        row = 3 * (8 + 8) * 4  # the ReLU: 8 numbers in and 8 out, and as much again twice
        for rows, memory in (
            (32, 10**9),
            (32, parameters + 32 * row),
            (16, parameters + 32 * row - 1),
            (1, parameters + row),
        ):
            assert batch_rows(network, batch, 8, "cpu", memory) == rows
        with pytest.raises(ResourceError, match=r"memory=\d+: the weights .* one row"):
            batch_rows(network, batch, 8, "cpu", parameters + row - 1)
        assert batch_rows(network, batch, 8, "cpu", None) == 32


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_batches_are_halved_where_memory_is_short(error: Exception) -> None:
    seen: list[int] = []

    def work(part: Any) -> list[int]:
        if len(part) > 3:
            raise error
        seen.append(len(part))
        return list(part)

    halving = Halving(16)
    done = halving.run(range(10), work)
    assert [x for part in done for x in part] == list(range(10))
    assert halving.halved
    assert max(seen) <= 3
    with pytest.raises(ResourceError, match="not enough memory for one row"):
        Halving(1).run(range(4), lambda part: (_ for _ in ()).throw(error))


def test_other_errors_of_a_model_are_its_own() -> None:
    def work(part: Any) -> Iterator[int]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        Halving(4).run(range(4), work)


def test_a_mean_over_many_tokens_in_float16_is_finite() -> None:
    """A sum of 512 values of 200 is beyond float16; a row without a real token is zero, in any dtype."""
    mask = torch.ones(2, 512, dtype=torch.long)
    mask[1] = 0
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        found = pooled(torch.full((2, 512, 4), 200.0, dtype=dtype), 2, mask, "mean", "layer")
        assert found.tolist() == [[200.0] * 4, [0.0] * 4]
