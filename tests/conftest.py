"""What the tests share: fixtures of the repository, and the program as a user runs it."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # two workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from program import Program
from repository import ROOT

pytest_plugins = ("wheels",)

hypothesis.settings.register_profile("labelfree", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("labelfree")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def labelfree(tmp_path: Path) -> Program:
    """Runs the program in an empty directory, as a pipe would; returns code, stdout and stderr."""

    def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE_", "GITHUB_"))}
        environment |= {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80", **(env or {})}
        command = [sys.executable, "-m", "labelfree", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120, check=False
        )

    return run


@pytest.fixture(scope="session")
def fixture_f() -> NDArray[np.float64]:
    """The deterministic 64 x 8 matrix of the golden values."""
    i, j = np.mgrid[0:64, 0:8]
    return np.asarray(np.cos(0.1 * (i + 1) * (j + 1)) / (j + 1) + 0.3)


@pytest.fixture(scope="session")
def fixture_g() -> NDArray[np.int64]:
    """The 5 x 3 integer matrix of the golden values: rank 2 once centered."""
    return np.array([[1, 2, 0], [3, 4, 1], [5, 6, 0], [7, 8, 2], [0, 1, 3]])
