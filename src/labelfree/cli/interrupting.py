"""Ctrl-C at any moment: exit code 130 and one line, also while modules are imported."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
_seen = False


def interrupted() -> bool:
    """Whether the run was interrupted: an import may make another error of it."""
    return _seen


@contextmanager
def leaving() -> Iterator[None]:
    """End at once where the process is interrupted: there is nothing yet to be closed."""

    def leave(*_: Any) -> None:
        os.write(2, b"labelfree: interrupted\n")
        os._exit(INTERRUPTED)

    with _handled_by(leave):
        yield


@contextmanager
def noticing() -> Iterator[None]:
    """Remember an interrupt beside raising KeyboardInterrupt."""

    def notice(number: int, frame: Any) -> None:
        global _seen
        _seen = True
        signal.default_int_handler(number, frame)

    with _handled_by(notice):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle SIGINT, where Python would: not in another thread, nor where a shell has it ignored."""
    global _seen
    _seen = False
    try:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        before = signal.signal(signal.SIGINT, handler) if ours else None
    except ValueError:  # another thread than the main one
        ours = False
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)
