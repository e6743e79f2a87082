"""Help of one screen: what most people need first, and all options by --help-all."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from difflib import get_close_matches
from shutil import get_terminal_size
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from labelfree.errors import UsageError

SUMMARIES = {
    "rank": "How many directions do embeddings use: is it collapsing?",
    "separability": "Do the embeddings fall into classes, and how surely?",
    "transfer": "Did adaptation help on a target without labels?",
    "opis": "Is one decision threshold fair to every group?",
    "evaluate": "Every metric that the input allows, in one pass.",
    "drift": "Have the data left the reference, by how much, which rows?",
    "select": "Which one do I keep? The best without labels, or why not.",
    "compare": "Are these representations of the same rows alike?",
    "doctor": "What is wrong with the data, before any metric.",
    "embed": "Run a checkpoint over data: embeddings as Parquet.",
    "weights": "What the weights of a checkpoint say without data.",
    "summarize": "What metrics need of the rows, as a file without rows.",
    "merge": "Summaries of the parts of a data set as one, exactly.",
    "gate": "Shall the run stop? A verdict with an exit code of its own.",
    "watch": "Score new files of a run as they appear, and ask the gate.",
    "history": "The records of a run: append, draw, remove.",
    "history add": "Append reports.",
    "history show": "The curves of a run, and what the rule says of each.",
    "history remove": "Remove a run, or records of it.",
    "report": "One page to send, of reports and histories.",
    "explain": "A metric, a finding or a word of a table in words.",
    "schema": "The JSON Schema of what is printed.",
    "demo": "A guided run on embeddings that are shipped along.",
    "help": "The help of a command.",
}
"""What each command answers, in a line that no terminal cuts."""

_SHARED = ("column", "on_bad", "only", "sample", "all", "json", "output", "append", "quiet", "verbose")
FIRST: Mapping[str, tuple[str, ...]] = {
    "rank": ("group", "data", "rows", *_SHARED),
    "separability": ("normalize", "data", "rows", *_SHARED),
    "transfer": ("source", "head", "logits", "audit", *_SHARED),
    "opis": ("group", "groups_from", "freeze", "far", *_SHARED),
    "evaluate": ("group", "head", "logits", "data", *_SHARED),
    "drift": (
        "reference", "by", "require", "looks", "append", "column", "id", "logits", "only", "sample", "all", "json",
        "output", "quiet",
    ),
    "select": (
        "source", "label_budget", "labels", "class_shares", "head", "logits", "strict", "column", "sample", "all",
        "json", "output", "quiet",
    ),
    "compare": (
        "to", "common", "by", "require", "expect", "compress", "threshold", "k", "column", "only", "all", "json",
        "output", "quiet",
    ),
    "doctor": ("column", "id", "on_bad", "concat", "rows", "strict", "json", "output", "quiet", "verbose"),
    "embed": (
        "data", "output", "replace", "resume", "column", "keep", "model", "layer", "pool", "trust_code", "device",
        "batch_size", "quiet",
    ),
    "summarize": (
        "output", "with_sample", "column", "id", "logits", "on_bad", "sample", "seed", "memory", "threads", "quiet",
    ),
    "gate": (
        "require", "against", "max_drop", "history", "run", "plateau", "min_delta", "checks", "plan", "json", "output",
        "quiet",
    ),
    "watch": (
        "metric", "plateau", "min_delta", "checks", "idle", "data", "column", "json", "quiet",
    ),
}  # fmt: skip
"""The options on the first help of a command; where a command is not named, all are."""
ON_EVERY_HELP = ("help", "help_all")
_KINDS = {str: "TEXT", int: "N", float: "X"}
_LEFT = 24
"""Columns of names; the words stand beside them."""


def every_option(context: typer.Context, asked: bool) -> None:
    """--help-all: the help with every option, and exit."""
    if asked and not context.resilient_parsing:
        command: Any = context.command
        formatter = context.make_formatter()
        type(command).format_help(command, context, formatter)
        if text := formatter.getvalue().rstrip("\n"):
            print(text)
        raise typer.Exit


def help_of(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="Its name.", show_default=False)
    ] = None,
) -> None:
    """The help of a command.

    \b
    labelfree help rank
    """
    at: Any = context.find_root()
    for name in command or ():
        inside = getattr(at.command, "commands", {})
        if name not in inside:
            near = get_close_matches(name, list(inside), n=1)
            way = f"did you mean {near[0]!r}?" if near else f"{at.command_path} -h lists them"
            raise UsageError(f"{at.command_path}: no command {name!r}; {way}")
        at = type(at)(inside[name], info_name=name, parent=at)
    print(at.get_help())


def shortened(command: Any) -> None:
    """Make -h of a command one screen, and name what it takes in plain words."""
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.is_flag:
            parameter.metavar = "" if parameter.metavar is None else parameter.metavar
        elif parameter.metavar is None:
            parameter.metavar = _kind(parameter)
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: ""
    command.format_help = lambda context, formatter: formatter.write(brief(command, context))


def _kind(parameter: Any) -> str:
    """What an option takes, in a word."""
    annotation = parameter.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    inner = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    name = getattr(inner, "__name__", "")
    return "FILE" if name == "Path" else _KINDS.get(inner, "TEXT")


def brief(command: Any, context: typer.Context) -> str:
    """The first help: usage, what the command is for, examples, and the options that most people need."""
    width = max(40, min(get_terminal_size().columns, 100))
    out = [f"Usage: {context.command_path} {' '.join(command.collect_usage_pieces(context))}", ""]
    words, *blocks = (command.help or "").replace("\b", "").split("\n\n")
    out += [*textwrap.wrap(" ".join(words.split()), width), ""]
    for block in blocks:
        text = textwrap.dedent(block).strip("\n")
        whole = text.lstrip().startswith(("labelfree ", "0 "))
        out += [*([f"  {line}" for line in text.split("\n")] if whole else textwrap.wrap(text, width)), ""]
    prefix = context.command_path.partition(" ")[2]
    for name in getattr(command, "commands", {}):
        out.append(f"  {name:<13} {SUMMARIES[f'{prefix} {name}'.strip()]}")
    out += [""] if getattr(command, "commands", {}) else []
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    for parameter in arguments:
        out += _row(str(parameter.metavar or parameter.name).strip("[]"), parameter.help or "", width)
    options = [p for p in command.params if p.param_type_name == "option"]
    wanted = FIRST.get(command.name or "")
    order = {name: i for i, name in enumerate(wanted or ())}
    chosen = [p for p in options if p.name not in ("version", *ON_EVERY_HELP) and (wanted is None or p.name in order)]
    for parameter in sorted(chosen, key=lambda p: order.get(p.name, 0)):
        out += _row(_names(parameter), _said(parameter), width)
    left = len([p for p in options if p.name not in ("version", *ON_EVERY_HELP)]) - len(chosen)
    out += _row("-h, --help", "This page." + (f" --help-all: {left} options more." if left else ""), width)
    if command.epilog:
        out += ["", *textwrap.wrap(command.epilog, width)]
    return "\n".join(out) + "\n"


def _names(parameter: Any) -> str:
    """The flags of an option, and what it takes."""
    flags = ", ".join(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
    return f"{flags} {parameter.metavar or ''}".strip()


def _said(parameter: Any) -> str:
    """The first sentence of an option, and what holds where it is not given."""
    text, default = _first(parameter.help or ""), parameter.show_default
    if parameter.required:
        return f"{text} Required."
    if not isinstance(default, str):
        default = parameter.default
        if default is None or isinstance(default, bool | list | tuple) or callable(default) or default == "":
            return text
    return f"{text.rstrip('.')} [{default}]."


def _first(text: str) -> str:
    """The first sentence of a text."""
    said = " ".join(text.split())
    found = re.match(r".*?[.?;](?= [A-Z]|$)", said)
    return found[0] if found else said


def _row(name: str, text: str, width: int) -> list[str]:
    """A name and its words beside it; under it where the name is long."""
    lines = textwrap.wrap(text, width - _LEFT - 2) or [""]
    if len(name) > _LEFT - 2:
        return [f"  {name}", *(f"  {'':<{_LEFT}}{line}" for line in lines)]
    return [f"  {name:<{_LEFT}}{lines[0]}", *(f"  {'':<{_LEFT}}{line}" for line in lines[1:])]
