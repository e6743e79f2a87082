"""One of several reports by the name of its source."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.errors import UnknownName
from labelfree.render.naming import short_names


def place(key: str, names: Sequence[str]) -> int | None:
    """The place of a name among these, whole or without what all of them share; None where none is called so.

    >>> place("b", ["run/a.pt", "run/b.pt"]), place("run/a.pt", ["run/a.pt", "run/b.pt"]), place("c", ["run/a.pt"])
    (1, 0, None)
    """
    found = [i for i, known in enumerate(zip(names, short_names(names), strict=True)) if key in known]
    if len(found) > 1:
        raise UnknownName(key, (), f"{len(found)} sources have this name; take them by their place")
    return found[0] if found else None


def unknown(key: str, names: Sequence[str]) -> UnknownName:
    """The error for a name that no source has: what was meant, and the names that there are."""
    short = short_names(names)
    return UnknownName(key, short, f"the sources are {', '.join(short[:8])}{' ...' if len(short) > 8 else ''}")
