"""What is no file, stream or directory that a command can work with ends with 2 and the reason: no hang, no crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from program import Program
from reports import report

pytestmark = pytest.mark.once

S = "separability"
GATE = ("--require", "rankme >= 1")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "r.json").write_text(json.dumps(report({"rankme": 8.0})))
    return tmp_path


def shell(place: Path, script: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """A script of bash in a directory, where `labelfree` is the program."""
    function = f'labelfree() {{ "{sys.executable}" -m labelfree "$@"; }}\n'
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE_", "GITHUB_"))}
    return subprocess.run(
        ["bash", "-c", function + script], capture_output=True, text=True, cwd=place, env=environment, timeout=timeout,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
@pytest.mark.parametrize("name", ["r.json", "b.json", "h.jsonl", "STOP", "pyproject.toml"])
def test_pipes_devices_and_directories_are_refused_at_once(
    labelfree: Program, tmp_path: Path, kind: str, name: str
) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    elif kind == "device":
        (tmp_path / name).symlink_to("/dev/zero")
    else:
        (tmp_path / name).mkdir()
    if name != "r.json":
        (tmp_path / "r.json").write_text(json.dumps(report({"rankme": 8.0})))
    asked: dict[str, tuple[str, ...]] = {
        "r.json": ("gate", "r.json", *GATE),
        "b.json": ("gate", "r.json", "--against", "b.json", "--max-drop", "rankme=1"),
        "h.jsonl": ("gate", "--history", "h.jsonl", "--plateau", S),
        "STOP": ("watch", ".", "--metric", S, "--once"),
        "pyproject.toml": ("gate", "r.json", *GATE),
    }
    done = labelfree(*asked[name])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert name in done.stderr
    assert ("directory" if kind == "directory" else f"expected a file, found a {kind}") in done.stderr
    if name == "h.jsonl":
        for command in (("history", "show", name), ("history", "add", name, "r.json", "--step", "0")):
            assert labelfree(*command).returncode == 2


def test_a_report_may_come_through_the_pipes_of_a_shell(place: Path) -> None:
    for script in (
        "cat r.json | labelfree gate - --require 'rankme >= 1'",
        "labelfree gate <(cat r.json) --require 'rankme >= 1'",
        "labelfree gate - --against <(cat r.json) --max-drop rankme=1 < r.json",
        "labelfree gate /dev/stdin --require 'rankme >= 1' < r.json",
    ):
        done = shell(place, script)
        assert done.returncode == 0, done.stderr
    done = shell(place, "labelfree gate - --require 'rankme >= 1' < /dev/zero")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "standard input: expected a document of at most 67,108,864 bytes, found more" in done.stderr
