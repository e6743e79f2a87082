"""Completion as a user has it: installed by the program, then asked for by the tab key of a real shell."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labelfree.catalog import METRIC_NAMES

pytestmark = [pytest.mark.once, pytest.mark.slow]

SHELLS = ("bash", "zsh", "fish")
PROMPT = "ready> "
PATIENCE = 60.0
"""Seconds for which a shell may take to answer: each tab starts an interpreter."""


class Home:
    """A home of its own with the program in it, where one shell has installed the completion."""

    def __init__(self, shell: str, place: Path) -> None:
        self.shell, self.place = shell, place
        (place / "bin").mkdir()
        program = place / "bin" / "labelfree"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m labelfree "$@"\n')
        program.chmod(0o755)
        (place / "embeddings_of_mine.parquet").touch()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE", "_", "COMP_", "ZDOTDIR", "XDG"))}
        self.env = {
            **kept, "HOME": str(place), "PATH": f"{place}/bin:{os.environ['PATH']}", "TERM": "vt100", "PS1": PROMPT,
            "LC_ALL": "C.UTF-8", "COLUMNS": "120", "SHELL": str(shutil.which(shell)),
        }  # fmt: skip
        self.said = self.run([shell, "-c", "labelfree --install-completion; true"])
        if shell == "bash":
            with (place / ".bashrc").open("a") as written:
                written.write(f"\nPS1='{PROMPT}'\n")

    def run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.env, cwd=self.place, timeout=PATIENCE, check=True
        )
        return done.stdout + done.stderr

    def offered(self, line: str, expected: str) -> str:
        """The line, and what the shell shows after the tab key at its end; expected: the word to wait for.

        Two tabs: in bash the second one lists, in zsh the first one of a session loads what typer installed.
        """
        if self.shell == "fish":
            return self.run(["fish", "-c", f"complete -C '{line}'"])
        with self.started() as terminal:
            wait_for(terminal, PROMPT)
            os.write(terminal, line.encode())
            wait_for(terminal, line)
            os.write(terminal, b"\t\t")
            return line + wait_for(terminal, expected, expected.removeprefix(line.rpartition(" ")[2]))

    @contextmanager
    def started(self) -> Iterator[int]:
        """The shell in a terminal of its own, as a user sees it."""
        command = {"bash": ["bash", "-i"], "zsh": ["zsh", "-d", "-i"]}[self.shell]
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.place)
            os.execvpe(command[0], command, self.env)
        try:
            yield terminal
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(terminal)


def wait_for(terminal: int, *expected: str) -> str:
    """What a terminal shows until one of these texts is there; fails with what it showed where none ever is."""
    shown, until = "", time.monotonic() + PATIENCE
    while not any(text in shown for text in expected):
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise AssertionError(f"expected {expected!r}, found {shown!r}")
        shown += re.sub(
            r"\x1b[\[(=>][0-9;?]*[A-Za-z]?|[\x00\x07\r]", "", os.read(terminal, 4096).decode(errors="replace")
        )
    return shown


@pytest.fixture(scope="module", params=SHELLS)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed: apt-get install {request.param}")
    return Home(request.param, tmp_path_factory.mktemp(request.param))


def test_it_says_where_it_was_installed(home: Home) -> None:
    assert f"{home.shell} completion installed in {home.place}" in home.said


def test_a_command(home: Home) -> None:
    assert "separability" in home.offered("labelfree sep", "separability")


def test_an_option(home: Home) -> None:
    assert "--sample" in home.offered("labelfree rank --sa", "--sample")


def test_the_names_of_metrics(home: Home) -> None:
    shown = home.offered("labelfree rank --only rankme", "rankme_centered")
    assert "rankme_centered" in shown
    others = {name for name in METRIC_NAMES if "rankme" not in name}
    assert not [name for name in others if re.search(rf"\b{name}\b", shown)]


def test_a_word_to_explain(home: Home) -> None:
    assert "narrow_cone" in home.offered("labelfree explain narr", "narrow_cone")


def test_a_file(home: Home) -> None:
    assert "embeddings_of_mine.parquet" in home.offered("labelfree rank embeddings_of", "embeddings_of_mine.parquet")
