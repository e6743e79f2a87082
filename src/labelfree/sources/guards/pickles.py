"""What a PyTorch file would import and claim, read from the opcodes of its pickles: nothing in it is run."""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from labelfree.documents.files import check_regular
from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.errors import SourceError, UnsafeCheckpoint
from labelfree.sources.guards.archives import Member, members, opened
from labelfree.sources.guards.opcodes import Foresight, Stream
from labelfree.sources.guards.torch_calls import Forged

_MAGIC = 0x1950A86A20F9469CFC6C
"""What the first of the five pickles of a file holds that torch wrote before there were archives."""
_LATER = 4
_LONGEST_LINE = 1 << 16
_OWN = re.compile(
    r"collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(bytearray|set|complex)|torch\.nn\.parameter\.Parameter"
    r"|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2|torch\.serialization\._get_layout"
    r"|torch\.(cuda\.|sparse\.|storage\.)?\w*(Tensor|Storage)|torch\.(Size|device|per_\w+)"
    r"|torch\.(b?float|complex|double|half|bool|q?u?int|short|long|bits)\w*"
)
"""What torch imports with weights_only=True: its tensors, their parts, and containers."""
WAY_OUT = "save model.state_dict(), better as safetensors, where the file comes from someone you trust"


@dataclass(frozen=True)
class Contents:
    """What is known of a PyTorch file before torch reads it: whether it is an archive, and what it would import."""

    archive: bool
    names: tuple[str, ...]

    @property
    def foreign(self) -> str | None:
        """The first global that torch does not import with weights_only=True, if any."""
        return next((name for name in self.names if not _OWN.fullmatch(name)), None)


def contents(path: File) -> Contents:
    """What a PyTorch file holds; refused where reading it runs code or takes more memory than the file explains."""
    if isinstance(path, Path):
        check_regular(path)
    try:
        with opened(path) as stream:
            start = stream.read(512)
            if start[:2] == b"PK":
                return _archived(path)
            if start[257:262] == b"ustar":
                raise UnsafeCheckpoint(
                    f"{path}: is a tar archive, as torch wrote until 2018, which only run code can read; nothing was "
                    f"run: {WAY_OUT}"
                )
            size = path.stat().st_size
            if not size:
                raise SourceError(_incomplete(path, "it is empty"))
            if isinstance(path, RemoteFile):
                raise SourceError(
                    f"{path}: expected an archive, as torch writes since version 1.6, found a file of before or of "
                    f"another kind, which cannot be read by ranges; copy it first: {copying(path.location)}"
                )
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return _plain(path, _Window(mapped), size)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error


def _archived(path: File) -> Contents:
    found = members(path, "PyTorch file")
    top = next(iter(found), "").partition("/")[0]
    if f"{top}/constants.pkl" in found:
        raise UnsafeCheckpoint(
            f"{path}: is a TorchScript archive, which only running its code can read; save model.state_dict()"
        )
    packed = next((member for member in found.values() if not member.stored), None)
    if packed is not None:
        raise SourceError(
            f"{path}: expected the members of the archive as torch.save writes them, found {packed.name!r} compressed; "
            "save it again with torch.save"
        )
    if f"{top}/data.pkl" not in found:
        raise SourceError(_incomplete(path, f"no member {top}/data.pkl"))
    pickle = found[f"{top}/data.pkl"]

    def held(key: object) -> int:
        member: Member | None = found.get(f"{top}/data/{key}")
        if member is None:
            raise Forged(f"it names the storage {key!r}, which is not in the archive")
        return member.size

    foresight = Foresight(held, path.stat().st_size)
    with opened(path) as stream:
        stream.seek(pickle.start)
        _run(path, foresight, BytesIO(stream.read(pickle.size)), pickle.size)
    return Contents(True, tuple(foresight.names))


def _plain(path: File, window: _Window, size: int) -> Contents:
    """A plain pickle, or the five of a file from before there were archives."""
    foresight = Foresight(lambda key: None, size)
    if _run(path, foresight, window, size) == _MAGIC:
        for _ in range(_LATER):
            _run(path, foresight, window, size)
    return Contents(False, tuple(foresight.names))


def _run(path: File, foresight: Foresight, window: Stream, size: int) -> object:
    try:
        return foresight.run(window, size)
    except (ValueError, LookupError, OverflowError, struct.error, AttributeError) as error:
        named = Contents(False, tuple(foresight.names)).foreign
        if named is not None:
            raise UnsafeCheckpoint(unsafe(path, named)) from error
        if isinstance(error, Forged):
            raise SourceError(
                f"{path}: its pickle is damaged or forged: {error}; nothing was loaded: save or copy it again"
            ) from error
        raise SourceError(_incomplete(path, " ".join(str(error).split())[:200] or "no pickle")) from error


def unsafe(path: File, name: str) -> str:
    """What to say of a file that wants to import a foreign global."""
    return (
        f"{path}: wants to import the global {name}, which could run any code; nothing was run. Expected tensors only: "
        f"{WAY_OUT}"
    )


def _incomplete(path: File, found: str) -> str:
    return f"{path}: expected a complete PyTorch file ({found}); it may be truncated: save or copy it again"


class _Window:
    """A mapped file as a stream whose lines have an end."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self.mapped = mapped
        self.read, self.tell = mapped.read, mapped.tell

    def readline(self) -> bytes:
        at = self.tell()
        stop = self.mapped.find(b"\n", at, at + _LONGEST_LINE)
        return self.read(stop + 1 - at) if stop >= 0 else b""
