"""The JSON Schema of every document that labelfree writes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from labelfree.reports.rows import RowsReport


def json_schema(of: type[BaseModel] = RowsReport) -> dict[str, Any]:
    """The JSON Schema of a report, of a report on weights, or of the verdict of a gate."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **of.model_json_schema()}
