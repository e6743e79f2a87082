"""What the option parser refuses, in the words of every other message of the program."""

from __future__ import annotations

from typing import Any

import typer

ParserError: type[Exception] = typer.BadParameter.__bases__[0]
"""What the option parser raises; typer makes only this one of its children public."""


def refusal(error: Any) -> str:
    """One line: the option, what was wrong with it, and where its help is."""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    said = error.format_message()
    name, command = getattr(error, "option_name", None), None if context is None else context.info_name
    if name in _SPREAD and command is not None:
        said = f"{name}: {command} runs on this machine alone; leave it out"
    if name == "--rows" and command in _MATCHED:
        said = f"--rows: {command} needs the same rows of every file, and row groups chosen in each hold others; {_WAY}"
    if parameter is not None and error.message:
        said = f"{_named(parameter, context)}: {_expected(error)}"
    said = " ".join(said.split()).rstrip(".")
    help_at = f"{context.command_path if context else 'labelfree'} -h"
    return f"{said} See {help_at}" if said.endswith("?") else f"{said}; see {help_at}"


_SPREAD = ("--engine", "--address", "--work")
"""Options of commands that can spread their work."""
_MATCHED = ("compare", "select")
"""Commands that hold the rows of several files against each other."""
_WAY = "leave it out: --sample N looks closely at N rows that all of them hold, and all are read"


def _expected(error: Any) -> str:
    """What was expected and what was found, from a message that may come from pydantic."""
    said = str(error.message).removeprefix("Value error, ")
    if not said.startswith("Input should be "):
        return said
    causes: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    found = causes[0].get("input") if causes else None
    expected = said.removeprefix("Input should be ").partition(",")[0]
    expected = f"a number {expected}" if expected.startswith(("less", "greater")) else expected
    return f"expected {expected}" + ("" if found is None else f", found {found!r}")


def _named(parameter: Any, context: Any) -> str:
    """The option as it is written, or the variable of the environment that spoke for it."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).strip("[]")
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        return f"{parameter.envvar} (for {parameter.opts[-1]})"
    return str(parameter.opts[-1])
