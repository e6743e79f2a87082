"""Damaged files of every kind: whatever was cut or changed, there is a message or a valid read, and never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import labelfree
from labelfree.errors import LabelfreeError
from labelfree.history.records import record
from labelfree.sources.block import Columns
from labelfree.sources.checkpoints.heads import find_head
from labelfree.sources.opening import open_source
from labelfree.sources.tables.group_files import read_groups, write_groups
from readers import joined
from reports import entry, report, run_of

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
TENSORS = {"fc.weight": torch.from_numpy(X), "fc.bias": torch.ones(40), "half": torch.ones(3, 3).half()}
REPORT = report({"rankme": entry(5.0, 0.1)})


def rows(path: Path) -> object:
    """All rows, through Parquet's other columns where there are some."""
    return joined(open_source(path, Columns(group="group") if path.stem == "grouped" else None))


def tensor(path: Path) -> object:
    """The rows of one tensor."""
    return joined(open_source(f"{path}::fc.weight"))


def table(path: Path, **options: Any) -> None:
    """Parquet of vectors, texts and repeated numbers."""
    columns = {
        "id": [f"row {i}" for i in range(40)],
        "emb": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 4),
        "group": pa.array([i % 3 for i in range(40)]),
    }
    pq.write_table(pa.table(columns), path, row_group_size=15, **options)


def groups(path: Path) -> None:
    """Frozen groups."""
    about = {"source": "crossfit", "circular": False, "k": 3, "seed": 0, "rows_hash": ""}
    write_groups(path, np.arange(40, dtype=np.uint64) << np.uint64(50), np.arange(40) % 3, about)


KINDS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "a.npy": (lambda path: np.save(path, X), rows),
    "fortran.npy": (lambda path: np.save(path, np.asfortranarray(X)), rows),
    "a.npz": (lambda path: np.savez(path, X=X, y=X[0]), rows),
    "packed.npz": (lambda path: np.savez_compressed(path, X=np.asfortranarray(X)), rows),
    "head.npz": (lambda path: np.savez_compressed(path, weight=X, bias=X[:, 0]), lambda path: find_head(path, d=4)),
    "a.safetensors": (lambda path: save_file(TENSORS, path), tensor),
    "a.pt": (lambda path: torch.save({"state_dict": TENSORS, "epoch": 3}, path), tensor),
    "legacy.pt": (lambda path: torch.save(TENSORS, path, _use_new_zipfile_serialization=False), tensor),
    "a.parquet": (table, rows),
    "grouped.parquet": (lambda path: table(path, compression="zstd", data_page_version="2.0"), rows),
    "plain.parquet": (lambda path: table(path, compression="none", use_dictionary=False, store_schema=False), rows),
    "groups.parquet": (groups, read_groups),
    "r.json": (
        lambda path: path.write_text(json.dumps(REPORT)), lambda path: labelfree.gate(path, require="rankme >= 1")
    ),
    "h.jsonl": (
        lambda path: run_of(path, [0.1, 0.2, 0.25, 0.3, 0.3, 0.3, 0.3]),
        lambda path: labelfree.gate(history=path, plateau="separability"),
    ),
}  # fmt: skip
HOW = st.sampled_from(["cut", "flip", "zero", "ones", "repeat", "drop"])
WHERE, VALUES = st.floats(0, 1, exclude_max=True), st.lists(st.integers(1, 255), min_size=1, max_size=6)


@cache
def sound(name: str, place: Path) -> bytes:
    """The file as its writer leaves it; it is read, so that no damage is found in what was never sound."""
    write, read = KINDS[name]
    write(place / name)
    read(place / name)
    return (place / name).read_bytes()


def damaged(content: bytes, how: str, at: float, more: float, values: list[int]) -> bytes:
    """The content with something done to it at a place."""
    begin = int(at * len(content))
    end = begin + 1 + int(more**4 * (len(content) - begin))
    if how == "cut":
        return content[:begin]
    if how == "drop":
        return content[:begin] + content[end:]
    if how == "repeat":
        return content[:end] + content[begin:end] + content[end:]
    if how in ("zero", "ones"):
        return content[:begin] + (b"\x00" if how == "zero" else b"\xff") * (end - begin) + content[end:]
    changed = bytearray(content)
    for i, value in enumerate(values):
        changed[(begin + i * 7919) % len(content)] ^= value
    return bytes(changed)


@pytest.mark.parametrize("name", KINDS)
def test_no_damage_ends_in_anything_but_a_message(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("damage")
    read, told = KINDS[name][1], []

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(HOW, WHERE, WHERE, VALUES)
    def damage(how: str, at: float, more: float, values: list[int]) -> None:
        path = place / f"damaged.{name}"
        path.write_bytes(damaged(sound(name, place), how, at, more, values))
        try:
            read(path)
        except LabelfreeError as error:
            told.append(str(error))

    damage()
    assert len(told) > 5, "most damage is noticed"
    assert all(len(text) < 4000 for text in told)


CHANGED: list[Any] = [None, True, -1, 1.5, 1e308, 1e-300, 10**19, "x", "\ud800", [], {}, [[]], ["x"], [1, 2]]


def places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document, the document itself first."""
    found = [place]
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(min(len(document), 1)):
            found += places(document[key], (*place, key))
    return found


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    if not place:
        return value
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copy


RECORDS = [record(report({"rankme": entry(5.0 + i / 9, 0.1, replicates=[5.0, 5.1], replicate_factor=1.0)}), step=i,
                  time="2026-01-01") for i in range(6)]  # fmt: skip


def test_no_change_of_a_history_ends_in_anything_but_a_message(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"

    @settings(max_examples=150)
    @given(st.sampled_from(places(RECORDS[-1])), st.sampled_from(CHANGED))
    def change(place: tuple[Any, ...], value: Any) -> None:
        lines = [*RECORDS[:-1], changed(RECORDS[-1], place, value)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with suppress(LabelfreeError):
            labelfree.gate(history=path, plateau="rankme")

    change()


def test_no_change_of_a_report_ends_in_anything_but_a_message(tmp_path: Path) -> None:
    path, other = tmp_path / "r.json", tmp_path / "s.json"
    other.write_text(json.dumps(REPORT))

    @settings(max_examples=150)
    @given(st.sampled_from(places(REPORT)), st.sampled_from(CHANGED), st.booleans())
    def change(place: tuple[Any, ...], value: Any, base: bool) -> None:
        path.write_text(json.dumps(changed(REPORT, place, value)))
        asked, against = (other, path) if base else (path, other)
        with suppress(LabelfreeError):
            labelfree.gate(asked, require="rankme >= 1", against=against, max_drop="rankme=5%")

    change()
