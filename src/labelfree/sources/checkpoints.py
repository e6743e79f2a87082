"""Tensors of checkpoints as data sets: read lazily, and never by running what is in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Rows, as_rows
from labelfree.errors import ColumnError, MissingExtra, SourceError, UnsafeCheckpoint
from labelfree.sources.block import Columns, Source, Values
from labelfree.sources.matrices import check_matrix, matrix_source, no_columns

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")
WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "module", "state_dict_ema", "ema", "teacher", "student",
)  # fmt: skip
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U8": "|u1",
}  # fmt: skip
_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I8": "int8",
    "U8": "uint8",
}


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint, not read yet: `load` gives it as numpy, bfloat16 as its bits in uint16."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: Path
    load: Callable[[], Values]


def checkpoint_source(path: Path, tensor: str | None, chosen: Columns) -> Source:
    """The rows of one 2-D tensor of a checkpoint: `tensor`, or the only one there is."""
    name = f"{path}::{tensor}" if tensor else str(path)
    no_columns(name, chosen)
    found = tensors(path)
    one = _chosen(found, tensor, path)
    array = one.load()
    bits = one.dtype == "bfloat16"
    check_matrix(one.shape, np.dtype("<f4") if bits else array.dtype, f"{path.name}::{one.name}")
    return matrix_source(
        [array],
        f"{path}::{one.name}",
        files=(str(one.file),),
        column=one.name,
        layout="tensor",
        dtype=one.dtype,
        size=array.nbytes,
        convert=from_bfloat16 if bits else as_rows,
    )


def from_bfloat16(bits: Values) -> Rows:
    """float32 of the same value: bfloat16 is its upper half."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a checkpoint file or Hugging Face directory by its name, wrappers and prefixes removed."""
    if path.is_dir():
        return _directory(path)
    if path.suffix == ".safetensors":
        return _stripped(_safetensors(path))
    return _stripped(_torch(path))


def _chosen(found: Mapping[str, Tensor], name: str | None, path: Path) -> Tensor:
    matrices = [t for t in found.values() if len(t.shape) == 2 and min(t.shape) > 0]
    if name is not None:
        for spelled in (name, _bare(name)):
            if spelled in found:
                return found[spelled]
        raise ColumnError(f"{path}: no tensor {name!r}; {_listed(matrices, path)}")
    if len(matrices) == 1:
        return matrices[0]
    raise ColumnError(f"{path}: expected the name of a tensor, path::name; {_listed(matrices, path)}")


def _listed(matrices: list[Tensor], path: Path, most: int = 40) -> str:
    if not matrices:
        return "it holds no 2-D tensor"
    lines = [f"  {path}::{t.name}  {t.shape[0]} x {t.shape[1]} {t.dtype}" for t in matrices[:most]]
    more = f"\n  ... and {len(matrices) - most} more" if len(matrices) > most else ""
    return "its 2-D tensors are\n" + "\n".join(lines) + more


def _bare(name: str) -> str:
    stripped = True
    while stripped:
        stripped = False
        for prefix in PREFIXES:
            if name.startswith(prefix):
                name, stripped = name[len(prefix) :], True
    return name


