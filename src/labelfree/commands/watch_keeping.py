"""What a watch keeps of each file that it scores: the same sampled rows of all, with their class scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.catalog import Command
from labelfree.commands.checkpoints import embedded, run_first
from labelfree.commands.kept_samples import kept, taken_up
from labelfree.commands.measuring import opened_for, report_on, surveyed
from labelfree.commands.options import Options
from labelfree.commands.report import Report
from labelfree.errors import UsageError
from labelfree.history.steps import step_of
from labelfree.kernels.threads import limited_threads
from labelfree.progress import silent
from labelfree.sources.block import AUTO
from labelfree.sources.checkpoints.heads import find_head
from labelfree.sources.opening import open_source
from labelfree.sources.subsets import with_head
from labelfree.survey.scores import Wanted


@dataclass
class Keeping:
    """Where samples are kept; tell: is told once what and how much that is."""

    place: Path
    tell: Callable[[str], None]
    told: bool = False

    def begun(self, steps: list[int]) -> None:
        """Make the directory ready for a watch that has scored these steps before."""
        taken_up(self.place, max(steps) if steps else None)

    def rows(self, path: Any, step: int, chosen: Options) -> None:
        """Keep the sample of one file of embeddings, read once more for it."""
        opened = open_source(path, replace(chosen.columns, outputs=chosen.logits or AUTO))
        if opened.outputs is None and chosen.head is not None:
            opened = with_head(opened, find_head(chosen.head, d=opened.d, classes=None))
        with limited_threads(chosen.threads):
            found = surveyed(opened, frozenset({"sample"}), chosen, chosen.on_bad, silent, wanted=Wanted())
        ids = None
        if "id" in opened.roles and opened.values is not None:
            ids = np.concatenate([np.asarray(values) for values in opened.values(opened.roles["id"])])
        said = kept(self.place, step, found.evidence, ids, None)
        if not self.told:
            self.told = True
            self.tell(said)


def measured_and_kept(path: Path, command: Command, chosen: Options, keeping: Keeping) -> Report:
    """The report of a file, whose sample is kept before; a checkpoint is run once for both."""
    step = step_of(path.name)
    if step is None:
        raise UsageError(f"{path}: expected a step in its name (epoch_03, step00020, checkpoint-500), found none")

    def opening(file: Any, inner: Options) -> Any:
        keeping.rows(file, step, inner)
        return opened_for(command, file, inner)[0]

    if run_first(str(path), chosen):
        return embedded(str(path), chosen, opening, lambda rows, inner: report_on(command, rows, inner, silent), silent)
    return report_on(command, opening(str(path), chosen), chosen, silent)
