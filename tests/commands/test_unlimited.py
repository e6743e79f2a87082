"""A small file of wide rows is refused before gigabytes are taken for them, unless a limit allows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.commands import unlimited
from labelfree.errors import ResourceError

pytestmark = pytest.mark.once

X = np.random.default_rng(0).normal(size=(8, 300)).astype(np.float32)


def test_a_file_of_20000_columns_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({f"e_{j}": X[:, j % 300] for j in range(20_000)}), path, compression="zstd")
    assert path.stat().st_size < 8_000_000
    for measured in (labelfree.rank, labelfree.doctor):
        with pytest.raises(ResourceError, match=r"8 rows of width 20000 in [\d,]+ bytes need about \d+ MB, .* memory="):
            measured(path)


def test_a_limit_allows_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", X)
    monkeypatch.setattr(unlimited, "ALLOWED", 1_000_000)
    monkeypatch.setattr(unlimited, "RATIO", 1)
    with pytest.raises(ResourceError, match="width 300"):
        labelfree.rank(tmp_path / "a.npy")
    allowed = labelfree.rank(tmp_path / "a.npy", memory=16_000_000_000)
    assert allowed["hard_rank"].value == 8
    monkeypatch.setattr(unlimited, "RATIO", 1_000_000)
    assert labelfree.rank(tmp_path / "a.npy")["hard_rank"].value == 8  # a file that explains it


def test_arrays_in_memory_are_not_held_against_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlimited, "ALLOWED", 1)
    monkeypatch.setattr(unlimited, "RATIO", 0)
    assert labelfree.rank(X)["hard_rank"].value == 8
