"""Options as they are written on a command line: what the library calls `on_bad='drop'` is `--on-bad drop` here."""

from __future__ import annotations

import re
import shlex

_OTHERS = {"output": "-o", "everything": "--all", "noise": "--plan"}
"""Parameters that are no flags by their own names."""
_BARE = re.compile(r"[\w@%+=:,./-]+")


def flag(name: str, value: object = None, like: str = "") -> str:
    """The flag of a parameter, with its value in quotes where a shell wants them.

    >>> flag("on_bad", "drop"), flag("trust_code", True), flag("config", False), flag("output", like="FILE")
    ('--on-bad drop', '--trust-code', '--no-config', '-o FILE')
    >>> flag("require", "rankme >= 120"), flag("memory", 400_000_000)
    ("--require 'rankme >= 120'", '--memory 400MB')
    """
    dashed = name.replace("_", "-")
    if value is False:
        return f"--no-{dashed}"
    written = like if value is None or value is True else _written(name, value)
    return f"{_OTHERS.get(name, f'--{dashed}')} {written}".rstrip()


def _written(name: str, value: object) -> str:
    """A value as a shell takes it."""
    if name == "memory" and isinstance(value, int):
        return f"{value / 1e6:.0f}MB"
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if _BARE.fullmatch(text) else shlex.quote(text)
