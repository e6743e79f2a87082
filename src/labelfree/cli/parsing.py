"""Numbers and amounts as they are written on a command line."""

from __future__ import annotations

import os
import re

from labelfree.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "tb": 10**12}


def parse_sample(given: str) -> int | None:
    """--sample: a number of rows, or None for all."""
    if given == "all":
        return None
    found = re.fullmatch(r"(\d[\d_,]{0,30})(?:\.(\d{1,6}))?([kKmM]?)", given)
    rows = None if found is None else _rows(re.sub("[_,]", "", found[1]), found[2] or "", found[3].lower())
    if rows is None:
        name = "LABELFREE_SAMPLE" if os.environ.get("LABELFREE_SAMPLE") == given else "--sample"
        raise UsageError(f"{name}: expected a number of rows or all, found {given!r}")
    return rows


def _rows(whole: str, part: str, unit: str) -> int | None:
    """Rows from 10, 10k or 1.5M; None where that is no whole number."""
    zeros = {"": 0, "k": 3, "m": 6}[unit]
    digits = part.rstrip("0")
    return int(whole + digits.ljust(zeros, "0")) if len(digits) <= zeros else None


def numbers(given: str | None, option: str) -> tuple[int, ...]:
    """Whole numbers separated by commas; none where the option is not given."""
    if given is None:
        return ()
    found = [part.strip() for part in given.split(",")]
    if not all(re.fullmatch(r"\d{1,9}", part) for part in found):
        raise UsageError(f"{option}: expected whole numbers separated by commas, such as 10,20,40, found {given!r}")
    return tuple(int(part) for part in found)


def parse_memory(given: str | None) -> int | None:
    """--memory: bytes from 400MB, 2GB or a plain number."""
    if given is None:
        return None
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]*)\s*", given)
    unit = match[2].lower().replace("ib", "b") if match else None
    try:
        if match is None or unit not in _UNITS:
            raise ValueError
        return int(float(match[1]) * _UNITS[unit])
    except (ValueError, OverflowError):
        raise UsageError(f"--memory: expected an amount such as 400MB or 2GB, found {given!r}") from None
