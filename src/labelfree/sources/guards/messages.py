"""Messages of Arrow IPC: where they lie in a file and what they claim to decode to, before Arrow decodes any of them.

The headers are flatbuffers: a table begins with how far before it its list of fields lies, and the list holds where
each field is, 0 where it is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError

MAGIC = b"ARROW1"
_CONTINUES = b"\xff" * 4
_DICTIONARY, _BATCH = 2, 3
_LZ4 = 0
_LZ4_MOST = 255
"""LZ4 makes at most this many bytes of one."""
_BUFFER = struct.Struct("<qq")
_BLOCK = struct.Struct("<qi4xq")
_UNREADABLE = (struct.error, IndexError, ValueError)


class Content(Protocol):
    """The bytes of a file by slices: a mapping, or ranges of a remote one."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class Message(NamedTuple):
    """A record batch or a dictionary: its rows, the bytes of each of its buffers as they lie there and unpacked.

    span: where its body begins in the file, and the byte after it.
    """

    dictionary: bool
    rows: int
    buffers: list[tuple[int, int]]
    compressed: bool
    span: tuple[int, int] = (0, 0)

    @property
    def memory(self) -> int:
        """Bytes of all of its buffers while they are unpacked: where they lie, as they are read, and unpacked."""
        return sum(2 * held + size for held, size in self.buffers)


def is_file(content: Content) -> bool:
    """Whether the bytes are those of an IPC file, which lists its batches at its end; else they are of a stream."""
    return content[:6] == MAGIC


def messages(content: Content, file: File) -> Iterator[Message]:
    """The batches of an IPC file or stream: all of their buffers lie in it, and what they unpack to can be."""
    return _listed(content, file) if is_file(content) else _streamed(content, file)


def _listed(content: Content, file: File) -> Iterator[Message]:
    """The dictionaries and the batches that the footer lists."""
    size = len(content)
    length = int.from_bytes(content[size - 10 : size - 6], "little") if size >= 18 else 0
    if content[size - 6 :] != MAGIC or not 0 < length <= size - 18:
        raise SourceError(_damaged(file, "it begins as a file of Arrow and does not end as one"))
    begin = size - 10 - length
    try:
        footer = _Table(content[begin : size - 10], int.from_bytes(content[begin : begin + 4], "little"))
        blocks = [*footer.structs(2, _BLOCK), *footer.structs(3, _BLOCK)]
    except _UNREADABLE as error:
        raise SourceError(_damaged(file, f"its footer cannot be read: {error}")) from error
    for at, head, body in blocks:
        if not (at >= 0 and head >= 8 and body >= 0 and at + head + body <= begin):
            raise SourceError(_damaged(file, f"its footer lists {body:,} bytes beyond its data"))
        skip = 8 if content[at : at + 4] == _CONTINUES else 4
        found = _message(content[at + skip : at + head], file)
        if found.kind not in (_DICTIONARY, _BATCH) or found.body != body:
            raise SourceError(_damaged(file, "its footer lists another batch than lies there"))
        yield _batch(content, file, at + head, found)


