"""Words in a picture: how wide they are, how they are cut, and where they cover nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'()[]{}/\\ -"), frozenset("mwMW%@_ABCDEGHKNOPQRUVXYZ")
_CUT = "..."


@dataclass(frozen=True)
class Box:
    """A rectangle that words take."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, x: float, y: float) -> bool:
        """Whether a point lies in it."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def meets(self, other: Box) -> bool:
        """Whether it shares a part with another one."""
        apart = self.right < other.left or other.right < self.left
        return not (apart or self.bottom < other.top or other.bottom < self.top)

    def within(self, other: Box) -> bool:
        """Whether it lies in another one."""
        inside = other.left <= self.left and self.right <= other.right
        return inside and other.top <= self.top and self.bottom <= other.bottom


def width(text: str, size: float) -> float:
    """About how wide a text is in a font without serifs, rather too wide than too narrow.

    >>> width("il", 10) < width("mm", 10) < width("\u6f22\u5b57", 10)
    True
    """
    return size * sum(map(_share, text))


def _share(character: str) -> float:
    if character in _NARROW:
        return 0.36
    if character in _WIDE:
        return 0.76
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.6


def cut(text: str, size: float, room: float) -> str:
    """The text if it fits the room, else its begin and its end, which tells steps apart.

    >>> cut("epoch_1", 10, 100), cut("a_very_long_name_of_epoch_17", 10, 100)
    ('epoch_1', 'a_very...och_17')
    """
    if width(text, size) <= room:
        return text
    keep = len(text) - 1
    while keep > 2 and width(_cut(text, keep), size) > room:
        keep -= 1
    return _cut(text, keep)


def _cut(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}{_CUT}{text[len(text) - keep // 2 :]}"


def wrapped(text: str, size: float, room: float, most: int = 2) -> list[str]:
    """The text in lines that fit the room, no more than so many; what is too long for that is cut.

    >>> wrapped("one two three", 10, 45)
    ['one two', 'three']
    """
    lines: list[str] = []
    for word in text.split(" "):
        if lines and (len(lines) == most or width(f"{lines[-1]} {word}", size) <= room):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [cut(line, size, room) for line in lines]


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights in their order, moved as little as makes any two a gap apart.

    >>> [round(h, 6) for h in apart([0.5, 0.5, 0.9], 0.1)]
    [0.45, 0.55, 0.9]
    """
    blocks: list[list[float]] = []  # the middle of labels that touch, and how many there are
    for height in heights:
        blocks.append([height, 1])
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    return [middle + gap * (i - (count - 1) / 2) for middle, count in blocks for i in range(int(count))]


def stacked(heights: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Heights in their order, a gap apart and between two ends as far as they fit there.

    >>> [round(h) for h in stacked([95, 99, 100], 10, 0, 100)]
    [80, 90, 100]
    """
    moved = apart(heights, gap)
    for i, height in enumerate(moved):
        moved[i] = max(height, top + gap * i)
    for i in range(len(moved)):
        moved[-1 - i] = min(moved[-1 - i], bottom - gap * i)
    return moved


def calmest(spots: Sequence[Box], points: Sequence[tuple[float, float]], taken: Sequence[Box], inside: Box) -> int:
    """The place among spots of the one that covers least: other words never, then the edge, then what is drawn."""

    def cost(i: int) -> tuple[int, int, int, int]:
        spot = spots[i]
        words, beyond = sum(spot.meets(one) for one in taken), not spot.within(inside)
        return words, int(beyond), sum(spot.covers(x, y) for x, y in points), i

    return min(range(len(spots)), key=cost)
