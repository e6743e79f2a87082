"""Ray that a command starts by itself, on files of a store, and what it says of its nodes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from moto_s3 import moto_s3
from program import Program
from remote_data import parquet

pytestmark = [pytest.mark.integration, pytest.mark.slow]
pytest.importorskip("ray", reason="needs the extra [integration]")
pytest.importorskip("moto", reason="needs the extra [integration]")

ROWS = np.random.default_rng(0).normal(size=(900, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with moto_s3() as (env, client):
        for i in range(3):
            body = parquet(ROWS[300 * i : 300 * i + 300], first=300 * i, row_group_size=80)
            client.put_object(Bucket="bucket", Key=f"run/part_{i}.parquet", Body=body)
        yield env


def test_a_store_is_read_by_tasks_as_files_here_are_read_by_threads(
    store: dict[str, str], labelfree: Program, tmp_path: Path
) -> None:
    for i in range(3):
        body = parquet(ROWS[300 * i : 300 * i + 300], first=300 * i, row_group_size=80)
        (tmp_path / f"part_{i}.parquet").write_bytes(body)
    env = {**store, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    there = labelfree(
        "rank", "s3://bucket/run/*.parquet", "--engine", "ray", "--threads", "2", "-v", "--json", env=env, started=True
    )
    assert there.returncode == 0, there.stderr
    here = labelfree("rank", "part_*.parquet", "--concat", "--json")
    found, expected = (json.loads(done.stdout)["reports"][0] for done in (there, here))
    assert json.dumps(found["metrics"]) == json.dumps(expected["metrics"])
    assert found["input"]["rows_hash"] == expected["input"]["rows_hash"]
    assert "labelfree: engine ray: 1 node: " in there.stderr
    assert "3 shards" in there.stderr
    assert "S3CR3T" not in there.stdout + there.stderr
