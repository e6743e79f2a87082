"""What this process holds: measured where the system says it, so that an estimate begins with what is there."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h, which grows to 32 MB where it is not set
_MAPPED = 1 << 20
_USUAL = 110_000_000  # Python, numpy, pyarrow and labelfree, where the system does not say


def held() -> int:
    """Bytes of memory that this process holds now: resident pages, or their peak where only that is known."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return _USUAL
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def give_back() -> None:
    """Hand memory that is free back to the system, now and from now on, where the C library would keep it for later.

    Arrays of a megabyte and more are then unmapped when they are dropped, so that a peak is what is in use.
    """
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "malloc_trim"):  # glibc
        library.mallopt(_MMAP_THRESHOLD, _MAPPED)
        library.malloc_trim(0)
