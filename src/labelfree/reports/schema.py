"""The JSON Schema of every document that labelfree writes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from labelfree.catalog import CATALOG
from labelfree.reports.rows import RowsReport


def json_schema(of: type[BaseModel] = RowsReport) -> dict[str, Any]:
    """The JSON Schema of a report, of a report on weights, or of the verdict of a gate; reports list every metric."""
    found: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **of.model_json_schema()}
    metrics = found["properties"].get("metrics")
    if metrics is not None:
        entry = metrics["additionalProperties"]
        metrics["properties"] = {known.name: entry for known in CATALOG}
    return found
