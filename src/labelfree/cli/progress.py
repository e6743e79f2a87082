"""A progress bar on stderr."""

from __future__ import annotations

import os
import time
from typing import Any

_PATIENCE = 1.0


class Bar:
    """A progress bar on stderr that appears only when the work takes longer than a second."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self.began = time.monotonic()
        self.progress: Any = None
        self.task: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def __call__(self, stage: str, done: float) -> None:
        """Show which fraction of a stage is done; what follows a colon in its name is a detail of it."""
        if not self.enabled or time.monotonic() - self.began < _PATIENCE:
            return
        if self.progress is None:
            self._open()
        shown = self.progress.tasks[0].description
        if stage.partition(": ")[0] != shown.partition(": ")[0]:
            self.progress.reset(self.task, description=stage)
        self.progress.update(self.task, completed=done, description=stage)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(), TextColumn("elapsed,"), TimeRemainingColumn(), TextColumn("left"),
        )  # fmt: skip
        dumb = os.environ.get("TERM") == "dumb"
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=dumb)
        self.task = self.progress.add_task("", total=1.0)
        self.progress.start()

    def clear(self) -> None:
        """Remove the bar, so that text can follow."""
        if self.progress is not None:
            self.progress.stop()
            self.progress, self.began = None, time.monotonic()
