"""Arrays and tensors whose headers lie: .npy and safetensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile import Hostile
from hostile_archives import npy

EIGHT = bytes(32)


def _npy(content: bytes) -> Callable[[Path, Path], object]:
    return lambda path, canary: path.write_bytes(content)


def _header(text: str, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("utf-8" if version == 3 else "latin-1")


def _code(path: Path, canary: Path) -> None:
    call = f"__import__('os').mkdir({str(canary)!r})"
    path.write_bytes(_header(f"{{'descr': {call}, 'fortran_order': False, 'shape': (2, 2), }}") + EIGHT)


def _tensors(header: Any, content: bytes = EIGHT, length: int | None = None) -> Callable[[Path, Path], object]:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    begin = struct.pack("<Q", len(text) if length is None else length)
    return lambda path, canary: path.write_bytes(begin + text + content)


def _tensor(shape: Any, offsets: Any = (0, 32), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


_COMPLETE = r"expected a complete \.npy file"
ARRAYS = {
    "shape beyond the file": (npy("1000, 4", EIGHT), rf"{_COMPLETE} \(its header claims \d+ bytes, the file holds"),
    "shape of 2^64 bytes": (npy(f"{2**32}, {2**32}", EIGHT), _COMPLETE),
    "shape whose product overflows": (npy(f"{2**62}, 4", EIGHT), _COMPLETE),
    "negative shape": (npy("-2, -4", EIGHT), r"its header claims shape \(-2, -4\)"),
    "truth as shape": (npy("True, 8", EIGHT), r"its header claims shape \(True, 8\)"),
    "no rows of 10^12 numbers": (npy(f"0, {10**12}"), "claims rows of 1,000,000,000,000 numbers"),
    "100 dimensions": (npy("1," * 100, bytes(4)), _COMPLETE),
    "a shape of 5,000 digits": (npy("9" * 5000, EIGHT), _COMPLETE),
    "an expression": (npy("1+" * 3000 + "1", EIGHT), _COMPLETE),
    "minus 9,000 times": (npy("-" * 9000 + "1", EIGHT), _COMPLETE),
    "9,000 brackets": (npy("[" * 9000, EIGHT), _COMPLETE),
    "objects": (npy("2, 2", EIGHT, "'|O'"), "holds Python objects, which only run code can read"),
    "objects in a record": (npy("2, 2", EIGHT, "[('a', '|O')]"), "holds Python objects"),
    "a record": (npy("2, 2", EIGHT, "[('a', '<f4'), ('b', '<f4')]"), "expected real numbers, found dtype"),
    "a record of 2^60 numbers": (npy("2, 2", EIGHT, f"[('a', '<f4', ({2**30}, {2**30}))]"), _COMPLETE),
    "texts of no bytes": (npy(f"{10**12}, 5", b"", "'<U0'"), "numbers of no bytes"),
    "dates": (npy("2, 2", EIGHT, "'<M8[ns]'"), "expected real numbers, found dtype datetime64"),
    "version 9": (b"\x93NUMPY\x09\x00" + EIGHT, _COMPLETE),
    "a header of 4 GB": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "a header of 4294967295 bytes"),
    "a header of 1 MB": (_header("{" + " " * 1_000_000, 2), "a header of 1000001 bytes"),
    "a header that is no UTF-8": (_header("{'descr': '\xff'", 1), _COMPLETE),
    "a header without a shape": (_header("{'descr': '<f4'}"), _COMPLETE),
    "nothing": (b"", _COMPLETE),
}
_SAFE = "expected a complete safetensors file"
_DEEP = b"[" * 100_000 + b"]" * 100_000
TENSORS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "a header beyond the file": (_tensors({"w": _tensor([2, 4])}, length=10**6), _SAFE),
    "a header of 2^63": (_tensors({}, length=2**63), _SAFE),
    "a header of 2^64 - 1": (_tensors({}, length=2**64 - 1), _SAFE),
    "a header of nothing": (_tensors(b""), _SAFE),
    "a header that is no UTF-8": (_tensors(b'{"\xff": 1}'), _SAFE),
    "a header of 200,000 brackets": (_tensors(_DEEP), _SAFE),
    "brackets in a tensor": (
        _tensors(b'{"w":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32],"x":' + _DEEP + b"}}"),
        _SAFE,
    ),
    "brackets in the metadata": (_tensors(b'{"__metadata__":' + _DEEP + b"}"), _SAFE),
    "a list": (_tensors(["w"]), _SAFE),
    "a tensor given twice": (
        _tensors(
            b'{"w":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},'
            b'"w":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]}}'
        ),
        "the key 'w' is given twice",
    ),
    "a shape given twice": (
        _tensors(b'{"w":{"dtype":"F32","shape":[2,4],"shape":[9,9],"data_offsets":[0,32]}}'),
        _SAFE,
    ),
    "a shape beyond its bytes": (_tensors({"w": _tensor([99, 99])}), _SAFE),
    "a shape below its bytes": (_tensors({"w": _tensor([1, 4])}), _SAFE),
    "a shape whose product overflows": (_tensors({"w": _tensor([2**40, 2**40])}), _SAFE),
    "a shape of 10^30": (_tensors({"w": _tensor([10**30, 1])}), _SAFE),
    "a negative shape": (_tensors({"w": _tensor([-2, -4])}), _SAFE),
    "a fraction as shape": (_tensors({"w": _tensor([2.0, 4.0])}), _SAFE),
    "NaN as shape": (_tensors(b'{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,32]}}'), _SAFE),
    "10^999 as shape": (_tensors(b'{"w":{"dtype":"F32","shape":[1e999],"data_offsets":[0,32]}}'), _SAFE),
    "offsets that overlap": (_tensors({"v": _tensor([2, 4]), "w": _tensor([1, 4], [16, 32])}), _SAFE),
    "offsets with a hole": (_tensors({"v": _tensor([1], [0, 4]), "w": _tensor([1], [28, 32])}), _SAFE),
    "offsets beyond the file": (_tensors({"w": _tensor([250, 4], [0, 4000])}), _SAFE),
    "offsets swapped": (_tensors({"w": _tensor([2, 4], [32, 0])}), _SAFE),
    "negative offsets": (_tensors({"w": _tensor([2, 4], [-32, 0])}), _SAFE),
    "offsets of 2^64": (_tensors({"w": _tensor([2, 4], [2**64, 2**64 + 32])}), _SAFE),
    "no offsets": (_tensors({"w": {"dtype": "F32", "shape": [2, 4]}}), _SAFE),
    "an unknown dtype": (_tensors({"w": _tensor([2, 4], dtype="F31")}), _SAFE),
    "a dtype that is a list": (_tensors({"w": _tensor([2, 4], dtype=["F32"])}), _SAFE),
    "a name that steers": (
        _tensors({"a\x1b]0;x\x07": _tensor([1, 4], [0, 16]), "b": _tensor([1, 4], [16, 32])}),
        "2-D tensors",
    ),
}
FILES = [
    *(Hostile("a.npy", _npy(content), says, about=k) for k, (content, says) in ARRAYS.items()),
    Hostile("a.npy", _code, _COMPLETE, about="code in the header"),
    *(Hostile("a.safetensors", write, says, about=k) for k, (write, says) in TENSORS.items()),
    Hostile(
        "a.safetensors",
        _tensors({"w": _tensor([0, 10**12], [0, 0])}, b""),
        "claims rows of 1,000,000,000,000 numbers",
        suffix="::w",
        about="no rows of 10^12 numbers",
    ),
    Hostile(
        "a.npy",
        _npy(npy("5, 4", bytes(80), "'<f4'") + b"x"),
        "its header claims .* several arrays",
        read="head",
        about="more than it says",
    ),
]
