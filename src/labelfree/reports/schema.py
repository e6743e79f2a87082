"""The JSON Schema of every document that labelfree writes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from labelfree.catalog import CATALOG
from labelfree.reports.document import Document


def json_schema(of: type[BaseModel] = Document) -> dict[str, Any]:
    """The JSON Schema of a document of reports, of reports on weights, or of the verdict of a gate.

    Of a report it lists every metric; one report, as a line of ndjson is, stands under `$defs`.
    """
    found: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **of.model_json_schema()}
    for part in (found, *found["$defs"].values()):
        metrics = part.get("properties", {}).get("metrics")
        if metrics is not None and {"command", "settings"} <= part["properties"].keys():
            metrics["properties"] = {known.name: metrics["additionalProperties"] for known in CATALOG}
    return found
