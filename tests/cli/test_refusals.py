"""What the measuring commands refuse before any work, each with exit code 2 and what to do about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from printouts import one_report
from program import Program

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)


def refused(done: subprocess.CompletedProcess[str], *messages: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("labelfree: ")
    for message in messages:
        assert message in done.stderr


@pytest.fixture
def x(tmp_path: Path) -> Path:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"embedding": RNG.normal(size=(90, 4)).tolist()}), path)
    return path


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("x.parquet", "{path}/x.parquet"),
        ("{path}/x.parquet", "./x.parquet"),
        (".", "x.parquet"),
        ("x.*", "x.parquet"),
        ("x.parquet", "link.parquet"),
        ("hard.parquet", "x.parquet"),
    ],
)
def test_an_output_never_overwrites_a_source(
    labelfree: Program, x: Path, tmp_path: Path, source: str, output: str
) -> None:
    if output == "link.parquet":
        (tmp_path / output).symlink_to(x)
    if source == "hard.parquet":
        (tmp_path / source).hardlink_to(x)
    before = x.read_bytes()
    path = Path(output.format(path=tmp_path))
    done = labelfree("rank", source.format(path=tmp_path), "--all", "-o", path)
    refused(done, f"-o {path}: would overwrite SOURCE", "name another")
    assert x.read_bytes() == before


def test_an_output_never_overwrites_the_history_or_another_output(labelfree: Program, x: Path, tmp_path: Path) -> None:
    done = labelfree("rank", x, "--append", "h.json", "--step", "0", "-o", "./h.json")
    refused(done, "-o h.json: would overwrite the history h.json")
    assert sorted(tmp_path.iterdir()) == [x]  # not even the history was begun
    refused(labelfree("rank", x, "-o", "a.json", "-o", f"{tmp_path}/a.json"), "would overwrite -o a.json")
    assert sorted(tmp_path.iterdir()) == [x]
    assert labelfree("rank", x, "-o", "a.json", "-o", "a.csv", "-o", "x.json").returncode == 0
    assert labelfree("rank", x, "-o", "a.json").returncode == 0  # an earlier result is replaced


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "_"], "--sample: expected a number of rows or all, found '_'"),
        (["--sample", ","], "--sample: expected a number of rows or all, found ','"),
        (["--sample", "9" * 5000], "--sample: expected a number of rows or all"),
        (["--memory", "9" * 400 + "GB"], "--memory: expected an amount such as 400MB or 2GB"),
        (["-o", "o" * 300 + ".json"], "the name is too long"),
        (["--append", "h" * 300 + ".jsonl", "--step", "0"], "the name is too long"),
        (["n" * 300 + ".npy"], "cannot be read (File name too long)"),
        (["d" * 300 + "/*.npy"], "cannot be read (File name too long)"),
    ],
)
def test_what_cannot_be_meant_is_no_internal_error(
    labelfree: Program, x: Path, arguments: list[str], message: str
) -> None:
    refused(labelfree("rank", x, *arguments), message)


def test_the_name_of_an_output_may_be_as_long_as_the_system_allows(labelfree: Program, x: Path, tmp_path: Path) -> None:
    name = "o" * 250 + ".json"
    assert labelfree("rank", x, "-o", name).returncode == 0
    assert (tmp_path / name).exists()


def test_closed_streams_are_no_crash(x: Path) -> None:
    def with_closed(streams: str) -> subprocess.CompletedProcess[str]:
        script = f"{sys.executable} -m labelfree rank {x} --json {streams}"
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)

    refused(with_closed(">&-"), "stdout is closed: nothing can be printed; to discard it use > /dev/null")
    assert with_closed(">&- 2>&-").returncode == 2
    done = with_closed("2>&-")
    assert done.returncode == 0
    assert one_report(done.stdout)["command"] == "rank"  # and no warning among it


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("rank", ["--only", ""], "--only: expected names of metrics, separated by commas, found ''"),
        ("evaluate", ["--only", " , "], "--only: expected names of metrics, separated by commas, found ' , '"),
        ("doctor", ["--only", "rankme"], "--only: doctor computes no metrics"),
        ("doctor", ["--all"], "--all: doctor computes no metrics and shows every defect; leave it out"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    labelfree: Program, x: Path, command: str, arguments: list[str], message: str
) -> None:
    refused(labelfree(command, x, *arguments), message)
