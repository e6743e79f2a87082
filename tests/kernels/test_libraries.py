"""Libraries with threads of their own, looked for again only where some may have come."""

from __future__ import annotations

import subprocess
import sys

from threadpoolctl import threadpool_info, threadpool_limits

from labelfree.kernels import threads

LATER = """
from threadpoolctl import threadpool_info
from labelfree.kernels.threads import blas_threads, one_core

assert blas_threads() >= 1
before = len(threadpool_info())
import scipy.linalg  # brings a library of its own

pools = lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
assert len(threadpool_info()) > before
told = pools()
with one_core():
    assert set(pools()) == {1}, pools()
assert pools() == told
"""


def test_a_library_that_came_later_is_on_one_core_too() -> None:
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_limit_that_changes_is_seen_without_another_look() -> None:
    threads.blas_threads()
    known = threads._libraries.cache_info().misses
    with threadpool_limits(1, user_api="blas"):
        assert threads.blas_threads() == 1
    most = max(int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas")
    assert threads.blas_threads() == most
    assert threads._libraries.cache_info().misses == known
