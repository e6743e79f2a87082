"""Options that take one value are given once: of two values the parser would keep the last in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelfree.errors import UsageError


def given_once(option: Any) -> None:
    """Make an option of the parser refuse a second value; a flag may be repeated, but not contradicted."""
    if option.param_type_name != "option" or option.multiple or option.count or hasattr(option, "single"):
        return
    add, handle, option.single = option.add_to_parser, option.handle_parse_result, True

    def handle_parse_result(context: Any, found: Mapping[str, Any], rest: list[str]) -> Any:
        if values := found.get(option.name):
            _check(option, values)
            found = {**found, option.name: values[-1]}
        return handle(context, found, rest)

    option.add_to_parser = lambda parser, context: add(_Gathering(parser), context)
    option.handle_parse_result = handle_parse_result


class _Gathering:
    """A parser that keeps every value of an option."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def add_option(self, *given: Any, action: str, **more: Any) -> None:
        self._parser.add_option(*given, action={"store": "append", "store_const": "append_const"}[action], **more)


def _check(option: Any, values: list[Any]) -> None:
    name = option.opts[-1]
    if option.is_flag:
        if len({*values}) > 1:
            raise UsageError(f"{name} and {option.secondary_opts[-1]} contradict each other; keep one")
    elif len(values) > 1:
        raise UsageError(f"{name}: expected one value, found {' and '.join(map(repr, values[:5]))}; keep one")
