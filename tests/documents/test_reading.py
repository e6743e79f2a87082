"""What labelfree writes it reads, whatever the names in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelfree import history
from labelfree.documents.reading import as_json, report_documents
from reports import report

pytestmark = pytest.mark.once


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r", "\n"])
def test_a_line_is_ended_by_a_line_feed_alone(tmp_path: Path, mark: str) -> None:
    documents = [report({"rankme": 8.0}, source=f"a{mark}epoch_{i}.npy") for i in range(2)]
    path = tmp_path / "r.ndjson"
    path.write_text("".join(as_json(document, indent=None) + "\n" for document in documents), encoding="utf-8")
    assert report_documents(str(path)) == documents
    history.extend(tmp_path / "h.jsonl", [(document, i) for i, document in enumerate(documents)])
    assert [r["source"] for r in history.read(tmp_path / "h.jsonl")] == [d["input"]["sources"][0] for d in documents]
