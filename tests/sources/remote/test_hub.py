"""Data sets of the hub, by a server behind HF_ENDPOINT, and the programs that are started with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import labelfree as package
from program import Program
from range_server import serving
from remote_data import npy, parquet

pytestmark = pytest.mark.once

ROWS = np.random.default_rng(0).normal(size=(600, 12)).astype(np.float32)


def test_files_patterns_and_directories_of_a_data_set(labelfree: Program) -> None:
    expected = float(package.rank(ROWS)["rankme"])
    with serving() as hub:
        env = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_S3CR3T"}
        base = "/datasets/org/name"
        hub.files |= {f"{base}/data/x_{i}.npy": npy(ROWS[4 * i : 4 * i + 4]) for i in range(150)}
        hub.files |= {f"{base}/all.parquet": parquet(ROWS), f"{base}/README.md": b"text"}
        for name in ("all.parquet", "data/*.npy", "data"):
            done = labelfree("rank", f"hf://datasets/org/name/{name}", "--json", env=env, started=True)
            assert done.returncode == 0, done.stderr
            report = json.loads(done.stdout)["reports"][0]
            assert report["input"]["n"] == 600
            assert report["metrics"]["rankme"]["value"] == pytest.approx(expected, rel=1e-10)
            assert "S3CR3T" not in done.stdout + done.stderr
        hub.statuses[f"{base}/all.parquet"] = 401
        for name, message in (
            ("name/none.npy", "name/none.npy: no such file"),
            ("none/x.npy", "none/x.npy: no such file"),
            ("name/none/*.npy", "no file matches the pattern"),
            ("name/all.parquet", "access is denied (401); check the credentials and their rights (HF_TOKEN"),
        ):
            done = labelfree("rank", f"hf://datasets/org/{name}", env=env, started=True)
            assert done.returncode == 2, done.stderr
            assert message in done.stderr
            assert "Traceback" not in done.stderr
