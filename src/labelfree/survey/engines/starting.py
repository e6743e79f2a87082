"""Ray as it is started or joined here, and nodes whose versions differ refused before any work."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from labelfree.documents.wording import counted
from labelfree.errors import EngineError, MissingExtra, in_short, option

_STORE_SHARE, _LEAST_STORE, _MOST_STORE = 0.2, 100_000_000, 8_000_000_000
"""The object store of a Ray that is started here: a fifth of the memory, within these bytes."""
LOG = logging.getLogger("labelfree.engines")
"""What a cluster reports while it works."""
_LONGEST = 120
"""Characters of what a node reports."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@cache
def versions() -> Mapping[str, str]:
    """What has to be alike on all nodes, since digits and what travels depend on it."""
    import platform

    import numpy
    import pyarrow

    from labelfree import __version__

    return {
        "labelfree": __version__, "Python": platform.python_version(), "numpy": numpy.__version__,
        "pyarrow": pyarrow.__version__, "processor": platform.machine(),
    }  # fmt: skip


def check_versions(found: Mapping[str, str], node: str, expected: Mapping[str, str]) -> None:
    """Refuse a node whose versions are others than those of the driver."""
    other = {name: found.get(name, "none") for name in expected if found.get(name) != expected[name]}
    if other:
        here = ", ".join(f"{name} {expected[name]}" for name in other)
        there = ", ".join(f"{name} {said}" for name, said in other.items())
        raise EngineError(
            f"node {node}: expected {here} as where the command was started, found {there}; install one version on "
            "every node, or start the command where that one is"
        )


def connected(address: str | None, cores: int) -> Any:
    """Ray: where the process is connected already, at an address (that of the environment too), or started here.

    cores: tasks at a time of one that is started here.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(option("engine", "ray"), "ray") from error
    address = address or os.environ.get("RAY_ADDRESS") or None
    if address is not None and address.startswith("ray://"):
        raise EngineError(
            f"{option('address', address)}: expected the address of a cluster that this machine is a node of, such as "
            "auto or HOST:6379, found that of Ray's client; run the command on the head of the cluster, or submit it "
            "as a job"
        )
    if ray.is_initialized():
        return ray
    quiet = {"include_dashboard": False, "logging_level": logging.CRITICAL, "log_to_driver": False}
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        if address is None:
            ray.init("local", num_cpus=cores, object_store_memory=_store(), **quiet)
        else:
            ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        where = "a Ray on this machine" if address is None else option("address", address)
        raise EngineError(
            f"{where}: expected to connect, found {in_short(error)}; {_WAY if address else _HERE}"
        ) from error
    keep_off_stdout()
    return ray


def keep_off_stdout() -> None:
    """Have the first line of what nodes report told to the log; by itself Ray prints all of it to stdout."""
    from ray._private import worker

    def told(data: Mapping[str, Any], ignore_prefix: bool = False) -> None:
        for said in data.get("lines", ())[:1]:
            LOG.info("ray: %s", str(said).partition("\n")[0][:_LONGEST])

    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = told


_HERE = "starting one by itself, as docs/scale.md has it, says why"
_WAY = "ray status says on a node whether the cluster is up; versions of Ray and Python must be those of its head"


def _store() -> int:
    """Bytes of the object store of a Ray that is started here."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = _LEAST_STORE
    shared = _MOST_STORE
    if os.path.isdir("/dev/shm"):
        found = os.statvfs("/dev/shm")
        shared = int(0.8 * found.f_bavail * found.f_frsize)
    return int(max(min(_STORE_SHARE * memory, _MOST_STORE, shared), _LEAST_STORE))


def nodes_of(ray: Any) -> list[str]:
    """The nodes that are up, by name: address, cores, and versions that were found alike on all of them."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    return [
        f"{node['NodeManagerAddress']} ({counted(int(node['Resources'].get('CPU', 0)), 'core')}, {node['NodeID'][:8]})"
        for node in alive
    ]
