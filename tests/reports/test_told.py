"""What is said of findings: in groups over sources, the gravest first, all of them or none; and as warnings."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import labelfree
from labelfree.commands.report import Report
from labelfree.documents.findings import SEVERITIES, severity_of
from labelfree.render.tables.rows import findings
from labelfree.reports.told import incomparable, of_report

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
NAMES = ("rankme", "mean_cosine")


def shifted(n: int, by: float, name: str) -> Report:
    """A report on n normal rows of 8 columns about a point at this distance, under this name."""
    found = labelfree.rank(RNG.normal(size=(n, 8)) + by, only=NAMES)
    entries = [one.model_copy(update={"sources": [name]}) for one in found.findings]
    source = found.input.model_copy(update={"sources": [name], "rows_hash": "same"})
    return found.model_copy(update={"input": source, "findings": entries})


def codes(report: Report) -> list[str]:
    return [one.code for one in report.findings]


def test_a_report_has_its_findings_and_their_messages_as_warnings() -> None:
    report = labelfree.rank(np.vstack([np.zeros((1, 4)), RNG.normal(size=(99, 4)) + 9]), only="rankme")
    assert codes(report) == ["zero", "narrow_cone"]
    zero = report.findings[0]
    assert (zero.severity, zero.rows, zero.first) == ("warning", 1, 0)
    assert [f"{one.message}; {one.fix}" for one in report.findings] == report.warnings
    again = Report.from_json(report.to_json())
    assert again.findings == report.findings
    assert again.to_json() == report.to_json()


def test_a_report_without_findings_is_read_with_those_of_its_warnings() -> None:
    document = labelfree.rank(RNG.normal(size=(99, 4)) + 9, only="rankme").model_dump(mode="json")
    del document["findings"]
    for entry in document["metrics"].values():
        del entry["codes"]
        entry["warnings"] = ["said before there were codes"]
    old = Report.model_validate(document)
    assert [(one.code, one.message) for one in old.findings] == [("unnamed", document["warnings"][0])]
    assert [one.code for one in of_report(old, ["rankme"])] == ["unnamed", "unnamed"]


def test_one_code_of_several_sources_is_one_line_with_their_names() -> None:
    reports = [shifted(200, 0 if i % 2 else 9 + i, f"epoch_{i:02}.npy") for i in range(10)]
    (line,) = findings(reports, ["rankme"], lambda name: name.removesuffix(".npy"))
    assert line.text.startswith(
        "the mean row holds most of the energy in 5 of 10 sources: epoch_00, epoch_02, epoch_04 and 2 more; "
    )
    assert (line.severity, line.code) == ("warning", "narrow_cone")
    every = findings(reports, ["rankme"], str, "all")
    assert [one.text.split(":")[0] for one in every] == [f"epoch_{i:02}.npy" for i in range(0, 10, 2)]
    assert findings(reports, ["rankme"], str, "none") == []


def test_what_one_source_alone_has_is_said_in_its_own_words() -> None:
    reports = [shifted(200, 9, "a"), shifted(200, 0, "b")]
    (line,) = findings(reports, ["rankme"], str)
    assert line.text.startswith("a: the mean row holds ")


def test_findings_are_sorted_by_severity_whatever_their_order() -> None:
    reports = [shifted(60, 9, "few"), shifted(200, 0, "b"), labelfree.rank(np.ones((4, 8)), only=NAMES)]
    lines = findings(reports, NAMES, str)
    places = [SEVERITIES.index(line.severity) for line in lines]
    assert places == sorted(places)
    assert len(set(places)) > 1
    assert [line.code for line in lines if line.severity == "error"] == ["collapsed"]


def test_what_differs_is_an_error_and_other_precision_a_warning() -> None:
    one, two = shifted(200, 0, "a"), shifted(300, 0, "b")
    assert [(line.severity, line.code) for line in incomparable([one, two])] == [("error", "not_comparable")]
    half = one.model_copy(update={"input": one.input.model_copy(update={"dtype": "float16"})})
    assert [(line.severity, line.code) for line in incomparable([one, half])] == [("warning", "mixed_dtypes")]
    assert incomparable([one, one]) == []


def test_metrics_without_a_value_are_findings_of_several_sources() -> None:
    reports = [labelfree.rank(np.ones((40, 8)), only="alpha_req"), labelfree.rank(np.eye(8), only="alpha_req")]
    assert {line.code for line in findings(reports, ["alpha_req"], str)} >= {"undefined", "collapsed"}


def test_in_python_a_finding_is_a_warning_of_one_category_at_the_line_of_the_caller() -> None:
    with pytest.warns(labelfree.FindingWarning, match=r"narrow cone.*\[narrow_cone\]") as caught:
        labelfree.rank(RNG.normal(size=(99, 4)) + 9)
    assert [Path(one.filename) for one in caught] == [Path(__file__)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labelfree.rank(RNG.normal(size=(99, 4)), only="rankme")
        warnings.simplefilter("ignore", labelfree.FindingWarning)
        labelfree.rank(RNG.normal(size=(99, 4)) + 9, only="rankme")


def test_several_sources_are_warned_of_at_once() -> None:
    """As the table of the command line: a line for a finding, with the sources that it is of."""
    sources = {"embedding": RNG.normal(size=(90, 4)) + 9}, {"embedding": RNG.normal(size=(90, 4)) + 9}
    with pytest.warns(labelfree.FindingWarning) as caught:
        labelfree.rank([*sources, {"embedding": RNG.normal(size=(90, 4))}], only="rankme")
    assert [str(one.message).count("[narrow_cone]") for one in caught] == [1]
    assert "in 2 of 3 sources: " in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)


def test_a_severity_that_is_not_known_is_a_warning() -> None:
    assert severity_of("of_a_later_version") == "warning"
