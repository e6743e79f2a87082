"""What the tests share: fixtures of the repository, and the program as a user runs it."""

from __future__ import annotations

import os
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # two workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):  # programs that start are compiled once, as pip leaves them
    sys.dont_write_bytecode = False

import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from forked import Forks, needs_a_start
from program import Program
from repository import ROOT

pytest_plugins = ("wheels",)

hypothesis.settings.register_profile("labelfree", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("labelfree")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests begin first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Where the calls of `labelfree` are forked from, in this worker."""
    with Forks() as forks:
        yield forks


@pytest.fixture
def labelfree(tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    """Runs the program in an empty directory, as a pipe would; returns code, stdout and stderr.

    The process is forked from one that has imported the program; started: by `python -m labelfree` instead, as with
    variables that an interpreter reads when it starts.
    """

    def run(
        *arguments: object, env: dict[str, str] | None = None, started: bool = False
    ) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LABELFREE_", "GITHUB_"))}
        environment |= {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "80", **(env or {})}
        asked = [str(argument) for argument in arguments]
        if not started and not needs_a_start(env or {}):
            forks: Forks = request.getfixturevalue("forks")
            return forks.run(asked, tmp_path, environment, timeout=120)
        command = [sys.executable, "-m", "labelfree", *asked]
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
