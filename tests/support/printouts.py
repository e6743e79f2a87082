"""Documents of reports as the program prints them."""

from __future__ import annotations

import json
from typing import Any


def one_report(text: str) -> dict[str, Any]:
    """The only report of a document of version 2."""
    document = json.loads(text)
    assert set(document) == {"schema_version", "reports", "across"}
    assert document["schema_version"] == 2
    (report,) = document["reports"]
    assert report["schema_version"] == 2
    return dict(report)
