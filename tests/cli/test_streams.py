"""What is printed arrives whole, or it is said that it did not: unbuffered streams, full files, hasty pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import labelfree

pytestmark = pytest.mark.once

EPOCH = Path(labelfree.__file__).parent / "demo_data" / "epoch_05.parquet"
COMMAND = [sys.executable, "-m", "labelfree", "rank", str(EPOCH), "--json", "-q"]


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED" and not k.startswith("LABELFREE_")}
    return {**kept, **more}


@pytest.fixture(scope="module")
def whole() -> bytes:
    """The document as a patient reader gets it."""
    done = subprocess.run(COMMAND, capture_output=True, env=environment(), check=True)
    json.loads(done.stdout)
    return done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_file_that_may_not_grow_is_told(tmp_path: Path, whole: bytes, unbuffered: str) -> None:
    assert len(whole) > 4096
    script = f"ulimit -f 1; exec {' '.join(COMMAND)} > {tmp_path}/out.json"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment(PYTHONUNBUFFERED=unbuffered),
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "labelfree: the output is larger than a file may be here (ulimit -f)" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_does_not_wait_gets_all_of_it(whole: bytes, unbuffered: str) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    size = 4096  # of the pipe: less than the document
    if hasattr(os, "sched_getaffinity"):  # Linux
        import fcntl

        fcntl.fcntl(write, 1031, size)  # F_SETPIPE_SZ
    with subprocess.Popen(
        COMMAND, stdout=write, stderr=subprocess.PIPE, env=environment(PYTHONUNBUFFERED=unbuffered)
    ) as p:
        os.close(write)
        time.sleep(0.5)  # a reader that takes its time
        found = bytearray()
        with open(read, "rb", buffering=0) as stream:
            while part := stream.read(1000):
                found += part
                time.sleep(0.01)
        assert p.stderr is not None
        said = p.stderr.read()
    assert (p.returncode, said) == (0, b"")
    assert bytes(found) == whole
