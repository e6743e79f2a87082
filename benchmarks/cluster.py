"""A store and a cluster of two nodes that loses one on the way, against one process on files of this machine.

    python benchmarks/cluster.py            4 GB in 200 objects, then 50,000 rows: some twenty minutes, 9 GB of disk;
                                            writes results/cluster.json
    python benchmarks/cluster.py --quick    small files, in a minute; written nowhere

The store is moto's S3 server on this machine, the cluster a head without cores and two nodes of one core each. While
each command runs on it, one of the nodes is removed and another added. Asked is whether `metrics` are the same bytes.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processes import machine
from remote import server
from scale import written

RESULTS = Path(__file__).parent / "results" / "cluster.json"
RUNS: dict[str, tuple[tuple[str, ...], tuple[int, int, int]]] = {
    "rank": (("rank",), (200, 6_500, 768)),
    "separability --sample all": (("separability", "--sample", "all"), (8, 6_250, 768)),
}
"""Commands, with files, rows of each and columns of what they read."""
QUICK = {"rank": (12, 4_000, 64), "separability --sample all": (4, 2_000, 32)}
STORE = 1_500_000_000
LOST_AFTER = 0.3
"""The part of the time of one process after which a node is removed."""


@contextmanager
def cluster() -> Iterator[Any]:
    """A head without cores and two nodes of one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(2):
            made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made
    finally:
        made.shutdown()


def started(command: tuple[str, ...], source: str, *more: str) -> subprocess.Popen[str]:
    """The command on a source, in a process of its own."""
    words = [sys.executable, "-m", "labelfree", *command, source, "--json", "-q", *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def ended(running: subprocess.Popen[str]) -> str:
    """The metrics of its report, as the bytes that it wrote."""
    out, _ = running.communicate()
    if running.returncode:
        raise SystemExit(f"{running.args}: exit code {running.returncode}")
    return json.dumps(json.loads(out)["reports"][0]["metrics"])


def compared(name: str, shape: tuple[int, int, int], place: Path, client: Any, nodes: Any) -> dict[str, Any]:
    """One command here and there; a node is lost there."""
    command = RUNS[name][0]
    place.mkdir()
    size = written(place, *shape)
    for file in sorted(place.iterdir()):
        client.upload_file(str(file), "bucket", f"{place.name}/{file.name}")
    began = time.perf_counter()
    here = ended(started(command, str(place)))
    alone = time.perf_counter() - began
    began = time.perf_counter()
    running = started(command, f"s3://bucket/{place.name}/", "--engine", "ray", "--address", nodes.address)
    time.sleep(max(2.0, LOST_AFTER * alone))
    inside = running.poll() is None
    nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
    nodes.add_node(num_cpus=1, object_store_memory=STORE)
    there = ended(running)
    found = {
        "objects": shape[0], "rows": shape[0] * shape[1], "width": shape[2], "gigabytes": round(size / 1e9, 2),
        "one_process": round(alone, 1), "cluster": round(time.perf_counter() - began, 1), "lost_inside": inside,
        "same_bytes": here == there,
    }  # fmt: skip
    print(f"{name}: {found}", flush=True)
    return found


def main() -> None:
    """Both commands, then the file of results."""
    quick = "--quick" in sys.argv
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, server(), cluster() as nodes:
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        for i, (name, (_, shape)) in enumerate(RUNS.items()):
            found[name] = compared(name, QUICK[name] if quick else shape, Path(folder) / f"run{i}", client, nodes)
    if not all(one["same_bytes"] for one in found.values()):
        raise SystemExit("the metrics differ")
    if not quick:
        RESULTS.write_text(json.dumps({"machine": machine(), "runs": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
