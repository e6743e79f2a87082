"""demo: short, with its files left behind, and every command that it prints can be run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from program import Program

pytestmark = pytest.mark.once

WIDTH, MOST = 80, 45


def lines_on_a_screen(text: str) -> int:
    """Lines of a terminal of 80 columns that a text takes."""
    return sum(max(1, -(-len(line) // WIDTH)) for line in text.splitlines())


@pytest.mark.slow
def test_the_demo_is_short_and_every_command_can_be_run_again(labelfree: Program, tmp_path: Path) -> None:
    done = labelfree("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines_on_a_screen(done.stdout) <= MOST
    printed = [line.removeprefix("$ ") for line in done.stdout.splitlines() if line.startswith("$ ")]
    place, *commands = printed
    assert place == "cd labelfree-demo"
    assert len(commands) >= 6
    assert max(map(len, printed)) <= WIDTH
    for command in commands:
        words = command.replace("labelfree ", f"{sys.executable} -m labelfree ", 1)
        again = subprocess.run(["sh", "-c", f"{place} && {words}"], cwd=tmp_path, capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        if command.startswith("labelfree gate"):
            assert again.stdout in done.stdout


def test_the_files_stay_where_they_are_asked_for(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "my files").mkdir()
    done = labelfree("demo", "my files/demo")
    assert done.returncode == 0, done.stderr
    assert "$ cd 'my files/demo'" in done.stdout
    left = {path.name for path in (tmp_path / "my files" / "demo").iterdir()}
    assert {"epoch_07.parquet", "head.safetensors", "run.jsonl"} <= left
    again = labelfree("demo", "my files/demo")
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_a_file_of_somebody_else_stays(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "labelfree-demo").mkdir()
    other = tmp_path / "labelfree-demo" / "epoch_00.parquet"
    other.write_text("mine")
    done = labelfree("demo")
    assert done.returncode == 2
    assert "found another one; remove it, or name another directory" in done.stderr
    assert other.read_text() == "mine"
