"""What a project asks of its gate once and for all: the table [tool.labelfree.gate] of pyproject.toml."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

from labelfree.catalog import listed
from labelfree.documents.files import read_text
from labelfree.documents.reading import MOST_DIGITS
from labelfree.errors import SourceError, UsageError, in_short, option
from labelfree.gating.settings import NUMBERS

JUDGED = ("require", "by", "against", "max_drop", "history", "run", "plateau", "on_undecided")
"""What is judged: one of these on the command line replaces all of the file."""
RULE = ("when", "classes", "rule", *NUMBERS)
"""How a plateau is judged, where one is asked for: each replaced on its own, all of them by another rule."""

_LISTS = ("require", "max_drop", "plateau")
_TEXTS = ("against", "history", "run", "when", "rule", "on_undecided", "by")
_PATHS = ("against", "history")
_COUNTS = ("classes", "warmup", "window", "checks", "cycle", "patience")
_FILE = "pyproject.toml"
_MOST = 1 << 24
"""Bytes of it that are read."""


def configured(given: Mapping[str, Any], start: Path) -> tuple[dict[str, Any], Path | None]:
    """The options of a gate, completed from the nearest pyproject.toml that has the table, and that file.

    given: every option by name, None or empty where the command line does not name it; start: where to look, then
    in its parents. Paths in the file are relative to it. A file that is not used is None.
    """
    place, table = _nearest(start)
    options = dict(given)
    if place is None:
        return options, None
    found = {key.replace("-", "_"): _checked(place, key, value) for key, value in table.items()}
    named = {name for name, value in given.items() if value not in (None, [], ())}
    judged = bool(named & set(JUDGED))
    taken = {
        name: value
        for name, value in found.items()
        if name not in named and not (name in JUDGED and judged) and not (name in RULE and "rule" in named)
    }
    if not (options.get("plateau") or taken.get("plateau")):
        taken = {name: value for name, value in taken.items() if name not in RULE}
    return options | taken, place if taken else None


def _nearest(start: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest pyproject.toml, in `start` or above it, that configures the gate."""
    for directory in (start, *start.parents):
        place = directory / _FILE
        try:
            text = read_text(place, _MOST)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(
                f"{place}: cannot be read ({error.strerror or error}); mend it, or use {option('config', False)}"
            ) from None
        except SourceError as error:
            raise UsageError(f"{error}, or use {option('config', False)}") from None
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{place}: expected TOML in UTF-8, found another encoding at byte {error.start}; save it as UTF-8, or "
                f"use {option('config', False)}"
            ) from None
        if "labelfree" not in text:
            continue
        import tomllib

        try:
            tool = tomllib.loads(text).get("tool")
        except (ValueError, RecursionError) as error:
            told = "it is nested too deep" if isinstance(error, RecursionError) else in_short(error)
            raise UsageError(f"{place}: expected TOML ({told}); mend it, or use {option('config', False)}") from None
        table = tool.get("labelfree", {}) if isinstance(tool, dict) else {}
        if not isinstance(table, dict) or not isinstance(table.get("gate", {}), dict):
            raise UsageError(f"{place}: expected a table [tool.labelfree.gate], found another kind of value")
        for name in table:
            if name != "gate":
                raise UsageError(
                    f"{place}: [tool.labelfree] has no key {name!r}: only the gate is configured by a file, under "
                    "[tool.labelfree.gate], so that no file changes a metric"
                )
        if "gate" in table:
            return place, table["gate"]
    return None, {}


def _checked(place: Path, key: str, value: Any) -> Any:
    """The value of a key as the option of that name takes it."""
    name = key.replace("-", "_")
    if name not in (*JUDGED, *RULE):
        known = [one.replace("_", "-") for one in (*JUDGED, *RULE)]
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(known)}"
        raise UsageError(f"{place}: [tool.labelfree.gate] has no key {key!r}; {hint}")
    where = f"{place}: [tool.labelfree.gate] {key}"
    if name in _LISTS:
        if not isinstance(value, str | list) or not all(isinstance(text, str) for text in value):
            raise UsageError(f"{where}: expected a text or a list of them, found {_shown(value)}")
        return listed(value)
    if name in _TEXTS:
        if not isinstance(value, str):
            raise UsageError(f"{where}: expected a text, found {_shown(value)}")
        return _beside(place, value) if name in _PATHS else value
    if name == "drops":
        for step in value if isinstance(value, list) else [value]:
            _number(where, step, whole=True)
        return value
    return _number(where, value, whole=name in _COUNTS)


def _number(where: str, value: Any, *, whole: bool) -> Any:
    number = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, number):
        raise UsageError(f"{where}: expected a {'whole ' if whole else ''}number, found {_shown(value)}")
    if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
        raise UsageError(f"{where}: expected a number of at most {MOST_DIGITS} digits, found one of more; mend it")
    return value


def _shown(value: Any) -> str:
    """A value as messages show it, where it can be shown."""
    try:
        return shorten(repr(value), 200, placeholder=" ...")
    except (ValueError, RecursionError):  # a number of more digits than Python writes; a table in a table in a table
        return "one that is too long or too deep to show"


def _beside(place: Path, name: str) -> str:
    """A path of the file, as seen from the working directory."""
    path = place.parent / name
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
