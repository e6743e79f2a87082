"""Pickles put together opcode by opcode, and the files of PyTorch that hold them."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    """A text."""
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def whole(value: int) -> bytes:
    """A whole number."""
    if abs(value) < 1 << 31:
        return b"J" + struct.pack("<i", value)
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def raw(value: bytes) -> bytes:
    """Bytes, of protocol 3."""
    return b"B" + struct.pack("<I", len(value)) + value


def named(module: str, name: str) -> bytes:
    """A global."""
    return f"c{module}\n{name}\n".encode()


def row(*items: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(items) + b"t"


def call(module: str, name: str, *args: bytes) -> bytes:
    """A function called."""
    return named(module, name) + row(*args) + b"R"


def held(key: str, value: bytes) -> bytes:
    """A dict of one item."""
    return b"}" + text(key) + value + b"s"


def storage(numel: int, key: str = "0", kind: str = "FloatStorage", *view: bytes) -> bytes:
    """A storage by its persistent id; archives have no view."""
    return row(text("storage"), named("torch", kind), text(key), text("cpu"), whole(numel), *view) + b"Q"


def tensor(stored: bytes, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A tensor over a storage."""
    sizes = row(*map(whole, shape)), row(*map(whole, strides))
    hooks = call("collections", "OrderedDict")
    return call("torch._utils", "_rebuild_tensor_v2", stored, whole(offset), *sizes, b"\x89", hooks)


def archive(path: Path, expression: bytes, storages: dict[str, bytes] | None = None, packed: bool = False) -> None:
    """A PyTorch archive around an expression."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as out:
        out.writestr("a/data.pkl", b"\x80\x02" + expression + b".")
        out.writestr("a/byteorder", "little")
        for key, content in (storages or {}).items():
            out.writestr(f"a/data/{key}", content)
        out.writestr("a/version", "3\n")


def legacy(path: Path, expression: bytes, keys: tuple[str, ...] = (), tail: bytes = b"") -> None:
    """A PyTorch file from before there were archives: five pickles, then the numbers."""
    about = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    heads = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, about))
    path.write_bytes(heads + b"\x80\x02" + expression + b"." + pickle.dumps(list(keys), 2) + tail)


def tar(path: Path, expression: bytes) -> None:
    """A PyTorch file of 2016, with members that lead out of the directory."""
    with tarfile.open(path, "w") as out:
        for name in ("storages", "tensors", "pickle", "../../escaped"):
            content = b"\x80\x02" + expression + b"."
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
