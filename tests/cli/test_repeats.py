"""No option that takes one value is given two of which one is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelfree.cli.main import program
from labelfree.errors import UsageError
from labelfree.models import embedding
from program import Program

pytestmark = pytest.mark.once


def commands(command: Any, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield above, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *above, name)


def refused(command: Any, *arguments: str) -> str:
    with pytest.raises(UsageError) as error:
        command.make_context("labelfree", list(arguments), resilient_parsing=False)
    return str(error.value)


def test_every_option_with_one_value_is_refused_a_second() -> None:
    tried: list[str] = []
    for _, command in commands(program()):
        for option in command.params:
            if option.param_type_name != "option" or option.multiple:
                continue
            for name in option.opts:
                if not option.is_flag:
                    tried.append(name)
                    for given in ((name, "1", name, "2"), (f"{name}=1", f"{name}=2") if name[:2] == "--" else ()):
                        if given:
                            said = f"{option.opts[-1]}: expected one value, found '1' and '2'; keep one"
                            assert refused(command, *given) == said
            if option.secondary_opts:
                on, off = option.opts[-1], option.secondary_opts[-1]
                assert refused(command, on, off) == f"{on} and {off} contradict each other; keep one"
    assert {"--layer", "--seed", "--format", "--history", "--data", "--step", "--memory", "--head"} <= {*tried}


def test_both_values_are_named(labelfree: Program) -> None:
    done = labelfree("rank", "x.npy", "--data", "d", "--layer", "a", "--pool", "cls", "--layer", "b")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "labelfree: --layer: expected one value, found 'a' and 'b'; keep one\n"
    done = labelfree("rank", "x.npy", "--json", "--json", "--only", "rankme", "--only", "alpha_req")
    assert done.stderr == "labelfree: x.npy: no such file or directory\n"  # flags and lists are read as before
    assert labelfree("explain", "rankme").returncode == 0


@pytest.mark.parametrize(("there", "resume", "said"), [(True, False, True), (True, True, False), (False, False, False)])
def test_embed_says_what_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    there: bool, resume: bool, said: bool,
) -> None:  # fmt: skip
    output = tmp_path / "e.parquet"
    if there:
        output.write_text("precious")
    done = SimpleNamespace(warnings=(), computed=3, seconds=1.0, rows=3, d=2, path=str(output), to_json=lambda: "{}")
    monkeypatch.setattr(embedding, "embed", lambda *_, **__: done)
    arguments = ["embed", "m.pt", "--data", "d", "-o", str(output), "--json", *(["--resume"] if resume else [])]
    program()(arguments, standalone_mode=False)
    told = capsys.readouterr().err
    assert told.startswith(f"labelfree: {output}: 3 rows of 2 numbers")
    assert told.endswith("; the file that was there is replaced\n") == said
