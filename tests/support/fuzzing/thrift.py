"""Thrift's compact protocol, read into plain values that can be changed, and written again."""

from __future__ import annotations

import struct
from copy import deepcopy
from random import Random
from typing import Any, TypeAlias

from fuzzing.damage import NUMBERS, damaged
from fuzzing.words import strange_name

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
Struct: TypeAlias = dict[int, tuple[int, Any]]
"""By field number: the type and the value. A list's value is its type of elements and they."""


def varint(n: int) -> bytes:
    """An unsigned number."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def zigzag(n: int) -> bytes:
    """A signed number."""
    return varint(((n << 1) ^ (n >> 127)) & ((1 << 64) - 1))


class Reader:
    """A position in bytes that hold structs."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def varint(self) -> int:
        found = shift = 0
        while True:
            one = self.byte()
            found |= (one & 127) << shift
            shift += 7
            if one < 128:
                return found

    def zigzag(self) -> int:
        n = self.varint()
        return (n >> 1) ^ -(n & 1)

    def taken(self, n: int) -> bytes:
        self.at += n
        return self.content[self.at - n : self.at]

    def struct(self) -> Struct:
        found: Struct = {}
        last = 0
        while head := self.byte():
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            kind = head & 15
            found[last] = (kind, kind == TRUE if kind in (TRUE, FALSE) else self.value(kind))
        return found

    def value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):  # inside a list
            return self.byte()
        if kind == BYTE:
            return self.byte()
        if kind in (I16, I32, I64):
            return self.zigzag()
        if kind == DOUBLE:
            return struct.unpack("<d", self.taken(8))[0]
        if kind == BINARY:
            return self.taken(self.varint())
        if kind == STRUCT:
            return self.struct()
        head = self.byte()
        count = head >> 4 if head >> 4 < 15 else self.varint()
        return head & 15, [self.value(head & 15) for _ in range(count)]


def written(fields: Struct) -> bytes:
    """The bytes of a struct."""
    out, last = b"", 0
    for number, (kind, value) in fields.items():
        kind = kind if kind not in (TRUE, FALSE) else TRUE if value else FALSE
        step = number - last
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + zigzag(number)
        out += b"" if kind in (TRUE, FALSE) else _value(kind, value)
        last = number
    return out + b"\x00"


def _value(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE, BYTE):
        return bytes([value & 255])
    if kind in (I16, I32, I64):
        return zigzag(value)
    if kind == DOUBLE:
        return struct.pack("<d", value)
    if kind == BINARY:
        return varint(len(value)) + bytes(value)
    if kind == STRUCT:
        return written(value)
    inner, items = value
    head = bytes([len(items) << 4 | inner]) if len(items) < 15 else bytes([0xF0 | inner]) + varint(len(items))
    return head + b"".join(_value(inner, item) for item in items)


def changed(fields: Struct, chance: Random, times: int = 1) -> Struct:
    """The struct with other values, or fields and elements that are gone, moved, or there more than once."""
    copy = deepcopy(fields)
    for _ in range(times):
        places = list(_places(STRUCT, copy))
        if places:
            holder, key = chance.choice(places)
            _change(holder, key, chance)
    return copy


def _places(kind: int, value: Any) -> Any:
    """Every field and element, as what holds it and its key there."""
    if kind == STRUCT:
        for key, (inner, held) in value.items():
            yield value, key
            yield from _places(inner, held)
    elif kind in (LIST, SET):
        for i, held in enumerate(value[1]):
            yield value, i
            yield from _places(value[0], held)


def _change(holder: Any, key: int, chance: Random) -> None:
    if isinstance(holder, dict):
        kind, value = holder[key]
        how = chance.random()
        if how < 0.1:
            del holder[key]
        elif how < 0.13:
            holder[chance.choice((key + 1, key + 7, 100))] = (kind, value)
        elif how < 0.16:
            holder[key] = chance.choice(((I32, chance.choice(NUMBERS)), (BINARY, b"x"), (STRUCT, {}), (TRUE, True)))
        else:
            holder[key] = (kind, _other(kind, value, chance))
        return
    kind, items = holder
    how = chance.random()
    if how < 0.15:
        del items[key]
    elif how < 0.35:
        items[key:key] = [deepcopy(items[key]) for _ in range(chance.choice((1, 1, 2, 50)))]
    elif how < 0.5:
        other = chance.randrange(len(items))
        items[key], items[other] = items[other], items[key]
    else:
        items[key] = _other(kind, items[key], chance)


def _other(kind: int, value: Any, chance: Random) -> Any:
    if kind in (TRUE, FALSE):
        return not value
    if kind == BYTE:
        return chance.choice((0, 1, 8, 64, 127, 128, 255))
    if kind in (I16, I32, I64):
        near = (value + 1, value - 1, value * 2, value // 2, -value, value * 1000, chance.randrange(12))
        return chance.choice(near if chance.random() < 0.5 else NUMBERS)
    if kind == DOUBLE:
        return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e308))
    if kind == BINARY:
        return damaged(value, chance) if value and chance.random() < 0.6 else strange_name(chance)
    if kind in (LIST, SET) and chance.random() < 0.3:
        return (value[0], [])
    if kind == STRUCT and chance.random() < 0.3:
        return {}
    return value
