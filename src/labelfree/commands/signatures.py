"""Keyword options that are declared once, as a TypedDict, and seen one by one wherever a signature is shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


def spelled(options: Any, defaults: Mapping[str, Any]) -> Callable[[F], F]:
    """A decorator that gives a function of `**options: Unpack[OPTIONS]` a signature with each option by name.

    options: the TypedDict; defaults: of the options, in the order in which they are shown. Type checkers read the
    TypedDict; notebooks, `help` and completion at run time read this signature.
    """

    hints = get_type_hints(options)

    def decorated(function: F) -> F:
        own = inspect.signature(function)
        kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
            for name, default in defaults.items()
        ]
        # positional ones first, the keywords of its own last
        function.__signature__ = own.replace(parameters=sorted([*keywords, *kept], key=lambda p: p.kind))  # type: ignore[attr-defined]
        return function

    return decorated
