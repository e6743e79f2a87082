"""What a state is made of, so that it can be written down: plain values, arrays, and states inside it, by name.

Reading checks what it is given: a value of another kind, an array of another type or shape, a number that is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import SummaryError, quoted

Value: TypeAlias = "bool | int | str | Sequence[Value] | Mapping[str, Value] | None"
"""A value as JSON holds it exactly; a float stands as text in hexadecimal digits, infinity too."""

_MOST = 1 << 64


@dataclass(frozen=True, eq=False)
class Fields:
    """The fields of a state; kind: which state it is."""

    kind: str
    values: Mapping[str, Value] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    inner: Mapping[str, Fields] = field(default_factory=dict)

    def check_kind(self, kind: str) -> None:
        """Refuse the fields of another state."""
        if self.kind != kind:
            raise SummaryError(f"expected the summary {kind!r}, found {quoted(self.kind)}")

    def wrong(self, name: str, expected: str, found: object) -> SummaryError:
        """The error on a field that is not what it has to be."""
        return SummaryError(f"{self.kind}: {name}: expected {expected}, found {quoted(found)}; it is damaged or forged")

    def value(self, name: str) -> Value:
        """A value of any kind."""
        if name not in self.values:
            raise self.wrong(name, "a value", None)
        return self.values[name]

    def count(self, name: str, least: int = 0, most: int = _MOST) -> int:
        """A whole number from `least` to `most`."""
        found = self.value(name)
        if type(found) is not int or not least <= found <= most:
            raise self.wrong(name, f"a whole number from {least} to {most}", found)
        return found

    def real(self, name: str) -> float:
        """A float, infinity included."""
        found = self.value(name)
        if (number := _from_hexadecimal(found)) is None:
            raise self.wrong(name, "a number in hexadecimal digits", found)
        return number

    def pair(self, name: str) -> tuple[float, float]:
        """Two floats."""
        found = [_from_hexadecimal(one) for one in self.listed(name)]
        if len(found) != 2 or found[0] is None or found[1] is None:
            raise self.wrong(name, "two numbers in hexadecimal digits", self.value(name))
        return found[0], found[1]

    def text(self, name: str) -> str:
        """A text."""
        found = self.value(name)
        if not isinstance(found, str):
            raise self.wrong(name, "a text", found)
        return found

    def listed(self, name: str) -> Sequence[Value]:
        """A list."""
        found = self.value(name)
        if not isinstance(found, list | tuple):
            raise self.wrong(name, "a list", found)
        return found

    def numbers(self, name: str, length: int | None = None) -> list[int]:
        """A list of whole numbers from 0 on."""
        found = self.listed(name)
        if any(type(one) is not int or not 0 <= one <= _MOST for one in found) or length not in (None, len(found)):  # type: ignore[operator]
            raise self.wrong(name, "a list of whole numbers", found)
        return [int(one) for one in found]  # type: ignore[arg-type]

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        found = self.listed(name)
        if not all(isinstance(one, str) for one in found):
            raise self.wrong(name, "a list of texts", found)
        return [str(one) for one in found]

    def array(self, name: str, dtype: Any, shape: Sequence[int | None]) -> NDArray[Any]:
        """An array of one of these types and of this shape, None where any length will do; floats are finite."""
        kinds = [np.dtype(one) for one in (dtype if isinstance(dtype, tuple) else (dtype,))]
        found = self.arrays.get(name)
        fits = found is not None and found.ndim == len(shape)
        fits = fits and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))  # type: ignore[union-attr]
        if found is None or not fits or found.dtype not in kinds:
            said = f"{' or '.join(map(str, kinds))} of shape {tuple('any' if n is None else n for n in shape)}"
            raise self.wrong(name, said, None if found is None else (str(found.dtype), found.shape))
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise self.wrong(name, "finite numbers", "NaN or infinity")
        return found

    def part(self, name: str) -> Fields:
        """The fields of a state inside this one."""
        if name not in self.inner:
            raise self.wrong(name, "a summary", None)
        return self.inner[name]


def hexadecimal(number: float) -> str:
    """A float as text that is read back to the same bits.

    >>> hexadecimal(0.1), float.fromhex(hexadecimal(0.1)) == 0.1
    ('0x1.999999999999ap-4', True)
    """
    return float(number).hex()


def _from_hexadecimal(found: Value) -> float | None:
    try:
        number = float.fromhex(found) if isinstance(found, str) else None
    except (ValueError, OverflowError):
        return None
    return None if number is None or np.isnan(number) else number
