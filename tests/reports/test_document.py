"""The document of reports: one shape for one source and for several, and version 1 is still read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import labelfree
from labelfree import history
from labelfree.commands.report import Report
from labelfree.documents.reading import one_report_in, report_documents
from labelfree.errors import SourceError, UsageError
from labelfree.render.tables.layers import to_json as weights_json
from labelfree.render.tables.text import to_json, to_ndjson
from labelfree.reports.document import Document, WeightsDocument
from labelfree.reports.schema import json_schema
from labelfree.reports.weights import WeightsReport

DATA = Path(labelfree.__file__).parent / "demo_data"
OLD = Path(__file__).parents[1] / "data" / "version_1"
"""What version 0.1.0 wrote: `rank epoch_05.parquet epoch_07.parquet`, `weights head.safetensors`, `doctor sick.npy`."""
FEW = ("rankme", "effective_rank", "mean_cosine")


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return [labelfree.rank(DATA / f"epoch_0{i}.parquet", only=FEW) for i in (5, 7)]


@pytest.mark.parametrize("sources", [1, 2])
def test_the_document_has_one_shape(reports: list[Report], sources: int) -> None:
    text = to_json(reports[:sources])
    document = json.loads(text)
    assert set(document) == {"schema_version", "reports", "across"}
    assert (document["schema_version"], len(document["reports"])) == (2, sources)
    assert [json.loads(line) for line in to_ndjson(reports[:sources]).splitlines()] == document["reports"]
    assert {"comparable", "differences", "changes", "leading"} == set(document["across"])
    assert (document["across"]["leading"] is not None) == (sources > 1)
    read = Document.model_validate_json(text)
    assert [r.metrics for r in read.reports] == [Report.from_json(r.to_json()).metrics for r in reports[:sources]]


def test_the_document_of_weights_has_the_same() -> None:
    report = labelfree.weights(DATA / "head.safetensors")
    document = json.loads(weights_json([report]))
    assert document["across"] == {"comparable": True, "differences": [], "changes": []}
    assert WeightsDocument.model_validate(document).reports[0].to_json() == report.to_json()


@pytest.mark.parametrize("of", [Document, WeightsDocument])
def test_the_schema_describes_version_2(of: type[Any]) -> None:
    schema = json_schema(of)
    assert schema["properties"]["schema_version"]["const"] == 2
    assert set(schema["required"]) == {"schema_version", "reports", "across"}
    (name,) = [schema["properties"]["reports"]["items"]["$ref"].removeprefix("#/$defs/")]
    report = schema["$defs"][name]
    assert report["properties"]["schema_version"]["const"] == 2
    assert "rankme" in report["properties"]["metrics"]["properties"]


def test_one_report_is_taken_out_of_a_document(reports: list[Report]) -> None:
    assert Report.from_json(to_json(reports[:1])).to_json() == Report.from_json(reports[0].to_json()).to_json()
    with pytest.raises(UsageError, match="found a document of 2"):
        Report.from_json(to_json(reports))
    with pytest.raises(SourceError, match="expected one report, found a document of 2"):
        one_report_in(json.loads(to_json(reports)), "report")


# Version 1.


def test_reports_of_version_1_are_read() -> None:
    text = (OLD / "report.json").read_text()
    assert json.loads(text)["schema_version"] == 1
    report = Report.from_json(text)
    assert (report.schema_version, report["rankme"].value) == (2, json.loads(text)["metrics"]["rankme"]["value"])
    old = json.loads(text)
    for entry in old["metrics"].values():  # warnings had no codes
        entry["codes"] = ["unnamed"] * len(entry["warnings"])
    assert json.loads(report.to_json())["metrics"] == old["metrics"]
    assert WeightsReport.from_json((OLD / "weights.json").read_text()).metrics.keys() >= {"median_rank_share"}


def test_defects_of_version_1_are_findings() -> None:
    """The file was written by version 0.1 from the rows that are made here."""
    X = np.random.default_rng(0).normal(size=(60, 8)).round(6)
    X[:, 3], X[17, 0], X[20] = 0.5, np.nan, X[19]
    text = (OLD / "doctor.json").read_text()
    old, now = Report.from_json(text), labelfree.doctor(X)
    assert [d["kind"] for d in json.loads(text)["input"]["defects"]] == [one.code for one in old.findings]
    assert [(f.code, f.severity, f.rows, f.first) for f in old.findings] == [
        (f.code, f.severity, f.rows, f.first) for f in now.findings
    ]
    assert {name for one in old.findings for name in one.sources} == {"sick.npy"}
    assert old.warnings == json.loads(text)["warnings"]
    assert [str(one) for one in old.findings] == old.warnings
    assert Report.from_json(old.to_json()) == old
    assert "defects" not in json.loads(old.to_json())["input"]
    assert repr(old).splitlines()[1] == "nonfinite 1, duplicate 1, few_rows 59, constant"


@pytest.mark.parametrize("defects", [[7], [{"kind": "zero"}], [{"kind": 7, "count": "x"}]])
def test_what_is_no_defect_of_version_1_is_refused(defects: list[Any]) -> None:
    document = json.loads((OLD / "doctor.json").read_text())
    document["input"]["defects"] = defects
    with pytest.raises(ValidationError, match="findings"):
        Report.from_json(json.dumps(document))


def test_version_2_holds_no_defects(reports: list[Report]) -> None:
    document = json.loads(reports[0].to_json())
    assert "defects" not in document["input"]
    document["input"]["defects"] = None
    with pytest.raises(ValidationError, match="defects"):
        Report.from_json(json.dumps(document))


@pytest.mark.parametrize(("file", "number"), [("report.json", 1), ("reports.json", 2), ("reports.ndjson", 2)])
def test_every_file_of_version_1_is_read(file: str, number: int, tmp_path: Path) -> None:
    documents = report_documents(str(OLD / file))
    assert [d["schema_version"] for d in documents] == [1] * number
    found = labelfree.gate(OLD / file, require="rankme > 5")["verdict"]
    assert (found["decision"], len(found["conditions"])) == ("pass", number)
    assert history.extend(tmp_path / "h.jsonl", [(d, i) for i, d in enumerate(documents)]) == number


def test_a_history_of_version_1_goes_on_with_reports_of_version_2(reports: list[Report], tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes((OLD / "history.jsonl").read_bytes())
    assert [history.append(path, report, step=step) for report, step in zip(reports, (5, 7), strict=True)] == [0, 0]
    assert history.append(path, json.loads(to_json(reports[:1])), step=9, run="other") == 1
    found = labelfree.gate(reports[1], against=OLD / "report.json", max_drop="rankme=5%")["verdict"]
    assert found["decision"] == "pass"


def test_a_gate_takes_documents_and_files_of_them(reports: list[Report], tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(to_json(reports))
    for given in (tmp_path / "r.json", json.loads(to_json(reports)), reports):
        conditions = labelfree.gate(given, require="rankme > 10")["verdict"]["conditions"]
        assert [c["decision"] for c in conditions] == ["fail", "pass"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"schema_version": 3, "reports": [{}]}, "a later labelfree wrote"),
        ({"schema_version": 2, "reports": []}, "its list of reports is empty"),
        ({"schema_version": "2", "reports": [{}]}, "the schema version"),
        ({"schema_version": 2, "reports": [{"schema_version": 2}]}, "lacks some of it"),
        ({"schema_version": 2, "reports": [{"schema_version": 3}]}, "a later labelfree wrote"),
        ({"schema_version": 2, "reports": [[]]}, "JSON of another kind"),
    ],
)
def test_what_is_no_document_is_refused(document: Any, said: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(SourceError, match=said):
        report_documents(str(tmp_path / "r.json"))
