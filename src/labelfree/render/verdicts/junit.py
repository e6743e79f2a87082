"""The verdict of a gate as JUnit XML, which GitLab, Jenkins and Azure show beside a merge request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from labelfree.documents.findings import finding_line, found_by
from labelfree.render.verdicts.verdict import heading, notes, rows

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(document: Mapping[str, Any]) -> str:
    """One test case for each condition and guard; what makes the exit code other than 0 is a failure.

    A plateau is a failure too, of type `stop`: a pipeline that runs the gate sees the code 11. No times: the same
    verdict gives the same bytes.
    """
    verdict = document["verdict"]
    judged = rows(document)
    reasons = [c["reason"] for c in (*verdict["conditions"], *verdict["guards"])]
    failed = [row.decision not in ("pass", "continue") for row in judged]
    counts = {"name": "labelfree gate", "tests": str(len(judged)), "failures": str(sum(failed)), "errors": "0"}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {**counts, "skipped": "0"})
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("decision", "reason", "exit_code"):
        ElementTree.SubElement(properties, "property", {"name": name, "value": _printable(str(verdict[name]))})
    for row, name, reason, broken in zip(judged, _names(document), reasons, failed, strict=True):
        case = ElementTree.SubElement(suite, "testcase", {"classname": "labelfree.gate", "name": _printable(name)})
        if broken:
            what = {"type": row.decision, "message": _printable(row.message)}
            ElementTree.SubElement(case, "failure", what).text = _printable(f"{row.decision}: {reason}\n{row.message}")
        else:
            ElementTree.SubElement(case, "system-out").text = _printable(row.message)
    told = [heading(document), *notes(document), *map(finding_line, found_by(verdict))]
    ElementTree.SubElement(suite, "system-out").text = _printable("\n".join(told))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _names(document: Mapping[str, Any]) -> list[str]:
    """The conditions by name, each with the path of its report where several are judged: JUnit tells cases by name."""
    verdict = document["verdict"]
    several = sum(given["role"] == "report" for given in document["inputs"]) > 1
    found = [(c.get("found") or {}).get("file") for c in (*verdict["conditions"], *verdict["guards"])]
    return [
        f"{row.condition} ({where})" if several and where else row.condition
        for row, where in zip(rows(document), found, strict=True)
    ]


def _printable(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)
