"""Numpy files, safetensors and pickles of PyTorch: sound, with headers that lie, and damaged."""

from __future__ import annotations

import ast
import io
import json
import pickle
import struct
import zipfile
from functools import cache
from random import Random
from typing import Any

import numpy as np

from fuzzing.damage import NUMBERS, damaged
from fuzzing.documents import changed_document, text_of
from fuzzing.tables import Y
from fuzzing.words import strange_name, text


def _array(chance: Random) -> Any:
    n, d = chance.choice((1, 3, 40, 60)), chance.choice((1, 4, 6))
    X = Y[:n, :d].astype(chance.choice(("<f4", "<f8", "<f2", ">f4", "<i8", "u1", "?", "<c16")), casting="unsafe")
    return np.asfortranarray(X) if chance.random() < 0.3 else X


def npy(chance: Random) -> tuple[bytes, str]:
    """A `.npy` file, with another header or other bytes."""
    stream = io.BytesIO()
    np.save(stream, _array(chance))
    content = stream.getvalue()
    how = chance.random()
    if how < 0.5:
        return _npy_header(content, chance), "header"
    return damaged(content, chance, within=(0, 128) if how < 0.75 else None), "bytes"


def _npy_header(content: bytes, chance: Random) -> bytes:
    length = struct.unpack("<H", content[8:10])[0]
    header, rest = ast.literal_eval(content[10 : 10 + length].decode()), content[10 + length :]
    descr, order, shape = (repr(header[key]) for key in ("descr", "fortran_order", "shape"))
    number = str(chance.choice(NUMBERS))
    descr = chance.choice(
        (descr, descr, "'|O'", "'<f8'", "'<U0'", "'<V1000000'", "[('a', '<f4')]", "'<f4', '<f4'", number, "'\\x1b[31m'")
    )
    order = chance.choice((order, order, "True", "None", "2"))
    shape = chance.choice(
        (
            shape,
            f"({number}, 4)",
            f"(4, {number})",
            f"({number},)",
            "()",
            "(2, 2, 2)",
            f"({number}, {number})",
            "(4, 4, " + "1, " * 60 + ")",
            "(1.5, 2)",
            "(True, 4)",
            "'x'",
            "(" * 500,
            "-" * 2000 + "1",
        )
    )
    said = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if chance.random() < 0.1:
        said = chance.choice(
            (said * 2, said[:-3], said + "\x00", said.replace("'shape'", "'shpe'"), "[" * 3000, said + " " * 9000)
        )
    version = chance.choice((1, 1, 1, 2, 3, 4))
    size = struct.pack("<H" if version == 1 else "<I", len(said.encode()) if chance.random() < 0.9 else 65535)
    return b"\x93NUMPY" + bytes([version, 0]) + size + said.encode() + rest


def npz(chance: Random) -> tuple[bytes, str]:
    """An archive of arrays: other members, other directories, other bytes."""
    stream = io.BytesIO()
    how = chance.random()
    packed = zipfile.ZIP_DEFLATED if chance.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", packed) as archive:
        for i in range(chance.choice((1, 1, 2, 3))):
            name = (
                f"X{i}.npy"
                if how > 0.3
                else text(strange_name(chance)).encode("utf-8", "replace").decode()[:300] + ".npy"
            )
            archive.writestr(name, npy(chance)[0] if how < 0.5 else _saved(chance))
        if how < 0.04:
            archive.writestr("Z.npy", _zeros_npy(chance.choice((10**6, 5 * 10**7))))
    content = stream.getvalue()
    if how < 0.5:
        return content, "members"
    return (_directory(content, chance), "directory") if how < 0.8 else (damaged(content, chance), "bytes")


def _saved(chance: Random) -> bytes:
    stream = io.BytesIO()
    np.save(stream, _array(chance))
    return stream.getvalue()


@cache
def _zeros_npy(rows: int) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros((rows, 4), np.float32))
    return stream.getvalue()


