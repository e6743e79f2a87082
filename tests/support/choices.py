"""Candidates to choose among: classes seen through noise, one candidate clearer than the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

NOISES = (2.0, 1.5, 0.7, 1.2)
"""Of the candidates in their order: the third is the clearest."""
CLASSES, WIDTH, ROWS, KNOWN = 4, 6, 200, 120

Arrays = dict[str, NDArray[Any]]


def matrix(values: NDArray[Any]) -> pa.FixedSizeListArray:
    """Rows (n, d) as a column of lists."""
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def truth(seed: int = 0) -> NDArray[np.int64]:
    """The classes (n,) of the rows, which no candidate is given."""
    return np.random.default_rng(seed).integers(0, CLASSES, ROWS)


def run(seed: int = 0, noises: tuple[float, ...] = NOISES) -> list[Arrays]:
    """For each candidate embedding, logits and id of the same rows, and embedding and label of source rows."""
    chance = np.random.default_rng(seed + 1)
    label, known = truth(seed), chance.integers(0, CLASSES, KNOWN)
    centers = 2 * np.eye(CLASSES, WIDTH)
    found = []
    for noise in noises:
        turn = np.linalg.qr(chance.normal(size=(WIDTH, WIDTH)))[0]
        rows = centers[label] + noise * chance.normal(size=(ROWS, WIDTH))
        source = centers[known] + noise * chance.normal(size=(KNOWN, WIDTH))
        found.append({
            "id": np.arange(ROWS), "embedding": (rows @ turn).astype(np.float32),
            "logits": (rows @ centers.T).astype(np.float32), "source": (source @ turn).astype(np.float32),
            "label": known,
        })  # fmt: skip
    return found


def written(place: Path, candidates: list[Arrays], *, source: bool = False, **columns: bool) -> list[Path]:
    """A file for each candidate, epoch_0.parquet and so on; columns: False leaves one out."""
    paths = []
    for i, one in enumerate(candidates):
        table = {
            name: matrix(one[name]) if one[name].ndim == 2 else pa.array(one[name])
            for name in ("id", "embedding", "logits")
            if columns.get(name, True)
        }
        paths.append(place / f"epoch_{i}.parquet")
        pq.write_table(pa.table(table), paths[-1])
        if source:
            behind = pa.table({"embedding": matrix(one["source"]), "label": one["label"]})
            pq.write_table(behind, place / f"epoch_{i}.source.parquet")
    return paths
