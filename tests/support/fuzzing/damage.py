"""Damage to bytes: flips, cuts, splices, inserted and repeated ranges, numbers that lie."""

from __future__ import annotations

from random import Random

NUMBERS = (
    0, 1, -1, 2, -2, 7, 8, 100, 127, 128, 255, 256, 1000, 32767, 65535, 65536, 65537, 10**6, 2**24, 2**28, 2**31 - 2,
    2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 10**10, 2**40, 2**53, 10**18, 2**62, 2**63 - 1, -(2**63),
)  # fmt: skip
"""Whole numbers at which something may overflow, be refused or take everything there is."""
MOST = 1 << 16
"""Bytes that an inserted or repeated range adds at most."""


def damaged(content: bytes, chance: Random, other: bytes = b"", within: tuple[int, int] | None = None) -> bytes:
    """The content with one to three things done to it; other: what parts are spliced in; within: only there."""
    begin, end = within or (0, len(content))
    head, body, tail = content[:begin], content[begin:end], content[end:]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if body:
            body = chance.choice(_WAYS)(body, chance, other or content)
    return head + body + tail


def _range(content: bytes, chance: Random) -> tuple[int, int]:
    """Mostly a short one."""
    begin = chance.randrange(len(content))
    return begin, begin + 1 + int(chance.random() ** 4 * (len(content) - begin))


def _flip(content: bytes, chance: Random, other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _set(content: bytes, chance: Random, other: bytes) -> bytes:
    begin, end = _range(content, chance)
    return content[:begin] + bytes([chance.choice((0, 1, 127, 128, 255))]) * (end - begin) + content[end:]


def _number(content: bytes, chance: Random, other: bytes) -> bytes:
    size = chance.choice((1, 2, 4, 8))
    value = chance.choice(NUMBERS) % (1 << 8 * size)
    at = chance.randrange(len(content))
    order = "little" if chance.random() < 0.8 else "big"
    return content[:at] + value.to_bytes(size, order) + content[at + size :]  # type: ignore[arg-type]


def _cut(content: bytes, chance: Random, other: bytes) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] if chance.random() < 0.7 else content[at:]


def _drop(content: bytes, chance: Random, other: bytes) -> bytes:
    begin, end = _range(content, chance)
    return content[:begin] + content[end:]


def _repeat(content: bytes, chance: Random, other: bytes) -> bytes:
    begin, end = _range(content, chance)
    times = min(chance.choice((1, 1, 2, 10, 1000)), MOST // (end - begin) or 1)
    return content[:end] + content[begin:end] * times + content[end:]


def _insert(content: bytes, chance: Random, other: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.choice((1, 2, 4, 8, 64))) + content[at:]


def _splice(content: bytes, chance: Random, other: bytes) -> bytes:
    begin, end = _range(content, chance)
    first, last = _range(other, chance)
    return content[:begin] + other[first:last] + content[end:]


def _swap(content: bytes, chance: Random, other: bytes) -> bytes:
    a, b, c = sorted(chance.randrange(len(content) + 1) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


_WAYS = (_flip, _flip, _set, _number, _number, _cut, _drop, _repeat, _insert, _splice, _swap)
