"""What --memory promises is what is used: the peak of the program, measured, within 30 % of the estimate."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfree
from labelfree.errors import ResourceError

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

PEAK = """
import sys, labelfree
options = dict(argument.split("=") for argument in sys.argv[3:])
getattr(labelfree, sys.argv[1])(sys.argv[2], threads=2, **options)
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")))
"""


def chosen(command: str, only: str) -> dict[str, str]:
    """The options of a command by name."""
    return {**({"only": only} if only else {}), **({"group": "item"} if command == "opis" else {})}


def used(command: str, path: Path, only: str) -> int:
    """Bytes of resident memory at the peak of a fresh program."""
    arguments = [sys.executable, "-c", PEAK, command, str(path), *map("=".join, chosen(command, only).items())]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=300).stdout)


def promised(command: str, path: Path, only: str) -> int:
    """Bytes that the refusal of a limit says are needed."""
    with pytest.raises(ResourceError) as told:
        getattr(labelfree, command)(path, memory=1, threads=2, **chosen(command, only))
    found = re.search(r"need about (\d+) MB", str(told.value))
    assert found is not None
    return int(found[1]) * 1_000_000


@pytest.mark.parametrize(
    ("command", "only", "n", "d", "suffix"),
    [
        ("rank", "", 200, 16, "npy"),
        ("rank", "", 2000, 256, "npy"),
        ("rank", "rankme", 100_000, 64, "parquet"),
        ("separability", "", 3000, 32, "npy"),
        ("doctor", "", 2000, 4096, "npy"),
        ("transfer", "", 20_000, 128, "parquet"),
        ("opis", "", 20_000, 128, "parquet"),
        pytest.param("rank", "", 2000, 3072, "npy", marks=[pytest.mark.slow, pytest.mark.once]),
        pytest.param("separability", "", 2000, 3072, "npy", marks=[pytest.mark.slow, pytest.mark.once]),
    ],
)
def test_the_estimate_is_true(tmp_path: Path, command: str, only: str, n: int, d: int, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    X = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
    if suffix == "npy":
        np.save(path, X)
    else:
        columns = {"embedding": pa.FixedSizeListArray.from_arrays(X.ravel(), d)}
        if command == "opis":
            columns["item"] = pa.array(np.arange(n) // 5)
        if command == "transfer":
            logits = X @ np.random.default_rng(1).standard_normal((d, 50), dtype=np.float32)
            columns["logits"] = pa.FixedSizeListArray.from_arrays(logits.ravel(), 50)
        pq.write_table(pa.table(columns), path)
    assert promised(command, path, only) == pytest.approx(used(command, path, only), rel=0.3)


def test_what_would_help_is_said() -> None:
    X = np.ones((2000, 64))
    with pytest.raises(ResourceError, match="raise the limit, or lower sample"):
        labelfree.separability(X, memory=10**6, threads=2)
    with pytest.raises(ResourceError, match="raise the limit, or name fewer metrics with only"):
        labelfree.rank(np.ones((20, 2000)), memory=10**6)
    with pytest.raises(ResourceError, match=r"raise the limit$"):
        labelfree.doctor(np.ones((20, 64)), memory=10**6)
