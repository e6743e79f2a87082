"""Files that are not read: each is refused with a line that converts it, and the line does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from labelfree.errors import SourceError
from labelfree.sources.opening import open_source
from program import Program
from readers import joined

X = np.random.default_rng(1).normal(size=(9, 4))
FRAME = pd.DataFrame(X, columns=[f"e{j}" for j in range(4)])


def duckdb(path: Path) -> None:
    import duckdb

    frame = FRAME  # noqa: F841  # named in the statement
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE embeddings AS FROM frame")


def sqlite(path: Path) -> None:
    import sqlite3

    FRAME.to_sql("embeddings", sqlite3.connect(path), index=False)


def hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["embeddings"] = X


def faiss(path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatL2(4)
    index.add(X.astype(np.float32))
    faiss.write_index(index, str(path))


def spreadsheet(path: Path) -> None:
    pytest.importorskip("openpyxl")
    FRAME.to_excel(path, index=False)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "a frame's.pkl": lambda path: pd.to_pickle(FRAME, path),
    "array.pickle": lambda path: pd.to_pickle(X, path),
    "a.joblib": lambda path: pytest.importorskip("joblib").dump(FRAME, path),
    "a.duckdb": duckdb,
    "duck.db": duckdb,
    "lite.db": sqlite,
    "a.sqlite": sqlite,
    "a.mat": lambda path: scipy.io.savemat(path, {"embeddings": X}),
    "a.json": lambda path: FRAME.to_json(path, double_precision=15),
    "a.orc": lambda path: FRAME.to_orc(path),
    "a.h5": hdf5,
    "a.faiss": faiss,
    "a.index": faiss,
    "a.xlsx": spreadsheet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_line_converts_the_file(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / name)
    line = re.search(r"convert it.*?: (python -c '.*'|python -c \S.*?)(?: \(put its own name.*\))?$", str(caught.value))
    assert line, str(caught.value)
    words = shlex.split(line[1])
    subprocess.run([sys.executable, *words[1:]], check=True, timeout=120)
    new = next(path for path in tmp_path.iterdir() if path.suffix in (".parquet", ".npy"))
    np.testing.assert_allclose(joined(open_source(new)).rows, X, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".zst", ".bz2", ".xz", ".zip"])
def test_other_compressed_files_are_to_be_unpacked(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a.csv{suffix}").write_bytes(b"x")
    with pytest.raises(SourceError, match="found a compressed file; unpack it first: "):
        open_source(tmp_path / f"a.csv{suffix}")


def test_nothing_of_a_pickle_is_run(labelfree: Program, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"cos\nmkdir\n(S'proof'\ntR.")
    done = labelfree("rank", "a.pkl")
    assert (done.returncode, done.stdout) == (2, "")
    assert "only running its code can read" in done.stderr
    assert not (tmp_path / "proof").exists()
