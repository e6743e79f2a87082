"""A real cluster of Ray on this machine: a head without cores and two nodes of one core each."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelfree.sources.block import Block, Source

STORE = 100_000_000


@contextmanager
def cluster(nodes: int = 2) -> Iterator[Any]:
    """The cluster, ended with all of its processes."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False},
    )
    try:
        for _ in range(nodes):
            made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made
    finally:
        if ray.is_initialized():
            ray.shutdown()
        made.shutdown()


def meeting(source: Source, place: Path, at: int, meets: str) -> Source:
    """A source the reading of whose row `at` meets with something, once: "killed" or "waits" (for the file `go`).

    Every reading of a piece is a line of the file `read` in `place`: its first row, and the node.
    """
    inner: Callable[[int, int, int], Iterator[Block]] = source.between
    where = str(place)

    def span(rows: int, start: int, stop: int) -> Iterator[Block]:
        import os
        import signal
        import time
        from pathlib import Path

        import ray

        place = Path(where)
        node = ray.get_runtime_context().get_node_id()
        with open(place / "read", "a") as file:
            file.write(f"{start} {node}\n")
        first = start <= at < stop and not (place / "met").exists()
        if first:
            (place / "meets").write_text(node)
            (place / "meets").rename(place / "met")
            if meets == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        if meets == "waits" and start <= at < stop:
            until = time.monotonic() + 60
            while not (place / "go").exists() and time.monotonic() < until:
                time.sleep(0.05)
        yield from inner(rows, start, stop)

    return replace(source, span=span)


def readings(place: Path) -> list[int]:
    """The first rows of the pieces that were read, each as often as it was."""
    return [int(line.split()[0]) for line in (place / "read").read_text().splitlines()]
