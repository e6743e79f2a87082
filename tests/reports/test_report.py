"""The report: its shape, its bytes, and what is never in it."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

import labelfree
from labelfree.commands.report import Report
from labelfree.documents.reading import as_json
from labelfree.documents.wording import counted
from labelfree.metrics import METRICS
from labelfree.render.numbers import signed
from labelfree.render.tables.rows import heading
from labelfree.render.tables.rows import lines as lines_of
from labelfree.render.tables.text import to_csv, to_json, to_markdown, to_ndjson
from labelfree.reports.across import across
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport
from labelfree.reports.schema import json_schema
from labelfree.results import measured

DATA = Path(labelfree.__file__).parent / "demo_data"
RNG = np.random.default_rng(0)
ODD = [np.zeros((5, 3)), np.ones((5, 3)), np.ones((1, 3)), np.empty((0, 3)), RNG.normal(size=(3, 50)), np.eye(2)]


@pytest.fixture(scope="module")
def report() -> Report:
    return labelfree.rank(DATA / "epoch_05.parquet")


def test_it_has_the_shape_of_the_design(report: Report) -> None:
    document = json.loads(report.to_json())
    assert set(document) == {
        "schema_version", "tool", "command", "input", "settings", "metrics", "findings", "warnings", "verdict", "state",
    }  # fmt: skip
    assert document["schema_version"] == 2
    assert document["tool"] == {"name": "labelfree", "version": labelfree.__version__}
    assert set(document["input"]["rows"]) == {
        "read", "used", "null", "nonfinite", "zero", "duplicate", "estimated",
    }  # fmt: skip
    assert set(document["metrics"]) == {m.name for m in METRICS if m.family == "rank"}
    for entry in document["metrics"].values():
        assert set(entry) == {
            "value", "se", "interval", "status", "reason_code", "reason", "kind", "direction", "holds_in",
            "definition", "params", "parts", "warnings", "codes",
        }  # fmt: skip
        assert entry["holds_in"]
        assert entry["definition"]
        assert (entry["value"] is None) == (entry["status"] == "undefined")
        assert (entry["status"] == "ok") == (entry["reason_code"] is None)
        assert entry["direction"] != "target" or "target" in entry["params"]


def test_the_bytes_are_the_same_again(report: Report) -> None:
    again = labelfree.rank(DATA / "epoch_05.parquet")
    assert again.to_json() == report.to_json()
    assert labelfree.rank(DATA / "epoch_05.parquet", threads=1).to_json() == report.to_json()


def test_keys_are_sorted_and_numbers_have_twelve_digits() -> None:
    text = as_json({"b": 1 / 3, "a": [{"z": 1, "c": 2.0 / 3e10}], "d": 0.1 + 0.2}, indent=None)
    assert text == '{"a": [{"c": 6.66666666667e-11, "z": 1}], "b": 0.333333333333, "d": 0.3}'


@pytest.mark.parametrize("X", ODD, ids=lambda X: f"{X.shape}")
def test_there_is_never_a_nan(X: np.ndarray) -> None:  # type: ignore[type-arg]
    text = labelfree.evaluate(X).to_json()

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
    for constant in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            as_json({"x": constant})


def test_it_survives_the_way_to_a_file_and_back(report: Report) -> None:
    again = Report.from_json(report.to_json())
    assert again.to_json() == report.to_json()
    with pytest.raises(ValidationError, match="schema_version"):
        Report.from_json(report.to_json().replace('"schema_version": 2', '"schema_version": 3'))
    with pytest.raises(ValidationError, match="extra"):
        Report.from_json(report.to_json().replace('"command"', '"extra": 1, "command"'))


def test_the_schema_describes_it(report: Report) -> None:
    schema = json_schema(RowsReport)
    document = json.loads(report.to_json())
    there = {"audit", "drift"}  # only where target labels were seen, or there was a reference
    assert set(schema["properties"]) - there == set(document)
    entry = schema["$defs"]["MetricEntry"]
    assert set(entry["required"]) == set(document["metrics"]["rankme"])
    assert "spectrum" not in json.dumps(document["metrics"]["rankme"]["parts"])


def test_several_reports(report: Report) -> None:
    other = labelfree.rank(DATA / "epoch_02.parquet")
    document = json.loads(to_json([report, other]))
    assert [r["input"]["sources"] for r in document["reports"]] == [report.input.sources, other.input.sources]
    leading = document["across"].pop("leading")
    assert (leading["metric"], leading["end"], leading["source"]) == ("rankme", "highest", report.input.sources[0])
    assert document["across"] == {"changes": [], "comparable": True, "differences": []}
    lines = to_ndjson([report, other]).splitlines()
    assert [json.loads(line)["command"] for line in lines] == ["rank", "rank"]
    fewer = labelfree.rank(RNG.normal(size=(50, 8)))
    assert across([report, fewer])["differences"] == [
        "n differs: 400, 50",
        "d differs: 32, 8",
        "dtype differs: float16, float64",
    ]


def test_csv_has_a_line_per_metric_and_empty_fields_for_what_is_undefined(report: Report) -> None:
    lines = to_csv([report]).splitlines()
    assert lines[0] == "source,metric,value,se,low,high,status,reason_code,kind,direction,n,d"
    assert len(lines) == 1 + sum(m.family == "rank" for m in METRICS)
    by_name = {line.split(",")[1]: line.split(",") for line in lines[1:]}
    assert float(by_name["rankme"][2]) == pytest.approx(report["rankme"].value, rel=1e-11)
    assert by_name["lidar"][2:8] == ["", "", "", "", "undefined", "no_group"]


def test_findings_as_csv_and_markdown_have_the_way_out(tmp_path: Path) -> None:
    X = RNG.normal(size=(300, 4))
    X[5] = X[4]
    X[200, 1] = np.inf
    np.save(tmp_path / "a|b.npy", X)
    sick, sound = labelfree.doctor(tmp_path / "a|b.npy"), labelfree.doctor(RNG.normal(size=(300, 4)))
    header, *lines = csv.reader(to_csv([sick, sound]).splitlines())
    assert header == ["source", "code", "severity", "rows", "first", "message", "fix"]
    assert [line[:5] for line in lines] == [
        [str(tmp_path / "a|b.npy"), "nonfinite", "error", "1", "200"],
        [str(tmp_path / "a|b.npy"), "duplicate", "warning", "1", "5"],
    ]
    text = to_markdown([sick, sound], everything=False)
    for line, finding in zip(lines, sick.findings, strict=True):
        assert line[5:] == [finding.message, finding.fix]
        assert f"| {finding.message} | {finding.fix} |\n" in text
    assert "nothing wrong" in text.split("###")[2]
    assert "|" not in text.split("###")[2]


def test_zero_has_no_sign() -> None:
    assert as_json({"a": -0.0, "b": [-0.0, -1e-300]}, indent=None) == '{"a": 0.0, "b": [0.0, -1e-300]}'
    points = np.repeat(np.eye(3)[:2], 20, axis=0)  # two points, repeated: one bar, whose entropy is -1 log 1 = -0
    entry = labelfree.separability(points)["persistence_entropy"]
    assert entry.value == 0
    assert math.copysign(1, entry.value) == 1
    report = labelfree.separability(points)
    written = to_csv([report]) + report.to_json() + to_markdown([report], everything=True)
    assert not re.search(r"(?<![\w.])-0(\.0+)?(?![.\d])", written)
    entry = MetricEntry.of(METRICS[0], measured(-0.0, 0.0, low=-1.0))
    assert [math.copysign(1, v) for v in (entry.value or 0.0, *(entry.interval or ()))] == [1, 1, 1]


def test_numbers_for_people() -> None:
    assert [signed(v, 3) for v in (-0.0, -0.0004, 0.0004, -0.0006, 1234.5)] == [
        "+0.000", "+0.000", "+0.000", "-0.001", "+1,234.500",
    ]  # fmt: skip
    assert [counted(n, "row") for n in (0, 1, 2, 2000)] == ["0 rows", "1 row", "2 rows", "2,000 rows"]
    assert heading(labelfree.doctor(np.ones((1, 4)))) == "1 row x 4 float64"


def test_what_a_value_is_compared_with_has_as_many_places() -> None:
    report = labelfree.separability(DATA / "epoch_05.parquet", sample=200)
    compared = [line for line in lines_of(report, True) if "structure-free" in line.note]
    assert {line.name for line in compared} == {"separability", "separability_robust", "total_persistence"}
    for line in compared:
        for number in re.findall(r"\d+\.(\d+)", line.note):
            assert len(number) == len(line.value.partition(".")[2])


def test_markdown(report: Report) -> None:
    text = to_markdown([report], everything=False)
    assert text.startswith("### rank: ")
    several = to_markdown([report, labelfree.rank(DATA / "epoch_02.parquet")], everything=False)
    assert "- highest rankme: epoch_05; epoch_02 is lower by " in several
    rankme = report["rankme"]
    assert rankme.value is not None
    assert rankme.interval is not None
    value, low, high = (f"{x:.3f}" for x in (rankme.value, *rankme.interval))
    assert f"| rankme | {value} | {low} to {high} | higher |" in text
    assert text.count("\n| ") == 1 + 6
