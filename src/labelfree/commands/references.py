"""The reference of a drift: opened before any work, read once for any number of current data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelfree.commands.column_values import with_column
from labelfree.commands.measuring import surveyed
from labelfree.commands.options import Options
from labelfree.errors import SourceError, UsageError, option
from labelfree.evidence.evidence import Need
from labelfree.progress import Progress
from labelfree.sources.block import AUTO, Columns, Source
from labelfree.sources.opening import open_source
from labelfree.sources.paths import natural
from labelfree.sources.tables.provenance import differing, facts_of
from labelfree.survey.found import Survey
from labelfree.survey.scores import Wanted


def in_order(names: Sequence[str]) -> list[str]:
    """Names of current data sets in natural order: day_2 before day_10."""
    return sorted(names, key=lambda name: natural(Path(name)))


def current_columns(chosen: Options) -> Columns:
    """The columns to read of current rows."""
    return with_column(
        Columns(chosen.column, chosen.id, outputs=chosen.logits or AUTO, memory=chosen.memory, amount=chosen.amount),
        chosen.by,
    )


class Reference:
    """The rows that current ones are compared with.

    opened: the data set; facts: the model that wrote it, where its file says so; sliced: whether it has the column of
    the slices. `survey` reads it, the first time that it is asked for.
    """

    def __init__(self, given: Any, chosen: Options) -> None:
        if given is None:
            raise UsageError(
                f"expected {option('reference', like='FILE')}: the rows to compare with, such as a sample of the "
                "training data; found none"
            )
        names = (None, None) if chosen.data is not None else (chosen.column, chosen.id)  # those are of the data
        columns = Columns(
            *names,
            outputs=chosen.logits or AUTO,
            label=chosen.label or AUTO,
            memory=chosen.memory,
            amount=chosen.amount,
        )
        self.opened, self.sliced = _with_slices(given, columns, chosen.by)
        self.facts = facts_of(self.opened.files)
        self._survey: Survey | None = None

    def check(self, current: Source) -> None:
        """Refuse current rows of another width, other classes or another model."""
        if current.d != self.opened.d:
            raise UsageError(
                f"{current.name}: expected rows of width {self.opened.d} as in {self.opened.name}, found {current.d}; "
                "run both sides through one model"
            )
        if current.outputs is not None and self.opened.outputs is not None:
            found = [max(one.outputs.classes, 2) for one in (current, self.opened) if one.outputs]
            if found[0] != found[1]:
                raise UsageError(
                    f"{current.name}: expected class scores of {found[1]} classes as in {self.opened.name}, found "
                    f"{found[0]}; score both sides with one model"
                )
        if what := differing(facts_of(current.files), self.facts):
            raise UsageError(
                f"{current.name}: expected embeddings of the model that wrote {self.opened.name}, found {what}; run "
                "both sides through one model"
            )

    def survey(self, needs: frozenset[Need], chosen: Options, progress: Progress) -> Survey:
        """What one pass over the reference found."""
        if self._survey is None:
            wanted = Wanted(labels="label" in self.opened.roles) if self.opened.outputs is not None else None

            def told(stage: str, done: float) -> None:
                progress(f"{stage} the reference", done)

            self._survey = surveyed(self.opened, needs, chosen, chosen.on_bad, told, wanted=wanted)
        return self._survey


def _with_slices(given: Any, columns: Columns, by: str | None) -> tuple[Source, bool]:
    """The reference, with the column of the slices where it has one."""
    if by is not None:
        try:
            return open_source(given, with_column(columns, by)), True
        except (SourceError, UsageError):
            pass  # one without that column does; what else is wrong is said below
    return open_source(given, columns), False
