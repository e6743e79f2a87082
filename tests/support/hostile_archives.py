"""Zip archives that lie: names that lead out, links, members in one another, bombs, and sizes that cannot be."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hostile import Hostile
from hostile_claims import FLOATS
from hostile_opcodes import archive, held, storage, tensor, text

TENSOR = held("w", tensor(storage(4), 0, (2, 2), (2, 1)))
_CENTRAL, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def npy(shape: str, content: bytes = b"", descr: str = "'<f4'", fortran: bool = False) -> bytes:
    """An array whose header says what it is told to say."""
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': ({shape}), }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


ARRAY = npy("4, 4", np.arange(16, dtype="<f4").tobytes())


def _npz(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def _named(name: str) -> Callable[[Path, Path], None]:
    def write(path: Path, canary: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, ARRAY)

    return write


def _link(path: Path, canary: Path) -> None:
    entry = zipfile.ZipInfo("X.npy")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(entry, "/etc/passwd")


def _twice(path: Path, canary: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as file:
        warnings.simplefilter("ignore")
        file.writestr("X.npy", ARRAY)
        file.writestr("X.npy", ARRAY)


def _patched(content: bytes, signature: bytes, at: int, value: bytes, nth: int = 0) -> bytes:
    """The archive with bytes of its nth central or local header replaced."""
    begin = -1
    for _ in range(nth + 1):
        begin = content.index(signature, begin + 1)
    return content[: begin + at] + value + content[begin + at + len(value) :]


def _both(content: bytes, central: int, local: int, value: bytes) -> bytes:
    return _patched(_patched(content, _CENTRAL, central, value), _LOCAL, local, value)


def _bytes(content: bytes) -> Callable[[Path, Path], object]:
    return lambda path, canary: path.write_bytes(content)


def _overlapping() -> bytes:
    """The second member begins where the first does."""
    content = _npz(**{"A.npy": ARRAY, "B.npy": ARRAY})
    return _patched(content, _CENTRAL, 42, struct.pack("<I", 0), nth=1)


def _inside() -> bytes:
    """The first member holds the second."""
    inner = _npz(**{"B.npy": ARRAY})
    content = _npz(**{"A.npy": npy("4, 4", inner[: inner.index(_CENTRAL)]), "B.npy": ARRAY})
    return _patched(content, _CENTRAL, 42, struct.pack("<I", content.index(_LOCAL, 10)), nth=1)


def _zip64(claimed: int) -> bytes:
    """A member that says in its 64-bit field how long it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, file.open("X.npy", "w", force_zip64=True) as member:
        member.write(ARRAY)
    content = _patched(out.getvalue(), _CENTRAL, 24, b"\xff" * 4)
    extra = struct.pack("<HHQ", 1, 8, claimed)
    begin = content.index(_CENTRAL)
    content = _patched(content, _CENTRAL, 30, struct.pack("<H", len(extra)))
    name_end = begin + 46 + len("X.npy")
    content = content[:name_end] + extra + content[name_end:]
    end = content.index(b"PK\x05\x06")
    return content[: end + 12] + struct.pack("<I", end - begin) + content[end + 16 :]


def _bomb(path: Path, shape: str, claimed: int, unpacked: int, *, fortran: bool = False) -> None:
    """A deflated array: zeros of this many bytes, said to be another many."""
    header, pack = npy(shape, fortran=fortran), zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    begin = pack.compress(header) + pack.flush(zlib.Z_FULL_FLUSH)
    again = pack.compress(zeros) + pack.flush(zlib.Z_FULL_FLUSH)
    body = begin + again * (unpacked >> 20) + pack.flush()
    crc = zlib.crc32(bytes(unpacked), zlib.crc32(header)) if unpacked <= 1 << 24 else 0
    name, size = b"X.npy", len(header) + claimed
    fields = struct.pack("<IIIHH", crc, len(body), min(size, 0xFFFFFFFF), len(name), 0)
    local = _LOCAL + struct.pack("<HHHHH", 45, 0, 8, 0, 33) + fields + name
    extra = struct.pack("<HHQ", 1, 8, size) if size >= 0xFFFFFFFF else b""
    fields = struct.pack("<IIIHH", crc, len(body), min(size, 0xFFFFFFFF), len(name), len(extra))
    central = _CENTRAL + struct.pack("<HHHHHH", 45, 45, 0, 8, 0, 33) + fields + bytes(14) + name + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(body), 0)
    path.write_bytes(local + body + central + end)


