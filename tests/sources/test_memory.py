"""Memory is bounded by the block that is asked for, whatever the size of the file and of its row groups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

PEAK = """
import sys, pyarrow.parquet, numpy
from labelfree.sources.opening import open_source
open_source([[1.0]])  # imports what every source needs
def peak():  # of this program alone: ru_maxrss would begin with that of the program that started it
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
before = peak()
{read}
print(peak() - before)
"""
IN_BLOCKS = "assert sum(len(block.rows) for block in open_source(sys.argv[1]).read(1000)) == 200_000"
PARQUET_AT_ONCE = "assert len(pyarrow.parquet.read_table(sys.argv[1])) == 200_000"
NUMPY_AT_ONCE = "assert len(numpy.load(sys.argv[1])) == 200_000"


def growth(read: str, file: Path) -> int:
    """How far the peak of resident memory rises while the file is read."""
    command = [sys.executable, "-c", PEAK.format(read=read), str(file)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200,000 rows of 256 numbers, 205 MB, in every form; one row group each."""
    path = tmp_path_factory.mktemp("memory")
    X = np.random.default_rng(0).random((200_000, 256), dtype=np.float32)
    columns = {
        "vectors": {"emb": pa.FixedSizeListArray.from_arrays(X.ravel(), 256)},
        "columns": {f"emb_{j}": pa.array(X[:, j]) for j in range(256)},
    }
    for name, table in columns.items():
        options = {"compression": "none", "use_dictionary": False}
        pq.write_table(pa.table(table), path / f"{name}.parquet", row_group_size=len(X), **options)
        assert pq.read_metadata(path / f"{name}.parquet").num_row_groups == 1
    feather.write_feather(pa.table(columns["vectors"]), path / "a.arrow", compression="uncompressed", chunksize=len(X))
    np.save(path / "a.npy", X)
    return path


@pytest.mark.parametrize("name", ["vectors.parquet", "columns.parquet", "a.npy", "a.arrow"])
def test_memory_is_bounded_by_the_block(name: str, directory: Path) -> None:
    size = (directory / name).stat().st_size
    assert size > 200e6
    assert growth(IN_BLOCKS, directory / name) < 0.4 * size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "lists.csv", "a.jsonl"])
def test_memory_of_text_is_bounded(name: str, tmp_path: Path) -> None:
    """190 MB of text, which read at once would be as many bytes and the values; what is held does not grow with it."""
    row = ", ".join(map(str, np.random.default_rng(0).random(256)))
    head = {"a.csv": ",".join(f"e{j}" for j in range(256)) + "\n", "lists.csv": "emb\n", "a.jsonl": ""}[name]
    line = {"a.csv": f"{row}\n", "lists.csv": f'"[{row}]"\n', "a.jsonl": f'{{"emb": [{row}]}}\n'}[name]
    with (tmp_path / name).open("w") as file:
        file.write(head)
        for _ in range(40):
            file.write(line * 1000)
    size = (tmp_path / name).stat().st_size
    assert size > 190e6
    assert growth(IN_BLOCKS.replace("200_000", "40_000"), tmp_path / name) < 0.75 * size


@pytest.mark.parametrize(("name", "read"), [("vectors.parquet", PARQUET_AT_ONCE), ("a.npy", NUMPY_AT_ONCE)])
def test_reading_at_once_would_be_seen(name: str, read: str, directory: Path) -> None:
    assert growth(read, directory / name) > 0.8 * (directory / name).stat().st_size
