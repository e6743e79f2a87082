"""The type of a column whose file has none, from all of its values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_MOST = 1 << 63


@dataclass
class Seen:
    """What the values of a column have been: the line on which each kind came first, and how many were missing.

    written: they are separated values, which all are text; what is written as an integer or a number in just one way
    counts as one, so that 7 is a number and 007 is text.
    """

    written: bool
    kinds: dict[str, int] = field(default_factory=dict)
    nulls: int = 0
    first_null: tuple[int, int] = (0, 0)

    def add(self, value: Any, row: int, line: int) -> None:
        """Take in the value of row `row`, which ends on line `line`."""
        if value is None:
            if not self.nulls:
                self.first_null = row, line
            self.nulls += 1
        elif not (self.written and "text" in self.kinds):
            self.kinds.setdefault(self._kind(value), line)

    def _kind(self, value: Any) -> str:
        if isinstance(value, str):
            if not self.written:
                return "text"
            return "integers" if _INTEGER.fullmatch(value) else "numbers" if _NUMBER.fullmatch(value) else "text"
        if isinstance(value, bool):
            return "true or false"
        if isinstance(value, int):
            return "integers" if -_MOST <= value < _MOST else "integers beyond 64 bits"
        return "numbers" if isinstance(value, float) else "a list" if isinstance(value, list) else "an object"

    @property
    def kind(self) -> str:
        """What all values are: "text", "integers", "numbers", "true or false", "nothing", or several of them."""
        if self.written and "text" in self.kinds:
            return "text"
        if self.kinds.keys() == {"integers", "numbers"}:
            return "numbers"
        return " and ".join(self.kinds) or "nothing"

    def column(self, values: list[Any]) -> Any:
        """Values of this column as an Arrow array of its type; None where they are of no one type."""
        import pyarrow as pa

        types = {"text": pa.string(), "integers": pa.int64(), "numbers": pa.float64(), "true or false": pa.bool_()}
        kind = types.get(self.kind, pa.string() if self.kind == "nothing" else None)
        if kind is None:
            return None
        if self.written and self.kind in ("integers", "numbers"):
            convert = int if self.kind == "integers" else float
            values = [None if value is None else convert(value) for value in values]
        return pa.array(values, kind)
