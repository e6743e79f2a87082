"""Labels, class shares and rows to label as files: however they are written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import choices
import labelfree
from labelfree.commands.label_files import read_labels, read_shares
from labelfree.errors import LabelfreeError, OutputError, UsageError

pytestmark = pytest.mark.once

IDS = ["a", "b", "c", 4, 5]


def test_labels_in_every_form(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["b", "4", "zz"], "label": [1, 0, 2]})
    frame.to_csv(tmp_path / "labels.csv", index=False)
    frame.to_parquet(tmp_path / "labels.parquet")
    arrays = {"id": np.array(["b", "4", "zz"]), "label": np.array([1, 0, 2])}
    for given in (str(tmp_path / "labels.csv"), tmp_path / "labels.parquet", frame, arrays):
        found = read_labels(given, IDS, 3)
        assert (found.rows.tolist(), found.label.tolist(), found.left_out, found.open) == ([1, 3], [1, 0], 1, 0)
        assert found.weight.tolist() == [2.5, 2.5]  # two rows stand for five


def test_rows_without_a_label_are_stood_for_by_the_others(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,label,weight\na,1.0,2\nb,,2\nc, 0 ,4\n5,,4\n")
    found = read_labels(tmp_path / "rows.csv", IDS, 2)
    assert (found.rows.tolist(), found.label.tolist(), found.open) == ([0, 2], [1, 0], 2)
    assert found.weight.tolist() == [4.0, 8.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a line of column names"),
        ("id,klass\na,1\n", "expected columns id, label and perhaps weight, found 'id', 'klass'; rename .* the label"),
        ("id,label\na\n", "line 2: expected 2 fields, found 1"),
        ("id,label\nz,1\n", "found 1 label, first of id 'z', which is none of them"),
        ("id,label\na,\n", "expected labels of compared rows, found 0 labels"),
        ("id,label\na,1\na,1\n", "id 'a' is labelled twice"),
        ("id,label\na,cat\n", "row 0: expected a class number 0 to 2, found 'cat'"),
        ("id,label\na,3\n", "row 0: expected a class number 0 to 2, found '3'"),
        ("id,label\na,1.5\n", "found '1.5'"),
        ("id,label\na,inf\n", "found 'inf'"),
        ("id,label,weight\na,1,0.5\n", "expected a weight of at least 1.*found '0.5'"),
        ("id,label,weight\na,1,nan\n", "expected a weight of at least 1"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(LabelfreeError, match=said):
        read_labels(tmp_path / "labels.csv", IDS, 3)


def test_files_that_hold_no_labels_are_refused(tmp_path: Path) -> None:
    for given, said in (
        ("nowhere.csv", "no such file"),
        (tmp_path, "no such file"),
        (3, "expected a file, a data frame or arrays by name, found int"),
    ):
        with pytest.raises(LabelfreeError, match=said):
            read_labels(given, IDS, 3)
    (tmp_path / "labels.txt").write_text("a 1")
    with pytest.raises(LabelfreeError, match=r"expected \.csv or \.parquet, found \.txt"):
        read_labels(tmp_path / "labels.txt", IDS, 3)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(LabelfreeError, match="found 'x'"):
        read_labels(tmp_path / "x.parquet", IDS, 3)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(LabelfreeError, match=r"bad\.parquet"):
        read_labels(tmp_path / "bad.parquet", IDS, 3)


def test_class_shares_in_every_form(tmp_path: Path) -> None:
    shares = [0.5, 0.25, 0.25]
    (tmp_path / "list.json").write_text(json.dumps(shares))
    (tmp_path / "map.json").write_text(json.dumps({str(k): share for k, share in enumerate(shares)}))
    (tmp_path / "shares.csv").write_text("class,share\n2,0.25\n0,0.5\n1,0.25\n")
    for given in (shares, dict(enumerate(shares)), np.array(shares), *sorted(tmp_path.iterdir())):
        assert read_shares(given, 3).tolist() == shares
    assert read_shares([0.333, 0.333, 0.333], 3).sum() == pytest.approx(1.0)  # written with three digits


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.json", "{", "expected JSON"),
        ("x.json", '{"a": 1, "a": 1}', "expected JSON"),
        ("x.json", '["a", "b"]', "expected numbers, one for each class"),
        ("x.json", "[[1, 2], [1]]", "expected numbers, one for each class"),
        ("x.json", '{"0": "much", "1": 0}', "expected a number for each class"),
        ("x.csv", "class,share\n0,1e999\n1,0\n", "expected shares from 0 to 1, found inf for class 0"),
        ("x.csv", "class,part\n0,1\n", "expected columns class and share, found class, part"),
        ("x.txt", "0.5", r"expected \.csv or \.parquet"),
    ],
)
def test_class_shares_that_are_none_are_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelfreeError, match=said):
        read_shares(str(tmp_path / name), 2)


# From the rows to label to the decision.


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(path) for path in choices.written(tmp_path, choices.run(noises=(0.7, 1.6, 1.0, 1.8)))]


def test_labels_of_the_drawn_rows_decide(files: list[str], tmp_path: Path) -> None:
    truth = choices.truth()
    found = labelfree.select(files, label_budget=150, sample="all")
    assert found.label_budget is not None
    assert found.label_budget.rows == len(found.label_rows) <= found.label_budget.apart
    found.write_label_rows(tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet").to_pandas()
    assert list(table.columns) == ["id", "label", "weight", "probability"]
    assert table["label"].isna().all()
    assert np.allclose(table["weight"] * table["probability"], 1)
    predicted = {one.name: choices.run(noises=(0.7, 1.6, 1.0, 1.8))[i]["logits"].argmax(axis=1) for i, one in
                 enumerate(sorted(found.candidates, key=lambda one: one.name))}  # fmt: skip
    names = found.label_budget.candidates
    for row in table["id"]:
        assert len({int(predicted[name][row]) for name in names}) > 1  # else its label tells nothing
    table["label"] = [int(truth[row]) for row in table["id"]]
    table.to_csv(tmp_path / "rows.csv", index=False)
    decided = labelfree.select(files, labels=tmp_path / "rows.csv")
    assert decided.labels is not None
    right = {name: float((votes == truth).mean()) for name, votes in predicted.items()}
    assert right[decided.labels.leader] == max(right[name] for name in names)
    for one in decided.labels.differences:
        assert one.interval[0] <= right[decided.labels.leader] - right[one.name] <= one.interval[1]
    assert (decided.decision == "keep") == all(one.interval[0] > 0 for one in decided.labels.differences)
    assert decided.tied == [decided.labels.leader, *(o.name for o in decided.labels.differences if o.interval[0] <= 0)]


def test_two_labels_do_not_decide(files: list[str]) -> None:
    truth = choices.truth()
    found = labelfree.select(files[:2], labels={"id": np.array([0, 1]), "label": truth[:2]})
    assert (found.decision, found.chosen, found.reason_code) == ("undecided", None, "labels_do_not_decide")
    assert found.advice is not None
    assert found.reason is not None
    assert "2 labels do not tell" in found.reason


def test_all_labels_decide_where_the_rule_cannot(files: list[str]) -> None:
    """Two candidates are too few for the rule, which needs agreement with others."""
    truth = choices.truth()
    labels = {"id": np.arange(choices.ROWS), "label": truth}
    assert labelfree.select(files[:2]).decision == "undecided"
    found = labelfree.select(files[:2], labels=labels)
    assert (found.decision, found.chosen, found.reason) == ("keep", "epoch_0", None)
    assert [one.status for one in found.candidates] == ["best", "worse"]


def test_findings_of_labels(files: list[str]) -> None:
    labels: dict[str, Any] = {"id": np.arange(40), "label": choices.truth()[:40], "weight": np.full(40, 900.0)}
    found = labelfree.select(files, labels=labels)
    assert "odd_weights" in [one.code for one in found.findings]
    labels = {"id": np.arange(40), "label": choices.truth()[:40]}
    found = labelfree.select(files, labels=labels, sample=100)
    assert "labels_left_out" in [one.code for one in found.findings]


def test_more_labels_are_drawn_among_those_that_labels_left(files: list[str]) -> None:
    few = {"id": np.arange(12), "label": choices.truth()[:12]}
    found = labelfree.select(files, labels=few, label_budget=20)
    assert found.label_budget is not None
    assert found.label_budget.candidates == found.tied
    every = {"id": np.arange(choices.ROWS), "label": choices.truth()}
    with pytest.raises(UsageError, match="the labels that were given put epoch_0 ahead"):
        labelfree.select(files[:2], labels=every, label_budget=20)


def test_candidates_that_predict_the_same_need_no_labels(files: list[str]) -> None:
    with pytest.raises(UsageError, match="predict the same on every row, so that no label tells them apart"):
        labelfree.select([files[0], files[0]], label_budget=5)


def test_rows_to_label_are_written_where_they_were_drawn(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected rows to label, found none drawn"):
        labelfree.select(files).write_label_rows(tmp_path / "rows.csv")
    with pytest.raises(OutputError, match=r"expected a suffix among \.parquet \.csv"):
        labelfree.select(files, label_budget=5).write_label_rows(tmp_path / "rows.json")
    for wrong in (0, -1, True):
        with pytest.raises(UsageError, match="expected a number of rows of at least 1"):
            labelfree.select(files, label_budget=wrong)
