"""Which model wrote the embeddings of a Parquet file, where `labelfree embed` has put it down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labelfree.sources.block import PARQUET
from labelfree.sources.tables.parquet import opened

METADATA = b"labelfree"
"""The key of the facts in the metadata of a file."""


def facts_of(files: Iterable[str]) -> dict[str, Any] | None:
    """What fixes the numbers of the first of these files that says so, None where none does."""
    for name in files:
        if not name.endswith(PARQUET) or not Path(name).is_file():
            continue
        with opened(Path(name)) as parquet:
            raw = (parquet.schema_arrow.metadata or {}).get(METADATA)
        try:
            found = json.loads(raw) if raw else None
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("model"), dict):
            return found
    return None


def differing(one: dict[str, Any] | None, other: dict[str, Any] | None) -> str | None:
    """In what two models differ, or two settings of one; None where they agree, or one of them is not known."""
    if one is None or other is None:
        return None
    if one["model"].get("fingerprint") != other["model"].get("fingerprint"):
        names = f"{one.get('checkpoint')} and {other.get('checkpoint')}"
        return f"two models ({names}, fingerprints {_short(one)} and {_short(other)})"
    for name in ("layer", "pooling", "normalization"):
        if one.get(name) != other.get(name):
            return f"one model with another {name} ({one.get(name)} and {other.get(name)})"
    return None


def _short(facts: dict[str, Any]) -> str:
    return str(facts["model"].get("fingerprint"))[:8]
