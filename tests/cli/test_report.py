"""report: one page of what other commands wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import labelfree as package
from html_pages import Read
from program import Program
from reports import entry, report, run_of, written
from repository import ROOT

pytestmark = pytest.mark.once

FINETUNE = ROOT / "fixtures" / "finetune"


def read(path: Path) -> Read:
    found = Read(path.read_text())
    assert found.open == []
    return found


def test_a_history_and_reports_on_one_page(labelfree: Program, tmp_path: Path) -> None:
    run_of(tmp_path / "h.jsonl", [entry(0.1 * min(i, 6), 0.01) for i in range(14)])
    package.separability(FINETUNE / "epoch_00.parquet").save(tmp_path / "r.json")
    done = labelfree("report", "h.jsonl", "r.json", "-o", "run.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("run.html: ")
    words = read(tmp_path / "run.html").words
    assert words.index("separability: stop") < words.index("window of 6 checks") < words.index("Checks")
    assert "separability of epoch_00.parquet" in words
    assert "best at step 6" in words


def test_every_document_has_its_section(labelfree: Program, tmp_path: Path) -> None:
    names = [str(FINETUNE / f"epoch_0{i}.parquet") for i in (0, 4, 7)]
    package.select(names).save(tmp_path / "choice.json")
    package.weights([FINETUNE / "epoch_03.safetensors"]).save(tmp_path / "weights.json")
    package.doctor(np.ones((30, 4))).save(tmp_path / "doctor.json")
    package.Reports([package.rank(name) for name in names]).save(tmp_path / "rank.ndjson")
    labelfree("gate", "rank.ndjson", "--require", "rankme > 1", "-o", "gate.json", "-o", "gate.html")
    files = ("choice.json", "gate.json", "weights.json", "doctor.json", "rank.ndjson")
    done = labelfree("report", *files, "-o", "all.html", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    words = read(tmp_path / "all.html").words
    for said in (
        "select among 3 candidates",
        "weights of epoch_03",
        "doctor of",
        "rank of 3 sources",
        "FAILED",
        "PASSED",
    ):
        if said not in ("FAILED", "PASSED"):
            assert said in words, said
    assert ("PASSED" in words) != ("FAILED" in words)
    assert "Conditions" in read(tmp_path / "gate.html").words


def test_one_run_of_a_history(labelfree: Program, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_of(tmp_path / "h.jsonl", [0.1, 0.2], run=name)
    for asked, held in (((), ("run a,", "run b,")), (("--run", "b"), ("run b,",))):
        assert labelfree("report", "h.jsonl", *asked, "-o", "x.html", "-q").returncode == 0
        words = read(tmp_path / "x.html").words
        assert [name for name in ("run a,", "run b,") if name in words] == list(held)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected a report or a history as JSON, found nothing"),
        ("no json", "found text that is neither"),
        ("[]", "expected a report, found JSON of another kind (list)"),
        ('{"run": 1, "step": 2}', "expected a record"),
        ('{"command": "select"}', "x.json: expected a document of labelfree, found another at settings"),
        ('{"command": "gate"}', "x.json: expected a document of labelfree, found another at inputs"),
    ],
)
def test_what_is_no_document_is_refused(labelfree: Program, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content)
    done = labelfree("report", "x.json", "-o", "x.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "x.html").exists()


def test_a_report_whose_metrics_lack_parts_is_refused(labelfree: Program, tmp_path: Path) -> None:
    written(tmp_path / "r.json", report({"separability": entry(0.5, 0.1)}))
    done = labelfree("report", "r.json", "-o", "x.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("labelfree: r.json: expected reports as labelfree writes them")


def test_only_a_page_is_written(labelfree: Program, tmp_path: Path) -> None:
    path = written(tmp_path / "r.json", report({"separability": 0.5}))
    assert "expected a suffix among .html, found '.json'" in labelfree("report", path, "-o", "x.json").stderr
    assert "no such file" in labelfree("report", "nothing.json", "-o", "x.html").stderr
    wrong = json.loads(path.read_text())
    del wrong["input"]["rows"]
    written(tmp_path / "w.json", wrong)
    assert labelfree("report", "w.json", "-o", "x.html").returncode == 2
