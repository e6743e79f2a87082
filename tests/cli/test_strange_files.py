"""What is no file, stream or directory that a command can work with ends with 2 and the reason: no hang, no crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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
        "STOP": ("watch", ".", "--metric", S, "--idle", "0"),
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


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("labelfree gate - --require 'rankme >= 1' <&-", "standard input: expected a document, found it closed"),
        (
            "mkdir gone; cd gone; rmdir ../gone; labelfree gate ../r.json --require 'rankme >= 1'",
            "directory was removed",
        ),
        (
            "trap '' XFSZ; (ulimit -f 1; labelfree schema > big)",
            "larger than a file may be here (ulimit -f); free some",
        ),
    ],
)
def test_streams_and_directories_that_are_gone_end_with_2(place: Path, script: str, said: str) -> None:
    done = shell(place, f"unset PYTHONUNBUFFERED; {script}")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr
    assert "internal error" not in done.stderr


def test_a_full_stderr_changes_no_exit_code(place: Path) -> None:
    for script, code in (
        ("labelfree gate nothing.json --require 'rankme >= 1' 2> /dev/full", 2),
        ("GITHUB_ACTIONS=true labelfree gate r.json --require 'rankme >= 9' 2> /dev/full", 10),
        ("labelfree nothing 2> /dev/full", 2),
        ("labelfree gate r.json --require 'rankme >= 1' 2> /dev/full > /dev/full", 2),
    ):
        assert shell(place, script).returncode == code, script


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000])
def test_threads_of_many_digits_are_refused(labelfree: Program, place: Path, number: str) -> None:
    np.save(place / "x.npy", np.eye(8))
    for asked in (
        ("rank", "x.npy", "--threads", number),
        ("embed", "model.pt", "--data", "x.npy", "-o", "e.parquet", "--threads", number),
    ):
        done = labelfree(*asked)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "--threads: " in done.stderr
    assert labelfree("rank", "x.npy", env={"LABELFREE_THREADS": number}).returncode == 2


def test_a_path_of_bytes_that_are_no_text_is_read_and_written(labelfree: Program, tmp_path: Path) -> None:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return labelfree(*arguments, env={"PYTHONIOENCODING": "utf-8:strict"}, started=True)

    rows = np.random.default_rng(0).normal(size=(90, 4))
    pq.write_table(pa.table({"embedding": rows.tolist()}), tmp_path / "x.parquet")
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff"))
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/o\xff"))
    place.mkdir()
    out.mkdir()
    strange = Path(os.fsdecode(os.fsencode(place) + b"/x\xfe.parquet"))
    strange.write_bytes((tmp_path / "x.parquet").read_bytes())
    for source in (strange, place):
        done = run("rank", source, "-q", "--format", "csv", "-o", out / "o.parquet", "-o", out / "o.json")
        assert done.returncode == 0, done.stderr
        known = run("rank", tmp_path / "x.parquet", "-q", "--format", "csv").stdout
        assert [line.split(",")[1:4] for line in done.stdout.split("\n")] == [
            line.split(",")[1:4] for line in known.split("\n")
        ]
        with (out / "o.parquet").open("rb") as stream:
            assert "\\udcff" in pq.read_table(stream)["source"][0].as_py()
    assert run("gate", out / "o.json", *GATE).returncode == 0
    done = run("opis", strange, "-q", "--freeze", out / "g.parquet")
    assert done.returncode in (0, 3), done.stderr
    done = run("embed", "model.pt", "--data", "x.npy", "-o", out / "e.parquet")
    assert done.returncode == 2
    assert "expected a path in Unicode, found one of other bytes; name another file" in done.stderr
