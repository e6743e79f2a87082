"""Zip archives from a stranger: what their directory says is checked before a byte of a member is used.

Names of members are names, never paths: nothing is unpacked.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from dataclasses import dataclass
from typing import IO

from labelfree.documents.stores.remote_file import File, RemoteFile
from labelfree.errors import SourceError, UnsafeCheckpoint, in_short

_HEADER = struct.Struct("<4s22xHH")
"""Of a member: signature, and how long its name and its extra field are."""
_DEFLATE = 1032
"""Deflate makes at most this many bytes of one."""
_BOMB = 1 << 30
"""Bytes that are decompressed into memory at once whatever their ratio."""
_RATIO = 100
DAMAGED = (zipfile.BadZipFile, RuntimeError, ValueError, LookupError, struct.error, EOFError, OverflowError)
"""What the reading of a damaged archive raises; RuntimeError is encryption or a compression that is not known."""


@dataclass(frozen=True)
class Member:
    """One member: where its bytes begin in the archive, how many they are there, and how many unpacked."""

    name: str
    start: int
    held: int
    size: int

    @property
    def stored(self) -> bool:
        """Whether its bytes lie in the archive as they are."""
        return self.held == self.size


def members(path: File, kind: str) -> dict[str, Member]:
    """The members of an archive by name, directories left out; kind: what it is expected to be, for messages.

    Refused: names that occur twice or lead out of the archive, links, encryption, members that lie in one another or
    beyond the end of the file, and sizes that cannot be: a stored one of another length, a deflated one of more than
    1,032 times its bytes.
    """
    try:
        with opened(path) as stream, zipfile.ZipFile(stream) as archive:
            listed, end = archive.infolist(), archive.start_dir
            found = [_member(stream, entry, path) for entry in listed if not entry.is_dir()]
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except DAMAGED as error:
        raise SourceError(
            f"{path}: expected a complete {kind} ({in_short(error)}); it may be truncated: save or copy it again"
        ) from error
    last = ""
    for member, begin in sorted(found, key=lambda pair: pair[1], reverse=True):
        if member.start + member.held > end:
            where = f"in the member {last!r}" if last else "in its directory"
            raise SourceError(_forged(path, f"the member {member.name!r} ends {where}"))
        last, end = member.name, begin
    by_name = {member.name: member for member, _ in found}
    if len(by_name) < len(found):
        twice = next(name for name in by_name if sum(member.name == name for member, _ in found) > 1)
        raise SourceError(_forged(path, f"the member {twice!r} occurs twice"))
    return by_name


def opened(path: File) -> IO[bytes]:
    """A file to be read here and there; in a store small pieces of it."""
    return path.open("rb", buffering=0) if isinstance(path, RemoteFile) else path.open("rb")


def check_unpacked(path: File, member: Member, size: int) -> None:
    """Refuse to hold `size` unpacked bytes of a member in memory where a bomb is likelier than data."""
    if size > _BOMB and member.size > _RATIO * member.held:
        raise SourceError(
            f"{path}: {member.name!r} would take {size:,} bytes of memory at once, unpacked from {member.held:,}; "
            "where it is no bomb, save it as .npy"
        )


def _member(stream: IO[bytes], entry: zipfile.ZipInfo, path: File) -> tuple[Member, int]:
    """A member and the position of its header."""
    name = entry.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name.split("/")[0]:
        raise UnsafeCheckpoint(f"{path}: the member {name!r} leads out of the archive; it is refused, nothing was read")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UnsafeCheckpoint(f"{path}: the member {name!r} is a link; it is refused, nothing was read")
    if entry.flag_bits & 1:
        raise SourceError(f"{path}: the member {name!r} is encrypted, which cannot be read; save it without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceError(
            f"{path}: expected members stored or deflated, found {name!r} compressed in another way; save it again"
        )
    most = entry.compress_size * (_DEFLATE if entry.compress_type else 1)
    if entry.file_size > most or (not entry.compress_type and entry.file_size != entry.compress_size):
        raise SourceError(
            _forged(path, f"the member {name!r} claims {entry.file_size:,} bytes, and holds {entry.compress_size:,}")
        )
    stream.seek(entry.header_offset)
    signature, named, extra = _HEADER.unpack(stream.read(_HEADER.size))
    if signature != b"PK\x03\x04" or stream.read(named) != entry.orig_filename.encode(
        "utf-8" if entry.flag_bits & 0x800 else "cp437"
    ):
        raise SourceError(_forged(path, f"the member {name!r} has another name at its place"))
    start = entry.header_offset + _HEADER.size + named + extra
    return Member(name, start, entry.compress_size, entry.file_size), entry.header_offset


def _forged(path: File, what: str) -> str:
    return f"{path}: {what}; it is damaged or forged: save or copy it again"
