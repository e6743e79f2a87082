"""What builds a network whose checkpoint holds only its weights: `package.module:factory`, or a function."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from labelfree.errors import MissingExtra, UsageError, option

Transform = Callable[[Any], Any]
_SPEC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_RETURNS = "a torch.nn.Module, or a pair of one and its transform (an image or text to a tensor)"


def made(spec: str | Callable[[], Any]) -> tuple[Any, Transform | None]:
    """The module that a factory returns, and its transform where it returns one too.

    spec: "package.module:factory", found from the current directory too, or the factory itself. It takes no arguments.
    """
    try:
        from torch import nn
    except ImportError as error:
        raise MissingExtra("running a model", "torch") from error
    factory = imported(spec) if isinstance(spec, str) else spec
    with _current_directory():
        try:
            built = factory()
        except Exception as error:
            raise UsageError(
                f"{_named(spec)}: the factory, called without arguments, raised {type(error).__name__}: {error}"
            ) from error
    module, transform = built if isinstance(built, tuple) and len(built) == 2 else (built, None)
    if not isinstance(module, nn.Module) or not (transform is None or callable(transform)):
        raise UsageError(f"{_named(spec)}: expected {_RETURNS}, found {type(built).__name__}")
    return module, transform


def _named(spec: str | Callable[[], Any]) -> str:
    """The option that names the factory, or is it."""
    if isinstance(spec, str):
        return option("model", spec)
    return option("model", like=getattr(spec, "__name__", type(spec).__name__))


def imported(spec: str) -> Callable[[], Any]:
    """The factory of this name, not yet called, or a UsageError that says why there is none."""
    from importlib import import_module

    if not _SPEC.fullmatch(spec):
        raise UsageError(f"{option('model')}: expected package.module:factory, found {spec!r}")
    place, _, name = spec.partition(":")
    try:
        with _current_directory():
            value: Any = import_module(place)
    except ImportError as error:
        raise UsageError(f"{_named(spec)}: cannot import {place} ({error}); looked in {Path.cwd()} too") from error
    except Exception as error:
        raise UsageError(f"{_named(spec)}: importing {place} raised {type(error).__name__}: {error}") from error
    for part in name.split("."):
        if not hasattr(value, part):
            near = get_close_matches(part, dir(value), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{_named(spec)}: {place} has no {part!r}{hint}")
        value = getattr(value, part)
    if not callable(value):
        raise UsageError(f"{_named(spec)}: expected a function without arguments, found {type(value).__name__}")
    return value  # type: ignore[no-any-return]


@contextmanager
def _current_directory() -> Iterator[None]:
    """Modules of the current directory can be imported, as by python -m."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)
