"""What the measuring commands refuse before any work, each with exit code 2 and what to do about it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import Program

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