def _streamed(content: Content, file: File) -> Iterator[Message]:
    """The dictionaries and the batches one after the other."""
    at, end = 0, len(content)
    while at + 8 <= end:
        at += 4 if content[at : at + 4] == _CONTINUES else 0
        length = int.from_bytes(content[at : at + 4], "little")
        if length == 0:
            return
        at += 4
        if at + length > end:
            raise SourceError(_damaged(file, f"a header claims {length:,} bytes, and {end - at:,} are left"))
        found = _message(content[at : at + length], file)
        at += length
        if not 0 <= found.body <= end - at:
            raise SourceError(_damaged(file, f"a batch claims {found.body:,} bytes, and {end - at:,} are left"))
        if found.kind in (_DICTIONARY, _BATCH):
            yield _batch(content, file, at, found)
        at += found.body
    if end - at != 4 or content[at:end] != b"\0" * 4:
        raise SourceError(_damaged(file, "its end mark is missing"))


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at = content, at
        self.fields = at - struct.unpack_from("<i", content, at)[0]
        if self.fields < 0 or at < 0:
            raise ValueError("fields before its begin")
        (self.size,) = struct.unpack_from("<H", content, self.fields)

    def place(self, field: int) -> int:
        """Where a field is, 0 where it is left out."""
        if 6 + 2 * field > self.size:
            return 0
        (offset,) = struct.unpack_from("<H", self.content, self.fields + 4 + 2 * field)
        return self.at + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        """A number, 0 where it is left out."""
        place = self.place(field)
        return int(struct.unpack_from(form, self.content, place)[0]) if place else 0

    def table(self, field: int) -> _Table | None:
        """A table in a field."""
        place = self.place(field)
        return _Table(self.content, place + struct.unpack_from("<I", self.content, place)[0]) if place else None

    def structs(self, field: int, form: struct.Struct) -> list[tuple[int, ...]]:
        """A list of structs of whole numbers."""
        place = self.place(field)
        if not place:
            return []
        begin = place + struct.unpack_from("<I", self.content, place)[0]
        (count,) = struct.unpack_from("<I", self.content, begin)
        if begin + 4 + form.size * count > len(self.content):
            raise ValueError("a list that it has no room for")
        return list(form.iter_unpack(self.content[begin + 4 : begin + 4 + form.size * count]))


class _Found(NamedTuple):
    """A header: its kind, the bytes of its body, and of a batch the rows, the places of its buffers and the codec."""

    kind: int
    body: int
    rows: int = 0
    places: Sequence[tuple[int, ...]] = ()
    codec: int | None = None


def _message(content: bytes, file: File) -> _Found:
    try:
        root = _Table(content, int.from_bytes(content[:4], "little"))
        kind, body = root.number(1, "<B"), root.number(3, "<q")
        if kind not in (_DICTIONARY, _BATCH):
            return _Found(kind, body)
        header = root.table(2)
        if header is not None and kind == _DICTIONARY:
            header = header.table(1)
        if header is None:
            raise ValueError("a batch without a header")
        packing = header.table(3)
        codec = None if packing is None else packing.number(0, "<b")
        return _Found(kind, body, header.number(0, "<q"), header.structs(2, _BUFFER), codec)
    except _UNREADABLE as error:
        raise SourceError(_damaged(file, f"a header cannot be read: {error}")) from error


def _batch(content: Content, file: File, at: int, found: _Found) -> Message:
    if found.rows < 0:
        raise SourceError(_damaged(file, f"a batch claims {found.rows} rows"))
    buffers: list[tuple[int, int]] = []
    for offset, held in found.places:
        if offset < 0 or held < 0 or offset + held > found.body:
            raise SourceError(_damaged(file, f"a buffer of {held:,} bytes lies beyond its batch"))
        size = held
        if found.codec is not None and held:
            if held < 8:
                raise SourceError(_damaged(file, "a packed buffer is too short to say what it unpacks to"))
            (size,) = struct.unpack("<q", content[at + offset : at + offset + 8])
            size = held - 8 if size == -1 else size
            if size < 0 or (found.codec == _LZ4 and size > _LZ4_MOST * held):
                raise SourceError(_damaged(file, f"a buffer of {held:,} bytes claims to unpack to {size:,}"))
        buffers.append((held, size))
    room = sum(size for _, size in buffers)
    if room and found.rows > 8 * room:
        raise SourceError(_damaged(file, f"a batch claims {found.rows:,} rows in {room:,} bytes"))
    span = at, at + found.body
    return Message(found.kind == _DICTIONARY, found.rows, buffers, found.codec is not None, span)


def _damaged(file: File, what: str) -> str:
    return (
        f"{file}: expected a complete Arrow IPC file or stream, but {what}; it may be truncated, still being written, "
        "or of another format: write or copy it again"
    )
