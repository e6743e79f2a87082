"""Rows of production and of a reference as files: drawn, with ids, a language, and known drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

D = 8
LANGUAGES = np.array(["de", "en", "fr"])


def rows(n: int, seed: int, *, shift: float = 0.0, odd: int = 0, d: int = D) -> dict[str, object]:
    """n rows in float32; those in German moved by shift along the first column, the first `odd` five times as long."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) / np.sqrt(np.arange(1, d + 1))
    language = LANGUAGES[rng.integers(3, size=n)]
    X[language == "de", 0] += shift
    X[:odd] *= 5
    return {"id": [f"{seed}-{i}" for i in range(n)], "embedding": list(X.astype(np.float32)), "language": language}


def written(path: Path, n: int, seed: int, *, shift: float = 0.0, odd: int = 0, d: int = D) -> Path:
    """Such rows as a Parquet file."""
    pq.write_table(pa.table(rows(n, seed, shift=shift, odd=odd, d=d)), path)
    return path