def _directory(content: bytes, chance: Random) -> bytes:
    """Other numbers in a local header, the central directory or its end."""
    changed = bytearray(content)
    marks = [i for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06") for i in _all(content, mark)]
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.choice(marks) + chance.randrange(4, 30)
        size = chance.choice((2, 4))
        changed[at : at + size] = (chance.choice(NUMBERS) % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(changed)


def _all(content: bytes, mark: bytes) -> list[int]:
    found, at = [], content.find(mark)
    while at >= 0:
        found.append(at)
        at = content.find(mark, at + 1)
    return found


def safetensors(chance: Random) -> tuple[bytes, str]:
    """A safetensors file: another header, or other bytes."""
    tensors = {"fc.weight": Y[:40, :4].astype("<f4"), "fc.bias": Y[:40, 0].astype("<f4"), "w": Y[:60].astype("<f8")}
    header: dict[str, Any] = {}
    body = b""
    for name, X in tensors.items():
        begin = len(body)
        body += X.tobytes()
        dtype = "F32" if X.dtype == np.float32 else "F64"
        header[name] = {"dtype": dtype, "shape": list(X.shape), "data_offsets": [begin, len(body)]}
    how = chance.random()
    if how < 0.65:
        said = changed_document(header, chance).encode("utf-8", "surrogatepass")
        size = len(said) if chance.random() < 0.9 else chance.choice(NUMBERS) % 2**64
        return struct.pack("<Q", size) + said + body, "header"
    said = json.dumps(header).encode()
    content = struct.pack("<Q", len(said)) + said + body
    return damaged(content, chance, within=(0, 8 + len(said)) if how < 0.85 else None), "bytes"


@cache
def _torch_file(legacy: bool, whole: bool) -> bytes:
    import torch

    stream = io.BytesIO()
    X = torch.from_numpy(Y[:40, :4].astype("<f4"))
    tensors: dict[str, Any] = {"fc.weight": X, "fc.bias": X[:, 0].clone(), "half": X.half(), "t": X.T}
    found = {"state_dict": tensors, "epoch": 3, "args": {"lr": 0.1}} if whole else tensors
    torch.save(found, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def torch_zip(chance: Random) -> tuple[bytes, str]:
    """A checkpoint of PyTorch: another pickle in it, another directory, other bytes."""
    content = _torch_file(False, chance.random() < 0.5)
    how = chance.random()
    if how < 0.5:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = next(name for name in members if name.endswith("data.pkl"))
        members[name] = _pickle(members[name], chance)
        if chance.random() < 0.2:
            members.pop(chance.choice(list(members)))
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, held in members.items():
                archive.writestr(name, held)
        return stream.getvalue(), "pickle"
    return (_directory(content, chance), "directory") if how < 0.7 else (damaged(content, chance), "bytes")


def torch_legacy(chance: Random) -> tuple[bytes, str]:
    """A checkpoint as PyTorch wrote them before archives: pickles in a row, then the numbers."""
    content = _torch_file(True, chance.random() < 0.5)
    if chance.random() < 0.5:
        return _pickle(content, chance), "pickle"
    return damaged(content, chance), "bytes"


def _pickle(content: bytes, chance: Random) -> bytes:
    """Another opcode, another number, another name; sometimes another pickle altogether."""
    how = chance.random()
    if how < 0.1:
        values: tuple[Any, ...] = (
            None,
            10**400,
            [[]] * 50,
            {"a": float("nan")},
            "x" * 10_000,
            {1: 2},
            [1.5] * 3,
            {"w": [[1.0] * 4] * 4},
            b"x",
        )
        return pickle.dumps(chance.choice(values), protocol=chance.randrange(6))
    if how < 0.4:
        words = (
            b"torch._utils",
            b"_rebuild_tensor_v2",
            b"FloatStorage",
            b"collections",
            b"OrderedDict",
            b"fc.weight",
            b"cpu",
        )
        old = chance.choice(words)
        new = chance.choice(
            (b"posix", b"system", b"HalfStorage", b"DoubleStorage", b"builtins", b"eval", strange_name(chance))
        )
        return content.replace(old, new, chance.choice((1, -1)))
    if how < 0.7:
        opcodes = b"()}]{[.0123abcdeghijlopqrstuIJKMLNRSTUVXFGHQB\x80\x81\x85\x86\x87\x88\x8a\x93\x94\x95\x96"
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(min(len(changed), 2000))] = chance.choice(opcodes)
        return bytes(changed)
    return damaged(content, chance)


def index(chance: Random) -> dict[str, bytes]:
    """A Hugging Face directory: its index, its configuration, its shard."""
    said = {"metadata": {"total_size": 100}, "weight_map": {"fc.weight": "a.safetensors", "w": "b.safetensors"}}
    config = {"model_type": "bert", "hidden_size": 4, "num_hidden_layers": 1, "architectures": ["BertModel"]}
    shards = {f"hf/{name}.safetensors": safetensors(chance)[0] for name in "ab"}
    return {
        "hf/model.safetensors.index.json": text_of(changed_document(said, chance)),
        "hf/config.json": text_of(changed_document(config, chance)),
        **shards,
    }
