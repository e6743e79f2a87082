"""Tensors of checkpoints as data sets: read lazily, and never by running what is in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from labelfree.arrays import Rows, as_array, as_rows, check_dense
from labelfree.documents.files import check_regular, read_text
from labelfree.documents.reading import parsed
from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.errors import ColumnError, SourceError, UnsafeCheckpoint, option
from labelfree.sources.arrays.matrices import check_matrix, matrix_source, no_columns
from labelfree.sources.block import TORCH, Columns, Source, Values
from labelfree.sources.checkpoints.claimed_tensors import Claimed
from labelfree.sources.checkpoints.remote_tensors import DTYPES, number_type, remote_tensors, unreadable
from labelfree.sources.checkpoints.remote_torch import remote_state
from labelfree.sources.checkpoints.torch_files import loaded
from labelfree.sources.tensor import Tensor

WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "module", "state_dict_ema", "ema", "teacher", "student",
)  # fmt: skip
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
_MOST_INDEX = 1 << 26
_MOST_SPREAD = 1 << 26
"""Bytes that a tensor may claim beyond those of its storage, as an expanded one does."""


def checkpoint_source(path: File, tensor: str | None, chosen: Columns) -> Source:
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
        amount=chosen.amount,
    )


def from_bfloat16(bits: Values) -> Rows:
    """float32 of the same value: bfloat16 is its upper half."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def tensors(path: File) -> dict[str, Tensor]:
    """Every tensor of a checkpoint file or Hugging Face directory by its name, wrappers and prefixes removed."""
    if isinstance(path, RemoteFile):
        if path.suffix.lower() in TORCH:
            return _stripped(_claimed(path))
        return _stripped(remote_tensors(path) if path.suffix else _joined(path, path.beside("*.safetensors")))
    if path.is_dir():
        return _directory(path)
    if path.suffix.lower() == ".safetensors":
        return _stripped(_safetensors(path))
    return _stripped(_torch(path))


def state_tensors(state: Any) -> dict[str, Tensor]:
    """Every array or tensor of a state dict in memory by its name, wrappers and prefixes removed."""
    found = {}
    for name, value in _unwrapped(state).items():
        place, key = Path("state dict"), str(name)
        if getattr(value, "is_nested", False):
            check_dense(value, key)
        if hasattr(value, "detach"):
            dtype = str(value.dtype).removeprefix("torch.")
            found[key] = Tensor(key, tuple(value.shape), dtype, place, _torch_loader(place, key, value))
        elif hasattr(value, "shape") or isinstance(value, list | tuple):
            array = as_array(value, key or "array")
            found[key] = Tensor(key, array.shape, array.dtype.name, place, partial(np.asarray, array))
    return _stripped(found)


def _chosen(found: Mapping[str, Tensor], name: str | None, path: File) -> Tensor:
    matrices = [t for t in found.values() if len(t.shape) == 2 and min(t.shape) > 0]
    if name is not None:
        for spelled in (name, bare_name(name)):
            if spelled in found:
                return found[spelled]
        raise ColumnError(f"{path}: no tensor {name!r}; {_listed(matrices, path)}")
    if len(matrices) == 1:
        return matrices[0]
    raise ColumnError(
        f"{path}: expected the name of a tensor, path::name, or what to run the model over, "
        f"{option('data', like='FILE')}; "
        f"{_listed(matrices, path)}"
    )


def _listed(matrices: list[Tensor], path: File, most: int = 40) -> str:
    if not matrices:
        return "it holds no 2-D tensor"
    lines = [f"  {path}::{t.name}  {t.shape[0]} x {t.shape[1]} {t.dtype}" for t in matrices[:most]]
    more = f"\n  ... and {len(matrices) - most} more" if len(matrices) > most else ""
    return "its 2-D tensors are\n" + "\n".join(lines) + more


def bare_name(name: str) -> str:
    """The name of a tensor without the prefixes that wrappers put before it."""
    stripped = True
    while stripped:
        stripped = False
        for prefix in PREFIXES:
            if name.startswith(prefix):
                name, stripped = name[len(prefix) :], True
    return name


def _stripped(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without wrapper prefixes, unless two tensors would then share one."""
    bare = [bare_name(name) for name in found]
    if len(set(bare)) < len(bare):
        return found
    return {
        short: Tensor(short, t.shape, t.dtype, t.file, t.load) for short, t in zip(bare, found.values(), strict=True)
    }


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The header, checked by the safetensors library; the data stay on the disk."""
    from safetensors import SafetensorError, safe_open

    check_regular(path)
    try:
        with safe_open(path, "numpy"):  # checks lengths, offsets and overlaps
            pass
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = parsed(stream.read(length).decode(), unique=True)
    except (SafetensorError, ValueError) as error:
        raise SourceError(f"{path}: expected a complete safetensors file ({error}); it may be truncated") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        shape, offset, code = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0], entry["dtype"]
        load = _mapper(path, code, shape, offset, name)
        dtype = number_type(code)
        found[name] = Tensor(name, shape, dtype, path, load)
    return found


def _mapper(path: Path, code: str, shape: tuple[int, ...], offset: int, name: str) -> Callable[[], Values]:
    def load() -> Values:
        if code not in DTYPES:
            raise SourceError(unreadable(path, name, code))
        return np.memmap(path, dtype=DTYPES[code], mode="r", offset=offset, shape=shape)

    return load


