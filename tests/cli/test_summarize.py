"""`labelfree summarize` and `labelfree merge`: one line on stdout, what holds rows on stderr, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from printouts import one_report
from program import Program
from traffic import written


@pytest.fixture
def parts(tmp_path: Path) -> list[str]:
    return [written(tmp_path / f"part_{i}.parquet", 200 + 10 * i, i).name for i in range(3)]


def test_one_line_says_what_was_written(labelfree: Program, parts: list[str], tmp_path: Path) -> None:
    done = labelfree("summarize", *parts, "-o", "all.summary")
    size = (tmp_path / "all.summary").stat().st_size
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"all.summary: 630 rows of 8 numbers in 3 files, {size:,} bytes\n"
    assert labelfree("summarize", parts[0], "-o", "a.summary", "-q").stdout == ""
    assert "in 1 file, " in labelfree("merge", "a.summary", "-o", "b.summary").stdout
    assert labelfree("merge", "a.summary", "-o", "c.summary", "-q").stdout == ""


def test_a_sample_is_said_on_stderr(labelfree: Program, parts: list[str], tmp_path: Path) -> None:
    done = labelfree("summarize", parts[0], "-o", "a.summary", "--with-sample")
    assert done.stderr == "labelfree: a.summary: holds sampled rows themselves: keep it as the rows are kept\n"
    assert labelfree("summarize", parts[0], "-o", "a.summary", "--with-sample", "-q").stderr == ""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(50, 3)))
    done = labelfree("summarize", "x.npy", "-o", "x.summary", "--with-sample", "--sample", "20")
    assert "x.summary: its rows have no ids, so that its sample counts at the beginning of a data set" in done.stderr


def test_the_same_report_from_rows_and_from_summaries(labelfree: Program, parts: list[str]) -> None:
    for name in parts:
        labelfree("summarize", name, "-o", name.replace("parquet", "summary"), "--with-sample", "-q")
    names = [name.replace("parquet", "summary") for name in parts]
    done = labelfree("merge", *names, "-o", "all.summary")
    assert done.returncode == 0, done.stderr
    whole = one_report(labelfree("rank", *parts, "--concat", "--json", "-q").stdout)
    for words in ((*names, "--concat"), ("all.summary",), ("part_*.summary",)):
        found = one_report(labelfree("rank", *words, "--json", "-q").stdout)
        assert json.dumps(found["metrics"]) == json.dumps(whole["metrics"])
        assert found["input"]["layout"] == "summary"
    assert len(json.loads(labelfree("rank", *names, "--json", "-q").stdout)["reports"]) == 3


def test_what_is_missing_without_a_sample_is_a_note(labelfree: Program, parts: list[str]) -> None:
    labelfree("summarize", parts[0], "-o", "a.summary")
    done = labelfree("rank", "a.summary")
    assert done.returncode == 0
    assert "note: the summary holds no sampled rows: no interval, and 3 metrics undefined" in done.stderr + done.stdout
    assert "--with-sample" in done.stderr + done.stdout
    only = labelfree("separability", "a.summary", "-q")
    assert only.returncode == 3  # the headline compares rows with each other


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("summarize", "part_0.parquet", "-o", "a.npz"), "-o a.npz: expected a suffix among .summary"),
        (("summarize", "part_0.parquet", "-o", "no/a.summary"), "the directory no does not exist"),
        (("summarize", "a.summary", "-o", "b.summary"), "labelfree merge puts summaries together"),
        (("summarize", "none.parquet", "-o", "b.summary"), "none.parquet: no such file or directory"),
        (("merge", "part_0.parquet", "-o", "b.summary"), "labelfree summarize SOURCE -o x.summary makes one of rows"),
        (("merge", "a.summary", "-o", "a.summary"), "would overwrite SOURCE a.summary"),
        (("merge", "a.summary", "a.summary", "-o", "b.summary"), "found the same rows in"),
        (("rank", "a.summary", "part_0.parquet", "--concat"), "labelfree summarize part_0.parquet -o more.summary"),
        (("rank", "a.summary", "--group", "item"), "--group item: a summary holds no such column"),
        (("rank", "a.summary", "--sample", "150"), "ask for --sample 100"),
        (("compare", "a.summary", "part_0.parquet"), "compare: a.summary: expected rows, found a summary"),
        (("summarize", "part_0.parquet", "-o", "b.summary", "--memory", "1MB"), "--memory"),
    ],
)  # fmt: skip
def test_refusals(labelfree: Program, parts: list[str], words: tuple[str, ...], said: str) -> None:
    labelfree("summarize", parts[0], "-o", "a.summary", "--with-sample", "--sample", "100", "-q")
    done = labelfree(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