def _compressed(method: int) -> Callable[[Path, Path], None]:
    def write(path: Path, canary: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as file:
            file.writestr("X.npy", ARRAY)

    return write


def _script(path: Path, canary: Path) -> None:
    """An archive of TorchScript whose code would make the directory; its look is enough to be refused."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/constants.pkl", b"\x80\x02).")
        file.writestr("a/data.pkl", b"\x80\x02" + TENSOR + b".")
        file.writestr("a/code/__torch__.py", f"import os\nos.mkdir({str(canary)!r})\n")


_PLAIN = _npz(**{"X.npy": ARRAY})
_KEYS = b"\x01\x00"
_LEADS = "leads out of the archive; it is refused, nothing was read"
FILES = [
    *(
        Hostile("a.npz", _named(n), _LEADS, about=n)
        for n in ("../X.npy", "a/../../X.npy", "/etc/X.npy", "\\X.npy", "..\\X.npy", "C:/X.npy")
    ),
    Hostile("a.npz", _link, "'X.npy' is a link; it is refused"),
    Hostile("a.npz", _twice, "'X.npy' occurs twice; it is damaged or forged", about="twice"),
    Hostile(
        "a.npz", _bytes(_both(_PLAIN, 8, 6, _KEYS)), "'X.npy' is encrypted, which cannot be read", about="encrypted"
    ),
    *(
        Hostile("a.npz", _compressed(m), "'X.npy' compressed in another way", about=k)
        for k, m in (("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA))
    ),
    Hostile("a.npz", _bytes(_both(_PLAIN, 10, 8, b"\x61\x00")), "compressed in another way", about="an unknown method"),
    Hostile("a.npz", _bytes(_overlapping()), "'B.npy' has another name at its place", about="one header for two"),
    Hostile("a.npz", _bytes(_inside()), "'A.npy' ends in the member 'B.npy'", about="a member in a member"),
    Hostile(
        "a.npz",
        _bytes(_patched(_PLAIN, _CENTRAL, 24, b"\xff\xff\xff\x7f")),
        "claims 2,147,483,647 bytes, and holds",
        about="another size",
    ),
    *(
        Hostile("a.npz", _bytes(_zip64(n)), f"claims {n:,} bytes, and holds", about=f"zip64 {n}")
        for n in (2**40, 2**63)
    ),
    Hostile(
        "a.npz", _bytes(_patched(_PLAIN, _CENTRAL, 42, b"\xff\xff\xff\x7f")), "complete .npz file|forged", about="afar"
    ),
    Hostile(
        "a.npz",
        lambda p, c: _bomb(p, "250000000000, 1", 10**12, 10 << 20),
        "claims 1,000,000,000,[0-9]{3} bytes",
        about="10 kB that say 1 TB",
    ),
    Hostile(
        "a.npz",
        lambda p, c: _bomb(p, "1, 268435456", 1 << 30, 10 << 20),
        "claims 1,073,741,[0-9]{3} bytes, and holds",
        about="10 kB that say 1 GB",
    ),
    Hostile(
        "a.npz",
        lambda p, c: _bomb(p, "2, 335544320", 5 << 29, 5 << 29),
        "would take 1,342,177,280 bytes of memory",
        about="a row of 1.3 GB from 2.6 MB",
    ),
    Hostile(
        "a.npz",
        lambda p, c: _bomb(p, "671088640, 1", 5 << 29, 5 << 29, fortran=True),
        "would take 2,684,354,560 bytes of memory at once",
        about="columns of 2.7 GB from 2.6 MB",
    ),
    Hostile(
        "a.npz",
        lambda p, c: _bomb(p, "167772160, 4", 5 << 29, 5 << 29),
        "would take 2,684,354,[0-9]{3} bytes of memory",
        read="head",
        about="a head of 2.7 GB",
    ),
    Hostile("a.npz", lambda p, c: _bomb(p, "2637824, 1", 161 << 16, 10 << 20), "an array ends early", about="short"),
    Hostile(
        "a.npz",
        _bytes(_npz(**{"X.npy": npy("9999, 9999", bytes(16))})),
        "claims shape .9999, 9999., 399920004 bytes",
        about="a header that lies",
    ),
    Hostile("a.npz", _bytes(_npz(**{"X.npy": b"(" * 9000})), "expected a complete .npz file", about="no array"),
    Hostile("a.npz", _bytes(_PLAIN[:-30]), "expected a complete .npz file", about="cut"),
    Hostile(
        "a.pt",
        lambda p, c: archive(p, TENSOR, {"0": FLOATS}, packed=True),
        "found 'a/data.pkl' compressed",
        about="deflated",
    ),
    Hostile(
        "a.pt",
        lambda p, c: archive(p, held("a", text("\0" * (1 << 26))), packed=True),
        "'a/data.pkl' compressed",
        about="a pickle of 64 MB in 64 kB",
    ),
    Hostile("a.pt", _named("../data.pkl"), _LEADS, about="../data.pkl"),
    Hostile("a.pt", _script, "is a TorchScript archive, which only running its code can read"),
    Hostile("a.pt", _bytes(_PLAIN), "no member X.npy/data.pkl", about="an npz renamed"),
]