def _directory(path: Path) -> dict[str, Tensor]:
    """A Hugging Face directory: sharded or single safetensors, or PyTorch files."""
    for index, kind in (
        ("model.safetensors.index.json", _safetensors),
        ("pytorch_model.bin.index.json", _torch),
    ):
        check_regular(path / index)
        if (path / index).exists():
            return _stripped(_sharded(path, index, kind))
    files = sorted(path.glob("*.safetensors")) or sorted(path.glob("pytorch_model.bin"))
    files = files or sorted(p for s in TORCH for p in path.glob(f"*{s}"))
    if not files:
        raise SourceError(f"{path}: expected model.safetensors or another checkpoint in it, found none")
    return _stripped(_joined(path, files))


def _joined(path: File, files: Sequence[File]) -> dict[str, Tensor]:
    """The tensors of all files of a directory, each of which is in one of them."""
    found: dict[str, Tensor] = {}
    for file in files:
        if isinstance(file, RemoteFile):
            inside = remote_tensors(file)
        else:
            inside = _safetensors(file) if file.suffix == ".safetensors" else _torch(file)
        for name in inside.keys() & found.keys():
            both = f"{found[name].file.name} and {file.name}"
            raise SourceError(f"{path}: expected each tensor once, found {name!r} in {both}; name one of the files")
        found |= inside
    return found


def _sharded(path: Path, index: str, kind: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    try:
        document = parsed(read_text(path / index, _MOST_INDEX), unique=True)
        places = {str(k): str(v) for k, v in document["weight_map"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise SourceError(f"{path / index}: expected an index with a weight_map ({error})") from error
    shards = {}
    for shard in sorted(set(places.values())):
        file = path / shard
        if Path(shard).name != shard:
            raise UnsafeCheckpoint(f"{path / index}: the shard {shard!r} lies outside the directory; it is refused")
        if not file.is_file():
            raise SourceError(f"{path}: the index names {shard}, which is missing; download it again")
        shards[shard] = kind(file)
    missing = [name for name, shard in places.items() if name not in shards[shard]]
    if missing:
        raise SourceError(f"{path}: the index names tensor {missing[0]!r}, which its shard does not hold")
    return {name: shards[shard][name] for name, shard in places.items()}


def _torch(path: Path) -> dict[str, Tensor]:
    """A PyTorch file, loaded with weights_only=True: nothing in it is run."""
    state = loaded(path)
    found = {}
    for name, value in _unwrapped(state).items():
        if hasattr(type(value), "detach"):
            dtype = str(value.dtype).removeprefix("torch.")
            found[str(name)] = Tensor(str(name), tuple(value.shape), dtype, path, _torch_loader(path, str(name), value))
    if not found:
        raise SourceError(f"{path}: expected tensors by name, found {_described(state)}")
    return found


def _claimed(file: RemoteFile) -> dict[str, Tensor]:
    """A PyTorch file in a store, of which only the names and shapes are read yet."""
    state, tensor = remote_state(file)
    found = {str(key): tensor(str(key), one) for key, one in _unwrapped(state).items() if isinstance(one, Claimed)}
    if not found:
        raise SourceError(f"{file}: expected tensors by name, found {_described(state)}")
    return found


def _unwrapped(state: Any, depth: int = 4) -> dict[Any, Any]:
    """The innermost state dict of a training checkpoint, at most this many wrappers down."""
    if not isinstance(state, Mapping):
        return {"tensor": state} if hasattr(state, "shape") else {}
    held = _plain_dict(state)
    inner = {w: held[w] for w in WRAPPERS if isinstance(held.get(w), Mapping)}
    if not inner or not depth or any(_dimensions(value) > 1 for value in held.values()):
        return held
    if len(inner) > 1:  # teacher and student, model and ema: for the user to choose
        return {f"{w}.{name}": value for w, one in inner.items() for name, value in _unwrapped(one, depth - 1).items()}
    (one,) = inner.values()
    return _unwrapped(one, depth - 1)


def _plain_dict(state: Mapping[Any, Any]) -> dict[Any, Any]:
    """The items of a mapping, whatever attributes a pickle has given to an OrderedDict in place of its methods."""
    return dict(dict.items(state) if isinstance(state, dict) else state.items())


def _dimensions(value: Any) -> int:
    """How many dimensions an array or tensor has; 0 of anything else."""
    return len(value.shape) if hasattr(type(value), "shape") else 0


def _described(loaded: Any) -> str:
    kind = type(loaded).__name__
    if not isinstance(loaded, Mapping):
        return kind
    return f"{kind} with the keys " + ", ".join(shorten(str(key), 80, placeholder=" ...") for key in list(loaded)[:10])


def _torch_loader(path: Path, name: str, value: Any) -> Callable[[], Values]:
    def load() -> Values:
        import torch

        try:
            claimed, held = value.numel() * value.element_size(), value.untyped_storage().nbytes()
            if claimed > max(held, _MOST_SPREAD):
                raise SourceError(
                    f"{path.name}::{name}: claims {claimed:,} bytes in a storage of {held:,}, each number many times; "
                    "it is refused: save it with .contiguous()"
                )
            held_here = value.detach().cpu().resolve_conj().resolve_neg()
            if value.dtype == torch.bfloat16:
                return np.asarray(held_here.view(torch.int16).numpy()).view(np.uint16)
            return np.asarray(held_here.numpy())
        except (TypeError, RuntimeError) as error:  # float8, quantized, sparse, meta
            found = f"{value.dtype}, {value.layout}, on {value.device}"
            raise SourceError(unreadable(path, name, found)) from error

    return load
