"""The document that commands print: the reports of all sources, of one too, and what only all of them say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict

from labelfree.documents.reading import REPORT_VERSION
from labelfree.reports.across import across
from labelfree.reports.drift import Drift
from labelfree.reports.entries import AnyReport, Part
from labelfree.reports.leading import leading
from labelfree.reports.rows import RowsReport
from labelfree.reports.weights import WeightsReport


class Across(Part):
    """What can only be said of several sources together; of one there is nothing that differs or changes.

    `transfer` adds ensv, gde, saturation and best.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    comparable: bool
    differences: list[str]
    changes: list[dict[str, Any]]
    leading: dict[str, Any] | None = None


class AnyDocument(Part):
    """What every document of reports holds."""

    schema_version: Literal[2]
    across: Across


class Document(AnyDocument):
    """The document of the commands that measure rows: one report for each source."""

    reports: list[RowsReport]


class DriftReport(RowsReport):
    """The report of `labelfree drift` on one data set."""

    model_config = ConfigDict(title="DriftReport")

    drift: Drift  # type: ignore[assignment]


class DriftDocument(AnyDocument):
    """The document of `labelfree drift`: one report for each CURRENT."""

    reports: list[DriftReport]


class WeightsDocument(AnyDocument):
    """The document of `labelfree weights`: one report for each checkpoint."""

    reports: list[WeightsReport]


def across_all(reports: Sequence[RowsReport]) -> dict[str, Any]:
    """What can only be said of several reports of rows, and which of them leads in the headline."""
    several = len(reports) > 1 and bool(reports[0].metrics)
    return {**across(reports), "leading": leading(reports).document() if several else None}


def of_reports(reports: Sequence[AnyReport], across: Mapping[str, Any]) -> dict[str, Any]:
    """The document of reports, of one or of several, as plain values."""
    return {
        "schema_version": REPORT_VERSION, "reports": [r.model_dump(mode="json") for r in reports], "across": across
    }  # fmt: skip
