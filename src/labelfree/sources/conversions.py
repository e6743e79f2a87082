"""Files that are not read here, and the line that makes of each what is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

_PANDAS = "import pandas as pd; pd.{read}({old}).to_parquet({new})"
_PICKLE = "import pandas as pd; pd.DataFrame(pd.read_pickle({old})).to_parquet({new})"
_FAISS = "import faiss, numpy as np; i = faiss.read_index({old}); np.save({array}, i.reconstruct_n(0, i.ntotal))"
_HDF5 = 'import h5py, numpy as np; np.save({array}, h5py.File({old})["embeddings"][:])'
_DUCKDB = 'import duckdb; duckdb.connect({old}).sql("FROM embeddings").write_parquet({new})'
_SQLITE = (
    'import pandas as pd, sqlite3; pd.read_sql("select * from embeddings", sqlite3.connect({old})).to_parquet({new})'
)
_RUNS = "a pickle, which only running its code can read: do so where you trust it"
_NAMED = "put its own name in place of embeddings"
_LINES: dict[str, tuple[str, str, str]] = {
    ".pkl": (_RUNS, _PICKLE, ""),
    ".pickle": (_RUNS, _PICKLE, ""),
    ".joblib": (_RUNS, "import joblib, pandas as pd; pd.DataFrame(joblib.load({old})).to_parquet({new})", ""),
    ".faiss": ("a FAISS index", _FAISS, ""),
    ".index": ("a FAISS index", _FAISS, ""),
    ".h5": ("HDF5", _HDF5, _NAMED),
    ".hdf5": ("HDF5", _HDF5, _NAMED),
    ".duckdb": ("a database", _DUCKDB, _NAMED),
    ".db": ("a database", _DUCKDB, _NAMED),
    ".sqlite": ("a database", _SQLITE, _NAMED),
    ".mat": (
        "a file of MATLAB",
        'import scipy.io, numpy as np; np.save({array}, scipy.io.loadmat({old})["embeddings"])',
        _NAMED,
    ),
    ".xlsx": ("a spreadsheet", _PANDAS.replace("{read}", "read_excel"), ""),
    ".json": ("one JSON document", _PANDAS.replace("{read}", "read_json"), ""),
    ".orc": ("ORC", _PANDAS.replace("{read}", "read_orc"), ""),
}
_PACKED = {".zst": "zstd -d", ".bz2": "bunzip2", ".xz": "unxz", ".zip": "unzip", ".gz": "gunzip"}


def conversion(file: Path) -> str | None:
    """What a file is that is not read, and the line that converts it; None where that is not known."""
    suffix = file.suffix.lower()
    if suffix in _PACKED:
        return f"a compressed file; unpack it first: {_PACKED[suffix]} {shlex.quote(str(file))}"
    if suffix not in _LINES:
        return None
    what, line, note = _LINES[suffix]
    if suffix == ".db" and _begins(file, b"SQLite format 3"):
        line = _SQLITE
    new, array = file.with_suffix(".parquet"), file.with_suffix(".npy")
    code = line.format(old=_text(file), new=_text(new), array=_text(array))
    return f"{what}; convert it: python -c {shlex.quote(code)}" + (f" ({note})" if note else "")


def _text(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _begins(file: Path, mark: bytes) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(mark)) == mark
    except OSError:
        return False
