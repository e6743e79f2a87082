"""`labelfree select`: the answer first, one document, files, exit codes, messages."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import choices
from program import Program

pytestmark = pytest.mark.once

CLEAREST = "epoch_2"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [path.name for path in choices.written(tmp_path, choices.run(), source=True)]


def test_the_answer_is_the_first_line(labelfree: Program, files: list[str]) -> None:
    done = labelfree("select", *files)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, third, *_ = done.stdout.splitlines()
    assert first.startswith((f"keep {CLEAREST}: ", "undecided: "))
    said = "select  4 candidates by class scores and labelled source rows (source+logits, consensus/v"
    assert second.startswith(said)
    assert third == "200 rows of each, joined by id, 4 classes"
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("epoch_")][:4]
    assert rows[0][:2] == [CLEAREST, "best"]
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "disagree on" in done.stdout
    assert "so they differ by at most" in done.stdout


def test_json_is_the_document_and_stdout_carries_nothing_else(labelfree: Program, files: list[str]) -> None:
    done = labelfree("select", *files, "--json")
    found = json.loads(done.stdout)
    assert (found["command"], found["setting"], found["schema_version"]) == ("select", "source+logits", 2)
    assert found["candidates"][0]["name"] == CLEAREST
    assert found["verdict"] is None
    assert labelfree("select", ".", "--format", "json").stdout != ""
    one = labelfree("select", *files, "--format", "ndjson", "-q").stdout
    assert json.loads(one) == found
    assert one.count("\n") == 1
    keys = set(json.loads(labelfree("schema", "select").stdout)["properties"])
    assert keys == set(found)


def test_csv_and_markdown_have_every_candidate(labelfree: Program, files: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(labelfree("select", *files, "--format", "csv", "-q").stdout)))
    assert rows[0]["candidate"] == CLEAREST
    assert {row["source"] for row in rows} == {f"epoch_{i}.parquet" for i in range(4)}
    assert float(rows[0]["refit_agreement"]) > 0
    page = labelfree("select", *files, "--format", "md", "-q").stdout
    assert page.startswith("### select: ")
    assert sum(line.startswith("| epoch_") for line in page.splitlines()) == 4


def test_all_says_what_other_scores_would_have_chosen(labelfree: Program, files: list[str]) -> None:
    done = labelfree("select", *files, "--all", "-q")
    found = json.loads(labelfree("select", *files, "--json", "-q").stdout)
    assert set(found["alone"]) >= {"infomax", "ensv", "rankme", "last"}
    for score, name in found["alone"].items():
        line = next(line for line in done.stdout.splitlines() if "alone would have chosen" in line and score in line)
        assert line.endswith(f"alone would have chosen {name}")
    assert "alone would have chosen" not in labelfree("select", *files, "-q").stdout


def test_files_are_written_beside_the_table(labelfree: Program, files: list[str], tmp_path: Path) -> None:
    done = labelfree("select", *files, "-o", "c.json", "-o", "c.md", "-o", "c.csv", "-q")
    assert done.returncode == 0
    assert json.loads((tmp_path / "c.json").read_text())["command"] == "select"
    assert (tmp_path / "c.md").read_text().startswith("### select")
    assert (tmp_path / "c.csv").read_text().startswith("candidate,")


def test_strict_exits_with_13_where_it_is_undecided(labelfree: Program, files: list[str]) -> None:
    done = labelfree("select", files[0], files[1], "--strict", "--json", "-q")
    found = json.loads(done.stdout)
    assert (done.returncode, found["decision"], found["chosen"]) == (13, "undecided", None)
    assert found["advice"] in ("epoch_0", "epoch_1")
    assert found["verdict"] == {"decision": "undecided", "reason": found["reason"], "conditions": []}
    assert labelfree("select", files[0], files[1], "-q").returncode == 0
    assert labelfree("select", files[0], files[1], "-q").stdout.startswith("undecided: ")
    done = labelfree("select", *files, "--strict", "--json", "-q")
    assert done.returncode == (13 if json.loads(done.stdout)["decision"] == "undecided" else 0)


def test_rows_to_label_and_labels(labelfree: Program, files: list[str], tmp_path: Path) -> None:
    done = labelfree("select", *files, "--label-budget", "30", "-o", "rows.csv")
    assert done.returncode == 0, done.stderr
    assert "rows to label, of" in done.stdout
    assert "in 9 of 10 cases" in done.stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))
    assert 0 < len(rows) <= 30
    truth = choices.truth()
    lines = [f"{row['id']},{truth[int(row['id'])]},{row['weight']}" for row in rows]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label,weight", *lines]))
    done = labelfree("select", *files, "--labels", "labels.csv")
    assert done.returncode == 0, done.stderr
    assert f"{len(rows)} labels: accuracy of" in done.stdout
    assert labelfree("select", *files, "--label-budget", "30", "-o", "rows.parquet", "-q").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("epoch_0.parquet",), "expected at least 2 candidates to choose among, found one candidate (epoch_0.parquet)"),
        (("epoch_0.parquet", "epoch_9.parquet"), "epoch_9.parquet: no such file or directory; did you mean"),
        ((".", "-o", "rows.parquet"), "-o rows.parquet: rows to label are drawn with --label-budget N; add it"),
        ((".", "-o", "c.svg"), "-o c.svg: expected a suffix among"),
        ((".", "--class-shares", "none.json"), "--class-shares: none.json: no such file"),
        ((".", "--labels", "none.csv"), "--labels: none.csv: no such file"),
        ((".", "--label", "y", "--source", "epoch_0.source.parquet"), "'y'"),
        ((".", "--label-budget", "0"), "--label-budget"),
        ((".", "--sample", "many"), "--sample: expected a number of rows or all, found 'many'"),
        ((".", "--batch-size", "3"), "--batch-size: has no effect without --data"),
        (("epoch_0.parquet", "epoch_1.parquet", "-o", "x.json", "-o", "x.json"), "would overwrite -o"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_printed(
    labelfree: Program, files: list[str], arguments: tuple[str, ...], said: str
) -> None:
    done = labelfree("select", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_names_of_candidates_cannot_steer_a_terminal(labelfree: Program, files: list[str], tmp_path: Path) -> None:
    (tmp_path / "epoch_2.parquet").rename(tmp_path / "e\x1b[31m2.parquet")
    done = labelfree("select", "epoch_0.parquet", "epoch_1.parquet", "e\x1b[31m2.parquet", "epoch_3.parquet", "-v")
    assert "\x1b" not in done.stdout + done.stderr


def test_the_order_of_steps_can_be_given_or_refused(labelfree: Program, tmp_path: Path) -> None:
    files = [path.name for path in choices.written(tmp_path, choices.run(), logits=False)]
    for step, setting in (("names", "ordered"), ("given", "ordered"), ("none", "unordered")):
        done = labelfree("select", *files, "--step", step, "--json", "-q")
        assert (done.returncode, json.loads(done.stdout)["setting"]) == (0, setting)
        assert json.loads(done.stdout)["settings"]["ordered"] == (setting == "ordered")


def test_verbose_says_what_was_read(labelfree: Program, files: list[str]) -> None:
    done = labelfree("select", *files, "-v")
    assert "epoch_1: epoch_1.parquet, state healthy" in done.stderr
    assert labelfree("select", *files, "-q").stderr == ""
