"""What a user of other tools tries first: help of one screen, -V, completion, 10k, help COMMAND, signs of life."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelfree.catalog import METRIC_NAMES
from labelfree.cli.alive import Alive
from labelfree.cli.helping import FIRST, SUMMARIES
from labelfree.cli.main import program
from labelfree.cli.parsing import parse_sample
from labelfree.errors import UsageError, install_line
from program import Program

pytestmark = pytest.mark.once


def every_command(command: Any = None, name: str = "") -> dict[str, Any]:
    """All commands by what is typed after labelfree, the program itself as an empty name."""
    command = program() if command is None else command
    found = {name: command}
    for inner, one in getattr(command, "commands", {}).items():
        found |= every_command(one, f"{name} {inner}".strip())
    return found


COMMANDS = every_command()


def flags(text: str) -> list[str]:
    """The flags that a help lists, one a row."""
    return re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_help_is_one_screen(labelfree: Program, name: str) -> None:
    done = labelfree(*name.split(), "-h")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    assert len(flags(done.stdout)) <= 15
    assert "..." not in done.stdout.replace("[ARGS]...", "").replace("}...", "").replace("]...", "").replace(",...", "")
    assert not re.search(r"<(bool|str|int|float|list)", done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_rest_is_in_help_all(labelfree: Program, name: str) -> None:
    done = labelfree(*name.split(), "--help-all")
    assert (done.returncode, done.stderr) == (0, "")
    asked = {p.opts[-1] for p in COMMANDS[name].params if p.param_type_name == "option"}
    assert {flag for flag in asked if flag not in done.stdout} == set()
    assert not re.search(r"<(bool|str|int|float|list)", done.stdout)


def test_what_comes_first_exists_and_every_command_has_a_summary() -> None:
    for name, first in FIRST.items():
        assert {*first} <= {p.name for p in COMMANDS[name].params}, name
    assert {name for name in COMMANDS if name} == {*SUMMARIES}
    assert max(map(len, SUMMARIES.values())) <= 62


def test_there_are_at_most_90_flags() -> None:
    found = {
        flag
        for command in COMMANDS.values()
        for p in command.params
        if p.param_type_name == "option"
        for flag in (*p.opts, *p.secondary_opts)
        if flag.startswith("--")
    }
    assert len({*found, "--help"}) <= 90, sorted(found)


def test_help_of_a_command_is_its_help(labelfree: Program) -> None:
    for name in ("rank", "history show"):
        assert labelfree("help", *name.split()).stdout == labelfree(*name.split(), "-h").stdout
    assert labelfree("help").stdout == labelfree("-h").stdout
    done = labelfree("help", "rnk")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "labelfree: labelfree: no command 'rnk'; did you mean 'rank'?\n"


def test_the_version_has_a_short_flag(labelfree: Program) -> None:
    assert labelfree("-V").stdout == labelfree("--version").stdout != ""


def completed(words: str) -> list[str]:
    """What bash offers after these words; the last one is incomplete."""
    parts = words.split(" ")
    env = {"_LABELFREE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(parts) - 1)}
    code = "import sys; from labelfree.cli.main import main; sys.argv = ['labelfree']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **env})
    return done.stdout.split()


@pytest.mark.slow
def test_the_shell_completes_commands_options_and_metrics() -> None:
    assert completed("labelfree sep") == ["separability"]
    assert "--sample" in completed("labelfree rank --sa")
    assert {"rankme", "rankme_centered"} == set(completed("labelfree rank --only rankme"))
    assert "rankme,mean_cosine" in completed("labelfree rank --only rankme,mean_c")
    assert completed("labelfree gate --plateau separ") == ["separability", "separability_robust"]
    assert "twonn" not in completed("labelfree gate --plateau t")
    assert "narrow_cone" in completed("labelfree explain narr")
    assert set(completed("labelfree watch --metric ")) <= {*METRIC_NAMES}


def test_completion_is_shown_and_can_be_installed(labelfree: Program) -> None:
    assert "--install-completion" in labelfree("-h").stdout
    done = labelfree(env={"_LABELFREE_COMPLETE": "source_bash"}, started=True)
    assert "complete -o default -F" in done.stdout


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ("10k", 10_000), ("10K", 10_000), ("2M", 2_000_000), ("1.5k", 1_500), ("5_000", 5_000), ("5,000", 5_000),
        ("7", 7), ("all", None), ("1.50k", 1_500), ("0.5M", 500_000),
    ],
)  # fmt: skip
def test_rows_are_counted_in_thousands_and_millions(given: str, rows: int | None) -> None:
    assert parse_sample(given) == rows


@pytest.mark.parametrize("given", ["1.5", "1.2345k", "k", "10kb", "-1", "1e3", "10 k", "", "٣k"])
def test_what_is_no_number_of_rows_is_refused(given: str) -> None:
    if given == "٣k":
        assert parse_sample(given) == 3000  # a digit is a digit
        return
    with pytest.raises(UsageError, match="expected a number of rows or all, found"):
        parse_sample(given)


def test_a_sample_in_thousands_is_the_sample(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3_000, 4)))
    one, two = (labelfree("rank", "x.npy", "--json", "--sample", given).stdout for given in ("1k", "1000"))
    assert one == two
    assert '"sample": 1000' in one


def test_the_line_that_installs_an_extra_fits_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    at = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert install_line("plot", at, "pip install") == f"pip install -e '{tmp_path}[plot]'"
    (tmp_path / "constraints.txt").touch()
    line = install_line("plot", {**at, "dir_info": {}}, "pip install")
    assert line == f"pip install -c {tmp_path}/constraints.txt '{tmp_path}[plot]'"
    assert install_line("plot", at, "pipx install -f") == f"pipx install -f -e '{tmp_path}[plot]'"
    gone = {"url": "file:///no/such/place", "dir_info": {}}
    assert install_line("hf", gone, "pip install") == (
        "in a checkout of labelfree: pip install -c constraints.txt '.[hf]'"
    )


class Clock:
    """A clock that a wait moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_a_watch_says_that_it_waits_once_a_minute_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr, clock = io.StringIO(), Clock()
    monkeypatch.setattr(sys, "stderr", stderr)
    alive = Alive("runs", clock=clock, wait=clock.wait)
    for _ in range(37):
        alive(5.0)
    told = stderr.getvalue().splitlines()
    assert told[0] == "labelfree: runs: waiting for new files, for 0 s now (nothing scored yet)"
    assert [line.split(" for ")[2] for line in told[1:]] == [f"{m} min now (nothing scored yet)" for m in (1, 2, 3)]
    alive.saw("step_7.npy")
    clock.now += 60
    alive(5.0)
    assert stderr.getvalue().splitlines()[-1].endswith("for 0 s now (1 file scored, the last step_7.npy)")


def test_a_quiet_watch_waits_in_silence_and_a_terminal_has_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stderr, clock = Terminal(), Clock()
    monkeypatch.setattr(sys, "stderr", stderr)
    Alive("runs", enabled=False, clock=clock, wait=clock.wait)(5.0)
    assert stderr.getvalue() == ""
    alive = Alive("runs\x1b[31m", clock=clock, wait=clock.wait)
    for _ in range(3):
        alive(5.0)
    alive.clear()
    assert "\n" not in stderr.getvalue()
    assert "\x1b[31m" not in stderr.getvalue()
    assert stderr.getvalue().endswith("\r\x1b[K")
