"""Frozen groups: made once, kept in a Parquet file, and given to the same items in every later run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import Index, Keys, positions
from labelfree.documents.files import atomically
from labelfree.documents.reading import parsed
from labelfree.errors import SourceError, UsageError, option
from labelfree.sources.block import PARQUET, Columns, Values
from labelfree.sources.guards.decoding import check_pages
from labelfree.sources.tables.arrow import plain
from labelfree.sources.tables.columns import candidates
from labelfree.sources.tables.parquet import checked, explained

VERSION = 1
"""The version of the files that this code writes, and the latest that it reads."""
_METADATA = b"labelfree"
_TYPES = {"key": "uint64", "group": "int64"}
_LEAST_BYTES = 4
"""Of a row key, which is a hash and cannot be compressed."""
_ABOUT = {"source": str, "circular": bool, "k": int, "seed": int, "rows_hash": str}


@dataclass(frozen=True, eq=False)
class FrozenGroups:
    """Groups by row key: keys (m,), each once, and groups (m,) from 0.

    about: where they come from: "source" ("crossfit", "same_space", "other_space"), "circular", "k", "seed",
    "rows_hash" of the rows they were made from, and whatever else the writer said; by_id: whether the keys are
    hashes of ids, rather than of positions.
    """

    keys: Keys
    groups: Index
    about: Mapping[str, Any]
    by_id: bool

    def of(self, keys: Keys) -> tuple[Index, int]:
        """The groups (n,) of the rows with these keys, -1 where a row has none, and how many have none."""
        at = positions(keys, self.keys)
        labels = np.full(len(keys), -1, np.int64)
        labels[at >= 0] = self.groups[at[at >= 0]]
        return labels, int((at < 0).sum())


def write_groups(path: Path, keys: Keys, groups: Index, about: Mapping[str, Any], ids: Values | None = None) -> None:
    """Write the groups (n,) of the rows with these keys (n,), each once, in the order of the keys.

    Rows without a group (-1) are left out. keys: hashes of the ids (n,), or of positions where there are none, not
    mixed with a seed; about: at least what FrozenGroups.about names.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    order = np.argsort(keys)
    order = order[groups[order] >= 0]
    columns: dict[str, Any] = {"key": keys[order]}
    if ids is not None:
        columns["id"] = pa.array(ids[order].tolist())
    columns["group"] = groups[order].astype(np.int64)
    document = json.dumps({"schema_version": VERSION, "groups": dict(about)}, sort_keys=True, allow_nan=False)
    table = pa.table(columns).replace_schema_metadata({_METADATA: document.encode()})

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:  # a path may be no Unicode
            pq.write_table(table, stream)

    atomically(path, write)


def read_groups(path: Path) -> FrozenGroups | None:
    """The groups that a file holds; None where it is no file of frozen groups, but perhaps one of embeddings."""
    if not path.is_file() or path.suffix.lower() not in PARQUET:
        return None
    with checked(path) as (parquet, claimed):
        schema = parquet.schema_arrow
        about = _about(schema, path)
        if about is None:
            return None
        found = {field.name: str(field.type) for field in schema if field.name in _TYPES}
        if found != _TYPES:
            raise SourceError(_damaged(path, f"expected columns of types {_TYPES}, found {found}"))
        rows, size = claimed.rows, path.stat().st_size
        if rows * _LEAST_BYTES > size:
            raise SourceError(_damaged(path, f"it claims {rows:,} groups in {size:,} bytes"))
        check_pages(path, claimed, list(_TYPES))
        with explained(path):
            table = parquet.read(columns=list(_TYPES))
    for name in _TYPES:
        if nulls := table.column(name).null_count:
            raise SourceError(_damaged(path, f"column {name!r} holds {nulls} nulls"))
    keys, groups = (plain(table.column(name).combine_chunks(), name, "group", str(path)) for name in _TYPES)
    if repeated := len(keys) - len(np.unique(keys)):
        raise SourceError(_damaged(path, f"expected each row key once, found {repeated} repetitions"))
    if (groups < 0).any():
        raise SourceError(_damaged(path, f"expected groups numbered from 0, found {groups.min()}"))
    return FrozenGroups(keys, groups, about, "id" in schema.names)


def _about(schema: Any, path: Path) -> dict[str, Any] | None:
    """What the metadata say of the groups, or None where the file holds no frozen groups."""
    raw = (schema.metadata or {}).get(_METADATA)
    try:
        document = {} if raw is None else parsed(raw.decode(), unique=True)
    except ValueError as error:
        raise SourceError(_damaged(path, f"its metadata are no JSON: {error}")) from error
    if not isinstance(document, dict) or "groups" not in document:
        if "group" in schema.names and not any(one.offered for one in candidates(schema, Columns())):
            raise UsageError(
                f"{path}: expected embeddings, or groups that labelfree has frozen, found a plain table with a column "
                f"'group'; join it into the embeddings and name it with {option('group', 'group')}"
            )
        return None
    version, about = document.get("schema_version"), document["groups"]
    if isinstance(version, int) and version > VERSION:
        raise SourceError(
            f"{path}: groups of schema version {version}, which a later labelfree wrote; this one reads up to "
            f"{VERSION}: upgrade it"
        )
    wrong = [name for name, kind in _ABOUT.items() if not isinstance(about, dict) or type(about.get(name)) is not kind]
    if version != VERSION or wrong:
        raise SourceError(_damaged(path, f"its metadata lack {', '.join(wrong) or 'the schema version'}"))
    return dict(about)


def _damaged(path: Path, what: str) -> str:
    return f"{path}: expected groups as labelfree freezes them, but the file was changed ({what}); freeze them again"
