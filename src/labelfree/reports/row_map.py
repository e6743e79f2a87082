"""A map of sampled rows: where they lie along the two directions of most spread, and which of them stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MapPart:
    """Rows of one kind. name: what they are; role: "back" stands back, "rows" are plain, "marked" stand out.

    at: their positions in the data set, or in the reference where `behind` is set; ids: what each is called, where
    that is to be seen.
    """

    name: str
    role: Literal["back", "rows", "marked"]
    x: Sequence[float]
    y: Sequence[float]
    at: Sequence[int] = ()
    behind: bool = False
    ids: Sequence[str] = ()


@dataclass(frozen=True)
class RowMap:
    """The parts of a map. shares: of the spread along x and y; drawn, of: rows of the map, and of the data."""

    parts: Sequence[MapPart]
    shares: tuple[float, float]
    drawn: int
    of: int
