"""Signatures, options and the command line say the same; every public name is where it was."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, get_args, get_type_hints

import pytest
import typer.main

import labelfree
from labelfree.catalog import COMMANDS, METRIC_NAMES, command
from labelfree.cli.main import app
from labelfree.commands.options import Options, options_of
from labelfree.training import Monitor
from labelfree.training.lightning import LabelfreeCallback as Lightning
from labelfree.training.plan import Asked
from labelfree.training.transformers import LabelfreeCallback as Transformers

pytestmark = pytest.mark.once

MEASURING = [one.name for one in COMMANDS if one.document in ("report", "findings")]
FUNCTIONS = [*((name, name) for name in MEASURING), ("transfer_all", "transfer")]
SPELLED_ALONE = {
    "output", "append", "step", "run", "replace", "format", "json", "value", "quiet", "verbose", "all", "concat",
    "strict",
}  # fmt: skip
"""What the command line alone has: where results go, and in which form."""


ASIDE = ("progress", "concat")
"""Keywords of the functions that are no options of a measurement."""


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(function).parameters)
    return {name: p for name, p in found.items() if p.kind is inspect.Parameter.KEYWORD_ONLY and name not in ASIDE}


@pytest.mark.parametrize(("function", "name"), FUNCTIONS)
def test_the_signature_spells_out_the_options(function: str, name: str) -> None:
    known = parameters(getattr(labelfree, function))
    assert set(known) == set(options_of(command(name)))
    assert not any(
        p.kind is inspect.Parameter.VAR_KEYWORD
        for p in inspect.signature(getattr(labelfree, function)).parameters.values()
    )
    fields = Options.__dataclass_fields__
    for option, parameter in known.items():
        default = command(name).sample if option == "sample" else fields[option].default
        assert parameter.default == default, option
        assert parameter.annotation is not inspect.Parameter.empty
        if type(None) in get_args(get_type_hints(Options)[option]) and option != "sample":
            assert type(None) in get_args(parameter.annotation) or parameter.annotation is Any, option


@pytest.mark.parametrize(("function", "name"), FUNCTIONS)
def test_a_type_checker_sees_the_same_options(function: str, name: str) -> None:
    hint = get_type_hints(getattr(labelfree, function))["options"]
    (options,) = get_args(hint)
    assert set(get_type_hints(options)) == set(options_of(command(name)))
    assert not options.__total__


@pytest.mark.parametrize("name", MEASURING)
def test_the_command_line_has_the_same_options(name: str) -> None:
    found: Any = typer.main.get_command(app)
    given = {p.name for p in found.commands[name].params} - SPELLED_ALONE - {"sources", "help"}
    known = set(options_of(command(name)))
    in_python_alone = {"homology", "clusters", "space"}
    if len(command(name).families) > 1:
        in_python_alone |= {"normalize", "metric", "h0", "variant"}
    assert given - ({"only"} if not command(name).families else set()) == known - in_python_alone


@pytest.mark.parametrize("of", [Monitor, Lightning, Transformers])
def test_the_options_of_a_monitor_are_spelled_out(of: Any) -> None:
    known = inspect.signature(of.__init__).parameters
    assert set(known) >= {*Asked.__annotations__}
    assert not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    assert known["run"].default == "default"


def test_no_public_function_takes_just_anything() -> None:
    for name in labelfree.__all__:
        one = getattr(labelfree, name)
        if not inspect.isfunction(one):
            continue
        for parameter in inspect.signature(one).parameters.values():
            assert parameter.kind is not inspect.Parameter.VAR_KEYWORD, f"{name}(**{parameter.name})"


PUBLIC = {
    "labelfree": [
        "FindingWarning", "LabelfreeError", "Report", "Result", "__version__", "doctor", "embed", "evaluate", "gate",
        "history", "metrics", "opis", "rank", "separability", "training", "transfer", "transfer_all", "watch",
        "weights",
    ],
    "labelfree.metrics": ["METRICS", "Evidence", "Metric", "evidence", "saturation", *METRIC_NAMES],
    "labelfree.history": [
        "Record", "append", "collapse", "contents", "differences", "extend", "frame", "plain", "read", "remove",
    ],
    "labelfree.training": ["Check", "Monitor", "logged"],
    "labelfree.training.lightning": ["LabelfreeCallback"],
    "labelfree.training.transformers": ["LabelfreeCallback"],
    "labelfree.gating": ["EXIT_CODES", "STOPPING", "gate"],
    "labelfree.errors": [
        "ArrayError", "ColumnError", "ExitCode", "HistoryError", "LabelfreeError", "MissingExtra", "OutputError",
        "ResourceError", "RowsError", "SourceError", "UnsafeCheckpoint", "UsageError",
    ],
}  # fmt: skip
"""Every name that a user may import, as in version 0.1.0."""


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_where_it_was(module: str) -> None:
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert hasattr(found, name), f"{module}.{name}"


def test_no_public_name_is_hidden_behind_another() -> None:
    """A module and a function of one name: importing the module gave the function."""
    metrics = importlib.import_module("labelfree.metrics")
    assert inspect.ismodule(metrics)
    assert callable(metrics.opis)
    for name in ("opis", "separability", "transfer", "rank", "weights"):
        assert inspect.ismodule(importlib.import_module(f"labelfree.families.{name}"))