def _stripped(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without wrapper prefixes, unless two tensors would then share one."""
    bare = [_bare(name) for name in found]
    if len(set(bare)) < len(bare):
        return found
    return {
        short: Tensor(short, t.shape, t.dtype, t.file, t.load) for short, t in zip(bare, found.values(), strict=True)
    }


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The header, checked by the safetensors library; the data stay on the disk."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy"):  # checks lengths, offsets and overlaps
            pass
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
    except (SafetensorError, ValueError) as error:
        raise SourceError(f"{path}: expected a complete safetensors file ({error}); it may be truncated") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        shape, offset, code = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0], entry["dtype"]
        load = _mapper(path, code, shape, offset, name)
        found[name] = Tensor(name, shape, _NAMES.get(code, code), path, load)
    return found


def _mapper(path: Path, code: str, shape: tuple[int, ...], offset: int, name: str) -> Callable[[], Values]:
    def load() -> Values:
        if code not in _DTYPES:
            raise SourceError(f"{path.name}::{name}: expected real numbers of 8 to 64 bits, found {code}")
        return np.memmap(path, dtype=_DTYPES[code], mode="r", offset=offset, shape=shape)

    return load


def _directory(path: Path) -> dict[str, Tensor]:
    """A Hugging Face directory: sharded or single safetensors, or PyTorch files."""
    for index, kind in (
        ("model.safetensors.index.json", _safetensors),
        ("pytorch_model.bin.index.json", _torch),
    ):
        if (path / index).exists():
            return _stripped(_sharded(path, index, kind))
    files = sorted(path.glob("*.safetensors")) or sorted(p for s in TORCH_SUFFIXES for p in path.glob(f"*{s}"))
    if not files:
        raise SourceError(f"{path}: expected model.safetensors or another checkpoint in it, found none")
    found: dict[str, Tensor] = {}
    for file in files:
        found |= _safetensors(file) if file.suffix == ".safetensors" else _torch(file)
    return _stripped(found)


def _sharded(path: Path, index: str, kind: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    try:
        places: dict[str, str] = json.loads((path / index).read_text())["weight_map"]
    except (ValueError, KeyError, OSError) as error:
        raise SourceError(f"{path / index}: expected an index with a weight_map ({error})") from error
    shards = {}
    for shard in sorted(set(places.values())):
        file = path / shard
        if Path(shard).name != shard:
            raise UnsafeCheckpoint(f"{path / index}: the shard {shard!r} lies outside the directory; it is refused")
        if not file.exists():
            raise SourceError(f"{path}: the index names {shard}, which is missing; download it again")
        shards[shard] = kind(file)
    missing = [name for name, shard in places.items() if name not in shards[shard]]
    if missing:
        raise SourceError(f"{path}: the index names tensor {missing[0]!r}, which its shard does not hold")
    return {name: shards[shard][name] for name, shard in places.items()}


def _torch(path: Path) -> dict[str, Tensor]:
    """A PyTorch file, loaded with weights_only=True: nothing in it is run."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(f"reading {path.name}", "torch") from error
    state = _unwrapped(_loaded(path, torch))
    found = {}
    for name, value in state.items():
        if isinstance(value, torch.Tensor) and not value.is_sparse and not value.is_quantized:
            dtype = str(value.dtype).removeprefix("torch.")
            found[str(name)] = Tensor(str(name), tuple(value.shape), dtype, path, _torch_loader(value, dtype))
    if not found:
        raise SourceError(f"{path}: expected tensors by name, found {_described(state)}")
    return found


def _loaded(path: Path, torch: Any) -> Any:
    import pickle
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError as error:
                if "mmap" not in str(error):
                    raise
                return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpoint(_refusal(path, str(error))) from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        text = " ".join(str(error).split())[:200]
        if "TorchScript" in text:
            raise UnsafeCheckpoint(
                f"{path}: is a TorchScript archive, which only running its code can read; save model.state_dict()"
            ) from error
        raise SourceError(f"{path}: expected a complete PyTorch file ({text}); it may be truncated") from error


def _refusal(path: Path, text: str) -> str:
    if "TorchScript" in text:
        return f"{path}: is a TorchScript archive, which only running its code can read; save model.state_dict()"
    blocked = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"`([\w.]+)`", text)
    what = f"the global {blocked[1]}" if blocked else "an object"
    return (
        f"{path}: wants to import {what}, which could run any code; nothing was run. Expected tensors only: save "
        "model.state_dict(), better as safetensors, where the file comes from someone you trust"
    )


def _unwrapped(state: Any) -> Mapping[Any, Any]:
    """The innermost state dict of a training checkpoint."""
    for _ in range(4):
        if not isinstance(state, Mapping):
            return {"tensor": state} if hasattr(state, "shape") else {}
        inner = next((state[w] for w in WRAPPERS if isinstance(state.get(w), Mapping)), None)
        if inner is None or any(hasattr(value, "shape") for value in state.values()):
            return state
        state = inner
    return state if isinstance(state, Mapping) else {}


def _described(state: Any) -> str:
    return f"{type(state).__name__} with the keys {', '.join(map(str, list(state)[:10])) or 'none'}"


def _torch_loader(value: Any, dtype: str) -> Callable[[], Values]:
    def load() -> Values:
        if dtype == "bfloat16":
            import torch

            return np.asarray(value.detach().view(torch.int16).numpy()).view(np.uint16)
        return np.asarray(value.detach().numpy())

    return load
