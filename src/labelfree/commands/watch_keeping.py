"""What a watch keeps of each file that it scores: the same sampled rows of all, with their class scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelfree.catalog import Command
from labelfree.commands.checkpoints import embedded, run_first
from labelfree.commands.kept_samples import kept, taken_up
from labelfree.commands.measuring import opened_for, report_on, surveyed
from labelfree.commands.options import Options
from labelfree.commands.report import Report
from labelfree.history.steps import step_of
from labelfree.kernels.threads import limited_threads
from labelfree.progress import silent
from labelfree.sources.block import AUTO
from labelfree.sources.opening import open_source
from labelfree.sources.subsets import headed
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
        opened = headed(open_source(path, replace(chosen.columns, outputs=chosen.logits or AUTO)), chosen.head)
        with limited_threads(chosen.threads):
            found = surveyed(opened, frozenset({"sample"}), chosen, chosen.on_bad, silent, wanted=Wanted())
        ids = opened.every("id") if "id" in opened.roles else None
        said = kept(self.place, step, found.evidence, ids, None)
        if not self.told:
            self.told = True
            self.tell(said)

    def measured(self, path: Path, command: Command, chosen: Options) -> Report:
        """The report of a file with a step in its name, whose sample is kept; a checkpoint is run once for both."""
        step = step_of(path.name)
        assert step is not None, "a watch leaves files without one out"

        def opening(file: Any, inner: Options) -> Any:
            self.rows(file, step, inner)
            return opened_for(command, file, inner)[0]

        def report(rows: Any, inner: Options) -> Report:
            return report_on(command, rows, inner, silent)

        if run_first(str(path), chosen):
            return embedded(str(path), chosen, opening, report, silent)
        return report(opening(str(path), chosen), chosen)
