"""Several sources in Python: which of them are data sets, and their reports."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import as_array
from labelfree.catalog import Command
from labelfree.commands.candidates import compared
from labelfree.commands.measuring import measured_on, opened_for
from labelfree.commands.options import Options
from labelfree.commands.report import Report
from labelfree.commands.reports import Reports
from labelfree.errors import UsageError, option
from labelfree.progress import Progress
from labelfree.sources.block import Source


def reports_on(command: Command, sources: Sequence[Any], chosen: Options, progress: Progress) -> Reports:
    """The reports of a command on several sources, in their order; every one is opened before any is measured."""
    if not sources:
        raise UsageError("expected at least one source, found an empty list; is the pattern that made it right?")
    check_sources(sources)
    opened = apart([one for source in sources for one in opened_for(command, source, chosen)])
    if chosen.freeze is not None and len(opened) > 1:
        raise UsageError(f"{option('freeze')}: expected one source, whose groups are kept, found {len(opened)}")
    reports: list[Report] = []
    for i, one in enumerate(opened):

        def told(stage: str, done: float, i: int = i) -> None:
            progress(f"{i + 1}/{len(opened)} {stage}" if len(opened) > 1 else stage, done)

        reports.append(measured_on(command, one, chosen, told))
    if command.by_epoch and len(reports) > 1:
        compared(reports)
    return Reports(reports)


def check_sources(sources: Sequence[Any]) -> None:
    """Refuse a list of rows of numbers: it is a matrix, and a list is several sources."""
    first = sources[0] if sources else None
    if isinstance(first, list | tuple) and len(first) and isinstance(first[0], int | float | np.number):
        raise UsageError(
            "expected sources in the list, found a row of numbers; give the whole matrix as one array: "
            "np.asarray(source)"
        )


def one_of(sources: Sequence[Any]) -> Any:
    """One data set of several: paths as they are, arrays and tensors one under another."""
    check_sources(sources)
    if all(isinstance(source, str | os.PathLike) for source in sources):
        return list(sources)
    kept = [type(s).__name__ for s in sources if hasattr(s, "__arrow_c_stream__") or isinstance(s, dict | Source)]
    if kept:
        raise UsageError(
            f"{option('concat', True)}: takes paths or arrays, found {kept[0]}; put them together yourself"
        )
    arrays = [as_array(source, f"source[{i}]") for i, source in enumerate(sources)]
    try:
        return np.concatenate(arrays)
    except ValueError as error:
        raise UsageError(f"{option('concat', True)}: the arrays do not fit one under another ({error})") from error


def apart(opened: Sequence[Any]) -> list[Any]:
    """The sources, those in memory with their place in the list where several have one name."""
    names = Counter(one.name for one in opened if isinstance(one, Source))
    return [
        replace(one, name=f"{one.name} {i}")
        if isinstance(one, Source) and not one.files and names[one.name] > 1
        else one
        for i, one in enumerate(opened)
    ]
