"""Names come from files: none of them steers a terminal, is read as markup, or stops a report from being written."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.text import Text
from safetensors.numpy import save_file

from labelfree.documents.wording import printable
from labelfree.render.console import console_for, plain_table, print_table
from printouts import one_report
from program import Program

pytestmark = pytest.mark.once

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
BELL = "\x07"
"""Rich leaves it out of every text."""
STEERS = "a\x1b]0;owned\x07\x1b[31m[red]b[/red]\x9b2J\u202egnp"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\twith ümläut 語", "plain\ntext\twith ümläut 語"),
        ("\x1b[31m", r"\u001b[31m"),
        ("\r\x00\x7f\x9b", r"\u000d\u0000\u007f\u009b"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("\udcff", r"\udcff"),
        ("", ""),
    ],
)
def test_what_steers_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    shown.encode()


def test_a_table_shows_names_as_they_are_written() -> None:
    stream = io.StringIO()
    console = console_for(stream)
    table = plain_table(console)
    table.add_column("name")
    table.add_row(STEERS)
    print_table(console, table)
    console.print(Text(STEERS, style="bold"))
    assert stream.getvalue() == f"name\n{printable(STEERS)}\n{printable(STEERS.replace(BELL, ''))}\n"


def program_in_terminal(place: Path, *arguments: object) -> str:
    """What a terminal is sent by the program, on stdout and stderr."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "labelfree", *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=place, env=environment)
    os.close(theirs)
    sent = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux ends a terminal with EIO
            part = b""
        if not part:
            break
        sent += part
    process.wait(60)
    os.close(ours)
    return sent.decode()


@pytest.mark.parametrize("form", ["table", "md"])
def test_a_terminal_is_not_sent_what_a_file_is_called(form: str, tmp_path: Path) -> None:
    place = tmp_path / "there"
    place.mkdir()
    np.save(place / "a.npy", X)
    name = STEERS.replace("/", "|") + ".npy"
    (place / "a.npy").rename(place / name)
    pq.write_table(pa.table({STEERS: X.tolist(), "label\x1b[2J": X[:, 0]}), place / "b.parquet")
    sent = program_in_terminal(place, "rank", name.replace("[", "[[]"), "b.parquet", "--format", form)
    assert r"\u001b]0;owned" in sent
    for steering in ("\x1b]0;owned", "\x1b[31m", "\x07", "\x9b", "\u202e"):
        assert steering not in sent


def test_a_name_that_is_no_text_is_written_all_the_same(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    name = os.fsdecode(b"\xff.npy")
    (tmp_path / "a.npy").rename(tmp_path / name)
    outputs = [f"r.{form}" for form in ("json", "csv", "md")]
    written = [part for output in outputs for part in ("-o", output)]
    done = labelfree("rank", name, *written, "--append", "h.jsonl", "--step", 1)
    assert done.returncode == 0, done.stderr
    assert one_report((tmp_path / "r.json").read_text())["input"]["sources"] == ["\udcff.npy"]
    assert all(r"\udcff.npy" in (tmp_path / output).read_text() for output in outputs)
    done = labelfree("gate", "r.json", "--require", "rankme >= 1", "--json", env={"LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["inputs"][0]["source"] == "\udcff.npy"


def test_a_terminal_is_not_sent_what_a_checkpoint_holds(tmp_path: Path) -> None:
    """The notes of every command, and what watch and embed say of a file."""
    name = STEERS.replace("/", "|")
    save_file({f"{STEERS}.weight": X, "table.weight": X * np.nan}, tmp_path / f"{name}.safetensors")
    (tmp_path / "step_1\x1b[31m.npy").write_bytes(b"no array")
    (tmp_path / "texts\x1b[31m.txt").write_text("one\n")
    for arguments in (
        ("weights", f"{name}.safetensors"),
        ("weights", f"{name}.safetensors", "--format", "csv"),
        ("watch", ".", "--metric", "rankme", "--idle", "0"),
        ("embed", f"{name}.safetensors", "--data", "texts\x1b[31m.txt", "-o", "out\x1b[31m.parquet"),
    ):
        sent = program_in_terminal(tmp_path, *arguments)
        assert r"\u001b" in sent, arguments
        for steering in ("\x1b]0;owned", "\x1b[31m", "\x07", "\x9b", "\u202e"):
            assert steering not in sent, (arguments, sent)


def test_weights_of_a_name_that_is_no_text_are_written_all_the_same(labelfree: Program, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.safetensors")
    save_file({"a.weight": X}, tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").rename(tmp_path / name)
    outputs = [f"r.{form}" for form in ("json", "ndjson", "csv", "md")]
    done = labelfree("weights", name, *(part for output in outputs for part in ("-o", output)))
    assert done.returncode == 0, done.stderr
    assert all(r"\udcff.safetensors" in (tmp_path / output).read_text() for output in outputs)


def test_github_is_told_of_a_name_that_is_no_text(labelfree: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    assert labelfree("rank", "a.npy", "-o", "r.json").returncode == 0
    (tmp_path / "r.json").rename(tmp_path / os.fsdecode(b"r\xff.json"))
    files = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "outputs"}
    done = labelfree("gate", os.fsdecode(b"r\xff.json"), "--require", "rankme >= 2", env=files)
    assert done.returncode == 0, done.stderr
    assert r"r\udcff.json" in (tmp_path / "summary.md").read_text()
    assert "verdict=pass\n" in (tmp_path / "outputs").read_text()


def test_nothing_from_a_file_begins_a_line_that_commands_a_runner(labelfree: Program, tmp_path: Path) -> None:
    """GitHub takes a line of the log for a command where it begins with two colons."""
    np.save(tmp_path / "a.npy", X)
    command = "::stop-commands::x"
    assert labelfree("rank", "a.npy", "-o", "r.json").returncode == 0
    report = one_report((tmp_path / "r.json").read_text())
    report["input"]["sources"] = [f"a\n{command}\r\n{command}"]
    report["metrics"]["rankme"] |= {"value": None, "status": "undefined", "reason": f"no\n{command}\n##[debug]x"}
    (tmp_path / "r.json").write_text(json.dumps(report))
    for missing in (f"none\n{command}.json", "r.json"):
        done = labelfree("gate", missing, "--require", "rankme >= 2", "-o", "v.md")
        lines = (done.stdout + done.stderr).splitlines()
        assert done.returncode in (2, 10), done.stderr
        assert any("stop-commands" in line for line in lines)
        assert not any(line.lstrip().startswith(("::", "##[")) for line in lines), lines
    assert not any(line.startswith("::") for line in (tmp_path / "v.md").read_text().splitlines())
    name = f"b\n{command}.npy"
    np.save(tmp_path / name, X)
    save_file({f"w|\n{command}.weight": X}, tmp_path / f"{name}.safetensors")
    for asked in (("rank", name, "--verbose"), ("rank", name, "a.npy"), ("weights", f"{name}.safetensors")):
        for form in ("table", "md"):
            done = labelfree(*asked, "--format", form)
            assert done.returncode == 0, done.stderr
            lines = (done.stdout + done.stderr).splitlines()
            assert not any(line.lstrip().startswith(("::", "##[")) for line in lines), lines
