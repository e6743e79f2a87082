"""Thrift's compact protocol, of which Parquet's footers and page headers are made: read over, or read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

INTS, BINARY, LISTS, STRUCT = (4, 5, 6), 8, (9, 10), 12
_BOOLS, _BYTE, _DOUBLE, _MAP, _UUID = (1, 2), 3, 7, 11, 13
_SIZES = {_BYTE: 1, _DOUBLE: 8, _UUID: 16}
_DEEPEST = 100


class Reader:
    """A place in some bytes; IndexError where they end too early, ValueError where they are none of the protocol."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def byte(self) -> int:
        """The next byte."""
        self.at += 1
        return self.content[self.at - 1]

    def varint(self) -> int:
        """A number without a sign."""
        content, at = self.content, self.at
        value = shift = 0
        while shift < 70:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                self.at = at
                return value
            shift += 7
        raise ValueError("a number of more than 70 bits")

    def number(self) -> int:
        """A number with its sign."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def binary(self) -> bytes:
        """Bytes or text."""
        length = self.varint()
        self.at += length
        if self.at > len(self.content):
            raise IndexError("bytes end early")
        return self.content[self.at - length : self.at]

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct; the value of each must be read before the next."""
        field, content = 0, self.content
        while byte := content[self.at]:
            self.at += 1
            field = field + (byte >> 4) if byte >> 4 else self.number()
            yield field, byte & 15
        self.at += 1

    def sized(self) -> tuple[int, int]:
        """How many items a list has, and of which type; each takes a byte at least."""
        byte = self.byte()
        count = byte >> 4 if byte >> 4 < 15 else self.varint()
        if count > len(self.content) - self.at:
            raise IndexError("a list ends early")
        return count, byte & 15

    def numbers(self, inside: Collection[int] = ()) -> dict[int, int]:
        """The whole numbers of a struct by the number of their field.

        inside: fields that are structs themselves, whose numbers and booleans count from 100 times their own on.
        """
        found: dict[int, int] = {}
        content, at, field = self.content, self.at, 0
        while byte := content[at]:  # as `fields`, but in one loop: page headers are many
            at, kind = at + 1, byte & 15
            if byte >> 4:
                field += byte >> 4
            else:
                self.at = at
                field, at = self.number(), self.at
            if kind in INTS and (value := content[at]) < 128:
                found[field], at = (value >> 1) ^ -(value & 1), at + 1
                continue
            self.at = at
            if kind in INTS:
                found[field] = self.number()
            elif kind == STRUCT and field in inside:
                found |= {100 * field + number: value for number, value in self.numbers().items()}
            elif kind in _BOOLS:
                found[field] = 2 - kind
            else:
                self.skip(kind)
            at = self.at
        self.at = at + 1
        return found

    def skip(self, kind: int, depth: int = 0) -> None:
        """Read over the value of a field."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if kind in INTS:
            self.varint()
        elif kind == BINARY:
            length = self.varint()
            self.at += length
        elif kind in _SIZES:
            self.at += _SIZES[kind]
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind in LISTS:
            count, inner = self.sized()
            self._items([inner] * count, depth)
        elif kind == _MAP:
            if count := self.varint():
                pair = self.byte()
                if count > len(self.content) - self.at:
                    raise IndexError("a map ends early")
                self._items([pair >> 4, pair & 15] * count, depth)
        elif kind not in _BOOLS:
            raise ValueError(f"a value of type {kind}")
        if self.at > len(self.content):
            raise IndexError("a value ends early")

    def _items(self, kinds: Sequence[int], depth: int) -> None:
        for kind in kinds:
            self.skip(_BYTE if kind in _BOOLS else kind, depth + 1)
