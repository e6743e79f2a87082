"""Changes what calls are forked from: `embed` writes often, and a call may end itself at the n-th step of writing.

`embed` puts its rows on the disk after every batch, not every 20 s, so that a kill meets all of its states. A call with
the variable KILL_AT=n sends itself SIGKILL before the n-th time that it opens a file for writing, renames, removes or
locks one: moments that a clock hardly meets.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

_file: Any = importlib.import_module("labelfree.models.output.file")
_file._FLUSH_SECONDS = 0.0

_STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "fcntl.flock", "fcntl.lockf")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_seen = 0


def _step(event: str, arguments: tuple[Any, ...]) -> None:
    global _seen
    if event not in _STEPS and not (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return
    due = os.environ.get("KILL_AT")
    if due is not None:
        _seen += 1
        if _seen >= int(due):
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(_step)
